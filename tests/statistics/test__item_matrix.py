"""Item matrices of a few items: runs averaged, copies that add nothing, clusters, and every refusal."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kogen.statistics._item_matrix import (
    ItemMatrix,
    average_runs,
    check_predictions,
    cluster_codes,
    code_names,
    item_matrices,
    matrix_from_runs,
    split_sets,
)


def rows(right: dict[tuple[str, int], list[int]], clusters: list[str | None] | None = None) -> pd.DataFrame:
    found = [
        {"model": model, "dataset": "ref", "seed": seed, "item": f"i{item}", "correct": value}
        | ({"cluster": clusters[item]} if clusters else {})
        for (model, seed), run in right.items()
        for item, value in enumerate(run)
    ]
    return pd.DataFrame(found)


def made(right: dict[tuple[str, int], list[int]], clusters: list[str | None] | None = None) -> ItemMatrix:
    (found,) = item_matrices(rows(right, clusters))
    return found


def test_models_stand_best_first_and_equals_by_name() -> None:
    matrix = made({("b", 0): [1, 0, 1], ("c", 0): [1, 1, 1], ("a", 0): [0, 1, 1]})
    assert matrix.models == ("c", "a", "b")
    assert (matrix.n, matrix.cluster_count) == (3, 3)
    assert matrix.means.tolist() == matrix.accuracy.tolist() == pytest.approx([1, 2 / 3, 2 / 3])
    assert matrix.run_means == {"c": {0: 1.0}, "a": {0: 2 / 3}, "b": {0: 2 / 3}}
    assert (matrix.is_share, matrix.is_textbook, matrix.whole, matrix.step) == (True, True, True, 1.0)
    assert (matrix.low, matrix.high, matrix.support, matrix.withheld) == (0.0, 1.0, None, "")


def test_what_is_a_share_and_what_textbook_formulas_hold_for() -> None:
    matrix = made({("a", 0): [1, 0, 1], ("b", 0): [0, 0, 1]})
    assert not replace(matrix, values=matrix.values - 0.1).is_share
    assert not replace(matrix, values=matrix.values + 0.1).is_share
    assert not replace(matrix, values=matrix.values / 2).is_textbook
    assert not replace(matrix, whole=False).is_textbook
    assert not replace(matrix, runs=np.array([1, 2])).is_textbook
    assert not replace(matrix, cluster_sizes=np.array([2, 1])).is_textbook


def test_runs_are_averaged_and_what_the_items_explain_is_taken_from_their_spread() -> None:
    right = np.array([[1.0, 1, 1, 0], [1.0, 0, 1, 0], [0.0, 0, 1, 0]])
    mean, distinct, sd, noise, factor = average_runs(right, np.arange(4), np.ones(4, int))
    each = right.mean(axis=1)
    assert mean == pytest.approx([2 / 3, 1 / 3, 1, 0])
    assert (distinct, sd, factor) == (3, pytest.approx(each.std(ddof=1)), pytest.approx(1 / 3))
    rest = right - mean - (each - each.mean())[:, None]
    assert noise == pytest.approx(1.5 * 4 / 3 * (rest**2).sum() / 3 / 16)
    pairs = np.array([rest[:, :2].sum(axis=1), rest[:, 2:].sum(axis=1)])  # two clusters of two
    assert average_runs(right, np.array([0, 0, 1, 1]), np.array([2, 2]))[3] == pytest.approx(
        1.5 * 2 * (pairs**2).sum() / 3 / 16
    )


def test_a_copied_run_adds_weight_and_no_evidence() -> None:
    right = np.array([[1.0, 1, 1, 0], [1.0, 0, 1, 0], [1.0, 1, 1, 0]])
    mean, distinct, sd, _, factor = average_runs(right, np.arange(4), np.ones(4, int))
    assert mean == pytest.approx([1, 2 / 3, 1, 0])
    weights, each = np.array([2 / 3, 1 / 3]), np.array([0.75, 0.5])
    assert (distinct, factor) == (2, pytest.approx(5 / 9))
    assert sd == pytest.approx((2 * weights @ (each - weights @ each) ** 2) ** 0.5)
    mean, distinct, sd, noise, factor = average_runs(right[[0, 2]], np.arange(4), np.ones(4, int))
    assert (mean.tolist(), distinct, noise, factor) == ([1, 1, 1, 0], 1, 0.0, 0.0)
    assert np.isnan(sd)


def test_the_variance_of_training_is_what_is_left_and_never_below_0() -> None:
    matrix = made({("a", 0): [1, 1, 1, 0], ("a", 1): [1, 0, 1, 0], ("b", 0): [0, 0, 0, 0]})
    assert matrix.seed_variance == pytest.approx([matrix.seed_sd[0] ** 2 / 2, 0])
    left = max(matrix.seed_sd[0] ** 2 - matrix.item_variance[0], 0) / 2
    assert matrix.training_variance == pytest.approx([left, 0])
    noisy = replace(matrix, item_variance=np.array([9.0, 0.0]))
    assert noisy.training_variance.tolist() == [0.0, 0.0]
    sure = replace(matrix, item_variance=np.array([0.01, 0.0]))
    assert sure.training_variance[0] == pytest.approx((matrix.seed_sd[0] ** 2 - 0.01) / 2)


def test_clusters_are_coded_by_name_and_an_item_without_one_is_one_of_its_own() -> None:
    matrix = made({("a", 0): [1, 0, 1, 1], ("b", 0): [0, 0, 1, 1]}, ["z", "c", None, "z"])
    assert matrix.cluster_codes.tolist() == [2, 0, 1, 2]  # c, i2, z
    assert matrix.cluster_sizes.tolist() == [1, 1, 2]
    assert matrix.cluster_sums.tolist() == [[0, 0], [1, 1], [2, 1]]
    part = rows({("a", 0): [1, 0]})
    assert cluster_codes("ref", part, np.array([0, 1]), np.array(["i0", "i1"])).tolist() == [0, 1]


def test_one_cluster_is_refused_but_for_one_item_alone() -> None:
    with pytest.raises(ValueError, match="all 2 items of 'ref' are in the one cluster 'z'"):
        made({("a", 0): [1, 0]}, ["z", "z"])
    assert made({("a", 0): [1]}, ["z"]).cluster_count == 1


def test_names_are_coded_in_order_and_unused_categories_are_left_out() -> None:
    code, labels = code_names(pd.Series(["b", "a", "b"]))
    assert (code.tolist(), labels.tolist()) == ([1, 0, 1], ["a", "b"])
    coded = pd.Series(pd.Categorical(["b", "a", "b"], ["x", "b", "y", "a"]))
    code, labels = code_names(coded)
    assert (code.tolist(), labels.tolist()) == ([0, 1, 0], ["b", "a"])


def test_items_that_are_there_twice_or_lack_a_run_are_named() -> None:
    right = {("a", 0): [1, 0, 1, 1, 0], ("b", 3): [0, 0, 1, 1, 0]}
    table = rows(right)
    with pytest.raises(ValueError, match=r"rows that repeat .*: 2, first \(a, ref, 0, i1\): keep"):
        list(item_matrices(pd.concat([table, table.iloc[[1, 7]]])))
    words = r"some run lacks 4 of 5, as i0, i1, i2 \(model b, seed 3\)"
    with pytest.raises(ValueError, match=words):
        list(item_matrices(table.iloc[[0, 1, 2, 3, 4, 9]]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"correct": [0, 2, 1, 3]}, "got 2 and 1 more"),
        ({"protocol": ["a", "a", "b", "b"]}, "mix the protocols a, b"),
        ({"seed": [None, 0, 0, 0]}, "'seed' has empty cells .1.: fill them"),
    ],
)
def test_tables_of_which_nothing_can_be_made(change: dict[str, list[object]], words: str) -> None:
    table = rows({("a", 0): [1, 0], ("b", 0): [0, 0]})
    check_predictions(table.assign(protocol="a"))
    with pytest.raises(ValueError, match=words):
        check_predictions(table.assign(**change))


def test_equal_means_are_those_that_differ_by_rounding_alone() -> None:
    right = np.array([[1.0, 0, 0], [1.0, 1e-14, 0]])
    assert matrix_from_runs("d", ["b", "a"], right, np.arange(3)).models == ("a", "b")
    right = np.array([[1.0, 0, 0], [1.0, 1e-10, 0]])
    assert matrix_from_runs("d", ["a", "b"], right, np.arange(3)).models == ("b", "a")


def test_sets_without_rows_have_no_matrix() -> None:
    table = rows({("a", 0): [1, 0]}).astype({"dataset": pd.CategoricalDtype(["other", "ref"])})
    assert [matrix.dataset for matrix in item_matrices(table)] == ["ref"]
    both = pd.concat([rows({("a", 0): [1, 0]}), rows({("a", 0): [1, 1]}).assign(dataset="alone")])
    assert [matrix.dataset for matrix in item_matrices(both)] == ["alone", "ref"]
    made_once = list(item_matrices(both))
    assert list(item_matrices(made_once)) == made_once


@pytest.mark.parametrize("kind", ["object", "category", "ordered"])
def test_sets_are_split_as_pandas_groups_them(kind: str) -> None:
    names = np.random.default_rng(0).choice(np.array(["b", "a", "c", None], dtype=object), 200)
    column = {"object": names, "category": pd.Categorical(names, ["c", "x", "a", "b"])}
    column["ordered"] = pd.Categorical(names, ["b", "c", "a"], ordered=True)
    frame = pd.DataFrame({"dataset": column[kind], "n": np.arange(200)})
    wanted = [(str(name), part) for name, part in frame.groupby("dataset", sort=True, observed=True)]
    found = list(split_sets(frame))
    assert [name for name, _ in found] == [name for name, _ in wanted]
    for (_, mine), (_, other) in zip(found, wanted, strict=True):
        pd.testing.assert_frame_equal(mine, other)
