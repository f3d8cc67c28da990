"""Intervals of reported scores: only where the number of images is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._intervals import wilson
from kogen.statistics.reported_scores import reported_scores, score_cells, score_interval


def test_no_end_of_an_interval_without_a_number_of_images() -> None:
    """Nothing, everything and minus an error have no known end either."""
    known = {"a": 0.0, "b": 100.0, "c": 50.0, "d": -0.8}
    rows = [{"model": name, "dataset": "s", "score": value, "n": None, "seed": 0} for name, value in known.items()]
    found = reported_scores(pd.DataFrame(rows).astype({"n": float}))
    assert found["lo"].isna().all()
    assert found["hi"].isna().all()
    counted = reported_scores(pd.DataFrame(rows[:2]).assign(n=100.0)).set_index("model")
    assert counted.loc["a", "lo"] == 0
    assert counted.loc["b", "hi"] == 100
    assert counted.loc["a", "hi"] == pytest.approx(3.7, abs=0.1)  # Wilson: 1.96^2 / (100 + 1.96^2)


def runs(*rows: tuple[str, float, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["model", "score", "n"]).assign(dataset="s", seed=range(len(rows)))


def test_copies_add_weight_and_no_run() -> None:
    cell = score_cells(runs(("a", 80.0, 100), ("a", 70.0, 90), ("a", 80.0, 100), ("b", 60.0, None))).set_index("model")
    assert cell.loc["a", ["n", "runs", "w"]].tolist() == [100, 2, 3]
    assert cell.loc["a", "value"] == pytest.approx(230 / 3)
    spread = 2 * (2 / 3 * (80 - 230 / 3) ** 2 + 1 / 3 * (70 - 230 / 3) ** 2)
    assert cell.loc["a", "seed_sd"] == pytest.approx(spread**0.5)
    assert cell.loc["a", "training_variance"] == pytest.approx(spread / 1e4 * 5 / 9)
    assert cell.loc["b", "training_variance"] == 0
    assert cell.loc["b", ["n", "seed_sd"]].isna().all()
    assert score_cells(runs(("a", 80.0, 1)).drop(columns="n"))["n"].isna().all()
    three = score_cells(runs(("a", 80.0, 9), ("a", 70.0, 9), ("a", 60.0, 9)))
    assert (three["seed_sd"][0], three["training_variance"][0]) == pytest.approx((10.0, 0.01 / 3))


def test_runs_widen_the_interval_by_students_quantile_of_their_number() -> None:
    share, n, training = np.array([0.7]), np.array([400.0]), np.array([0.0009])
    spread = 0.21 * norm.isf(0.025) ** 2
    half2 = spread / 400 + student.isf(0.025, 2) ** 2 * 0.0009
    lo, hi = score_interval(share, n, training, np.array([3]), 0.025)
    wanted = wilson(share, np.array([spread / half2]), 0.95)
    assert (lo[0], hi[0]) == pytest.approx((wanted[0][0], wanted[1][0]))
    alone = score_interval(share, n, np.zeros(1), np.array([1]), 0.025)
    assert (alone[0][0], alone[1][0]) == pytest.approx(tuple(x[0] for x in wilson(share, n, 0.95)))
    whole = score_interval(np.array([1.0]), n, training, np.array([2]), 0.05)
    assert whole[0][0] == pytest.approx(wilson(np.array([1.0]), n, 0.9)[0][0])


def test_rows_stand_by_set_best_first_then_by_name() -> None:
    table = pd.concat(
        [runs(("b", 70.0, 50), ("a", 70.0, 50), ("c", 80.0, 50)), runs(("a", 1.0, 50)).assign(dataset="r")]
    )
    found = reported_scores(table)
    assert found["model"].tolist() == ["a", "c", "a", "b"]
    assert found["dataset"].tolist() == ["r", "s", "s", "s"]
    assert found["n"].tolist() == [50] * 4
    assert found.loc[1, ["lo", "hi"]].tolist() == pytest.approx(
        [100 * x[0] for x in wilson(np.array([0.8]), np.array([50.0]), 0.95)]
    )
    assert found[["clusters_effective", "df"]].isna().all(axis=None)
