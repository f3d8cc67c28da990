"""Resampling an item matrix: paired bootstraps, max-T over all pairs, and sign flips of cluster sums."""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from scipy.stats import norm

from kogen.statistics._intervals import PairDifferences, pair_differences
from kogen.statistics._item_matrix import ItemMatrix
from kogen.statistics.clusters.cluster_family import common_df, is_simulated, simulate_largest
from kogen.statistics.clusters.cluster_quantiles import cluster_distribution, cluster_shares, has_equal_clusters

MAX_CELLS = 4_000_000  # how many weights are held at once, 16 MB
KEPT_BYTES = 1 << 27  # of deviations that wait for the next statistic of the same matrix
EXACT = 1 << 24  # up to here float32 has every whole number
CACHED_CELLS = 32_768  # of float64 that a processor keeps near: work on them is several times as fast
PATTERN_FACTOR = 16  # from so many clusters per distinct row, drawing the rows' counts is faster than drawing clusters


def make_generator(seed: int, matrix: ItemMatrix, purpose: str) -> np.random.Generator:
    """The generator of one purpose on one data set: the same in every statistic with the same seed."""
    return np.random.default_rng([seed, zlib.crc32(matrix.dataset.encode()), zlib.crc32(purpose.encode())])


def distinct_rows(matrix: ItemMatrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct rows (U, k + 1) of cluster sums and sizes, the row of each cluster (G,), and how many have each (U,)."""
    table = np.column_stack([matrix.cluster_sums, matrix.cluster_sizes]).astype(np.float32)
    whole = table.view(np.dtype((np.void, table.itemsize * table.shape[1])))[:, 0]  # ten times as fast as axis=0
    _, first, code, count = np.unique(whole, return_index=True, return_inverse=True, return_counts=True)
    return table[first], code, count


def chunk_sizes(draws: int, width: int) -> Iterator[int]:
    """Numbers of draws that sum to `draws`, each small enough for `width` weights a draw to fit in MAX_CELLS."""
    step = max(MAX_CELLS // width, 1)
    for start in range(0, draws, step):
        yield min(step, draws - start)


_KEPT: WeakKeyDictionary[ItemMatrix, tuple[int, np.ndarray]] = WeakKeyDictionary()  # seed and deviations (draws, k)


def bootstrap_deviations(matrix: ItemMatrix, draws: int, seed: int) -> np.ndarray:
    """Deviations (draws, k) of the accuracies, 0-1, on resampled clusters, the same for all models; not to be written.

    With clusters they are multiplied by sqrt(G / (G - 1)), by which resampling G of them is too small. Clusters of
    unequal sizes are weighed by normal draws instead: see `wild_deviations`.
    Several statistics of a matrix want the same, so as many as fit in KEPT_BYTES are kept as long as their matrices.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}: 5000 is the usual number")
    known_seed, known = _KEPT.get(matrix, (seed, np.empty((0, 0))))
    if known_seed == seed and (len(known) == draws or (len(known) > draws and _has_exact_sums(matrix))):
        return known[:draws]
    found = draw_deviations(matrix, draws, seed)
    if draws > len(known):
        keep_deviations(matrix, seed, found)
    return found


def keep_deviations(matrix: ItemMatrix, seed: int, found: np.ndarray) -> None:
    """Keep the deviations of a matrix for the statistics that ask for them next, where they fit in KEPT_BYTES."""
    found.flags.writeable = False
    others = sum(kept.nbytes for one, (_, kept) in _KEPT.items() if one is not matrix)
    if others + found.nbytes <= KEPT_BYTES:
        _KEPT[matrix] = seed, found


def _has_exact_sums(matrix: ItemMatrix) -> bool:
    """Whether sums of drawn clusters have no rounding, so that the first of many draws are those of few, bit by bit."""
    sums = matrix.cluster_sums
    whole = has_equal_clusters(matrix) and bool((np.mod(sums, 1) == 0).all())
    return whole and matrix.cluster_count * max(float(np.abs(sums).max()), matrix.cluster_sizes.max()) <= EXACT


