"""Winner's curse: how much too high the accuracy of the picked model is expected to be."""

import numpy as np
import pandas as pd

from kogen.statistics._item_matrix import ItemMatrix, Items, item_matrices
from kogen.statistics.resampling.bootstrap import bootstrap_accuracies, bootstrap_deviations

__all__ = ["optimism"]


def optimism(predictions: Items, *, draws: int = 5000, seed: int = 0) -> pd.DataFrame:
    """The optimism of the best model's accuracy on each data set, because it was picked for it.

    Input: predictions of one protocol. Output: dataset, model (the one picked), value, optimism; points.
    Definition: mean over bootstraps of (p* of the best in the bootstrap - p, on all items, of that same model).
    Source: bootstrap optimism, Efron (1983, JASA 78, 316-331). Assumes: as `values`.
    Raises ValueError for tables that are incomplete or contradict themselves.
    """
    return pd.DataFrame([row(matrix, draws, seed) for matrix in item_matrices(predictions)])


def row(matrix: ItemMatrix, draws: int, seed: int) -> dict[str, str | float]:
    """The row of one data set."""
    sample = bootstrap_accuracies(matrix, bootstrap_deviations(matrix, draws, seed), seed)  # (draws, k)
    picked = sample.argmax(axis=1)
    gain = float((sample[np.arange(draws), picked] - matrix.means[picked]).mean())
    picks = {"dataset": matrix.dataset, "model": matrix.models[0]}
    return {**picks, "value": 100 * float(matrix.means[0]), "optimism": 100 * gain}
