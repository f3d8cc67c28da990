"""Whether models differ at all over many data sets (Friedman), and how far apart mean ranks must be (Nemenyi)."""

import numpy as np
import pandas as pd
from scipy.stats import chi2, f, rankdata, studentized_range

from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix

__all__ = ["friedman"]

MIN_SETS = 8  # with 6 sets the smallest p of Wilcoxon's test is .031, too large for any correction
MAX_MODELS = 100  # models for which the studentized range is computed


def friedman(scores: pd.DataFrame) -> pd.DataFrame:
    """Friedman's test with Iman and Davenport's correction, and Nemenyi's critical difference; one row.

    Input: scores of at least 8 data sets. Output: sets, models (measured on every set), chi2, p_chi2, f, p (Iman and
    Davenport's), critical_difference of mean ranks at 5 % (null for more than 100 models).
    Definition: ranks within sets, equals share; chi2 corrected for ties; f = (N - 1) chi2 / (N (k - 1) - chi2) with
    k - 1 and (k - 1)(N - 1) degrees of freedom; critical difference q / sqrt(2) * sqrt(k (k + 1) / (6 N)).
    Source: Friedman (1937, JASA 32); Iman and Davenport (1980, Commun. Stat. 9); Nemenyi (1963); Demsar (2006, JMLR 7).
    Assumes: data sets independent draws from those to come, which collections of benchmarks seldom are: see
    `similarity`. Raises ValueError for fewer than 8 sets or 3 models.
    """
    table = make_score_matrix(scores)
    values = np.round(table.values[table.common_models(*table.datasets)], 9).T  # (N, k)
    refuse_too_few(*values.shape)
    n, k = values.shape
    ranks = rankdata(-values, axis=1)
    spread = ((ranks - (k + 1) / 2) ** 2).sum()
    between = n * n * ((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum()
    statistic = (k - 1) * between / spread if spread > 0 else 0.0
    left = n * (k - 1) - statistic
    ratio = (n - 1) * statistic / left if left > 1e-9 else np.inf
    quantile = studentized_range.isf(0.05, k, np.inf) if k <= MAX_MODELS else np.nan
    wide = quantile / 2**0.5 * (k * (k + 1) / (6 * n)) ** 0.5
    row = {"sets": n, "models": k, "chi2": statistic, "p_chi2": chi2.sf(statistic, k - 1), "f": ratio}
    return pd.DataFrame([row | {"p": f.sf(ratio, k - 1, (k - 1) * (n - 1)), "critical_difference": wide}])


def refuse_too_few(sets: int, models: int) -> None:
    """ValueError for too few sets or models."""
    if sets < MIN_SETS:
        raise ValueError(
            f"tests over data sets want {MIN_SETS} or more, there are {sets}: with 6 sets the smallest p of Wilcoxon's "
            "test is .031, and no correction for several pairs leaves it below .05; compare models set by set"
        )
    if models < 3:
        raise ValueError(f"Friedman's test wants 3 models or more that were measured on every set, there are {models}")
