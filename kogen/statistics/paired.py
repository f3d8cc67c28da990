"""Pairs of models on the same items: whether a difference is real, matters and would repeat."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, norm

from kogen.statistics._item_matrix import ItemMatrix, Items, item_matrices
from kogen.statistics.clusters.cluster_quantiles import effective_clusters, equivalent_df
from kogen.statistics.resampling import bootstrap

__all__ = ["paired"]

POWER_FACTOR = 2.80  # 1.96 + 0.84: seen in 80 % of studies at the two-sided 5 % level
COLUMNS = [
    *("dataset", "first", "second", "n", "b", "c", "difference", "lo", "hi", "p", "verdict", "lottery"),
    *("minimum_detectable", "lo90", "hi90", "family_lo", "family_hi", "critical", "seed_error"),
    *("clusters_effective", "df"),
]


def paired(predictions: Items, *, margin: float | None = None, draws: int = 5000, seed: int = 0) -> pd.DataFrame:
    """Every pair of models on every data set; `first` is the more accurate one (equals: by name).

    Input: predictions of one protocol; `margin`, the smallest difference worth money, in points.
    Output: dataset, first, second, n; b, c: items that only the first, only the second has right (with seeds: sums of
    the positive and of the negative parts of the seed-averaged differences, so difference = (b - c) / n always);
    difference, lo, hi (95 %), lo90, hi90, family_lo, family_hi (95 % for all pairs of the set at once),
    minimum_detectable (80 % power), seed_error (standard error from training) in points; p and lottery in 0-1;
    clusters_effective and df as in `values`, null where items are independent.
    Definitions: one run and independent items: mid-p McNemar (Fagerland, Lydersen, Laake 2013), Bonett and Price's
    interval (2012), lottery = Phi(-|b-c| / sqrt(b+c - (b-c)^2/n)), minimum_detectable = 2.80 sqrt(psi / n).
    Clusters or several runs: seeds averaged within the item, Bonett and Price's interval on cluster sums plus variance
    of training (unequal: see `clusters`), p by paired permutation of cluster sums, lottery the share of
    bootstraps that the first does not win.
    p is about these trained networks on new images; difference, interval, lottery and verdict are also about new
    trainings, where there are several runs. With one run all are about these networks.
    verdict: better (family_lo > 0: max-T, so that at most 5 % of studies call any pair falsely), small (that, but the
    90 % interval lies within the margin: real but too small to matter), equivalent (the 90 % interval lies within the
    margin), undecided. A pair with lo > 0 may be undecided: alone it would be better, among all pairs not.
    lottery: the probability that the observed loser ties or wins on a fresh sample of this size; 0.5 without evidence.
    Raises ValueError for a negative margin and for tables that are incomplete or contradict themselves.
    """
    if margin is not None and not margin >= 0:
        raise ValueError(f"margin must be 0 or more points, got {margin}: give the smallest difference worth money")
    found = [rows(matrix, margin, draws, seed) for matrix in item_matrices(predictions) if len(matrix.models) > 1]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def rows(matrix: ItemMatrix, margin: float | None, draws: int, seed: int) -> pd.DataFrame:
    """The pairs of one data set, in the order of the models."""
    (pairs, moved, criterion), n = bootstrap.bootstrap_pairs(matrix, draws, seed), matrix.n
    first, second = np.triu_indices(len(matrix.models), 1)
    upper = lambda square: square[first, second]  # noqa: E731  # (k, k) -> (pairs,)
    only_first = (np.maximum(row[:, None] - matrix.values[:, i + 1 :], 0) for i, row in enumerate(matrix.values.T))
    wins = np.concatenate([part.sum(axis=0) for part in only_first])  # b
    losses = wins - upper(pairs.difference) * n
    if matrix.is_textbook:
        wins, losses = np.rint(wins), np.rint(losses)
        p, lottery = mid_p(wins, losses), lottery_probability(wins, losses, n)
    else:
        sample = bootstrap.bootstrap_accuracies(matrix, moved, seed)
        p = upper(bootstrap.permutation_p(matrix, draws, seed))
        lost = [(sample[:, i : i + 1] <= sample[:, i + 1 :]).mean(axis=0) for i in range(len(matrix.models) - 1)]
        lottery = np.concatenate(lost)
        lottery = np.where(upper(pairs.null_variance + pairs.training_variance) > 0, lottery, 0.5)
    names = np.array(matrix.models)
    table: dict[str, Any] = {"dataset": matrix.dataset, "first": names[first], "second": names[second]}
    table |= {"n": n, "b": wins, "c": np.maximum(losses, 0), "difference": 100 * upper(pairs.difference), "p": p}
    halves = ("lo", "hi", pairs.half_width(0.025)), ("lo90", "hi90", pairs.half_width(0.05))
    for lo, hi, half in (*halves, ("family_lo", "family_hi", bootstrap.family_half_width(pairs, criterion))):
        table |= {lo: 100 * upper(pairs.adjusted - half), hi: 100 * upper(pairs.adjusted + half)}
    table["verdict"] = verdict(upper(bootstrap.beats(pairs, criterion)), table["lo90"], table["hi90"], margin)
    table["lottery"] = lottery
    table["minimum_detectable"] = 100 * POWER_FACTOR * upper(np.sqrt(pairs.null_variance + pairs.training_variance))
    table |= {"critical": criterion, "seed_error": 100 * np.sqrt(upper(pairs.training_variance))}
    table |= {"clusters_effective": effective_clusters(matrix), "df": upper(equivalent_df(matrix, pairs=True))}
    return pd.DataFrame(table, columns=COLUMNS)


def mid_p(b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Mid-p McNemar p values: the exact test with half the probability of the observed table; 1 where b = c."""
    less, total = np.minimum(b, c), b + c
    p = 2 * binom.cdf(less, total, 0.5) - binom.pmf(less, total, 0.5)
    return np.where(b == c, 1.0, np.minimum(p, 1.0))


def lottery_probability(b: np.ndarray, c: np.ndarray, n: int) -> np.ndarray:
    """Probability that the observed loser ties or wins a fresh sample of n independent items."""
    apart, spread = np.abs(b - c), (b + c) - (b - c) ** 2 / n
    # where one side wins every item there is no spread: the loser never wins
    score = np.divide(apart, np.sqrt(np.maximum(spread, 0)), out=np.where(apart > 0, np.inf, 0.0), where=spread > 1e-12)
    return norm.sf(score)


def verdict(real: np.ndarray, lo90: np.ndarray, hi90: np.ndarray, margin: float | None) -> np.ndarray:
    """The verdict on each pair; without a margin none is equivalent or small."""
    inside = (lo90 > -margin) & (hi90 < margin) if margin is not None else np.zeros_like(real)
    words = [real & inside, real & ~inside, ~real & inside]
    return np.select(words, ["small", "better", "equivalent"], "undecided")
