"""False alarms: each point of the curve is one that some threshold gives, in plain loops."""

import numpy as np
import pytest
from found_boxes import draw_run

from kogen.boxes.false_alarms import RATES, sensitivities, threshold_at
from kogen.boxes.image_boxes import FoundBoxes
from kogen.results.boxes.box_runs import BoxRun


def slow(run: BoxRun, weight: np.ndarray, rate: float) -> float:
    """The most that is found at any threshold with no more false alarms an image."""
    matches = run.matches()
    scores = sorted({score for one in matches for score in one.score}, reverse=True)
    wanted = sum(float(one.wanted[0] @ weight) for one in matches)
    best = 0.0
    for threshold in [np.inf, *scores]:
        right = wrong = 0.0
        for one in matches:
            called = one.score >= threshold
            right += float(weight[one.image] @ (called & one.hit[0, 0]))
            wrong += float(weight[one.image] @ (called & one.counts[0, 0] & ~one.hit[0, 0]))
        if wrong <= rate * weight.sum():
            best = max(best, right / wanted)
    return best


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_that_of_plain_loops(seed: int):
    run = draw_run(seed, images=8, crowds=True)
    tied = [FoundBoxes(f.corners, f.classes, np.round(f.scores, 1)) for f in run.found]  # thresholds cannot part them
    for one in (run, BoxRun(*("set", "a", 0, run.classes, run.items, run.clusters, run.true, tuple(tied)))):
        weights = np.random.default_rng(seed).integers(0, 3, (4, 8)) + np.eye(4, 8)
        found = sensitivities(one.matches(), weights)
        assert found.shape == (4, len(RATES))
        for row, weight in zip(found, weights, strict=True):
            np.testing.assert_allclose(row, [slow(one, weight, rate) for rate in RATES])
        assert (np.diff(found, axis=1) >= 0).all()


def test_nothing_to_find_is_nan():
    run = draw_run(0, images=3)
    empty = [true.take(np.zeros(0, int)) for true in run.true]
    found = BoxRun(*("set", "a", 0, run.classes, run.items, run.clusters, tuple(empty), run.found))
    assert np.isnan(sensitivities(found.matches(), np.ones((1, 3)))).all()


@pytest.mark.parametrize("rate", [0.0, 0.5, 2.0, 100.0])
def test_a_threshold_is_the_lowest_that_keeps_the_rate(rate: float):
    run = draw_run(1, images=12)
    matches = run.matches()
    scores = np.unique(np.concatenate([one.score for one in matches]))

    def alarms(threshold: float) -> float:
        return sum(float((one.counts[0, 0] & ~one.hit[0, 0] & (one.score >= threshold)).sum()) for one in matches) / 12

    allowed = [score for score in scores if alarms(score) <= rate]
    assert threshold_at(matches, rate) == (min(allowed) if allowed else np.inf)
