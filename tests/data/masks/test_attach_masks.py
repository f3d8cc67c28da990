"""Masks of a set: the digest knows their content, and what is likely turned round or blurred is told or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from inspections import save, write_mvtec
from PIL import Image

from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.masks.attach_masks import digest_with_masks
from kogen.data.open import open_images


@pytest.fixture
def bottle(tmp_path: Path) -> Path:
    return write_mvtec(tmp_path / "bottle")


def opened(root: Path) -> Images:
    return open_images(f"mvtec:{root}", CacheSettings(cache=root.parent / "cache", progress=False))


def masks_of(root: Path) -> list[Path]:
    return sorted(root.glob("ground_truth/*/*.png"))


def test_a_mask_that_changed_changes_the_digest_and_a_moved_one_does_not(bottle: Path):
    was = opened(bottle)
    known = digest_with_masks(was)
    assert known != was.digest == digest_with_masks(replace(was, masks=None))
    moved = bottle.rename(bottle.with_name("moved"))
    found = opened(moved)
    assert digest_with_masks(found) == known
    pixels = np.array(Image.open(masks_of(moved)[0])) > 0
    save(masks_of(moved)[0], np.roll(pixels, 1, axis=0))
    assert digest_with_masks(found) != known
    assert found.digest == opened(moved).digest


def test_masks_that_are_turned_round_are_told(bottle: Path):
    for file in masks_of(bottle):
        save(file, np.array(Image.open(file)) == 0)
    (said,) = [note for note in opened(bottle).notes if "mask" in note]
    assert said.startswith("masks that mark more than 50% of their image: 6 of 6, for example")
    assert said.endswith("a mask is 0 where the image is normal, not where it has the defect")


def test_a_jpeg_is_no_mask_whatever_it_is_called(bottle: Path):
    file = masks_of(bottle)[0]
    Image.open(file).convert("L").save(file, "JPEG")
    with pytest.raises(ValueError, match=r"1 of 6, the first: .*a JPEG blurs the edges .*write it anew as a PNG"):
        opened(bottle)
