"""Noise of scores: draws of the error of finite test sets, from the items or from their number alone."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kogen.statistics._item_matrix import Items, item_matrices
from kogen.statistics.resampling.bootstrap import bootstrap_accuracies, bootstrap_deviations
from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix

DRAWS = 1000
Noise = Mapping[str, pd.DataFrame]  # data set -> draws by models, points


def score_noise(predictions: Items, draws: int = 1000, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Errors (draws, models) of every set from its items, in points: models share the images, clusters stay whole.

    The noise is that of finite samples alone: a lucky training is lucky on every set, so that it does not flip pairs.
    """
    found = {}
    for matrix in item_matrices(predictions):
        moved = bootstrap_deviations(matrix, draws, seed)
        found[matrix.dataset] = pd.DataFrame(100 * moved, columns=list(matrix.models))
    return found


def with_training_noise(noise: Noise, predictions: Items, seed: int = 0) -> dict[str, pd.DataFrame]:
    """The same noise with the variance of training beside it, where there are several runs; of the sets given."""
    found = {}
    for matrix in item_matrices(predictions):
        moved = noise[matrix.dataset].to_numpy() / 100
        error = bootstrap_accuracies(matrix, moved, seed) - matrix.means
        found[matrix.dataset] = pd.DataFrame(100 * error, columns=list(matrix.models))
    return found


def dataset_noise(
    table: ScoreMatrix, dataset: str, some: np.ndarray, given: Noise | None, rng: np.random.Generator
) -> np.ndarray | None:
    """Errors (R, m) of some models on a set, in points; None where neither items nor their number are known.

    From a number of items alone: binomial, each model on items of its own. Models with the same images share errors,
    which cancel in a difference: the true noise of a pair is at most this.
    """
    if given is not None and dataset in given:
        return given[dataset][[table.models[place] for place in some]].to_numpy()
    column = table.column(dataset)
    share, n = table.values[some, column] / 100, table.n[some, column]
    if np.isnan(n).any():
        return None
    share = (share * n + 1) / (n + 2)  # no score is so sure that it has no error
    return 100 * np.sqrt(share * (1 - share) / n) * rng.standard_normal((DRAWS, len(some)))
