"""Whether the models of a set differ at all on its images: Cochran's Q."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from kogen.statistics._item_matrix import ItemMatrix, Items, item_matrices
from kogen.statistics.resampling.bootstrap import make_generator

__all__ = ["cochran"]

COLUMNS = ["dataset", "models", "n", "q", "df", "p", "method", "refused"]
CHUNK_CELLS = 2_000_000  # of random numbers held at once
MAX_CELLS = 200_000_000  # random numbers that the permutations may take: some seconds
MIN_DRAWS = 200


def cochran(predictions: Items, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Cochran's Q of every data set; one row each.

    Input: predictions of one protocol. Output: dataset, models, n (images), q, df (models - 1), p (0-1), method
    (`chi2`, or `permutation` with clusters), refused: why there is no q, null where there is one.
    Definition: q = (k - 1) sum_j (C_j - mean C)^2 / (sum_i R_i (k - R_i) / k), C_j the images that model j has right,
    R_i the models that have image i right; chi-square with k - 1 degrees of freedom if the models do not differ. With
    clusters the variance is that of whole clusters, and p is the share of permutations, in each of which every cluster
    gives its results to the models in another order, with a q as large as observed, the observed included. q is 0 and p
    is 1 where no image tells models apart. Source: Cochran (1950, Biometrika 37); as Friedman's test is for sets.
    Assumes one run a model: it asks about these trained networks on new images, and is refused for several runs, for
    fewer than 3 models (two are a pair) and for more permutations than are made.
    Raises ValueError for tables that are incomplete or contradict themselves.
    """
    found: list[dict[str, Any]] = []
    for matrix in item_matrices(predictions):
        about = {"dataset": matrix.dataset, "models": len(matrix.models), "n": matrix.n}
        reason = refusal(matrix)
        found.append(about | ({"refused": reason} if reason else rows(matrix, draws, seed)))
    numbers = dict.fromkeys(("q", "p"), "float64")
    return pd.DataFrame(found, columns=COLUMNS).astype(numbers | {"df": "Int64"})


def refusal(matrix: ItemMatrix) -> str | None:
    """Why Cochran's Q is not for this matrix; None if it is."""
    k = len(matrix.models)
    if k < 3:
        return f"Cochran's Q wants 3 models or more, there are {k}: two are compared as a pair"
    if not bool((matrix.runs == 1).all()):
        return "Cochran's Q wants one run a model: several runs vary by training too, see the intervals of the pairs"
    if not matrix.is_share or not bool(np.isin(matrix.values, (0, 1)).all()):
        return "Cochran's Q wants images that are right or wrong: this metric has other values"
    if matrix.cluster_count < matrix.n and affordable_draws(matrix) < MIN_DRAWS:
        return "Cochran's Q of so many models and clusters would take too long: choose models"
    return None


def affordable_draws(matrix: ItemMatrix) -> int:
    """How many permutations may be made."""
    return MAX_CELLS // (matrix.cluster_count * len(matrix.models))


def rows(matrix: ItemMatrix, draws: int, seed: int) -> dict[str, Any]:
    """The numbers of one data set."""
    sums, k = matrix.cluster_sums, len(matrix.models)
    q = statistic(sums)
    row = {"q": q, "df": k - 1}
    if matrix.cluster_count == matrix.n:
        return row | {"p": float(chi2.sf(q, k - 1)), "method": "chi2"}
    rng, groups = make_generator(seed, matrix, "orders"), len(sums)
    draws = min(draws, affordable_draws(matrix))
    observed, hits, step = spread(sums.sum(axis=0)), 1, max(CHUNK_CELLS // (groups * k), 1)
    for start in range(0, draws, step):
        order = rng.random((min(step, draws - start), groups, k)).argsort(axis=2)
        total = np.take_along_axis(sums[None], order, axis=2).sum(axis=1)  # (rows, k)
        hits += int((spread(total) >= observed - 1e-9).sum())
    return row | {"p": hits / (draws + 1), "method": "permutation"}


def spread(total: np.ndarray) -> np.ndarray:
    """Sum of squares (...) of the deviations of totals (..., k) from their mean."""
    return ((total - total.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)


def statistic(sums: np.ndarray) -> float:
    """Q of sums (G, k) of right answers; with one item a cluster Cochran's own."""
    k = sums.shape[1]
    inside = spread(sums).sum() / (k - 1)  # variance of a total, summed over clusters, if models do not differ
    return float(spread(sums.sum(axis=0)) / inside) if inside > 1e-12 else 0.0
