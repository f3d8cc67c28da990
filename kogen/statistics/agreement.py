"""Agreement: whether a set puts the models in the same order as another, among all and among the best."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from kogen.statistics.scores_of_sets.pair_counts import (
    SourcePairs,
    count_by_family,
    count_pairs,
    jackknife_interval,
    sample_models,
    source_pairs,
)
from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix

__all__ = ["agreement"]

SUBSETS = {"all": None, "top50": 50, "top20": 20}
COLUMNS = ["source", "target", "subset", "n", "tau", "lo", "hi", "family_lo", "family_hi"]


def agreement(
    scores: pd.DataFrame,
    *,
    source: str,
    targets: Sequence[str] | None = None,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Kendall's tau-b between the source and each target, for all models and for the source's top 50 and top 20.

    Input: scores (model, dataset, score[, family]); `on_step`, called after each target.
    Output: source, target, subset (all, top50, top20; only where there are more models than that), n (models measured
    on both), tau (-1 to 1), lo, hi (95 %, over models), family_lo, family_hi (over families); null where all tie.
    Definition: tau-b = sum of sign * sign / sqrt(pairs untied on the source * pairs untied on the target). Interval:
    jackknife over models or families, as of `transfer`, on (1 + tau) / 2, the share of pairs that agree. Of more than
    1,600 models tau is of all, its interval of a random 1,000.
    Source: Kendall (1945, Biometrika 33); jackknife of tau: Arvesen (1969, Ann. Math. Stat. 40).
    Assumes: models independent draws from those to come; the top are taken as given.
    Raises ValueError for scores that are incomplete and for unknown sets.
    """
    table = make_score_matrix(scores)
    found: list[dict[str, object]] = []

    @lru_cache(maxsize=len(SUBSETS))  # most tables have the same models on every target
    def pairs_among(models: bytes) -> SourcePairs:
        return source_pairs(table.values[np.frombuffer(models, dtype=np.intp), table.column(source)])

    for target in table.choose_targets(source, targets):
        found += rows(table, source, target, seed, pairs_among)
        on_step()
    return pd.DataFrame(found, columns=COLUMNS)


def rows(
    table: ScoreMatrix, source: str, target: str, seed: int, pairs_among: Callable[[bytes], SourcePairs]
) -> list[dict[str, object]]:
    """The rows of one target; `pairs_among`: the pairs of these models (their indices as bytes) on the source."""
    some = table.common_models(source, target)
    found = []
    for subset, most in SUBSETS.items():
        if most is not None and len(some) <= most:
            continue
        order = np.argsort(-table.values[some, table.column(source)], kind="stable")
        chosen = some[order[:most]] if most else some
        one, two = (table.values[chosen, table.column(name)] for name in (source, target))
        tau = np.asarray(kendalltau(np.round(one, 9), np.round(two, 9)))[0] if len(chosen) > 1 else np.nan
        row = {"source": source, "target": target, "subset": subset, "n": len(chosen), "tau": tau}
        drawn = chosen[sample_models(len(chosen), seed)]
        found.append(row | tau_intervals(table, drawn, pairs_among(drawn.tobytes()), target))
    return found


def tau_intervals(table: ScoreMatrix, chosen: np.ndarray, pairs: SourcePairs, target: str) -> dict[str, float]:
    """Intervals of tau-b over models and, where they are known, over families."""
    gap, other = pairs.gap, pairs.gap_on(table.values[chosen, table.column(target)])
    if not len(gap):
        return {}
    columns = [np.ones(len(gap)), np.sign(other) * (gap > 0), gap > 0, other != 0]
    bins = np.zeros(len(gap), dtype=int)
    counts = {"": count_pairs(pairs, bins, columns)}
    if table.families is not None:
        counts["family_"] = count_by_family(counts[""], table.families[chosen], pairs, bins, columns)
    row = {}
    for name, each in counts.items():
        total, without = each.leave_one_out(slice(None))
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = total[1] / np.sqrt(total[2] * total[3])
            taus = without[:, 1] / np.sqrt(without[:, 2] * without[:, 3])
        lo, hi = jackknife_interval((1 + whole) / 2, (1 + taus) / 2, total[0])
        row |= {f"{name}lo": 2 * lo - 1, f"{name}hi": 2 * hi - 1}
    return row
