"""Ranks that the data support: the probability to be best, the expected rank, and a simultaneous rank interval."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from kogen.statistics._item_matrix import ItemMatrix, Items, item_matrices
from kogen.statistics.resampling.bootstrap import beats, bootstrap_accuracies, bootstrap_pairs

__all__ = ["ranks"]


def ranks(predictions: Items, *, draws: int = 5000, seed: int = 0) -> pd.DataFrame:
    """The possible ranks of each model on each data set, best model first.

    Input: predictions of one protocol.
    Output: dataset, model, p_best (0-1; ties share), expected_rank, rank_lo, rank_hi, top (rank_lo is 1).
    Definition: one matrix of paired bootstraps (clusters, and training where there are several runs) gives p_best
    and expected_rank. Max-T over all pairs gives who beats whom, 5 % for the whole set of pairs; the rank interval is
    [1 + number that beat the model, k - number it beats]. The same seed gives the same comparisons as `paired`: there a
    pair is `better` or `small` exactly where here the first beats the second.
    Source: Westfall and Young (1993) for max-T; rank intervals: Mohamad, Goeman, van Zwet (2019, Stat. Med. 38).
    Assumes: as `values`. Raises ValueError for tables that are incomplete or contradict themselves.
    """
    return pd.concat([rows(matrix, draws, seed) for matrix in item_matrices(predictions)], ignore_index=True)


def rows(matrix: ItemMatrix, draws: int, seed: int) -> pd.DataFrame:
    """The rows of one data set."""
    pairs, moved, criterion = bootstrap_pairs(matrix, draws, seed)
    sample = bootstrap_accuracies(matrix, moved, seed)  # (draws, k)
    over = beats(pairs, criterion)  # (k, k)
    best = sample == sample.max(axis=1, keepdims=True)
    lowest, highest = 1 + over.sum(axis=0), len(matrix.models) - over.sum(axis=1)
    best_share = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    table = {"dataset": matrix.dataset, "model": matrix.models, "p_best": best_share}
    table |= {"expected_rank": rankdata(-sample, axis=1).mean(axis=0), "rank_lo": lowest, "rank_hi": highest}
    return pd.DataFrame(table | {"top": np.equal(lowest, 1)})
