"""Pixel AUROC and PRO against scikit-learn and a slow twin; their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from kogen.evaluation.pixel_metrics import DRAWS, measure_pixels, pixel_auroc, pro_score, redraw_curves


def drawn(seed: int, count: int = 12, side: int = 16, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Maps and masks: squares of random place, a little hotter than the rest; `levels` makes scores equal."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, side, side), bool)
    for mask in masks[: count // 2]:
        for _ in range(rng.integers(1, 4)):
            y, x, size = *rng.integers(0, side - 3, 2), rng.integers(1, 4)
            mask[y : y + size, x : x + size] = True
    maps = rng.normal(size=masks.shape) + 1.5 * masks
    return (np.round(maps * levels) / levels if levels else maps).astype(np.float32), masks


def slow_pro(maps: np.ndarray, masks: np.ndarray, limit: float) -> float:
    """Threshold after threshold, region after region."""
    regions = []
    for place, mask in enumerate(masks):
        numbers, count = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [(place, numbers == number) for number in range(1, count + 1)]
    points = [(0.0, 0.0)]
    for threshold in np.unique(maps)[::-1]:
        called = maps >= threshold
        rate = called[~masks].mean()
        points.append((rate, np.mean([called[place][region].mean() for place, region in regions])))
    x, y = np.array(points).T
    grid = np.linspace(0, limit, 200_001)
    return float(np.trapezoid(np.interp(grid, x, y), grid) / limit)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), levels=st.sampled_from([None, 2, 5]))
def test_pixel_auroc_is_that_of_scikit_learn(seed, levels):
    maps, masks = drawn(seed, levels=levels)
    assert pixel_auroc(maps, masks) == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-12)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 999), limit=st.sampled_from([0.3, 0.05, 1.0]), levels=st.sampled_from([None, 3]))
def test_pro_is_that_of_a_slow_twin(seed, limit, levels):
    maps, masks = drawn(seed, count=6, side=10, levels=levels)
    assert pro_score(maps, masks, limit) == pytest.approx(slow_pro(maps, masks, limit), abs=2e-4)


def test_perfect_maps_have_one_and_regions_count_alike():
    masks = np.zeros((2, 20, 20), bool)
    masks[0, :10, :10], masks[1, 3, 3] = True, True  # 100 pixels, and one
    assert pixel_auroc(masks.astype(float), masks) == 1
    assert pro_score(masks.astype(float), masks) == pytest.approx(1)
    only_large = np.where(np.arange(2)[:, None, None] == 0, masks, False).astype(float)
    only_large += np.random.default_rng(0).random(masks.shape) * 1e-3
    assert pixel_auroc(only_large, masks) > 0.98
    assert pro_score(only_large, masks) < 0.8  # half of the regions is missed


def test_pixels_that_meet_at_a_corner_are_one_region():
    masks = np.zeros((1, 6, 6), bool)
    masks[0, 0, 0] = masks[0, 1, 1] = True
    heat = np.where(np.arange(36).reshape(1, 6, 6) == 0, 1.0, 0.0)
    assert pro_score(heat, masks) == pytest.approx(slow_pro(heat, masks, 0.3), abs=1e-4)


def test_nothing_marked_has_no_value():
    maps, masks = np.random.default_rng(0).random((3, 4, 4)), np.zeros((3, 4, 4), bool)
    assert np.isnan(pixel_auroc(maps, masks))
    assert np.isnan(pro_score(maps, masks))
    assert np.isnan(pixel_auroc(maps, ~masks))
    assert all(np.isnan(one.value) for one in measure_pixels(maps, masks, np.arange(3)).values())


def test_intervals_hold_the_value_and_need_five_images():
    maps, masks = drawn(1, count=30)
    found = measure_pixels(maps, masks, np.arange(30))
    for name, one in found.items():
        assert one.lo < one.value < one.hi, name
        assert one.hi - one.lo < 0.25
    assert found["pro"].value == pro_score(maps, masks)
    few = measure_pixels(*(part[[0, 1, 2, 20, 21]] for part in (maps, masks)), np.arange(5))
    assert np.isnan(few["pro"].lo)
    assert few["pro"].value > 0


def test_binned_curves_are_near_the_exact_ones_and_clusters_widen():
    maps, masks = drawn(3, count=40)
    alone, joined = (redraw_curves(maps, masks, clusters, 0) for clusters in (np.arange(40), np.arange(40) % 5))
    assert alone["pixel_auroc"][0] == pytest.approx(pixel_auroc(maps, masks), abs=1e-3)
    assert alone["pro"][0] == pytest.approx(pro_score(maps, masks), abs=3e-3)
    assert len(alone["pro"]) == 1 + DRAWS
    same = np.repeat(maps[:1], 40, axis=0), np.repeat(masks[:1], 40, axis=0)
    assert np.nanstd(redraw_curves(*same, np.arange(40), 0)["pro"]) < 1e-9
    assert joined["pro"][0] == alone["pro"][0]
