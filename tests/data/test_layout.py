"""Layout: split folders, class folders, strays and masks, by the names of files as they come."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kogen.data.images import Images
from kogen.data.layout import find_splits, read_layout
from kogen.data.open import open_images

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def photo(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)


def drawn(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((RNG.random((24, 24)) < 0.1).astype(np.uint8) * 255).save(path)


def named(images: Images) -> dict[str, str | None]:
    pairs = zip(images.sources, images.labels, strict=True)
    return {source: images.classes[label] if label >= 0 else None for source, label in pairs}


def layout_of(*names: str):
    """The layout of files that are not there: no masks are among them."""
    return read_layout("/nowhere", sorted(names), 1000)


@pytest.mark.parametrize("ending", ["", ".avi", ".png", ".csv", ".zip"])
def test_the_ending_of_a_folder_says_nothing(tmp_path: Path, ending: str) -> None:
    photo(*(tmp_path / "in" / f"{name}{ending}" / f"{i}.png" for name in ("cat", "dog") for i in range(3)))
    assert open_images(tmp_path / "in").classes == (f"cat{ending}", f"dog{ending}")


def test_a_stray_image_beside_class_folders_is_named(tmp_path: Path) -> None:
    photo(
        *(tmp_path / "in" / name / f"{i}.png" for name in ("cat", "dog") for i in range(10)),
        tmp_path / "in" / "map.png",
    )
    images = open_images(tmp_path / "in")
    assert named(images)["cat/1.png"] == "cat"
    assert named(images)["map.png"] is None
    assert images.notes == (
        "folders are taken as classes: cat 10, dog 10",
        "images in no class folder, which stay without a label: 1 (map.png)",
    )


def test_folders_that_are_no_classes_are_said_to_be_none() -> None:
    layout = layout_of("a/1.png", "b/c/2.png", "b/d/3.png")
    assert layout.labels is None
    assert "folders are not taken as classes" in layout.notes[0]


def test_a_folder_around_the_class_folders() -> None:
    assert layout_of("data/imgs/cat/1.png", "data/imgs/dog/2.png").labels == ["cat", "dog"]


@pytest.mark.parametrize(
    ("folders", "splits", "rest"),
    [
        (["train/cat", "val/cat", "test/dog"], ["train", "val", "test"], ["cat", "cat", "dog"]),
        (["TRAIN", "Valid"], ["TRAIN", "Valid"], ["", ""]),
        (["train2017", "val2017"], ["train2017", "val2017"], ["", ""]),
        (["cat/train", "cat/test", "dog/train"], ["train", "test", "train"], ["cat", "cat", "dog"]),
        (["cat", "dog", "test/cat"], ["train", "train", "test"], ["cat", "dog", "cat"]),
        (["good", "test/good", "test/crack"], ["train", "test", "test"], ["good", "good", "crack"]),
        (["val", "test"], ["val", "test"], ["", ""]),
        (["train", "unlabeled"], ["train", "unlabeled"], ["", ""]),
        (["train", "test", "extra"], ["train", "test", "extra"], ["", "", ""]),
        (["bus", "car", "train"], None, None),  # a train is a class, too
        (["cat", "dog"], None, None),
        (["valid", "invalid"], None, None),
        (["train_images", "test_images"], ["train_images", "test_images"], ["", ""]),
        (["imagesTr", "imagesTs"], ["imagesTr", "imagesTs"], ["", ""]),
        (["labeled/ok", "unlabeled"], ["labeled", "unlabeled"], ["ok", ""]),
        (["\u5b66\u7fd2\u7528", "\u8a55\u4fa1\u7528"], ["\u5b66\u7fd2\u7528", "\u8a55\u4fa1\u7528"], ["", ""]),
    ],
)
def test_levels_of_folders_that_name_splits(folders: list[str], splits: list[str] | None, rest: list[str]) -> None:
    found = find_splits([folder.split("/") for folder in folders])
    if splits is None:
        assert found is None
        return
    assert found is not None
    assert found[0] == splits
    assert ["/".join(of) for of in found[1]] == rest


def test_an_anomaly_layout_keeps_its_masks_out(tmp_path: Path) -> None:
    photo(
        *(tmp_path / "in" / part / f"{i}.png" for part in ("train/good", "test/good", "test/crack") for i in range(3))
    )
    drawn(*(tmp_path / "in" / "ground_truth" / "crack" / f"{i}_mask.png" for i in range(3)))
    images = open_images(tmp_path / "in")
    assert len(images) == 9
    assert images.classes == ("crack", "good")
    assert images.splits is not None
    assert sorted(set(images.splits)) == ["test", "train"]
    assert "files that are masks of others and left out: 3, for example ground_truth/crack/0_mask.png" in images.notes


@pytest.mark.parametrize(
    "place", ["masks/{}.png", "Mask/{}.bmp", "gt/{}.png", "imgs/{}_mask.png", "imgs/{}-gt_0.png", "imgs/{}.png"]
)
def test_masks_of_every_kind(tmp_path: Path, place: str) -> None:
    photo(*(tmp_path / "in" / "imgs" / f"{i}.jpg" for i in range(4)))
    drawn(*(tmp_path / "in" / place.format(i) for i in range(4)))
    images = open_images(tmp_path / "in")
    assert sorted(images.sources) == [f"imgs/{i}.jpg" for i in range(4)]
    assert images.notes[0].startswith("files that are masks of others and left out: 4")


def test_photographs_are_no_masks_whatever_they_are_called(tmp_path: Path) -> None:
    photo(*(tmp_path / "in" / folder / f"{i}.png" for folder in ("mask", "no_mask") for i in range(4)))
    assert open_images(tmp_path / "in").classes == ("mask", "no_mask")
    photo(*(tmp_path / "raw" / f"{i}.{ending}" for ending in ("jpg", "png") for i in range(3)))
    assert len(open_images(tmp_path / "raw")) == 6


def test_a_set_of_drawings_is_no_set_of_masks(tmp_path: Path) -> None:
    drawn(*(tmp_path / "in" / name / f"{i}.png" for name in ("open", "short") for i in range(4)))
    assert open_images(tmp_path / "in").classes == ("open", "short")


def test_masks_that_a_table_names_are_images(tmp_path: Path) -> None:
    photo(*(tmp_path / "in" / "imgs" / f"{i}.jpg" for i in range(4)))
    drawn(*(tmp_path / "in" / "masks" / f"{i}.png" for i in range(4)))
    (tmp_path / "t.csv").write_text("path,label\nmasks/0.png,a\nimgs/1.jpg,b\n")
    images = open_images(tmp_path / "in", labels=tmp_path / "t.csv")
    assert sorted(images.sources) == ["imgs/0.jpg", "imgs/1.jpg", "imgs/2.jpg", "imgs/3.jpg", "masks/0.png"]
    assert f"images that are not in {tmp_path}/t.csv and have no label: 3 of 5" in images.notes


def test_split_folders_and_a_table_of_labels(tmp_path: Path) -> None:
    photo(*(tmp_path / "in" / part / f"{i}.png" for part in ("train", "test") for i in range(2)))
    rows = "".join(f"{part}/{i}.png,{'ab'[i]}\n" for part in ("train", "test") for i in range(2))
    (tmp_path / "t.csv").write_text(f"path,label\n{rows}")
    images = open_images(tmp_path / "in", labels=tmp_path / "t.csv")
    assert images.splits is not None
    assert images.splits.tolist() == ["test", "test", "train", "train"]
    assert named(open_images(f"{tmp_path}/in?split=TRAIN")) == {"train/0.png": None, "train/1.png": None}
    (tmp_path / "t.csv").write_text("path,label,split\ntrain/0.png,a,train\ntest/0.png,b,val\n")
    images = open_images(tmp_path / "in", labels=tmp_path / "t.csv")
    assert images.splits is not None
    assert images.splits.tolist() == ["val", "test", "train", "train"]  # the table first, then the folders


def test_tables_and_boxes_that_lie_beside_images_without_labels_are_said(tmp_path: Path) -> None:
    photo(*(tmp_path / "in" / "images" / f"{i}.png" for i in range(3)))
    for name in ("labels.csv", "LICENSE", "readme.csv", "Annotations/1.xml", "ImageSets/test.txt"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text("x")
    images = open_images(tmp_path / "in")
    assert len(images) == 3
    assert images.notes == (
        f"a table lies there and is not read: --labels {tmp_path}/in/labels.csv",
        "Annotations/ is not read: boxes are no labels of images",
        "ImageSets/ is not read: all images are trained on, unless a table says path,split (--labels)",
    )


def test_a_folder_that_all_class_folders_share() -> None:
    assert layout_of("n01/images/1.png", "n02/images/2.png").labels == ["n01", "n02"]


def test_a_split_and_a_class_in_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the folders test_ng, train_ok seem to hold a split and a class in one name"):
        layout_of("train_ok/1.png", "test_ng/2.png")


def test_masks_that_were_saved_as_jpeg(tmp_path: Path) -> None:
    photo(*(tmp_path / "in" / "images" / f"{i}.jpg" for i in range(4)))
    (tmp_path / "in" / "defect_masks").mkdir()
    for i in range(4):
        mask = np.zeros((64, 64), np.uint8)
        mask[10 : 40 + i, 20:50] = 255
        Image.fromarray(mask).save(tmp_path / "in" / "defect_masks" / f"{i}.jpg")
    assert sorted(open_images(tmp_path / "in").sources) == [f"images/{i}.jpg" for i in range(4)]


def test_a_table_of_labels_helps_where_folders_hold_a_split_and_a_class(tmp_path: Path) -> None:
    photo(*(tmp_path / "in" / folder / f"{i}.png" for folder in ("train_ok", "test_ng") for i in range(2)))
    with pytest.raises(ValueError, match="give a table path,label,split by --labels"):
        open_images(tmp_path / "in")
    (tmp_path / "t.csv").write_text("path,label,split\ntrain_ok/0.png,ok,train\ntest_ng/0.png,ng,test\n")
    images = open_images(tmp_path / "in", labels=tmp_path / "t.csv")
    assert named(images) == {
        "test_ng/0.png": "ng",
        "test_ng/1.png": None,
        "train_ok/0.png": "ok",
        "train_ok/1.png": None,
    }
