"""Noise of scores: draws of the error that finite test sets leave, from the items or from their number alone."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kogen.statistics._bootstrap import bootstrap_accuracies, bootstrap_deviations
from kogen.statistics._item_matrix import item_matrices
from kogen.statistics._score_matrix import ScoreMatrix

DRAWS = 1000
Noise = Mapping[str, pd.DataFrame]  # data set -> draws by models, points


def score_noise(
    predictions: pd.DataFrame, draws: int = 1000, seed: int = 0, *, training: bool = False
) -> dict[str, pd.DataFrame]:
    """Errors (draws, models) of every set from its items, in points: models meet the same images, clusters stay whole.

    With `training` the luck of training, where several runs show it, is part of it. It is not finite samples: a lucky
    training is lucky on every set, so that it does not flip pairs.
    """
    found = {}
    for sheet in item_matrices(predictions):
        moved = bootstrap_deviations(sheet, draws, seed)
        error = bootstrap_accuracies(sheet, moved, seed) - sheet.accuracy if training else moved
        found[sheet.dataset] = pd.DataFrame(100 * error, columns=list(sheet.models))
    return found


def dataset_noise(
    table: ScoreMatrix, dataset: str, some: np.ndarray, given: Noise | None, rng: np.random.Generator
) -> np.ndarray:
    """Errors (R, m) of some models of a grid on a set, in points; nan where neither items nor their number are known.

    From a number of items alone: binomial, each model on items of its own. Models that meet the same images err
    together, which the difference of two does not feel: the true noise of a pair is at most this.
    """
    if given is not None and dataset in given:
        return given[dataset][[table.models[place] for place in some]].to_numpy()
    column = table.column(dataset)
    share, n = table.values[some, column] / 100, table.n[some, column]
    share = (share * n + 1) / (n + 2)  # no score is so sure that it has no error
    return 100 * np.sqrt(share * (1 - share) / n) * rng.standard_normal((DRAWS, len(some)))
