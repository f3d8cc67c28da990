"""Resamples against twins that draw whole clusters or rows one by one, from the same generator."""

import gc
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import ItemMatrix, item_matrices
from kogen.statistics.clusters.cluster_family import common_df
from kogen.statistics.clusters.cluster_quantiles import cluster_distribution, cluster_shares
from kogen.statistics.resampling import bootstrap
from kogen.statistics.resampling.bootstrap import (
    beats,
    bootstrap_accuracies,
    bootstrap_deviations,
    chunk_sizes,
    draw_counts,
    draw_training_variance,
    family_half_width,
    make_generator,
    max_t_criterion,
    permutation_p,
)


def matrix_of(right: dict[str, list[list[int]]], clusters: list[int] | None = None) -> ItemMatrix:
    """The item matrix of each model's runs; `clusters`: that of each item, else each stands alone."""
    rows = [
        {"model": model, "dataset": "ref", "seed": seed, "item": item, "correct": value}
        | {"cluster": f"{clusters[item] if clusters else item:03d}"}
        for model, runs in right.items()
        for seed, run in enumerate(runs)
        for item, value in enumerate(run)
    ]
    (found,) = item_matrices(pd.DataFrame(rows))
    return found


def generator(purpose: str, seed: int = 7) -> np.random.Generator:
    """The generator of one purpose on the set `ref`, as its definition says."""
    return np.random.default_rng([seed, crc32(b"ref"), crc32(purpose.encode())])


PAIRS = matrix_of({"a": [[1, 1, 1, 0, 1, 0, 1, 1]], "b": [[1, 0, 0, 0, 1, 1, 0, 1]]}, [0, 0, 1, 1, 2, 2, 3, 3])
UNEQUAL = matrix_of({"a": [[1, 1, 1, 0, 1, 0, 1, 1]], "b": [[1, 0, 0, 0, 1, 1, 0, 1]]}, [0, 0, 0, 1, 1, 2, 3, 3])
RUNS = matrix_of({"a": [[1, 1, 1, 1, 0, 1], [1, 1, 0, 0, 0, 1]], "b": [[0, 0, 1, 0, 0, 1]]})


def test_draws_are_made_in_parts_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MAX_CELLS", 12)
    assert list(chunk_sizes(10, 4)) == [3, 3, 3, 1]
    assert list(chunk_sizes(2, 13)) == [1, 1]
    assert list(chunk_sizes(6, 6)) == [2, 2, 2]
    rows = bootstrap_deviations(PAIRS, 7, 0)
    assert rows.shape == (7, 2)
    assert bootstrap_deviations(PAIRS, 1, 0).shape == (1, 2)


def test_whole_clusters_are_drawn_and_their_spread_is_made_unbiased() -> None:
    picks = generator("items").integers(0, 4, (50, 4))
    sums, sizes = PAIRS.cluster_sums, PAIRS.cluster_sizes
    wanted = [sums[row].sum(axis=0) / sizes[row].sum() - PAIRS.means for row in picks]
    assert bootstrap_deviations(PAIRS, 50, 7) == pytest.approx(np.array(wanted) * np.sqrt(4 / 3), abs=1e-6)


@pytest.mark.parametrize("n", [32, 33])
def test_items_alone_are_drawn_one_by_one_or_by_the_counts_of_equal_ones(n: int) -> None:
    matrix = matrix_of({"a": [[1] * 10 + [0] * (n - 10)]})
    rng = generator("items")
    if n > 2 * 16:  # more than sixteen items for each of the two kinds
        right = rng.multinomial(n, [(n - 10) / n, 10 / n], 40)[:, 1]
    else:
        right = (rng.integers(0, n, (40, n)) < 10).sum(axis=1)
    assert bootstrap_deviations(matrix, 40, 7)[:, 0] == pytest.approx(right / n - 10 / n, abs=1e-6)


