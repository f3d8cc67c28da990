"""Wilcoxon's test of every pair of models over many data sets, with Holm's correction."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon as signed_rank

from kogen.statistics.friedman import refuse_too_few
from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix

__all__ = ["wilcoxon"]

MAX_MODELS = 40  # models: 780 pairs
COLUMNS = ["first", "second", "difference", "p", "p_holm"]


def wilcoxon(scores: pd.DataFrame) -> pd.DataFrame:
    """Wilcoxon's signed-rank test of each pair of models over the data sets, Holm's correction over all pairs.

    Input: scores of at least 8 data sets and 3 to 40 models. Output: first (the one with the higher median difference;
    equals by name), second, difference (median over sets, points), p, p_holm (reject below .05).
    Definition: scipy's test, exact where nothing ties; sets without a difference split between the signs (Pratt).
    Source: Wilcoxon (1945); Pratt (1959, JASA 54); Holm (1979, Scand. J. Stat. 6); Demsar (2006, JMLR 7).
    Assumes: as `friedman`. Raises ValueError for too few sets or models, or more than 40 models.
    """
    table = make_score_matrix(scores)
    whole = table.common_models(*table.datasets)
    refuse_too_few(len(table.datasets), len(whole))
    if len(whole) > MAX_MODELS:
        raise ValueError(f"{len(whole)} models are too many for all pairs over data sets: choose at most {MAX_MODELS}")
    found = []
    for i, j in combinations(whole, 2):
        apart = np.round(table.values[i] - table.values[j], 9)
        middle = float(np.median(apart))
        p = float(np.asarray(signed_rank(apart, zero_method="pratt"))[1]) if apart.any() else 1.0
        first, second = sorted((table.models[i], table.models[j])) if not middle else (table.models[i], table.models[j])
        first, second = (second, first) if middle < 0 else (first, second)
        found.append((first, second, abs(middle), p))
    frame = pd.DataFrame(found, columns=COLUMNS[:-1])
    return frame.assign(p_holm=holm(frame["p"].to_numpy()))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p values."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted
