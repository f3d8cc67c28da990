"""Critical values for unequal clusters: against slow twins, tables made by hand, and simulated coverage."""

import numpy as np
import pytest
from scipy.stats import kurtosis, norm
from scipy.stats import t as student

from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import ItemMatrix, matrix_from_runs
from kogen.statistics.clusters import cluster_quantiles
from kogen.statistics.clusters.cluster_quantiles import (
    DF_TABLE,
    SHARES,
    StudentisedMean,
    cluster_shares,
    df_of_quantile,
    effective_clusters,
    effective_count,
    equivalent_df,
    excess_kurtosis,
    item_quantile,
    mean_squares,
    merge_small_clusters,
    moment_df,
    residual_variances,
    studentised_mean,
    sum_variances,
)
from kogen.statistics.paired import paired
from kogen.statistics.resampling.bootstrap import bootstrap_deviations
from kogen.statistics.values import values

HALF = np.array([140, *[20] * 7])  # eight clusters, one of which holds half


def drawn(sizes: np.ndarray, k: int = 2, seed: int = 0, lot: float = 0.7) -> ItemMatrix:
    """Models with about 75 % right, items in clusters of these sizes that are harder or easier."""
    rng = np.random.default_rng([seed, k, len(sizes)])
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    hard = lot * rng.normal(size=len(sizes))[cluster] + rng.normal(size=len(cluster))
    own = 0.4 * lot * rng.normal(size=(k, len(sizes)))[:, cluster]
    right = norm.ppf(0.75) * 1.6 + hard + own + rng.normal(size=(k, len(cluster))) > 0
    return matrix_from_runs("lots", [f"m{i}" for i in range(k)], right.astype(float), cluster)


@pytest.mark.parametrize(
    ("sizes", "count"), [([10, 10, 10], 3), ([1], 1), (HALF, 280**2 / (140**2 + 7 * 20**2)), ([3, 1], 1.6)]
)
def test_the_effective_number_of_clusters(sizes: list[int], count: float) -> None:
    assert effective_count(np.array(sizes)) == pytest.approx(count)


def test_independent_items_have_no_number_of_clusters() -> None:
    assert np.isnan(effective_clusters(drawn(np.ones(30, dtype=int))))
    assert effective_clusters(drawn(HALF)) == pytest.approx(3.5)


def test_small_clusters_are_put_together_and_nothing_is_lost() -> None:
    sizes = np.random.default_rng(0).integers(1, 50, 1000)
    merged, squares = merge_small_clusters(sizes)
    assert len(merged) == 192
    assert (merged.sum(), squares.sum()) == (sizes.sum(), (sizes**2).sum())
    assert list(merged[:64]) == sorted(sizes, reverse=True)[:64]
    few, own = merge_small_clusters(sizes[:192])
    assert sorted(few) == sorted(sizes[:192])
    assert (own == few**2).all()


def test_variances_of_sums_and_residuals_are_those_of_the_matrix() -> None:
    sizes, share = np.array([5.0, 3, 2]), np.array([0.0, 0.2, 1])
    variances = sum_variances(sizes, sizes**2, share)
    assert variances[:, 1] == pytest.approx([5 * 0.8 + 25 * 0.2, 3 * 0.8 + 9 * 0.2, 2 * 0.8 + 4 * 0.2])
    away = np.eye(3) - np.outer(sizes / 10, np.ones(3))
    for column in variances.T:
        expected = np.diag(away @ np.diag(column) @ away.T)
        assert residual_variances(sizes, column[:, None])[:, 0] == pytest.approx(expected)


def test_the_usual_variance_is_right_for_equal_clusters_and_too_small_for_unequal_ones() -> None:
    # sizes 3 and 1 of independent items: residuals have variance 3/4 each; 2 / 1 * 1.5 = 3 of 4 is expected
    assert studentised_mean((1, 3)).bias(0.0) == pytest.approx(4 / 3)
    assert studentised_mean((4, 4, 4)).bias(0.3) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_quantiles_against_a_slow_twin(share: float) -> None:
    rng, n, part = np.random.default_rng(1), HALF, HALF / HALF.sum()
    ratios = []
    for _ in range(20_000):
        z = rng.normal(size=8) * np.sqrt(n * (1 - share) + n**2 * share)
        residual = z - part * z.sum()
        ratios.append(abs(z.sum()) / np.sqrt(8 / 7 * (residual**2).sum()))
    found = studentised_mean(tuple(n.tolist()))
    for tail in (0.025, 0.05):
        assert found.quantile(tail, np.array(share)) == pytest.approx(np.quantile(ratios, 1 - 2 * tail), rel=0.03)


def test_simulated_quantiles_of_equal_clusters_are_students() -> None:
    found = studentised_mean((20,) * 9)
    assert found.quantile(0.025, SHARES) == pytest.approx(student.isf(0.025, 8), rel=0.02)


