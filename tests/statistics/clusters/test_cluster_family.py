"""Max-T with unequal clusters: against a slow twin, and how often equal models are told apart."""

import numpy as np
import pytest
from scipy.stats import norm

from kogen.statistics._intervals import pair_differences, welch_df
from kogen.statistics._item_matrix import ItemMatrix, matrix_from_runs
from kogen.statistics.clusters import cluster_family
from kogen.statistics.clusters.cluster_family import affordable_draws, common_df, is_simulated, simulate_largest
from kogen.statistics.clusters.cluster_quantiles import cluster_distribution, cluster_shares, equivalent_df
from kogen.statistics.resampling import bootstrap
from kogen.statistics.resampling.bootstrap import bootstrap_deviations, draw_training_variance, max_t_criterion

HALF = np.array([140, *[20] * 7])


def drawn(sizes: np.ndarray, k: int = 4, seeds: int = 1, seed: int = 0) -> ItemMatrix:
    """Equal models, items in clusters of these sizes that are harder or easier, for each model a little otherwise."""
    rng = np.random.default_rng([seed, k, len(sizes)])
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    hard = 0.7 * rng.normal(size=len(sizes))[cluster] + rng.normal(size=len(cluster))
    own = 0.3 * rng.normal(size=(k, 1, len(sizes)))[:, :, cluster] + 0.1 * rng.normal(size=(k, seeds, 1))
    right = (1.1 + hard + own + rng.normal(size=(k, seeds, len(cluster))) > 0).reshape(k * seeds, -1)
    names = [f"m{i}" for i in range(k) for _ in range(seeds)]
    return matrix_from_runs("lots", names, right.astype(float), cluster)


def test_the_largest_error_against_a_slow_twin() -> None:
    matrix = drawn(HALF, k=3)
    pairs, shares, drawn_sizes = pair_differences(matrix), cluster_shares(matrix), cluster_distribution(matrix)
    found = simulate_largest(pairs, 4_000, np.zeros((4_000, 3)), np.random.default_rng(1))
    sizes, share = matrix.cluster_sizes.astype(float), shares.pooled
    width = np.sqrt(sizes * (1 - share) + sizes**2 * share)
    apart = (matrix.cluster_sums - matrix.means * sizes[:, None]) / width[:, None]
    spread = np.linalg.cholesky(apart.T @ apart / 8 + 1e-12 * np.eye(3))
    critical, rng = float(drawn_sizes.quantile(0.025, np.array(share))), np.random.default_rng(2)
    z_to_half = pairs.half_width(0.025)  # one run: the half-width is that of the images alone
    assert z_to_half == pytest.approx(np.sqrt(pairs.item_variance) * _quantiles(matrix), rel=1e-12)
    largest = []
    for _ in range(4_000):
        sums = width[:, None] * (rng.normal(size=(8, 3)) @ spread.T)
        ratios = []
        for i, j in ((0, 1), (0, 2), (1, 2)):
            z = sums[:, i] - sums[:, j]
            residual = z - sizes / sizes.sum() * z.sum()
            ratios.append(abs(z.sum()) / np.sqrt(8 / 7 * (residual**2).sum()) / critical)
        largest.append(max(ratios))
    assert np.quantile(found, 0.95) == pytest.approx(np.quantile(largest, 0.95), rel=0.06)
    moved = bootstrap_deviations(matrix, 2_000, 0)
    assert max_t_criterion(pairs, moved, 0) / norm.isf(0.025) == pytest.approx(np.quantile(largest, 0.95), rel=0.08)


def _quantiles(matrix: ItemMatrix) -> np.ndarray:
    return cluster_distribution(matrix).quantile(0.025, cluster_shares(matrix).pair)


def test_equal_models_are_seldom_told_apart_where_one_cluster_holds_half() -> None:
    false = 0
    for study in range(150):
        matrix = drawn(HALF, k=6, seed=study)
        pairs = pair_differences(matrix)
        criterion = max_t_criterion(pairs, bootstrap_deviations(matrix, 300, 0), 0)
        false += bootstrap.beats(pairs, criterion).any()
    assert false / 150 <= 0.1  # the bootstrap of clusters: 19 %


def test_which_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_simulated(drawn(HALF))
    assert not is_simulated(drawn(np.full(8, 20)))
    many = drawn(np.array([2, 3] * 120))
    assert not is_simulated(many)  # of 120 effective clusters Student's quantile does
    assert common_df(many) == pytest.approx(np.median(equivalent_df(many, pairs=True)[np.triu_indices(4, 1)]))
    assert common_df(drawn(np.full(8, 20))) == 7
    matrix = drawn(HALF)
    assert affordable_draws(matrix, 700) == 700
    monkeypatch.setattr(cluster_family, "MAX_WORK", 8 * 4 * (4 + 4) * 600)
    assert affordable_draws(matrix, 700) == 600
    monkeypatch.setattr(cluster_family, "MAX_WORK", 8 * 4 * (4 + 4) * 499)
    assert affordable_draws(matrix, 700) == 0
    assert not is_simulated(matrix)


def test_the_criterion_of_equal_clusters_draws_their_errors_with_their_degrees_of_freedom() -> None:
    matrix = drawn(np.full(9, 10))
    pairs, moved, draws = pair_differences(matrix), bootstrap_deviations(matrix, 400, 0), 400
    rng = bootstrap.make_generator(0, matrix, "errors")
    wide = moved * np.sqrt(8 / rng.chisquare(8, (draws, 1)))
    apart = np.abs(wide[:, :, None] - wide[:, None, :]) / pairs.half_width(0.025)
    expected = norm.isf(0.025) * max(np.quantile(apart.max(axis=(1, 2)), 0.95), 1)
    assert max_t_criterion(pairs, moved, 0) == pytest.approx(expected)


def test_the_variance_of_training_is_drawn_with_twice_its_degrees_of_freedom() -> None:
    matrix = drawn(np.ones(60, dtype=int), k=2, seeds=3)
    found = draw_training_variance(matrix, 50, np.random.default_rng(7))
    pooled = (matrix.seed_sd**2 + (matrix.seed_sd**2).mean()) / 2
    chance = np.random.default_rng(7).chisquare([4, 4], (50, 2))
    expected = np.maximum(pooled * 4 / chance - matrix.item_variance, 0) / 3
    assert found == pytest.approx(expected)
    assert (draw_training_variance(drawn(HALF), 5, np.random.default_rng(0)) == 0).all()


def test_welchs_degrees_of_freedom_by_hand() -> None:
    found = welch_df(*(np.array([value]) for value in (1.0, 1, 2, 2)))
    assert found == pytest.approx([4])  # (1 + 1)^2 / (1/2 + 1/2)
    assert welch_df(*(np.array([value]) for value in (2.0, 1, 4, 2))) == pytest.approx([9 / (4 / 4 + 1 / 2)])
    assert np.isinf(welch_df(*(np.array([value]) for value in (0.0, 0, 2, 2))))[0]
