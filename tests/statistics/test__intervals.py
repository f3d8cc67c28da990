"""Intervals of shares and differences by their formulas, on matrices of a few items."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._intervals import (
    normal_quantile,
    pair_differences,
    student_quantile,
    total_half_width,
    welch_df,
    wilson,
)
from kogen.statistics._item_matrix import ItemMatrix, item_matrices


def matrix_of(right: dict[tuple[str, int], list[int]], clusters: list[int] | None = None) -> ItemMatrix:
    rows = [
        {"model": model, "dataset": "ref", "seed": seed, "item": item, "correct": value}
        | {"cluster": clusters[item] if clusters else item}
        for (model, seed), run in right.items()
        for item, value in enumerate(run)
    ]
    (found,) = item_matrices(pd.DataFrame(rows))
    return found


ONE = {("a", 0): [1, 1, 1, 0, 1, 0], ("b", 0): [1, 0, 0, 0, 1, 1]}


def test_wilsons_interval_ends_at_0_and_1_and_is_unknown_where_n_is() -> None:
    lo, hi = wilson(np.array([0.0, 1.0, 0.3, np.nan, 0.0]), np.array([10, 10, 40, 40, np.nan]), 0.95)
    z = norm.isf(0.025)
    assert (lo[0], hi[1]) == (0.0, 1.0)
    assert (hi[0], lo[1]) == pytest.approx((z**2 / (10 + z**2), 10 / (10 + z**2)))
    middle = (0.3 + z**2 / 80) / (1 + z**2 / 40)
    half = z * np.sqrt(0.21 / 40 + z**2 / 6400) / (1 + z**2 / 40)
    assert (lo[2], hi[2]) == pytest.approx((middle - half, middle + half))
    assert np.isnan([lo[3], hi[3], lo[4], hi[4]]).all()
    tiny = wilson(np.array([1e-11, 1 - 1e-11]), np.array([10, 10]), 0.95)
    assert tiny[0][0] != 0.0
    assert (normal_quantile(0.05), student_quantile(0.05, 3)) == (norm.isf(0.05), student.isf(0.05, 3))


def test_the_squares_of_both_parts_are_added_with_their_own_quantiles() -> None:
    matrix = matrix_of(ONE)  # independent items: the normal quantile
    half = total_half_width(np.array([4.0, 0.0]), np.array([9.0, 1.0]), np.array([2, 5]), matrix, 0.05)
    wanted = [(norm.isf(0.05) ** 2 * 4 + student.isf(0.05, 2) ** 2 * 9) ** 0.5, student.isf(0.05, 5)]
    assert half == pytest.approx(wanted)
    grouped = matrix_of(ONE, [0, 0, 1, 1, 2, 2])
    assert total_half_width(np.array([4.0]), np.zeros(1), np.ones(1), grouped, 0.05) == pytest.approx(
        [2 * student.isf(0.05, 2)]
    )


def test_welchs_degrees_of_freedom() -> None:
    found = welch_df(np.array([1.0, 0.0, 2.0]), np.array([2.0, 0.0, 0.0]), np.array([3, 1, 4]), np.array([2, 1, 1]))
    assert found == pytest.approx([9 / (1 / 3 + 4 / 2), np.inf, 4])


def test_differences_of_independent_items_are_bonett_and_prices() -> None:
    pairs = pair_differences(matrix_of(ONE))
    assert pairs.difference[0, 1] == pytest.approx(1 / 6)
    assert pairs.adjusted[0, 1] == pytest.approx((2 - 1) / 8)
    assert pairs.item_variance[0, 1] == pytest.approx(((2 + 1 + 1 + 1) / 8 - (1 / 8) ** 2) / 8)
    assert pairs.null_variance[0, 1] == pytest.approx(3 / 36)
    assert pairs.half_width(0.025)[0, 1] == pytest.approx(norm.isf(0.025) * pairs.item_variance[0, 1] ** 0.5)
    assert pairs.training_variance.tolist() == [[0, 0], [0, 0]]


def test_differences_over_clusters_have_the_squares_of_their_sums() -> None:
    matrix = matrix_of(ONE, [0, 0, 0, 1, 1, 2])
    pairs = pair_differences(matrix)
    apart, sizes, middle = np.array([2, 0, -1]), np.array([3, 2, 1]), 1 / 8
    centred = ((apart - middle * sizes) ** 2).sum() + 2 + 2 * middle**2
    assert pairs.item_variance[0, 1] == pytest.approx(3 / 2 * centred / 64)
    assert pairs.null_variance[0, 1] == pytest.approx(3 / 2 * 5 / 36)


def test_training_adds_the_variances_of_both_with_welchs_degrees() -> None:
    runs = {
        ("a", 0): [1, 1, 1, 1],
        ("a", 1): [1, 0, 0, 0],
        ("a", 2): [1, 1, 0, 0],
        ("b", 0): [0, 0, 0, 1],
        ("b", 1): [1, 0, 1, 1],
    }
    matrix = matrix_of(runs)
    pairs, variance = pair_differences(matrix), matrix.seed_variance
    assert pairs.training_variance[0, 1] == pytest.approx(matrix.training_variance.sum())
    df = matrix.runs - 1
    assert pairs.seed_df[0, 1] == pytest.approx(variance.sum() ** 2 / (variance**2 / df).sum())
    assert pairs.seed_df[0, 0] == pytest.approx(2 * df[0])
    sums = matrix.cluster_sums[:, 0] - matrix.cluster_sums[:, 1]
    middle = pairs.adjusted[0, 1]
    centred = (sums**2).sum() + 2 / 2 - 2 * middle * sums.sum() + middle**2 * 6  # an item won in one of two runs
    assert pairs.item_variance[0, 1] == pytest.approx(4 / 3 * centred / 36)
