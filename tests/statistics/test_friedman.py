"""Friedman's test where every rank is known by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, f, studentized_range

from kogen.statistics.friedman import friedman, refuse_too_few


def scores(rows: list[list[float]]) -> pd.DataFrame:
    """Scores of models a, b, c on each set, a row a set."""
    return pd.DataFrame(
        [
            {"model": model, "dataset": f"s{place}", "score": score}
            for place, row in enumerate(rows)
            for model, score in zip("abc", row, strict=True)
        ]
    )


def test_eight_sets_are_enough_and_the_statistics_are_those_of_the_ranks() -> None:
    rows = [[90.0, 80.0, 70.0]] * 6 + [[80.0, 90.0, 70.0], [90.0, 70.0, 80.0]]
    row = friedman(scores(rows)).iloc[0]
    sums = np.array([6 + 2 + 1, 12 + 1 + 3, 18 + 3 + 2])  # of ranks: 9, 16 and 23
    statistic = 12 / (8 * 3 * 4) * (sums**2).sum() - 3 * 8 * 4
    assert (row["sets"], row["models"], row["chi2"]) == (8, 3, pytest.approx(statistic))
    assert row["f"] == pytest.approx(7 * statistic / (8 * 2 - statistic))
    with pytest.raises(ValueError, match="tests over data sets want 8 or more, there are 7"):
        friedman(scores(rows[:7]))


def test_the_same_order_on_every_set_leaves_nothing_to_chance() -> None:
    row = friedman(scores([[90.0, 80.0, 70.0]] * 8)).iloc[0]
    assert (row["chi2"], row["f"], row["p"]) == (pytest.approx(16.0), np.inf, 0.0)


def test_each_p_has_its_own_degrees_of_freedom_and_the_critical_difference_is_nemenyis() -> None:
    rows = [[90.0, 80.0, 70.0]] * 5 + [[80.0, 90.0, 70.0], [90.0, 70.0, 80.0], [70.0, 80.0, 90.0], [90.0, 90.0, 70.0]]
    row = friedman(scores(rows)).iloc[0]
    ranks = np.array([[1, 2, 3]] * 5 + [[2, 1, 3], [1, 3, 2], [3, 2, 1], [1.5, 1.5, 3]])
    statistic = 2 * 81 * ((ranks.mean(axis=0) - 2) ** 2).sum() / ((ranks - 2) ** 2).sum()
    assert row["chi2"] == pytest.approx(statistic)
    assert row["p_chi2"] == pytest.approx(chi2.sf(statistic, 2))
    assert row["p"] == pytest.approx(f.sf(row["f"], 2, 16))
    assert row["critical_difference"] == pytest.approx(
        studentized_range.isf(0.05, 3, np.inf) / 2**0.5 * (12 / 54) ** 0.5
    )


def test_values_that_differ_by_rounding_share_a_rank() -> None:
    row = friedman(scores([[80.0, 80.0 + 1e-10, 70.0]] * 8)).iloc[0]
    assert row["chi2"] == friedman(scores([[80.0, 80.0, 70.0]] * 8)).iloc[0]["chi2"]
    assert friedman(scores([[80.0, 80.0, 80.0]] * 8)).iloc[0][["chi2", "f", "p"]].tolist() == [0.0, 0.0, 1.0]


def test_two_models_and_seven_sets_are_refused() -> None:
    refuse_too_few(8, 3)
    with pytest.raises(ValueError, match="want 8 or more, there are 7"):
        refuse_too_few(7, 3)
    with pytest.raises(ValueError, match="wants 3 models or more that were measured on every set, there are 2"):
        refuse_too_few(8, 2)
