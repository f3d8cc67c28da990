"""One number a model over several sets, by each common rule: whether the winner depends on the rule."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd
from scipy.stats import rankdata, trim_mean

from kogen.common.text import join_names
from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix

__all__ = ["unified"]

LOWER_IS_BETTER = ("mean_rank", "worst_rank", "max_regret")


def unified(
    scores: pd.DataFrame,
    *,
    weights: Mapping[str, float] | None = None,
    groups: Sequence[Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Value and rank of every model over all sets together, by eight rules; the first is the primary one.

    Input: scores (model, dataset, score[, n]) in points; `weights` of the sets (equal unless given, sets that are not
    named weigh 0); `groups` of sets that say the same, each of which has one vote.
    Output: model, metric, value, rank (1 is best, equals share the mean; value and rank are null for a model that
    was not measured on every set that counts).
    Metrics: weighted_difference, the weighted mean over sets of the difference to the mean model, points (the primary);
    mean_accuracy, points; mean_rank; mean_logit, of (right + 1/2) / (n + 1), 10,000 items where n is unknown, null
    where a set that counts holds errors without a bound; iqm, the mean without the lowest and the highest quarter of
    the sets (rounded down: all of up to 3 sets), points; worst_rank; max_regret, the largest loss to the best model of
    a set, points; group_accuracy, the mean over groups of the mean in the group, points (each set its own group unless
    given).
    Source: mean rank, Demsar (2006, JMLR 7); iqm, Agarwal et al. (2021, NeurIPS); regret, Savage (1951, JASA 46).
    Raises ValueError for unknown sets, a weight below 0, no weight at all, and a set in two groups.
    """
    table = make_score_matrix(scores)
    weight = normalise_weights(table.datasets, weights)
    used = np.flatnonzero(weight > 0)
    whole = table.common_models(*(table.datasets[place] for place in used))
    metrics = rule_values(table, whole, used, weight[used], group_indices(table.datasets, groups))
    found = []
    for name, values in metrics.items():
        value, rank = np.full((2, len(table.models)), np.nan)
        value[whole] = values
        rank[whole] = rankdata(np.round(values if name in LOWER_IS_BETTER else -values, 9))
        found.append(pd.DataFrame({"model": table.models, "metric": name, "value": value, "rank": rank}))
    return pd.concat(found, ignore_index=True)


def rule_values(
    table: ScoreMatrix, whole: np.ndarray, used: np.ndarray, weight: np.ndarray, groups: list[list[int]]
) -> dict[str, np.ndarray]:
    """Each metric (m,) of the models measured on all used sets."""
    cells = np.ix_(whole, used)
    values = table.values[cells]  # (m, S)
    if not len(whole):
        return dict.fromkeys(METRICS, np.empty(0))
    at = {place: i for i, place in enumerate(used)}
    votes = [[at[place] for place in group if place in at] for group in groups]
    found = {
        "weighted_difference": (values - values.mean(axis=0)) @ weight,
        "mean_accuracy": values.mean(axis=1),
        "mean_logit": table.logits()[cells].mean(axis=1),
        "iqm": trim_mean(values, 0.25, axis=1),
        "group_accuracy": np.mean([values[:, vote].mean(axis=1) for vote in votes if vote], axis=0),
        **relative_values(*ranks_and_losses(values)),
    }
    return {name: found[name] for name in METRICS}


def ranks_and_losses(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranks and losses to the best, (m, S) each, of the scores (m, S) of models among themselves, set by set."""
    return rankdata(-np.round(values, 9), axis=0), values.max(axis=0) - values


def relative_values(ranks: np.ndarray, losses: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics (m,) that depend on who else is judged, from the ranks and losses (m, S) of the sets that count."""
    return {"mean_rank": ranks.mean(axis=1), "worst_rank": ranks.max(axis=1), "max_regret": losses.max(axis=1)}


METRICS = (
    *("weighted_difference", "mean_accuracy", "mean_rank", "mean_logit", "iqm", "worst_rank", "max_regret"),
    "group_accuracy",
)


def normalise_weights(datasets: Sequence[str], weights: Mapping[str, float] | None) -> np.ndarray:
    """Weights (D,) of the sets that sum to 1."""
    if weights is None:
        return np.full(len(datasets), 1 / len(datasets))
    for name, weight in weights.items():
        if name not in datasets:
            raise ValueError(f"weights name {name!r}, which is no data set: there are {join_names(datasets)}")
        if not 0 <= weight < np.inf:
            raise ValueError(f"the weight of {name!r} must be 0 or more, got {weight}")
    given = np.array([float(weights.get(name, 0)) for name in datasets])
    if given.sum() <= 0:
        raise ValueError("all weights are 0: give at least one data set a weight above 0")
    return given / given.sum()


def group_indices(datasets: Sequence[str], groups: Sequence[Sequence[str]] | None) -> list[list[int]]:
    """Indices of the sets of each group; a set in no group is one of its own."""
    at, named = {name: place for place, name in enumerate(datasets)}, Counter(chain.from_iterable(groups or ()))
    for name, count in named.items():
        if name not in at:
            raise ValueError(f"groups name {name!r}, which is no data set: there are {join_names(datasets)}")
        if count > 1:
            raise ValueError(f"the data set {name!r} is in two groups: give each one")
    places = [[at[name] for name in group] for group in groups or () if len(group)]
    return places + [[place] for name, place in at.items() if name not in named]
