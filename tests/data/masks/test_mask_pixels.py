"""Masks at other sizes against a slow twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspections import save

from kogen.data.image_facts import UnreadableImage
from kogen.data.masks.mask_pixels import box_average, masks_at, read_mask


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), height=st.integers(3, 30), width=st.integers(3, 30), side=st.integers(1, 40))
def test_shares_are_those_of_a_fine_grid(seed, height, width, side):
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    fine = np.repeat(np.repeat(mask, side, 0), side, 1)  # every pixel of both is whole pixels of this one
    wanted = fine.reshape(side, height, side, width).mean(axis=(1, 3))
    np.testing.assert_allclose(box_average(mask, side), wanted, atol=1e-9)


def test_a_speck_is_not_lost(tmp_path):
    mask = np.zeros((100, 100), bool)
    mask[50, 50] = True
    save(tmp_path / "m.png", mask)
    found = masks_at([str(tmp_path / "m.png"), ""], 10)
    assert found[0].sum() == 1
    assert found[0, 5, 5]
    assert not found[1].any()


def test_any_value_but_nothing_is_marked(tmp_path):
    save(tmp_path / "m.png", np.array([[0, 1], [2, 255]], np.uint8))
    assert read_mask(str(tmp_path / "m.png")).tolist() == [[False, True], [True, True]]
    save(tmp_path / "photo.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    with pytest.raises(UnreadableImage, match=r"256 different values, which is no mask but a picture"):
        read_mask(str(tmp_path / "photo.png"))
