"""Data sets of Hugging Face: features say which column is which, images are decoded as files are."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kogen.data.cache_settings import CacheSettings
from kogen.data.image_facts import content_id
from kogen.data.objects.door import open_door
from kogen.data.open import open_images

datasets: Any = pytest.importorskip("datasets")
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 11, 3), dtype=np.uint8)
STORAGE = CacheSettings(progress=False)


def png(pixels: np.ndarray) -> dict[str, Any]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def rows(**more: Any) -> Any:
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["ok", "bad", "never"])}
    features |= {name: datasets.Value("string") for name in more}
    cells = {"image": [png(image) for image in PIXELS], "label": [0, 1, -1, 1, 0, 0, 1, 1], **more}
    return datasets.Dataset.from_dict(cells, features=datasets.Features(features))


def test_images_labels_and_names_come_from_the_features():
    images = open_door(rows(note=["x"] * 8), "source").open(STORAGE, "", None, None)
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert images.classes == ("ok", "bad", "never")
    assert images.labels.tolist() == [0, 1, -1, 1, 0, 0, 1, 1]
    assert "columns that are not read: note" in images.notes


def test_parts_of_a_dict_are_splits_and_an_equal_set_has_an_equal_text():
    both = datasets.DatasetDict(train=rows().select(range(5)), test=rows().select(range(5, 8)))
    images = open_door(both, "source").open(STORAGE, "", None, None)
    assert images.splits is not None
    assert images.splits.tolist() == ["train"] * 5 + ["test"] * 3
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert open_door(rows(), "source").text == open_door(rows().select([*range(8)]), "source").text


def test_parts_whose_class_names_differ_are_refused():
    """As `class_encode_column` makes them of parts that do not have the same classes."""
    turned = datasets.ClassLabel(names=["bad", "ok", "never"])
    with pytest.raises(
        ValueError, match=r"column 'label' of source is another in the split test than in train, .*cast"
    ):
        open_door(datasets.DatasetDict(train=rows(), test=rows().cast_column("label", turned)), "source")
    with pytest.raises(ValueError, match=r"column 'label' of source is another in the split test than in train"):
        open_door(datasets.DatasetDict(train=rows(), test=rows().remove_columns("label")), "source")


def test_transforms_are_not_asked_and_that_is_said():
    turned = rows().with_transform(lambda cells: 1 / 0)
    images = open_door(turned, "source").open(STORAGE, "", None, None)
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert any("transform of the data set is not asked" in note for note in images.notes)


def test_what_is_not_clear_is_asked_about():
    with pytest.raises(ValueError, match=r"columns of images image, mask: keep one of them, select_columns"):
        open_door(rows().add_column("mask", [png(PIXELS[0])] * 8).cast_column("mask", datasets.Image()), "source")
    with pytest.raises(ValueError, match=r"no column of images \(label\): cast one"):
        open_door(rows().remove_columns("image"), "source")
    twice = rows().add_column("fine", [0] * 8).cast_column("fine", datasets.ClassLabel(names=["a"]))
    with pytest.raises(ValueError, match=r"columns of labels label, fine: keep one, remove_columns"):
        open_door(twice, "source")
    with pytest.raises(ValueError, match=r"IterableDataset, a stream: load it without streaming"):
        open_door(rows().to_iterable_dataset(), "source")


def test_a_broken_image_is_counted():
    broken = datasets.Dataset.from_dict(
        {"image": [*map(png, PIXELS[:7]), {"bytes": b"no image", "path": None}]},
        features=datasets.Features({"image": datasets.Image()}),
    )
    images = open_door(broken, "source").open(CacheSettings(progress=False, max_bad=0.2), "", None, None)
    assert (len(images), images.bad[0].source) == (7, "huggingface[7]")


def test_a_set_is_opened_by_its_name(tmp_path):
    """A folder of parquet files, which the package takes for the name of a set: no network."""
    rows().to_parquet(str(tmp_path / "set" / "train.parquet"))
    images = open_images(f"hf:{tmp_path / 'set'}:train", STORAGE)
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert images.classes == ("ok", "bad", "never")
    with pytest.raises(ValueError, match=r"the package datasets cannot load .*check the name, the split 'tset'"):
        open_images(f"hf:{tmp_path / 'set'}:tset", STORAGE)
    with pytest.raises(ValueError, match=r"names the split 'train', and split='test' another"):
        open_images(f"hf:{tmp_path / 'set'}:train?split=test", STORAGE)
