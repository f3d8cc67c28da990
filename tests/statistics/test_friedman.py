"""Friedman's test where every rank is known by hand."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.friedman import friedman


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
    chi2 = 12 / (8 * 3 * 4) * (sums**2).sum() - 3 * 8 * 4
    assert (row["sets"], row["models"], row["chi2"]) == (8, 3, pytest.approx(chi2))
    assert row["f"] == pytest.approx(7 * chi2 / (8 * 2 - chi2))
    with pytest.raises(ValueError, match="tests over data sets want 8 or more, there are 7"):
        friedman(scores(rows[:7]))


def test_the_same_order_on_every_set_leaves_nothing_to_chance() -> None:
    row = friedman(scores([[90.0, 80.0, 70.0]] * 8)).iloc[0]
    assert (row["chi2"], row["f"], row["p"]) == (pytest.approx(16.0), np.inf, 0.0)