def test_clusters_of_unequal_sizes_are_weighed_by_normal_draws() -> None:
    apart = UNEQUAL.cluster_sums - UNEQUAL.cluster_sizes[:, None] * UNEQUAL.means
    bias = cluster_distribution(UNEQUAL).bias(cluster_shares(UNEQUAL).pooled)
    wanted = generator("items").standard_normal((30, 4)) @ apart * np.sqrt(bias * 4 / 3) / 8
    assert bootstrap_deviations(UNEQUAL, 30, 7) == pytest.approx(wanted)


def test_training_is_drawn_beside_the_items_where_there_are_several_runs() -> None:
    moved = np.array([[0.1, -0.2], [0.0, 1e-12]])
    assert bootstrap_accuracies(PAIRS, moved, 7) == pytest.approx(PAIRS.means + np.round(moved, 9), abs=1e-15)
    shifted = bootstrap_accuracies(PAIRS, np.array([[1.4e-9, 6e-10]]), 7) - PAIRS.means
    assert shifted[0] == pytest.approx([1e-9, 1e-9], abs=1e-13)  # nine digits are kept
    assert RUNS.training_variance[0] > 0
    normal = generator("seeds").standard_normal((2, 2))
    wanted = RUNS.means + moved + np.sqrt(RUNS.training_variance) * normal
    assert bootstrap_accuracies(RUNS, moved, 7) == pytest.approx(wanted, abs=1e-9)


def test_the_variance_of_training_is_drawn_as_uncertain_as_it_is() -> None:
    assert (draw_training_variance(PAIRS, 3, np.random.default_rng(0)) == np.zeros((3, 2))).all()
    drawn = draw_training_variance(RUNS, 200, np.random.default_rng(0))
    chi = np.random.default_rng(0).chisquare([2, 2], (200, 2))
    wanted = np.maximum(RUNS.seed_sd[0] ** 2 * 2 / chi[:, 0] - RUNS.item_variance[0], 0) * RUNS.mean_factor[0]
    assert drawn[:, 0] == pytest.approx(wanted)
    assert (drawn[:, 0] == 0).any()
    assert (drawn[:, 1] == 0).all()  # one run says nothing of training
    two = matrix_of({"a": [[1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]], "b": [[0, 0, 1, 1], [1, 1, 1, 1]]})
    chi = np.random.default_rng(0).chisquare([4, 2] if two.runs[0] == 3 else [2, 4], (50, 2))
    half = (two.seed_sd**2 + (two.seed_sd**2).mean()) / 2
    df = 2 * (two.runs - 1)
    wanted = np.maximum(half * df / chi - two.item_variance, 0) * two.mean_factor
    assert draw_training_variance(two, 50, np.random.default_rng(0)) == pytest.approx(wanted)


def test_one_pair_is_the_whole_family_and_three_are_not() -> None:
    moved = np.random.default_rng(0).normal(size=(400, 2)) * 9
    assert max_t_criterion(pair_differences(PAIRS), moved, 0) == pytest.approx(1.959964, abs=1e-6)


def test_the_criterion_of_equal_clusters_draws_their_standard_errors_too() -> None:
    three = matrix_of({"a": [[1, 1, 1, 0, 1, 0, 1, 1]], "b": [[1, 0, 0, 0, 1, 1, 0, 1]], "c": [[0] * 7 + [1]]},
                      [0, 0, 1, 1, 2, 2, 3, 3])  # fmt: skip
    moved, pairs, rng = bootstrap_deviations(three, 200, 7), pair_differences(three), generator("errors")
    assert common_df(three) == 3
    wide = moved * np.sqrt(3 / rng.chisquare(3, (200, 1)))
    half = pairs.half_width(0.025)
    largest = [max(abs(row[i] - row[j]) / half[i, j] for i, j in [(0, 1), (0, 2), (1, 2)]) for row in wide]
    wanted = norm.isf(0.025) * max(np.quantile(largest, 0.95), 1)
    assert max_t_criterion(pairs, moved, 7) == pytest.approx(wanted)
    assert max_t_criterion(pairs, moved / 1e6, 7) == pytest.approx(1.959964, abs=1e-6)  # never easier than one pair


