"""The value of each model on each set, with an interval for the images and for training."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._intervals import total_half_width, wilson
from kogen.statistics._item_matrix import ItemMatrix, Items, item_matrices
from kogen.statistics.clusters.cluster_quantiles import effective_clusters, effective_count, equivalent_df

__all__ = ["values"]

LEVEL = 0.95  # of the interval


def values(predictions: Items) -> pd.DataFrame:
    """The value, mean over items of the mean over seeds, of every model on every data set; accuracy as a rule.

    Input: predictions of one protocol (model, dataset, seed, item, correct[, cluster]).
    Output: model, dataset, n, value, lo, hi, seed_sd; points, or the metric's unit; seed_sd null for one run;
    clusters_effective, (sum n_g)^2 / sum n_g^2 of the cluster sizes n_g, and df, the degrees of freedom for images:
    both null where items are independent (df also for one run alone).
    Item matrices of another metric than accuracy (`results.answers`) hold what each item adds to its value.
    Definition: one run and independent items have Wilson's interval. Otherwise Wilson's interval on the effective
    number of items: how many independent ones would leave the variance measured between clusters and, with several
    runs, between runs (crossed components, quantiles of their own degrees of freedom).
    Source: Wilson (1927); effective size: Korn and Graubard (1998, Survey Methodology 24); Dean and Pagano (2015,
    J. Surv. Stat. Methodol. 3); unequal ones: see `clusters`. A percentile bootstrap of clusters and seeds
    covers less: docs/coverage.md.
    Assumes: clusters independent draws from those to come, runs independent trainings. One run: the interval is for
    this trained network, not for the next training. Two runs hardly measure the variance of training; use 3 or more.
    Raises ValueError for tables that are incomplete or contradict themselves.
    """
    return pd.concat([rows(matrix) for matrix in item_matrices(predictions)], ignore_index=True)


def rows(matrix: ItemMatrix) -> pd.DataFrame:
    """The rows of one data set, best model first."""
    range_ = matrix.high - matrix.low
    lo, hi = wilson((matrix.means - matrix.low) / range_, effective_items(matrix), LEVEL)
    lo, hi = matrix.low + range_ * lo, matrix.low + range_ * hi
    if matrix.withheld:
        lo, hi = np.full((2, len(lo)), np.nan)
    table = {"model": matrix.models, "dataset": matrix.dataset, "n": matrix.n, "value": 100 * matrix.means}
    table |= {"lo": 100 * lo, "hi": 100 * hi, "seed_sd": 100 * matrix.seed_sd}
    return pd.DataFrame(table | {"clusters_effective": effective_clusters(matrix), "df": equivalent_df(matrix)})


def effective_items(matrix: ItemMatrix) -> np.ndarray:
    """The number of independent items that would give each value, as a share of its range, the same variance, (k,).

    At most the matrix's `support`: where no error was seen among few items of a class, the interval stays wide.
    """
    n, groups = matrix.n, matrix.cluster_count
    single = matrix.whole & (matrix.runs == 1) & (groups == n) & matrix.is_share
    if single.all():
        return np.full(len(matrix.models), float(n))
    apart = matrix.cluster_sums - matrix.means * matrix.cluster_sizes[:, None]  # (G, k)
    items = (apart**2).sum(axis=0) / n**2 * groups / max(groups - 1, 1)
    half = total_half_width(items, matrix.training_variance, np.maximum(matrix.runs - 1, 1), matrix, (1 - LEVEL) / 2)
    half = half if matrix.whole else half * uncertain_spread(apart)
    spread = (matrix.means - matrix.low) * (matrix.high - matrix.means) * norm.isf((1 - LEVEL) / 2) ** 2
    # all right or all wrong has no spread: each effective cluster then counts as one item
    few = effective_count(matrix.cluster_sizes)
    count = np.divide(spread, half**2, out=np.full(len(half), few), where=(half > 1e-9) & (spread > 1e-12))
    support = np.full(len(half), np.inf) if matrix.support is None else matrix.support
    return np.where(single, float(n), np.minimum(count, support))


def uncertain_spread(apart: np.ndarray) -> np.ndarray:
    """How much wider an interval is because its spread rests on few clusters, (k,); from their deviations (G, k).

    Student's quantile with (sum a^2)^2 / sum a^4 degrees of freedom, over the normal one: of a rare class these are
    about its number of images (Satterthwaite 1946, Biometrics Bull. 2).
    """
    square, fourth = (apart**2).sum(axis=0), (apart**4).sum(axis=0)
    df = np.divide(square**2, fourth, out=np.full(len(square), np.inf), where=fourth > 1e-30)
    return student.isf((1 - LEVEL) / 2, np.maximum(df, 1)) / norm.isf((1 - LEVEL) / 2)
