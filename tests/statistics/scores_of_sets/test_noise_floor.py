"""The noise floor: one draw by hand, and what its work is limited to."""

import numpy as np
import pytest

from kogen.statistics.scores_of_sets import noise_floor as module
from kogen.statistics.scores_of_sets.noise_floor import draw_scores, noise_floor, shrink_scores


def test_scores_are_shrunk_to_the_spread_that_noise_leaves() -> None:
    values = np.array([50.0, 60.0, 70.0])  # a variance of 100
    noise = np.array([[5.0, 0, -5.0], [1.0, 1, 1]])  # of differences: 25 and 0
    assert shrink_scores(values, noise) == pytest.approx(60 + np.sqrt(1 - 12.5 / 100) * (values - 60))
    assert shrink_scores(values, 10 * noise).tolist() == [60, 60, 60]
    assert shrink_scores(np.array([7.0, 7.0]), noise[:, :2]).tolist() == [7, 7]


def test_a_draw_lies_on_the_grid_of_the_items_within_0_and_100() -> None:
    true, noise = np.array([0.5, 50.0, 99.0]), np.array([[-1.0, 0.33, 2.0]])
    rng = np.random.default_rng(0)
    assert draw_scores(true, noise, 0.0, np.arange(3), rng).tolist() == [0.0, 50.33, 100.0]
    assert draw_scores(true, noise, 0.25, np.arange(3), rng).tolist() == [0.0, 50.25, 100.0]
    assert draw_scores(true, noise, 0.25, np.array([1]), rng).tolist() == [50.25]
    several = draw_scores(true, np.array([[0.0] * 3, [0.1] * 3]), 0.0, np.array([1]), np.random.default_rng(0))
    assert several[0] in (50.0, 50.1)


def test_without_noise_every_pair_holds_in_its_bin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIMULATIONS", 3)
    edges = np.array([0.0, 1.0, 10.0, 100.0])
    source, target = np.array([50.0, 50.5, 70.0, 70.0]), np.array([80.0, 20.0, 30.0, 30.0])
    still = np.zeros((2, 4))
    count, won = noise_floor(source, target, (still, still), (0.0, 0.0), edges, np.random.default_rng(0))
    # of six pairs one ties on the source; the target's scores 20, 30, 30, 80 are assigned in the source's order
    assert count.tolist() == [3.0, 0.0, 12.0]
    assert won.tolist() == [3.0, 0.0, 10.5]  # 50.5 and one of 70 have 30 each there: half
    tied = noise_floor(source, np.full(4, 7.0), (still, still), (0.0, 0.0), edges, np.random.default_rng(0))
    assert tied[1].tolist() == [1.5, 0.0, 6.0]  # ties count half


def test_the_work_of_a_floor_is_limited_by_pairs_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (module.PAIRS, module.SIMULATIONS, module.MODELS, module.ALL_PAIRS) == (10**6, 1000, 300, 3 * 10**8)
    edges, values = np.array([0.0, 100.0]), np.arange(5.0)
    still = np.zeros((1, 5))

    def pairs(floors: int = 1) -> float:
        rng = np.random.default_rng(0)
        return noise_floor(values, values, (still, still), (0.0, 0.0), edges, rng, floors)[0].sum()

    monkeypatch.setattr(module, "PAIRS", 21)
    assert pairs() == 30  # three times ten pairs are 21 or more
    monkeypatch.setattr(module, "ALL_PAIRS", 22)
    assert pairs(2) == 20
    monkeypatch.setattr(module, "MODELS", 3)
    assert pairs() == 21  # seven times three pairs
    monkeypatch.setattr(module, "SIMULATIONS", 2)
    assert pairs() == 6
