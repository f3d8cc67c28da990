"""Which sets say the same about the models, and the effective number of sets."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from kogen.statistics.robustness import fit_line
from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix

__all__ = ["similarity"]

ALIKE = 0.7  # sets whose residuals correlate at least so much, each with each, are one group
MIN_MODELS = 5  # models below which a correlation shows nothing


def similarity(
    scores: pd.DataFrame, *, source: str, targets: Sequence[str] | None = None, alike: float = ALIKE
) -> pd.DataFrame:
    """The group of each set, by what the sets say about the models beyond the source.

    Input: scores (model, dataset, score[, n]). Output: dataset, group (1 is the source's, alone), then a column of
    correlations for each set, and n_eff, the same in every row; null where fewer than 5 models have all sets.
    Definition: residuals of each target's logit accuracy on the source's (least squares over all models, as
    `robustness`); the source, which the residuals no longer contain, correlates with none of them. Groups:
    complete linkage, so that every two sets of a group correlate at `alike` or more. n_eff = (sum of eigenvalues)^2 /
    sum of squared eigenvalues of the matrix of correlations: the number of uncorrelated sets that say as much.
    Source: effective number of independent tests, as Kish's size for eigenvalues (Nyholt 2004, Am. J. Hum. Genet. 74,
    in its participation-ratio form). Assumes: residuals about one line; noise of small sets lowers correlations, so
    that n_eff is too high. Raises ValueError for unknown sets, an `alike` outside 0 to 1, and a set with the name of a
    column.
    """
    if not 0 < alike <= 1:
        raise ValueError(f"alike is a correlation above 0 and up to 1, got {alike}: try {ALIKE}")
    table = make_score_matrix(scores)
    names = [source, *table.choose_targets(source, targets)]
    for name in {"dataset", "group", "n_eff"} & set(names):
        raise ValueError(
            f"a data set cannot be named {name!r}, which is a column of the table of similarity: rename it"
        )
    matrix = correlations(table, names)
    known = not np.isnan(matrix).any()
    group = pd.array(group_sets(matrix, alike) if known else [None] * len(names), dtype="Int64")
    frame = pd.DataFrame({"dataset": names, "group": group})
    frame = pd.concat([frame, pd.DataFrame(matrix, columns=names)], axis=1)
    # the sums of the eigenvalues and of their squares: the trace, and the sum of all squares
    return frame.assign(n_eff=float(len(names) ** 2 / (matrix**2).sum()))


def correlations(table: ScoreMatrix, names: list[str]) -> np.ndarray:
    """Correlations (D, D) of the residuals; nan for too few models, 0 beside a set without residuals."""
    both = table.common_models(*names)
    if len(both) < MIN_MODELS:
        return np.full((len(names), len(names)), np.nan)
    logits = table.logits()[both]
    one = logits[:, table.column(names[0])]
    residuals = np.zeros((len(both), len(names)))
    for place, name in enumerate(names[1:], 1):
        two = logits[:, table.column(name)]
        intercept, slope = fit_line(one, two, np.arange(len(both)))
        residuals[:, place] = two - intercept - slope * one if not np.isnan(slope) else two - two.mean()
    size = np.sqrt((residuals**2).sum(axis=0))
    unit = np.divide(residuals, size, out=np.zeros_like(residuals), where=size > 1e-9)
    matrix = unit.T @ unit
    np.fill_diagonal(matrix, 1)
    return np.clip(matrix, -1, 1)


def group_sets(matrix: np.ndarray, alike: float) -> np.ndarray:
    """The group of each set, (D,), numbered in the order of the sets; the first set stands alone."""
    label = np.zeros(len(matrix), dtype=int)
    if len(matrix) > 2:
        distance = squareform(1 - matrix[1:, 1:], checks=False)
        label[1:] = fcluster(linkage(distance, "complete"), 1 - alike + 1e-12, "distance")
    elif len(matrix) == 2:
        label[1] = 1
    return pd.factorize(label)[0] + 1
