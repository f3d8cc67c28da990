"""Critical values for clusters of unequal sizes: the distribution of the studentised mean, simulated.

With unequal clusters the variance between cluster sums is estimated too low (a large cluster pulls the mean to itself),
it has few degrees of freedom, and it goes with the error of the mean. Student's quantile with Satterthwaite's degrees
of freedom (Bell and McCaffrey 2002, Surv. Methodol. 28; Imbens and Kolesar 2016, Rev. Econ. Stat. 98) repairs the first
two and covers 98 to 100 % where one cluster holds half; simulating the whole ratio repairs all three: docs/coverage.md.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._item_matrix import ItemMatrix

DRAWS = 20_000  # of the studentised mean: a 95 % quantile within about 1 %
SEED = 20_161_001  # a table of critical values is the same for everybody
MAX_SINGLE, MAX_MERGED = 64, 128  # clusters that are drawn one by one, and heaps of small ones beside them
SHARES = np.array([0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0])  # of the variance of an item that its cluster explains
DF_TABLE = np.concatenate([np.linspace(0.3, 10, 195), np.geomspace(10.1, 1e6, 400)])


def effective_count(sizes: np.ndarray) -> float:
    """(sum n_g)^2 / sum n_g^2 of cluster sizes (G,): how many equal clusters would weigh as evenly."""
    sizes = np.asarray(sizes, dtype=np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def effective_clusters(matrix: ItemMatrix) -> float:
    """`effective_count` of an item matrix; nan where each item stands alone."""
    return float("nan") if matrix.cluster_count == matrix.n else effective_count(matrix.cluster_sizes)


def has_equal_clusters(matrix: ItemMatrix) -> bool:
    """Whether all clusters have the same number of items, as items without clusters have."""
    return bool((matrix.cluster_sizes == matrix.cluster_sizes[0]).all())


def merge_small_clusters(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (H,) and sums of squared sizes (H,) of at most 192 clusters: the largest, and heaps of the small ones.

    A heap has the variance of its clusters together; that it counts as one cluster costs under 1 % of the quantile.
    """
    order = np.sort(np.asarray(sizes, dtype=np.float64))[::-1]
    if len(order) <= MAX_SINGLE + MAX_MERGED:
        return order, order**2
    heap = np.concatenate([np.arange(MAX_SINGLE), MAX_SINGLE + np.arange(len(order) - MAX_SINGLE) % MAX_MERGED])
    return np.bincount(heap, order), np.bincount(heap, order**2)