def test_heaps_of_small_clusters_change_the_quantile_by_little(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = np.r_[400, np.random.default_rng(0).integers(1, 9, 400)]
    merged = StudentisedMean(401, *merge_small_clusters(sizes)).quantile(0.025, SHARES)
    monkeypatch.setattr(cluster_quantiles, "DRAWS", 8_000)
    whole = StudentisedMean(401, sizes.astype(float), sizes.astype(float) ** 2).quantile(0.025, SHARES)
    assert merged == pytest.approx(whole, rel=0.035)


def test_the_share_that_clusters_explain_by_hand() -> None:
    # three clusters of two: 1 1, 0 0, 1 0. Between: 2 * (.25 + .25) = 1, within: .5; mean squares 1/2 and 1/6.
    # 3/4 of a standard error more between: 1/2 / (1 - 3/4) = 2; (2 - 1/6) / 2 = 11/12 of 11/12 + 1/6
    found = mean_squares(np.array(1.0), np.array(0.5), np.array([2.0, 2, 2]))
    assert found == pytest.approx(11 / 13)
    right = np.array([[1.0, 1, 0, 0, 1, 0]])
    assert cluster_shares(matrix_from_runs("d", ["a"], right, np.arange(6) // 2)).single == pytest.approx([11 / 13])
    assert mean_squares(np.array(0.0), np.array(0.0), np.array([2.0, 1, 3])) == 0
    # two clusters of 3 and 1: step (4 - 10/4) / 1 = 1.5, and 0.2 is all that a mean square of one may be divided by
    assert mean_squares(np.array(0.2), np.array(0.5), np.array([3.0, 1])) == pytest.approx(0.5 / (0.5 + 0.25))


def test_shares_of_differences_are_those_of_the_differences_themselves() -> None:
    matrix = drawn(np.array([30, 9, 14, 22, 5]), k=3)
    shares = cluster_shares(matrix)
    cells = matrix.values[:, 0] - matrix.values[:, 2]
    code, sizes = matrix.cluster_codes, matrix.cluster_sizes
    means = np.bincount(code, cells) / sizes
    between, within = (sizes * (means - cells.mean()) ** 2).sum(), ((cells - means[code]) ** 2).sum()
    own = mean_squares(np.array(between), np.array(within), sizes.astype(float))
    assert shares.pair[0, 2] == pytest.approx(max(own, shares.pooled))
    assert shares.pair[2, 0] == pytest.approx(shares.pair[0, 2])
    assert 0 < shares.pooled < shares.pair.max() <= 1
    two = cluster_shares(drawn(np.array([30, 9, 14, 22, 5])))
    assert two.pooled == pytest.approx(two.pair[0, 1])


def test_kurtosis_is_scipys_of_columns_and_of_their_differences() -> None:
    u = np.random.default_rng(0).exponential(size=(40, 3)) ** 1.5
    assert excess_kurtosis(u, pairs=False) == pytest.approx(kurtosis(u))
    pairs = excess_kurtosis(u, pairs=True)
    assert pairs[0, 1] == pytest.approx(kurtosis(u[:, 0] - u[:, 1]))
    assert pairs[1, 1] == 0
    assert excess_kurtosis(np.array([[-1.0], [1]] * 9), pairs=False) == 0  # -2 is counted as 0


def pseudo(positives: int, n: int) -> ItemMatrix:
    """Pseudo-values of which few carry the variance, as of a metric with rare positives."""
    matrix = matrix_from_runs("d", ["a", "b"], np.zeros((2, n)), np.arange(n))
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(0, 30, (positives, 2)), rng.normal(0, 0.1, (n - positives, 2))]
    return ItemMatrix(**{**vars(matrix), "values": rows, "cluster_sums": rows})


def test_few_contributions_with_all_the_variance_are_few_degrees_of_freedom() -> None:
    matrix = pseudo(10, 500)
    assert not matrix.is_textbook
    u = matrix.values - matrix.values.mean(axis=0)
    expected = 1 / (1 / 499 + kurtosis(u) / 1000)
    assert moment_df(matrix, False) == pytest.approx(expected)
    assert (moment_df(matrix, False) < 20).all()
    assert item_quantile(matrix, 0.025) == pytest.approx(student.isf(0.025, expected))
    assert equivalent_df(matrix) == pytest.approx(expected, rel=1e-2)
    assert equivalent_df(matrix, pairs=True)[0, 1] < 20


@pytest.mark.parametrize("df", [1.5, 2.5, 7, 24, 1000])
def test_degrees_of_freedom_by_their_quantile(df: float) -> None:
    assert df_of_quantile(np.array([student.isf(0.025, df)])) == pytest.approx(df, rel=0.01)


def test_degrees_of_freedom_of_the_cases() -> None:
    assert np.isnan(equivalent_df(drawn(np.ones(20, dtype=int)))).all()
    assert equivalent_df(drawn(np.full(9, 5))) == pytest.approx([8, 8], rel=1e-3)
    assert item_quantile(drawn(np.full(9, 5)), 0.05) == student.isf(0.05, 8)
    assert item_quantile(drawn(np.ones(20, dtype=int)), 0.05) == norm.isf(0.05)
    unequal = equivalent_df(drawn(HALF), pairs=True)
    assert unequal.shape == (2, 2)
    assert 1 < unequal[0, 1] < 6
    assert equivalent_df(drawn(np.array([9, 10] * 40))).max() <= 79


def test_tables_say_how_many_clusters_there_are_in_effect() -> None:
    matrix = drawn(HALF)
    one, pair = values([matrix]).iloc[0], paired([matrix], draws=50).iloc[0]
    assert (one["clusters_effective"], pair["clusters_effective"]) == pytest.approx((3.5, 3.5))
    assert one["df"] == pytest.approx(equivalent_df(matrix)[0])
    assert pair["df"] == pytest.approx(equivalent_df(matrix, pairs=True)[0, 1])


def test_intervals_cover_where_one_cluster_holds_half() -> None:
    hits = np.zeros(2)
    truth = norm.cdf(norm.ppf(0.75) * 1.6 / np.sqrt(2 + 0.7**2 + 0.28**2))
    for study in range(250):
        matrix = drawn(HALF, seed=study)
        row, pairs = values([matrix]).iloc[0], pair_differences(matrix)
        hits += (row["lo"] <= 100 * truth <= row["hi"], abs(pairs.adjusted[0, 1]) <= pairs.half_width(0.025)[0, 1])
    assert (hits / 250 >= 0.91).all()  # Student's quantile with 7 degrees of freedom: 84 %
    assert (hits / 250 <= 0.99).all()


def test_wild_deviations_have_the_unbiased_variance() -> None:
    matrix = drawn(HALF, seed=3)
    moved = bootstrap_deviations(matrix, 8_000, 0)
    apart = matrix.cluster_sums - matrix.means * matrix.cluster_sizes[:, None]
    bias = studentised_mean((20,) * 7 + (140,)).bias(cluster_shares(matrix).pooled)
    expected = np.sqrt(bias * 8 / 7 * (apart**2).sum(axis=0)) / matrix.n
    assert moved.std(axis=0) == pytest.approx(expected, rel=0.04)
    assert moved.mean(axis=0) == pytest.approx([0, 0], abs=0.002)


def test_a_table_of_critical_values_is_the_same_for_everybody() -> None:
    """Numbers of the program itself: another seed, number of draws or share of the table gives others."""
    found = StudentisedMean(4, *merge_small_clusters(np.array([5, 3, 2, 1])))
    assert found.ratios.shape == (20_000, 7)
    assert np.array([0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]).tolist() == SHARES.tolist()
    at = np.quantile(found.ratios, 0.95, axis=0)
    for share, value in zip(SHARES, at, strict=True):
        assert float(found.quantile(0.025, np.array(share))) == pytest.approx(value)
    part = found.sizes / 11
    normal = np.random.default_rng(20_161_001).standard_normal((20_000, 4))
    root = np.sqrt(found.squares)  # a share of 1
    total = normal @ root
    residual = normal * root - part * total[:, None]
    wanted = np.quantile(np.abs(total) / np.sqrt(4 / 3 * (residual**2).sum(axis=1)), 0.95)
    assert at[-1] == pytest.approx(wanted)


@pytest.mark.parametrize("df", [0.3, 0.35, 5.0, 9.95, 10.0, 10.1, 10.1 * (1e6 / 10.1) ** (1 / 3), 1e6])
def test_the_nodes_of_the_table_of_degrees_of_freedom_are_exact(df: float) -> None:
    assert float(df_of_quantile(student.isf(0.025, df))) == pytest.approx(df, rel=1e-9 if df < 1e5 else 1e-6)
    assert (DF_TABLE[0], DF_TABLE[-1], len(DF_TABLE)) == (0.3, pytest.approx(1e6), 595)


def test_up_to_192_clusters_are_drawn_one_by_one() -> None:
    sizes = np.arange(1, 193)
    assert merge_small_clusters(sizes)[0].tolist() == list(range(192, 0, -1))
    more = merge_small_clusters(np.arange(1, 194))
    assert len(more[0]) == 192
    assert more[0][:64].tolist() == list(range(193, 129, -1))
    assert more[0][64] == 129 + 1  # the 65th goes with the last, the 193rd
    assert more[1][64] == 129**2 + 1