def draw_deviations(matrix: ItemMatrix, draws: int, seed: int) -> np.ndarray:
    """What `bootstrap_deviations` gives, drawn anew."""
    rng, groups = make_generator(seed, matrix, "items"), matrix.cluster_count
    if not has_equal_clusters(matrix):
        return wild_deviations(matrix, draws, rng)
    table, code, count = distinct_rows(matrix)
    found = []
    for rows in chunk_sizes(draws, len(count) if len(count) * PATTERN_FACTOR < groups else groups):
        if len(count) * PATTERN_FACTOR < groups:
            weight = rng.multinomial(groups, count / groups, size=rows).astype(np.float32)  # (rows, U)
        else:
            weight = draw_counts(rng, rows, code, len(count))
        total = (weight @ table).astype(np.float64)  # (rows, k + 1)
        found.append(total[:, :-1] / total[:, -1:])
    moved = np.concatenate(found) - matrix.means
    return moved * np.sqrt(groups / (groups - 1)) if groups < matrix.n else moved


def draw_counts(rng: np.random.Generator, draws: int, code: np.ndarray, width: int) -> np.ndarray:
    """How often each of `width` rows is drawn, (draws, width) float32; `code` (G,): the row of each drawn cluster.

    A few draws at a time: counts that a processor keeps near are made twice as fast, and the numbers are the same.
    """
    found, step = np.empty((draws, width), dtype=np.float32), max(CACHED_CELLS // max(width, len(code)), 1)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        picks = code[rng.integers(0, len(code), size=(rows, len(code)))]
        picks += width * np.arange(rows)[:, None]
        found[start : start + rows] = np.bincount(picks.ravel(), minlength=rows * width).reshape(rows, width)
    return found


def wild_deviations(matrix: ItemMatrix, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Deviations (draws, k) of the accuracies where every cluster's residual is weighed by a normal draw.

    A wild cluster bootstrap (Cameron, Gelbach and Miller 2008, Rev. Econ. Stat. 90) of the linearised mean: drawing
    whole clusters would leave the largest out of a third of the draws. The scale is that of the unbiased variance.
    """
    apart = matrix.cluster_sums - matrix.means * matrix.cluster_sizes[:, None]  # (G, k)
    groups, bias = matrix.cluster_count, cluster_distribution(matrix).bias(cluster_shares(matrix).pooled)
    apart = apart * np.sqrt(bias * groups / (groups - 1)) / matrix.n
    return np.concatenate([rng.standard_normal((rows, groups)) @ apart for rows in chunk_sizes(draws, groups)])


def bootstrap_accuracies(matrix: ItemMatrix, deviations: np.ndarray, seed: int) -> np.ndarray:
    """Accuracies (draws, k), 0-1, on resampled clusters and, where there are several runs, after other trainings.

    `deviations` as of `bootstrap_deviations`. Training adds a normal draw with its variance of a model's mean: drawing
    2 to 5 runs with replacement would give (S - 1) / S of it and count the residual's noise three times (Owen 2007,
    Ann. Appl. Stat. 1).
    """
    sample = matrix.means + deviations
    if matrix.training_variance.any():
        normal = make_generator(seed, matrix, "seeds").standard_normal(sample.shape)
        sample = sample + np.sqrt(matrix.training_variance) * normal
    return np.round(sample, 9)  # values that differ by rounding alone tie


def max_t_criterion(pairs: PairDifferences, deviations: np.ndarray, seed: int) -> float:
    """Max-T's criterion for all pairs at once, a normal quantile, from bootstrap deviations (draws, k).

    It is never easier than for one pair alone.

    Independent items and one run: the 95 % quantile over bootstraps of max over pairs of |d* - d| / se (Westfall and
    Young 1993, Resampling-Based Multiple Testing). Clusters or several runs: a standard error from few of them is
    uncertain, and the pair with the smallest one reaches the maximum too often; so every bootstrap also draws the
    standard errors from their own distribution (simultaneous fiducial intervals: Hannig et al. 2006, JASA 101), and the
    criterion multiplies the half-width of the pair's own interval. Unequal clusters: see `simulate_largest`.
    """
    matrix, single, (draws, k) = pairs.matrix, float(norm.isf(0.025)), deviations.shape
    if k < 3:
        return single  # one pair is the whole family
    if not matrix.is_textbook:
        rng = make_generator(seed, matrix, "errors")
        if is_simulated(matrix):
            training = np.sqrt(draw_training_variance(matrix, draws, rng)) * rng.standard_normal(deviations.shape)
            return single * max(float(np.quantile(simulate_largest(pairs, draws, training, rng), 0.95)), 1.0)
        freedom = common_df(matrix)
        deviations = deviations * np.sqrt(freedom / rng.chisquare(freedom, (draws, 1)))
        deviations += np.sqrt(draw_training_variance(matrix, draws, rng)) * rng.standard_normal(deviations.shape)
    half, largest, step = pairs.half_width(0.025), np.zeros(draws), max(CACHED_CELLS // k, 1)
    for start in range(0, draws, step):
        some, most = deviations[start : start + step], largest[start : start + step]
        for i in range(k - 1):
            apart = np.abs(some[:, i : i + 1] - some[:, i + 1 :]) / half[i, i + 1 :]
            np.maximum(most, apart.max(axis=1), out=most)
    return single * max(float(np.quantile(largest, 0.95)), 1.0)


@lru_cache(maxsize=1)  # `paired` and `ranks` want the same of a data set, one after the other
def bootstrap_pairs(matrix: ItemMatrix, draws: int, seed: int) -> tuple[PairDifferences, np.ndarray, float]:
    """All differences between the models, the deviations (draws, k) of `bootstrap_deviations`, max-T's criterion."""
    moved, pairs = bootstrap_deviations(matrix, draws, seed), pair_differences(matrix)
    return pairs, moved, max_t_criterion(pairs, moved, seed)


def draw_training_variance(matrix: ItemMatrix, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws (draws, k) of the variance of each mean from training, as uncertain as the number of runs leaves it.

    The variance of 3 runs is hardly known: each model's own has half the weight, the mean over models the other half,
    and their sum counts twice the degrees of freedom of its own. Measured in docs/coverage.md.
    """
    several, df = matrix.runs > 1, 2 * np.maximum(matrix.runs - 1, 1)
    if not several.any():
        return np.zeros((draws, len(df)))
    half_pooled = (matrix.seed_sd**2 + (matrix.seed_sd[several] ** 2).mean()) / 2  # (k,), nan for one run
    drawn = np.nan_to_num(half_pooled) * df / rng.chisquare(df, (draws, len(df)))
    return np.maximum(drawn - matrix.item_variance, 0) * matrix.mean_factor


def family_half_width(pairs: PairDifferences, criterion: float) -> np.ndarray:
    """Half-widths (k, k) of the intervals that hold for all pairs at once."""
    return pairs.half_width(0.025) * criterion / float(norm.isf(0.025))


def beats(pairs: PairDifferences, criterion: float) -> np.ndarray:
    """Whether model i beats model j with all pairs judged together, (k, k) bool."""
    return pairs.adjusted > family_half_width(pairs, criterion)


def permutation_p(matrix: ItemMatrix, draws: int, seed: int) -> np.ndarray:
    """p values (k, k) of the paired permutation test, in which each cluster swaps the two models' names or does not.

    The share of random sign flips of the cluster sums with a difference as large as observed, the observed included.
    """
    rng, groups, k = make_generator(seed, matrix, "flips"), matrix.cluster_count, len(matrix.models)
    table, code, size = distinct_rows(matrix)
    total = matrix.cluster_sums.sum(axis=0)
    observed = np.abs(total[:, None] - total[None, :]) - 1e-3  # sums move in steps of 1 / seeds: this is rounding only
    count = np.ones((k, k))
    for rows in chunk_sizes(draws, len(size) if len(size) * PATTERN_FACTOR < groups else groups):
        if len(size) * PATTERN_FACTOR < groups:
            kept = rng.binomial(size, 0.5, size=(rows, len(size)))  # (rows, U)
            sign, side = (2 * kept - size).astype(np.float32), table
        else:
            bits = np.frombuffer(rng.bytes((rows * groups + 7) // 8), dtype=np.uint8)
            sign = np.unpackbits(bits, count=rows * groups).reshape(rows, groups).astype(np.float32) * 2 - 1
            side = table[code]
        swapped = (sign @ side[:, :-1]).astype(np.float64)  # (rows, k)
        for i in range(k):
            count[i] += (np.abs(swapped[:, i : i + 1] - swapped) >= observed[i]).sum(axis=0)
    return count / (draws + 1)
