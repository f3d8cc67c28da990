"""Cochran's Q: against statsmodels, against all orders, and its refusals."""

from dataclasses import replace
from inspect import signature
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import cochrans_q

from kogen.statistics import cochran as cochran_module
from kogen.statistics._item_matrix import ItemMatrix, item_matrices
from kogen.statistics.cochran import affordable_draws, cochran, refusal, statistic
from kogen.statistics.cochran import rows as numbers_of
from kogen.statistics.resampling.bootstrap import make_generator


def rows(right: np.ndarray, size: int = 1, dataset: str = "d", seeds: int = 1) -> pd.DataFrame:
    """Rows of answers (k, n), items in clusters of `size`."""
    k, n = right.shape
    parts = []
    for seed, model in product(range(seeds), range(k)):
        items = [f"i{i:03d}" for i in range(n)]
        clusters = [f"c{i // size:03d}" for i in range(n)] if size > 1 else items
        correct = right[model] if seed == 0 else 1 - right[model]
        table = {"model": f"m{model}", "dataset": dataset, "seed": seed, "item": items, "cluster": clusters}
        parts.append(pd.DataFrame(table | {"correct": correct.astype(int)}))
    return pd.concat(parts, ignore_index=True)


def test_q_is_statsmodels() -> None:
    right = np.random.default_rng(0).random((4, 60)) < np.array([[0.5], [0.6], [0.7], [0.9]])
    row, wanted = cochran(rows(right)).iloc[0], cochrans_q(right.T.astype(int))
    assert (row["q"], row["p"], row["df"]) == pytest.approx((wanted.statistic, wanted.pvalue, 3))
    assert (row["models"], row["n"], row["method"]) == (4, 60, "chi2")
    assert pd.isna(row["refused"])


def test_q_by_hand() -> None:
    # three models on four images: totals 4, 2, 0; rows 2, 2, 1, 1: q = 2 * 8 / (4 * 2 / 3) = 6
    sums = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]])
    assert statistic(sums) == pytest.approx(6)
    assert statistic(np.ones((4, 3))) == 0


def test_clusters_are_permuted_whole() -> None:
    right = np.array([[1, 1, 1, 1, 1, 1, 0, 1], [1, 0, 1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 1, 0, 0]])
    row = cochran(rows(right, size=2), draws=20_000).iloc[0]
    sums = right.reshape(3, 4, 2).sum(axis=2).T  # (4 clusters, 3)
    spread = lambda total: ((total - total.mean()) ** 2).sum()  # noqa: E731
    every = [
        spread(sum(part[list(order)] for part, order in zip(sums, orders, strict=True)))
        >= spread(sums.sum(axis=0)) - 1e-9
        for orders in product(permutations(range(3)), repeat=4)
    ]
    assert row["p"] == pytest.approx(np.mean(every), abs=0.01)
    assert row["method"] == "permutation"


def test_the_same_answers_are_no_difference() -> None:
    assert cochran(rows(np.ones((3, 6)))).iloc[0][["q", "p"]].tolist() == [0, 1]
    assert cochran(rows(np.ones((3, 6)), size=2), draws=50).iloc[0][["q", "p"]].tolist() == [0, 1]


def test_refusals_say_why_and_leave_the_other_sets() -> None:
    right = np.random.default_rng(1).random((3, 20)) < 0.6
    table = pd.concat([rows(right[:2], dataset="pair"), rows(right, dataset="runs", seeds=2), rows(right)])
    found = cochran(table).set_index("dataset")
    assert "Cochran's Q wants 3 models or more, there are 2" in found.loc["pair", "refused"]
    assert "Cochran's Q wants one run a model" in found.loc["runs", "refused"]
    assert found.loc["d", "q"] > 0
    assert found["q"].isna().tolist() == [False, True, True]


def matrix(right: np.ndarray, size: int = 1, **change: object) -> ItemMatrix:
    (found,) = item_matrices(rows(right, size))
    return replace(found, **change)  # type: ignore[arg-type]


RIGHT = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [0, 0, 1, 0]])


def test_each_refusal_has_its_reason() -> None:
    assert refusal(matrix(RIGHT)) is None
    assert refusal(matrix(RIGHT, 2)) is None
    assert "wants 3 models or more, there are 2" in str(refusal(matrix(RIGHT[:2])))
    assert "wants one run a model" in str(refusal(matrix(RIGHT, runs=np.array([1, 1, 2]))))
    for values in (matrix(RIGHT).values / 2, matrix(RIGHT).values - 0.1, matrix(RIGHT).values * 2):
        assert "wants images that are right or wrong" in str(refusal(matrix(RIGHT, values=values)))


def test_permutations_are_as_many_as_are_affordable(monkeypatch: pytest.MonkeyPatch) -> None:
    grouped = matrix(RIGHT, 2)  # two clusters of three models
    monkeypatch.setattr(cochran_module, "MAX_CELLS", 6 * cochran_module.MIN_DRAWS)
    assert affordable_draws(grouped) == cochran_module.MIN_DRAWS
    assert refusal(grouped) is None
    monkeypatch.setattr(cochran_module, "MAX_CELLS", 6 * cochran_module.MIN_DRAWS - 1)
    assert "would take too long" in str(refusal(grouped))
    assert refusal(matrix(RIGHT)) is None  # independent images need no permutation


def test_permutations_by_a_twin_in_parts_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    grouped = matrix(RIGHT, 2)
    rng = make_generator(4, grouped, "orders")
    order = rng.random((60, 2, 3)).argsort(axis=2)
    totals = np.take_along_axis(grouped.cluster_sums[None], order, axis=2).sum(axis=1)
    spreads = ((totals - totals.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    own = grouped.cluster_sums.sum(axis=0)
    hits = (spreads >= ((own - own.mean()) ** 2).sum() - 1e-9).sum()
    row = numbers_of(grouped, 60, 4)
    assert (row["p"], row["method"], row["df"]) == ((1 + hits) / 61, "permutation", 2)
    monkeypatch.setattr(cochran_module, "CHUNK_CELLS", 6 * 7)
    assert numbers_of(grouped, 60, 4)["p"] == row["p"]
    monkeypatch.setattr(cochran_module, "MAX_CELLS", 6 * 10)
    assert numbers_of(grouped, 60, 4)["p"] * 11 == pytest.approx(round(numbers_of(grouped, 60, 4)["p"] * 11))


def test_the_usual_settings() -> None:
    found = {key: one.default for key, one in signature(cochran).parameters.items() if one.default is not one.empty}
    assert found == {"draws": 2000, "seed": 0}
