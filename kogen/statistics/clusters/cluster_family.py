"""Max-T over all pairs of models with clusters of unequal sizes, simulated as the interval of a single pair is."""

import numpy as np

from kogen.statistics._intervals import PairDifferences
from kogen.statistics._item_matrix import ItemMatrix
from kogen.statistics.clusters.cluster_quantiles import (
    cluster_distribution,
    cluster_shares,
    effective_count,
    equivalent_df,
    has_equal_clusters,
    item_quantile,
    sum_variances,
)

MAX_WORK = 4_000_000_000  # products that a simulation may take: some seconds
MIN_DRAWS = 500  # fewer say too little of a 95 % quantile
CHUNK_CELLS = 1_000_000
MANY_CLUSTERS = 100  # effective ones, from which Student's quantile does


def common_df(matrix: ItemMatrix) -> float:
    """Degrees of freedom that all pairs share in `max_t_criterion`: those of the clusters, or the pairs' median."""
    if has_equal_clusters(matrix) and matrix.is_share:
        return max(matrix.cluster_count - 1, 1)
    k = len(matrix.models)
    return float(np.median(equivalent_df(matrix, pairs=True)[np.triu_indices(k, 1)]))


def affordable_draws(matrix: ItemMatrix, draws: int) -> int:
    """How many draws of `simulate_largest` may be made; 0 where too few could be."""
    clusters, k = len(cluster_distribution(matrix).sizes), len(matrix.models)
    most = MAX_WORK // (clusters * k * (k + min(k, clusters)))
    return min(draws, most) if most >= MIN_DRAWS else 0


def is_simulated(matrix: ItemMatrix) -> bool:
    """Whether the criterion of this matrix is that of `simulate_largest`: few unequal clusters, not too many models."""
    if has_equal_clusters(matrix) or effective_count(matrix.cluster_sizes) > MANY_CLUSTERS:
        return False
    return affordable_draws(matrix, MIN_DRAWS) > 0


def simulate_largest(pairs: PairDifferences, draws: int, training: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws (R,) of the largest |error| over half-width of all pairs, where no two models differ.

    Cluster sums are normal with the variances of `StudentisedMean` and the correlation between models of the clusters'
    contributions; every pair is studentised by its own simulated variance. `training` (draws, k) are errors from
    training that are added, in 0-1.
    """
    matrix, shares = pairs.matrix, cluster_shares(pairs.matrix)
    drawn = cluster_distribution(matrix)
    part, small = drawn.sizes / drawn.sizes.sum(), drawn.count / (drawn.count - 1)
    root = np.sqrt(sum_variances(drawn.sizes, drawn.squares, np.array([shares.pooled])))  # (H, 1)
    factor = model_factor(matrix, shares.pooled)  # (r, k)
    critical = float(drawn.quantile(0.025, np.array(shares.pooled)))
    items, half = item_quantile(matrix, 0.025, pairs=True) * np.sqrt(pairs.item_variance), pairs.half_width(0.025)
    count = affordable_draws(matrix, draws)
    largest, step = np.empty(count), max(CHUNK_CELLS // (len(part) * max(factor.shape)), 1)
    for start in range(0, count, step):
        rows = min(step, count - start)
        sums = rng.standard_normal((rows, len(part), len(factor))) @ factor * root  # (rows, H, k)
        total = sums.sum(axis=1)  # (rows, k)
        sums -= part[:, None] * total[:, None, :]
        gram = np.matmul(sums.transpose(0, 2, 1), sums)  # (rows, k, k)
        own = np.einsum("rkk->rk", gram)
        square = small * (own[:, :, None] + own[:, None, :] - 2 * gram)
        apart = total[:, :, None] - total[:, None, :]
        ratio = np.divide(apart, np.sqrt(np.maximum(square, 0)), out=np.zeros_like(apart), where=square > 1e-20)
        luck = training[start : start + rows]
        error = ratio / critical * items + luck[:, :, None] - luck[:, None, :]
        largest[start : start + rows] = np.abs(error / half).max(axis=(1, 2))
    return largest


def model_factor(matrix: ItemMatrix, share: float) -> np.ndarray:
    """A matrix (r, k) whose product with its transpose is how the clusters' contributions go together over models."""
    sizes = matrix.cluster_sizes.astype(np.float64)
    apart = matrix.cluster_sums - matrix.means * sizes[:, None]
    apart = apart / np.sqrt(sum_variances(sizes, sizes**2, np.array([share])))
    value, vector = np.linalg.eigh(apart.T @ apart / len(apart))
    kept = value > 1e-10 * max(value[-1], 1e-300)
    return np.sqrt(value[kept])[:, None] * vector[:, kept].T
