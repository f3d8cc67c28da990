"""The layout of MVTec AD: labels, splits and masks, and every way in which masks can be wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from inspections import draw_part, save, write_mvtec
from PIL import Image

from kogen.data.cache_settings import CacheSettings
from kogen.data.masks.mask_pixels import masks_at
from kogen.data.open import open_images
from kogen.data.split_names import judging_part, training_part


@pytest.fixture
def storage(tmp_path):
    return CacheSettings(cache=tmp_path / "cache", progress=False)


@pytest.fixture
def bottle(tmp_path):
    return write_mvtec(tmp_path / "bottle")


def test_labels_splits_and_masks_are_those_of_the_folders(bottle, storage):
    images = open_images(f"mvtec:{bottle}", storage)
    assert (len(images), images.name, images.classes) == (32, "bottle", ("good", "hole", "stain"))
    train, test = training_part(images), judging_part(images)
    assert (len(train), train.classes) == (20, ("good",))
    assert len(test) == 12
    marked = masks_at(test.masks.tolist(), 40)
    for row, source in enumerate(test.sources):
        number = int(Path(source).stem)
        wanted = draw_part(2000 + number, True)[1] if "good" not in source else np.zeros((40, 40), bool)
        assert (marked[row] == wanted).all(), source
    assert not any("mask" in note for note in images.notes)


def test_one_split_alone(bottle, storage):
    assert len(open_images(f"mvtec:{bottle}?split=test", storage)) == 12


def test_a_single_defect_is_enough(tmp_path, storage):
    images = open_images(f"mvtec:{write_mvtec(tmp_path / 'b', bad=1)}", storage)
    assert (images.masks != "").sum() == 1


def test_without_ground_truth_it_is_said(bottle, storage):
    shutil.rmtree(bottle / "ground_truth")
    images = open_images(f"mvtec:{bottle}", storage)
    assert images.masks is None
    assert "no masks were found: where a defect lies is not judged" in images.notes


def test_an_empty_mask_of_a_good_image_is_none(bottle, storage):
    save(bottle / "ground_truth/good/000_mask.png", np.zeros((40, 40), bool))
    assert (open_images(f"mvtec:{bottle}", storage).masks != "").sum() == 6


def spoil_size(mask: Path) -> None:
    save(mask, np.ones((20, 20), bool))


def spoil_empty(mask: Path) -> None:
    save(mask, np.zeros((40, 40), bool))


def spoil_bytes(mask: Path) -> None:
    mask.write_bytes(b"no image")


def spoil_photo(mask: Path) -> None:
    Image.effect_noise((40, 40), 80).save(mask)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_size, r"002_mask.png is 20 x 20 pixels, its image 40 x 40: give it the size of the image"),
        (spoil_empty, r"002_mask.png marks nothing, and its image has a defect: mark it, or call the image good"),
        (spoil_bytes, r"1 of 6, the first: .*002_mask.png \(.*\): write it anew as a PNG"),
        (spoil_photo, r"different values, which is no mask but a picture"),
        (Path.unlink, r"that have no mask: 1 of 6, for example test/hole/002.png: give each its mask"),
    ],
)
def test_a_wrong_mask_is_named(bottle, storage, spoil, message):
    spoil(bottle / "ground_truth/hole/002_mask.png")
    with pytest.raises(ValueError, match=message):
        open_images(f"mvtec:{bottle}", storage)


def test_a_mask_of_a_good_image_that_marks_something(bottle, storage):
    save(bottle / "ground_truth/good/001_mask.png", np.ones((40, 40), bool))
    with pytest.raises(ValueError, match=r"good/001_mask.png marks 1600 pixels of an image that is called good"):
        open_images(f"mvtec:{bottle}", storage)


def test_a_mask_that_is_called_otherwise(bottle, storage):
    (bottle / "ground_truth/hole/002_mask.png").rename(bottle / "ground_truth/hole/002.png")
    with pytest.raises(ValueError, match=r"hole/002.png is not called KIND/IMAGE_mask.png"):
        open_images(f"mvtec:{bottle}", storage)


def test_masks_without_an_image_are_counted(bottle, storage):
    save(bottle / "ground_truth/hole/777_mask.png", np.ones((40, 40), bool))
    notes = open_images(f"mvtec:{bottle}", storage).notes
    assert "masks without an image, which are not used: 1 (test/hole/777)" in notes


def test_no_good_images(bottle, storage):
    shutil.rmtree(bottle / "train/good")
    with pytest.raises(ValueError, match=r"has no good images to train on: put them into train/good"):
        open_images(f"mvtec:{bottle}", storage)


def test_defects_to_train_on(bottle, storage):
    save(bottle / "train/hole/1.png", draw_part(1, True)[0])
    with pytest.raises(ValueError, match=r"train/hole/1.png is an image to train on that is not called good"):
        open_images(f"mvtec:{bottle}", storage)


def test_another_layout(bottle, tmp_path, storage):
    with pytest.raises(
        ValueError, match=r"wanted the folders train and test of one object, for instance mvtec:.*bottle"
    ):
        open_images(f"mvtec:{tmp_path}", CacheSettings(progress=False))
    save(bottle / "test/loose.png", draw_part(1, True)[0])
    with pytest.raises(ValueError, match=r"test/loose.png lies in no folder of its kind"):
        open_images(f"mvtec:{bottle}", storage)
    with pytest.raises(ValueError, match=r"mvtec needs the folder of one object, got ''"):
        open_images("mvtec", storage)
