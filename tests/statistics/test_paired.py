"""Pairs of models by hand: wins, intervals, verdicts at their limits, and the odds of the observed loser."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import ItemMatrix, item_matrices
from kogen.statistics.paired import COLUMNS, POWER_FACTOR, lottery_probability, mid_p, paired, rows, verdict
from kogen.statistics.resampling.bootstrap import bootstrap_accuracies, bootstrap_deviations, permutation_p


def matrix_of(right: dict[tuple[str, int], list[int]], clusters: list[int] | None = None) -> ItemMatrix:
    found = [
        {"model": model, "dataset": "ref", "seed": seed, "item": item, "correct": value}
        | {"cluster": clusters[item] if clusters else item}
        for (model, seed), run in right.items()
        for item, value in enumerate(run)
    ]
    return next(iter(item_matrices(pd.DataFrame(found))))


ONE = {("a", 0): [1, 1, 1, 0, 1, 0, 1, 1], ("b", 0): [1, 0, 0, 0, 1, 1, 0, 0]}


def test_a_pair_of_single_runs_has_counts_and_the_exact_numbers_of_them() -> None:
    table = rows(matrix_of(ONE), None, 100, 0)
    assert list(table) == COLUMNS
    row = table.iloc[0]
    assert (row["first"], row["second"], row["n"], row["b"], row["c"]) == ("a", "b", 8, 4, 1)
    assert row["difference"] == pytest.approx(100 * 3 / 8)
    assert row["p"] == pytest.approx(2 * binom.cdf(1, 5, 0.5) - binom.pmf(1, 5, 0.5))
    assert row["lottery"] == pytest.approx(norm.sf(3 / (5 - 9 / 8) ** 0.5))
    assert row["minimum_detectable"] == pytest.approx(100 * 2.8 * 5**0.5 / 8)
    pairs = pair_differences(matrix_of(ONE))
    for lo, hi, tail in (("lo", "hi", 0.025), ("lo90", "hi90", 0.05), ("family_lo", "family_hi", 0.025)):
        half = pairs.half_width(tail)[0, 1]
        assert (row[lo], row[hi]) == pytest.approx((100 * (0.3 - half), 100 * (0.3 + half)))
    assert (row["critical"], row["seed_error"], row["verdict"]) == (pytest.approx(norm.isf(0.025)), 0.0, "undecided")
    assert row[["clusters_effective", "df"]].isna().all()
    assert POWER_FACTOR == 2.80


def test_with_clusters_and_runs_p_is_of_permutations_and_the_lottery_of_resamples() -> None:
    grouped = matrix_of(ONE, [0, 0, 1, 1, 2, 2, 3, 3])
    row = rows(grouped, None, 300, 5).iloc[0]
    sample = bootstrap_accuracies(grouped, bootstrap_deviations(grouped, 300, 5), 5)
    assert row["p"] == permutation_p(grouped, 300, 5)[0, 1]
    assert row["lottery"] == (sample[:, 0] <= sample[:, 1]).mean()
    assert (row["clusters_effective"], row["df"]) == (4.0, pytest.approx(3.0, rel=1e-3))
    runs = {**ONE, ("a", 1): [1, 0, 0, 0, 1, 1, 1, 0]}
    several = rows(matrix_of(runs), None, 300, 5).iloc[0]
    assert (several["b"], several["c"]) == (1 + 0.5 * 3, 0.5)  # halves of items that one of two runs has right
    assert several["difference"] == pytest.approx(100 * 2 / 8)
    assert several["seed_error"] == pytest.approx(100 * matrix_of(runs).training_variance.sum() ** 0.5)


def test_models_that_never_differ_are_a_coin() -> None:
    same = {("a", 0): [1, 0, 1, 0], ("b", 0): [1, 0, 1, 0]}
    assert rows(matrix_of(same), None, 50, 0).iloc[0][["p", "lottery"]].tolist() == [1.0, 0.5]
    assert rows(matrix_of(same, [0, 0, 1, 1]), None, 50, 0).iloc[0]["lottery"] == 0.5


def test_pairs_stand_in_the_order_of_the_models_and_one_model_has_none() -> None:
    three = {**ONE, ("c", 0): [0] * 8}
    found = rows(matrix_of(three), None, 50, 0)
    assert list(zip(found["first"], found["second"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["b"].tolist() == [4, 6, 3]
    assert found["c"].tolist() == [1, 0, 0]
    alone = matrix_of({("a", 0): [1, 0]})
    assert list(paired([alone])) == COLUMNS
    assert paired([alone]).empty
    assert len(paired([alone, matrix_of(ONE), matrix_of(three)], draws=50)) == 4
    assert paired([matrix_of(ONE), matrix_of(three)], draws=50).index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("real", "lo", "hi", "margin", "word"),
    [
        *[(True, -0.9, 0.9, 1.0, "small"), (True, -0.9, 1.0, 1.0, "better"), (True, -1.0, 0.9, 1.0, "better")],
        *[
            (False, -0.9, 0.9, 1.0, "equivalent"),
            (False, -1.0, 0.9, 1.0, "undecided"),
            (False, -0.9, 1.0, 1.0, "undecided"),
        ],
        *[(True, -0.1, 0.1, None, "better"), (False, -0.1, 0.1, None, "undecided")],
    ],
)
def test_the_verdict_at_its_limits(real: bool, lo: float, hi: float, margin: float | None, word: str) -> None:
    assert verdict(np.array([real]), np.array([lo]), np.array([hi]), margin).tolist() == [word]


def test_one_side_that_wins_every_item_never_loses() -> None:
    found = lottery_probability(np.array([4.0, 0.0, 3.0]), np.array([0.0, 0.0, 1.0]), 4)
    assert found.tolist() == pytest.approx([0.0, 0.5, norm.sf(2 / 3**0.5)])
    assert mid_p(np.array([2.0, 3.0]), np.array([2.0, 0.0])).tolist() == pytest.approx([1.0, 0.125])


def test_no_margin_is_below_0() -> None:
    assert len(paired([matrix_of(ONE)], margin=0.0, draws=10)) == 1
    with pytest.raises(ValueError, match=r"margin must be 0 or more points, got -0.1"):
        paired([matrix_of(ONE)], margin=-0.1)
