"""Average precision: equal to the field's package to the digit, also on sets drawn anew, by weights alone."""

import numpy as np
import pytest
from found_boxes import draw_run, package_numbers

from kogen.boxes.average_precisions import (
    all_precisions,
    coco_numbers,
    precisions,
    recalls,
)

NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def own(run, weights=None) -> np.ndarray:
    weights = np.ones((1, len(run.items))) if weights is None else weights
    found = coco_numbers(all_precisions(run.matches(), weights))
    return np.stack([found[name] for name in NAMES], axis=1)


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_numbers_are_those_of_the_package_to_the_digit(seed: int, crowds: bool):
    pytest.importorskip("faster_coco_eval", reason="the extra `detect` is not installed")
    run = draw_run(seed, images=15 + seed, classes=1 + seed % 4, crowds=crowds)
    theirs, precision = package_numbers(run.true, run.found, len(run.classes))
    np.testing.assert_allclose(own(run)[0], np.where(theirs[:6] == -1, np.nan, theirs[:6]), rtol=0, atol=1e-13)
    found = all_precisions(run.matches(), np.ones((1, len(run.items))))[0]  # (K, S, T)
    wanted = precision[..., -1]  # (T, R, K, A)
    wanted = np.where((wanted < 0).all(axis=1), np.nan, wanted.mean(axis=1)).transpose(1, 2, 0)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13)
    recall = np.nanmean([recalls(one)[0] for one in run.matches()])
    assert recall == pytest.approx(theirs[8], abs=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_weights_give_what_the_package_gives_for_images_that_stand_there_as_often(seed: int):
    pytest.importorskip("faster_coco_eval", reason="the extra `detect` is not installed")
    run = draw_run(seed, images=12, classes=2, crowds=True)
    weights = np.random.default_rng(seed).multinomial(12, np.full(12, 1 / 12), size=5)
    mine = own(run, weights)
    for row, draw in zip(mine, weights, strict=True):
        again = np.repeat(np.arange(12), draw)
        theirs, _ = package_numbers([run.true[n] for n in again], [run.found[n] for n in again], 2)
        np.testing.assert_allclose(row, np.where(theirs[:6] == -1, np.nan, theirs[:6]), rtol=0, atol=1e-13)


def slow(hit: np.ndarray, counts: np.ndarray, image: np.ndarray, weight: np.ndarray, wanted: float) -> float:
    """COCO's accumulation in plain loops over copies of images."""
    right = wrong = 0.0
    points = []
    for one in range(len(hit)):
        for _ in range(int(weight[image[one]])):
            if counts[one]:
                right, wrong = right + hit[one], wrong + (not hit[one])
                points.append((right / wanted, right / (right + wrong)))
    values = [max((p for r, p in points if r >= level), default=0.0) for level in np.linspace(0, 1, 101)]
    return float(np.mean(values))


def test_weights_are_copies_in_plain_loops():
    run = draw_run(3, images=10, classes=2, crowds=True)
    weights = np.random.default_rng(1).integers(0, 3, (4, 10))
    for one in run.matches():
        found = precisions(one, weights)
        for draw, weight in enumerate(weights):
            for size in range(4):
                wanted = float(one.wanted[size] @ weight)
                for level in (0, 5, 9):
                    if not wanted:
                        assert np.isnan(found[draw, size, level])
                        continue
                    known = one.hit[size, level], one.counts[size, level], one.image, weight, wanted
                    assert found[draw, size, level] == pytest.approx(slow(*known), abs=1e-12)


def test_parts_of_the_draws_change_nothing(monkeypatch: pytest.MonkeyPatch):
    run = draw_run(2)
    weights = np.random.default_rng(0).integers(0, 3, (17, len(run.items)))
    whole = own(run, weights)
    monkeypatch.setattr("kogen.boxes.average_precisions.MAX_CELLS", 100)
    np.testing.assert_array_equal(own(run, weights), whole)


def test_nothing_found_is_0_and_nothing_to_find_is_nan():
    run = draw_run(0, images=4, classes=1)
    none = [found.take(np.zeros(0, int)) for found in run.found]
    from dataclasses import replace

    assert own(replace(run, found=tuple(none)))[0, 0] == 0
    empty = [true.take(np.zeros(0, int)) for true in run.true]
    assert np.isnan(own(replace(run, true=tuple(empty)))).all()