def test_a_model_beats_another_from_the_family_s_half_width_on() -> None:
    pairs = pair_differences(PAIRS)
    half = pairs.half_width(0.025)
    assert family_half_width(pairs, 3.0) == pytest.approx(half * 3 / norm.isf(0.025))
    just = pairs.adjusted[0, 1] / half[0, 1] * float(norm.isf(0.025))
    assert beats(pairs, just * 0.999).tolist() == [[False, True], [False, False]]
    assert not beats(pairs, just * 1.001).any()


@pytest.mark.parametrize("groups", [3, 49, 50])
def test_signs_are_flipped_by_cluster(groups: int) -> None:
    """Up to 16 clusters for each of three kinds of rows the signs are bits, one a cluster; beyond, counts of kinds."""
    ones = [1, 0, 1] + [1] * (groups - 3)
    others = [0, 1, 1] + [1] * (groups - 3)
    matrix = matrix_of({"a": [ones], "b": [others], "c": [[0] * groups]})
    found = permutation_p(matrix, 2000, 7)
    assert np.diag(found).tolist() == [1.0] * 3
    assert found == pytest.approx(found.T)
    if groups == 3:  # of a against c: two items won, so two of four signs are as far apart as observed
        assert found[0, 2] == pytest.approx(0.5, abs=0.04)
        assert found[0, 1] == 1.0  # one item each: no sign is nearer than 0
        signs = np.unpackbits(np.frombuffer(generator("flips").bytes(750), np.uint8), count=6000).reshape(2000, 3)
        apart = (2.0 * signs - 1) @ matrix.values[:, [0]] - (2.0 * signs - 1) @ matrix.values[:, [2]]
        assert found[0, 2] == (1 + (np.abs(apart) > 1.9).sum()) / 2001
    else:
        assert found[0, 2] == 1 / 2001


def test_each_purpose_and_set_has_a_generator_of_its_own() -> None:
    assert make_generator(7, PAIRS, "flips").random() == generator("flips").random()


@pytest.mark.parametrize(("groups", "width", "draws"), [(7, 3, 50), (300, 200, 9), (40_000, 9_000, 3)])
def test_counts_made_a_few_draws_at_a_time_are_those_of_all_at_once(groups: int, width: int, draws: int) -> None:
    code = np.random.default_rng(0).integers(0, width, groups)
    picks = code[np.random.default_rng(5).integers(0, groups, (draws, groups))]
    found = draw_counts(np.random.default_rng(5), draws, code, width)
    assert (found == np.stack([np.bincount(row, minlength=width) for row in picks])).all()


def test_kept_deviations_are_those_that_are_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(draws: int, seed: int, runs: bool) -> np.ndarray:
        return bootstrap_deviations(matrix(runs), draws, seed)

    def matrix(runs: bool) -> ItemMatrix:
        right = {"a": [[1, 1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 1, 0, 1], [1, 1, 1, 1, 1, 0, 0]]}
        return matrix_of(right if runs else {"a": right["a"][:1], "b": right["a"][1:2]})

    for runs in (False, True):  # thirds have rounding, whole numbers have none
        one = matrix(runs)
        many = bootstrap_deviations(one, 50, 3)
        assert np.shares_memory(bootstrap_deviations(one, 50, 3), many)
        assert (bootstrap_deviations(one, 20, 3) == fresh(20, 3, runs)).all()
        assert np.shares_memory(bootstrap_deviations(one, 20, 3), many) == (not runs)
        assert (bootstrap_deviations(one, 60, 3) == fresh(60, 3, runs)).all()
        assert (bootstrap_deviations(one, 50, 4) == fresh(50, 4, runs)).all()
        with pytest.raises(ValueError, match="read-only"):
            many += 1
    monkeypatch.setattr(bootstrap, "KEPT_BYTES", 0)
    alone = matrix(False)
    assert not np.shares_memory(bootstrap_deviations(alone, 5, 3), bootstrap_deviations(alone, 5, 3))


def test_deviations_are_let_go_with_their_matrix() -> None:
    one = matrix_of({"a": [[1, 0, 1]], "b": [[1, 1, 0]]})
    bootstrap_deviations(one, 5, 0)
    held = len(bootstrap._KEPT)
    del one
    gc.collect()
    assert len(bootstrap._KEPT) < held
