"""Flatness: rank correlations of hand-made orders, with the intervals that the formulas of the sources give."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.flatness import COLUMNS, correlate, fisher_interval, flatness

Z = 1.959964


def test_one_swap_in_six_has_the_correlations_that_are_counted_by_hand() -> None:
    one, other = np.arange(6.0), np.array([0.0, 1, 2, 3, 5, 4])
    n, rho, lo, hi, tau, tau_lo, tau_hi, p, verdict = correlate(one, other)
    assert (n, verdict) == (6, "together")
    assert (rho, tau) == pytest.approx((1 - 12 / 210, 1 - 2 / 15))
    wide = Z * ((1 + rho**2 / 2) / 3) ** 0.5
    assert (lo, hi) == pytest.approx((np.tanh(np.arctanh(rho) - wide), np.tanh(np.arctanh(rho) + wide)), abs=1e-6)
    wide = Z * (0.437 / 2) ** 0.5
    assert (tau_lo, tau_hi) == pytest.approx(
        (np.tanh(np.arctanh(tau) - wide), np.tanh(np.arctanh(tau) + wide)), abs=1e-6
    )
    assert p == pytest.approx(2 * 6 / 720)  # six of 720 orders have one swap or none


def test_a_perfect_order_has_the_interval_of_one_swap_below_and_ends_at_one() -> None:
    *_, tau, lo, hi, _, verdict = correlate(np.arange(6.0), np.arange(6.0))
    assert (tau, hi) == pytest.approx((1.0, 1.0))
    assert verdict == "together"
    assert lo == pytest.approx(np.tanh(np.arctanh(13 / 15) - Z * (0.437 / 2) ** 0.5), abs=1e-6)
    _, rho, low, high, *_ = correlate(np.arange(6.0), -np.arange(6.0))
    assert (rho, low) == pytest.approx((-1.0, -1.0))
    middle = 1 - 12 / 210
    assert high == pytest.approx(-np.tanh(np.arctanh(middle) - Z * (1.5 / 3) ** 0.5), abs=1e-6)
    assert correlate(np.arange(6.0), -np.arange(6.0))[-1] == "against"


def test_orders_that_may_go_either_way_are_undecided() -> None:
    found = correlate(np.arange(6.0), np.array([1.0, 0, 3, 2, 5, 4]) * [1, -1, 1, -1, 1, -1])
    assert found[5] < 0 < found[6]
    assert found[-1] == "undecided"
    flat = correlate(np.ones(6), np.arange(6.0))
    assert (flat[0], flat[-1]) == (6, "undecided")
    assert np.isnan(np.array(flat[1:-1], dtype=float)).all()
    assert correlate(np.arange(6.0), np.ones(6))[-1] == "undecided"


def test_an_interval_holds_its_value_and_is_symmetric_on_fishers_scale() -> None:
    assert fisher_interval(0.0, 1.0, 0.9) == pytest.approx((-np.tanh(Z), np.tanh(Z)), abs=1e-6)
    assert fisher_interval(0.5, 0.0, 0.9) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("models", "verdict"), [(4, "too few"), (5, "undecided"), (6, "together")])
def test_five_models_with_both_numbers_are_enough_for_an_interval(models: int, verdict: str) -> None:
    names = [f"m{i}" for i in range(models + 2)]
    values = [*map(float, range(models)), None, 9.0]
    geometry = pd.DataFrame({"objective": "pretrain", "metric": "width", "model": names, "value": values})
    scores = pd.DataFrame({"model": [*names[:-1], "other"], "score": "night", "value": np.arange(models + 2.0)})
    found = flatness(geometry, scores)
    assert found.columns.tolist() == COLUMNS
    (row,) = found.to_dict("records")
    assert (row["objective"], row["metric"], row["score"]) == ("pretrain", "width", "night")
    assert (row["n"], row["verdict"]) == (models, verdict)
    assert row["tau"] == pytest.approx(1.0 if models > 4 else np.nan, nan_ok=True)


def test_each_metric_meets_each_score() -> None:
    names = list("abcde")
    geometry = pd.concat(
        pd.DataFrame({"objective": "pretrain", "metric": metric, "model": names, "value": values})
        for metric, values in (("width", [1.0, 2, 3, 4, 5]), ("convex", [5.0, 4, 3, 2, 1]))
    )
    scores = pd.concat(pd.DataFrame({"model": names, "score": name, "value": range(5)}) for name in ("day", "night"))
    found = flatness(geometry, scores)
    pairs = list(zip(found["metric"], found["score"], strict=True))
    assert pairs == [("width", "day"), ("width", "night"), ("convex", "day"), ("convex", "night")]
    assert found["tau"].tolist() == pytest.approx([1, 1, -1, -1])
