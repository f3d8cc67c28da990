"""Intervals: Wilson's, and Bonett and Price's, extended to clusters and seeds by their variance components."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._item_matrix import ItemMatrix
from kogen.statistics.clusters.cluster_quantiles import item_quantile


@cache
def normal_quantile(tail: float) -> float:
    """The normal quantile that leaves `tail` above it."""
    return float(norm.isf(tail))


@cache
def student_quantile(tail: float, df: int) -> float:
    """Student's quantile that leaves `tail` above it."""
    return float(student.isf(tail, df))


def wilson(share: np.ndarray, n: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of shares (k,) in 0-1 of n (k,) trials, fractions of a trial allowed (Wilson 1927).

    Both ends are nan where n is.
    """
    z2 = normal_quantile((1 - level) / 2) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    none, every = (share < 1e-12) & ~np.isnan(n), (share > 1 - 1e-12) & ~np.isnan(n)
    return np.where(none, 0.0, middle - half), np.where(every, 1.0, middle + half)


def total_half_width(
    items: np.ndarray, seeds: np.ndarray, seed_df: np.ndarray, matrix: ItemMatrix, tail: float
) -> np.ndarray:
    """Half-width, for one tail, of an estimate with variance `items` from images and `seeds` from training.

    Each part has the quantile of its own degrees of freedom and the squares are added (Howe 1974, JASA 69, 789-794):
    one joint quantile (Satterthwaite) or a percentile bootstrap is too narrow with 2 to 5 seeds; see docs/coverage.md.
    """
    image = item_quantile(matrix, tail, pairs=items.ndim == 2)
    return np.sqrt(image**2 * items + student.isf(tail, seed_df) ** 2 * seeds)


def welch_df(variance: np.ndarray, other: np.ndarray, df: np.ndarray, other_df: np.ndarray) -> np.ndarray:
    """Welch's degrees of freedom of a sum of two variances; infinite where both are 0."""
    parts = variance**2 / df + other**2 / other_df
    return np.divide((variance + other) ** 2, parts, out=np.full(parts.shape, np.inf), where=parts > 0)


@dataclass(frozen=True)
class PairDifferences:
    """Differences between all models of an item matrix, i minus j, and their variances, each (k, k), in 0-1."""

    matrix: ItemMatrix
    difference: np.ndarray  # as observed
    adjusted: np.ndarray  # with one imagined item won by each side: Bonett and Price's estimate
    item_variance: np.ndarray  # variance from images
    training_variance: np.ndarray  # variance from training
    seed_df: np.ndarray
    null_variance: np.ndarray  # variance from images if there were no difference; psi / n

    def half_width(self, tail: float) -> np.ndarray:
        """Half-width (k, k) of the interval that leaves `tail` on each side."""
        return total_half_width(self.item_variance, self.training_variance, self.seed_df, self.matrix, tail)


def pair_differences(matrix: ItemMatrix) -> PairDifferences:
    """All differences between the models of an item matrix.

    Bonett and Price (2012, J. Educ. Behav. Stat. 37, 479-488) add one item won by each side to McNemar's table and take
    Wald's interval; with clusters the squares are of cluster sums (two more clusters of one item), with seeds of
    seed-averaged items, where an item won in one of S runs counts 1 / S; of another metric than accuracy the imagined
    items move the value as far as one item of the rarest class can (`ItemMatrix.step`). Runs of different models count
    as trained independently, also where they share the seed's number (Welch's degrees of freedom): what they share can
    only steady the difference, so the interval errs wide.
    """
    n, sums, sizes = matrix.n, matrix.cluster_sums, matrix.cluster_sizes.astype(float)
    difference = np.subtract.outer(matrix.means, matrix.means)
    gram = sums.T @ sums  # (k, k)
    square = np.maximum(np.diag(gram)[:, None] + np.diag(gram)[None, :] - 2 * gram, 0)  # sum of squared cluster sums
    middle = difference * n / (n + 2)
    cross = np.subtract.outer(sums.T @ sizes, sums.T @ sizes)
    added = 2 * matrix.step**2 / np.minimum.outer(matrix.runs, matrix.runs)
    centred = square + added - 2 * middle * cross + middle**2 * ((sizes**2).sum() + 2)
    small = 1.0 if matrix.is_textbook else matrix.cluster_count / max(matrix.cluster_count - 1, 1)
    variance, df = matrix.seed_variance[:, None], np.maximum(matrix.runs - 1, 1)[:, None]
    seed_df = welch_df(variance, variance.T, df, df.T)
    training = matrix.training_variance[:, None] + matrix.training_variance[None, :]
    item_variance, null_variance = small * centred / (n + 2) ** 2, small * square / n**2
    return PairDifferences(matrix, difference, middle, item_variance, training, seed_df, null_variance)
