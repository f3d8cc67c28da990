"""The weighted mean over sets of paired differences to the leader, with items resampled within sets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._item_matrix import ItemMatrix, Items, item_matrices
from kogen.statistics.resampling.bootstrap import bootstrap_deviations
from kogen.statistics.unified import normalise_weights

__all__ = ["combined"]

COLUMNS = ["first", "second", "difference", "lo", "hi", "lottery"]


def combined(
    predictions: Items, *, weights: Mapping[str, float] | None = None, draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """The model with the best weighted mean accuracy against each other one, over all sets together.

    Input: predictions of one protocol; `weights` of the sets (equal unless given, sets not named weigh 0).
    Output: first (the leader), second, difference, lo, hi (95 %) in points, lottery (0-1: the probability that the
    leader would not win fresh samples of the same size); models that lack a set are left out; no rows for one model.
    Definition: difference = sum of weight * (accuracy of first - of second). Its variance from images is that over
    bootstraps of whole clusters within each set; from training that of the weighted mean over a model's runs, less the
    part of single items; the squares of the half-widths are added (Howe 1974, JASA 69), as in `paired`.
    Assumes: sets of different images. A run is one training for all sets, which share its error.
    Source: stratified bootstrap, Efron and Tibshirani (1993), chapter 8.
    Raises ValueError for bad weights and for tables that are incomplete or contradict themselves.
    """
    found = list(item_matrices(predictions))
    weight = normalise_weights([matrix.dataset for matrix in found], weights)
    pairs = [(share, matrix) for share, matrix in zip(weight, found, strict=True) if share > 0]
    shared = set.intersection(*(set(matrix.models) for _, matrix in pairs))
    models = [model for model in pairs[0][1].models if model in shared]
    if len(models) < 2:
        return pd.DataFrame(columns=COLUMNS)
    value, deviations = np.zeros(len(models)), np.zeros((draws, len(models)))
    for share, matrix in pairs:
        places = [matrix.models.index(model) for model in models]
        value += share * matrix.means[places]
        deviations += share * bootstrap_deviations(matrix, draws, seed)[:, places]
    variance, df = weighted_training_variance(pairs, models)
    return leader_rows(models, value, deviations, variance, df)


def weighted_training_variance(
    pairs: list[tuple[float, ItemMatrix]], models: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Variance (m,) of each model's weighted mean from training, and its degrees of freedom; 0 for one run."""
    variance, df = np.zeros(len(models)), np.ones(len(models))
    for place, model in enumerate(models):
        parts = [(share, matrix, matrix.models.index(model)) for share, matrix in pairs]
        runs = min(int(matrix.runs[i]) for _, matrix, i in parts)
        if runs > 1:
            total: dict[Any, float] = {}  # seed -> weighted sum of the accuracies of that run
            for share, matrix, _ in parts:
                for seed, mean in matrix.run_means[model].items():
                    total[seed] = total.get(seed, 0.0) + share * mean
            each = np.unique(np.round(list(total.values()), 12))  # a copied run is the same training
            noise = sum(share**2 * matrix.item_variance[i] for share, matrix, i in parts)
            own = each.var(ddof=1) if len(each) > 1 else 0.0
            factor = max(matrix.mean_factor[i] for _, matrix, i in parts)
            variance[place], df[place] = max(own - noise, 0) * factor, runs - 1
    return variance, df


def leader_rows(
    models: list[str], value: np.ndarray, deviations: np.ndarray, training_variance: np.ndarray, df: np.ndarray
) -> pd.DataFrame:
    """The leader's row against each other model, best opponent first."""
    order = np.lexsort((np.array(models), -np.round(value, 12)))
    best, others = order[0], order[1:]
    apart = value[best] - value[others]
    items = (deviations[:, [best]] - deviations[:, others]).std(axis=0, ddof=1)
    parts = student.isf(0.025, df) ** 2 * training_variance
    seeds = parts[best] + parts[others]
    half = np.sqrt(norm.isf(0.025) ** 2 * items**2 + seeds)
    error = np.sqrt(items**2 + training_variance[best] + training_variance[others])
    score = np.divide(apart, error, out=np.where(apart > 0, np.inf, 0.0), where=error > 1e-12)
    names = np.array(models, dtype=object)
    columns = {"first": names[best], "second": names[others], "difference": 100 * apart}
    return pd.DataFrame(columns | {"lo": 100 * (apart - half), "hi": 100 * (apart + half), "lottery": norm.sf(score)})