def sum_variances(sizes: np.ndarray, squares: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Variances (H, P) of cluster sums at shares (P,) of an item's variance that its cluster explains."""
    return sizes[:, None] * (1 - share) + squares[:, None] * share


def residual_variances(sizes: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Variances (H, P) of the residuals of cluster sums: each sum less the overall mean times its size."""
    part = (sizes / sizes.sum())[:, None]
    return variances - 2 * part * variances + variances.sum(axis=0) * part**2


@dataclass(frozen=True)
class StudentisedMean:
    """The simulated distribution of |sum of z| / sqrt(sum of squared residuals), for clusters of given sizes."""

    count: int  # clusters
    sizes: np.ndarray  # (H,) after merging
    squares: np.ndarray  # (H,)

    @cached_property
    def ratios(self) -> np.ndarray:
        """Sorted draws (DRAWS, P) at each of SHARES, by the scale of the usual estimate: Student's with equal sizes."""
        part = self.sizes / self.sizes.sum()
        root = np.sqrt(sum_variances(self.sizes, self.squares, SHARES))  # (H, P)
        normal = np.random.default_rng(SEED).standard_normal((DRAWS, len(part)))
        total = normal @ root
        squares = normal**2 @ root**2 - 2 * total * (normal @ (part[:, None] * root)) + total**2 * (part**2).sum()
        small = self.count / (self.count - 1)
        return np.sort(np.abs(total) / np.sqrt(small * np.maximum(squares, 1e-12 * total**2)), axis=0)

    def quantile(self, tail: float, share: np.ndarray) -> np.ndarray:
        """The value that leaves `tail` above it, at shares of any shape."""
        at = np.quantile(self.ratios, 1 - 2 * tail, axis=0)
        return np.interp(np.sqrt(share), np.sqrt(SHARES), at)

    def bias(self, share: float) -> float:
        """True over expected variance of the usual estimate, G / (G - 1) * sum of squared residuals; 1 if equal."""
        variances = sum_variances(self.sizes, self.squares, np.array([share]))
        expected = self.count / (self.count - 1) * residual_variances(self.sizes, variances).sum()
        return float(variances.sum() / expected)


@lru_cache(maxsize=4)
def studentised_mean(sizes: tuple[int, ...]) -> StudentisedMean:
    """The distribution for clusters of these sizes."""
    return StudentisedMean(len(sizes), *merge_small_clusters(np.array(sizes)))


def cluster_distribution(matrix: ItemMatrix) -> StudentisedMean:
    """The distribution for the clusters of an item matrix."""
    return studentised_mean(tuple(np.sort(matrix.cluster_sizes).tolist()))


@dataclass(frozen=True)
class ClusterShares:
    """Which share of an item's variance its cluster explains (analysis of variance, never below 0)."""

    single: np.ndarray  # (k,) of each model
    pair: np.ndarray  # (k, k) of the differences, at least `pooled`: of many pairs some show too little by chance
    pooled: float  # of all differences together; of the one model if there is one


@lru_cache(maxsize=2)
def cluster_shares(matrix: ItemMatrix) -> ClusterShares:
    """The shares of an item matrix with clusters."""
    values, sums, sizes = matrix.values, matrix.cluster_sums, matrix.cluster_sizes.astype(np.float64)
    overall = values.mean(axis=0)
    moved, apart = values - overall, sums - sizes[:, None] * overall  # exact zeros where nothing varies
    between = apart.T @ (apart / sizes[:, None])  # (k, k) sums of products between clusters
    within = moved.T @ moved - between
    each = mean_squares(between, within, sizes)
    pairs = mean_squares(of_differences(between), of_differences(within), sizes)
    many = len(overall) > 1
    pooled = mean_squares(
        np.array(of_differences(between).sum() if many else between.sum()),
        np.array(of_differences(within).sum() if many else within.sum()),
        sizes,
    )
    return ClusterShares(np.diag(each).copy(), np.maximum(pairs, pooled), float(pooled))


def of_differences(products: np.ndarray) -> np.ndarray:
    """Sums of squares (k, k) of the differences between columns, from their sums of products (k, k)."""
    own = np.diag(products)
    return np.maximum(own[:, None] + own[None, :] - 2 * products, 0)


def mean_squares(between: np.ndarray, within: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The share of variance between clusters, from sums of squares between and within them (Searle et al. 1992, 3.6).

    Three quarters of a standard error are added to the variance between clusters: few of them may show none by chance,
    and taking it for none covers less than 95 %. A share of 0 where nothing varies at all.
    """
    n, groups = sizes.sum(), len(sizes)
    inside = np.maximum(within, 0) / max(n - groups, 1)
    step = (n - (sizes**2).sum() / n) / (groups - 1)
    careful = max(1 - 0.75 * np.sqrt(2 / (groups - 1)), 0.2)
    outside = np.maximum(between / (groups - 1) / careful - inside, 0) / step
    total = inside + outside
    return np.divide(outside, total, out=np.zeros(np.shape(total)), where=total > 1e-15)


def excess_kurtosis(contributions: np.ndarray, *, pairs: bool) -> np.ndarray:
    """Fourth moment over squared second one, less 3, never below 0, of contributions (G, k): (k,), or (k, k) of pairs.

    Few contributions that carry all the variance, as the rare positives of a test set do, have a large one.
    """
    u = contributions - contributions.mean(axis=0)
    groups = len(u)
    if not pairs:
        second, fourth = (u**2).sum(axis=0), (u**4).sum(axis=0)
    else:
        u2, u3 = u**2, u**3
        cubes, own = u3.T @ u, (u2**2).sum(axis=0)
        second = of_differences(u.T @ u)
        fourth = own[:, None] + own[None, :] - 4 * (cubes + cubes.T) + 6 * (u2.T @ u2)
    scale = second**2
    found = np.divide(groups * np.maximum(fourth, 0), scale, out=np.zeros(scale.shape), where=scale > 1e-24)
    return np.maximum(found - 3, 0)


def item_quantile(matrix: ItemMatrix, tail: float, *, pairs: bool = False) -> float | np.ndarray:
    """The quantile for images that leaves `tail` above it; an array (k,), with `pairs` (k, k), where models differ.

    Normal in the textbook case; Student's with G - 1 degrees of freedom for equal clusters of shares; simulated for
    unequal ones. Values that are no shares (pseudo-values of a metric) have the degrees of freedom of their own fourth
    moments: Satterthwaite's 2 v^2 / var(v) with var(v) = v^2 (2 / df + kurtosis / G).
    """
    if matrix.is_textbook:
        return float(norm.isf(tail))
    freedom = max(matrix.cluster_count - 1, 1)
    if has_equal_clusters(matrix):
        return float(student.isf(tail, freedom)) if matrix.is_share else student.isf(tail, moment_df(matrix, pairs))
    shares = cluster_shares(matrix)
    found = cluster_distribution(matrix).quantile(tail, shares.pair if pairs else shares.single)
    if matrix.is_share:
        return found
    return found * student.isf(tail, moment_df(matrix, pairs)) / student.isf(tail, freedom)


@lru_cache(maxsize=4)
def moment_df(matrix: ItemMatrix, pairs: bool) -> np.ndarray:
    """Satterthwaite's degrees of freedom from fourth moments of the clusters' contributions: (k,) or (k, k)."""
    groups = matrix.cluster_count
    apart = matrix.cluster_sums - matrix.means * matrix.cluster_sizes[:, None]
    return 1 / (1 / max(groups - 1, 1) + excess_kurtosis(apart, pairs=pairs) / (2 * groups))


def equivalent_df(matrix: ItemMatrix, *, pairs: bool = False) -> np.ndarray:
    """Degrees of freedom of the Student's distribution with the same 97.5 % quantile: (k,), or (k, k); nan in the
    textbook case. With equal clusters it is their number less 1.
    """
    k = len(matrix.models)
    if matrix.is_textbook:
        return np.full((k, k) if pairs else k, np.nan)
    wanted = np.broadcast_to(item_quantile(matrix, 0.025, pairs=pairs), (k, k) if pairs else (k,))
    found = df_of_quantile(wanted)
    return np.minimum(found, float(max(matrix.cluster_count - 1, 1)))


def df_of_quantile(quantile: np.ndarray) -> np.ndarray:
    """Student's degrees of freedom by its 97.5 % quantile; 1e6 for the normal one and below."""
    table = student.isf(0.025, DF_TABLE)
    return np.exp(np.interp(np.log(quantile), np.log(table[::-1]), np.log(DF_TABLE[::-1])))
