"""Leave one set out: would each rule that picks a model have picked well on a set that it did not see?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kogen.statistics.safe_bet import near_best_draws
from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix
from kogen.statistics.scores_of_sets.score_noise import Noise
from kogen.statistics.unified import (
    LOWER_IS_BETTER,
    METRICS,
    group_indices,
    normalise_weights,
    ranks_and_losses,
    relative_values,
    rule_values,
)

__all__ = ["left_out"]

MIN_SETS, MIN_UNITS = 3, 5  # sets; models or families below which resampling them says nothing
DRAWS, MIN_DRAWS = 200, 50  # of models or families, for the interval
MAX_CELLS = 30_000_000  # models x sets x sets left out: half a minute
WORK_CELLS, CALL_CELLS = 20_000_000, 2_000  # cells that the interval may take; what one call costs at least: seconds
COLUMNS = ["rule", "left_out", "model", "equals", "regret", "worst", "lo", "hi", "share_best"]


def left_out(
    scores: pd.DataFrame,
    *,
    source: str,
    margin: float = 0.5,
    weights: Mapping[str, float] | None = None,
    groups: Sequence[Sequence[str]] | None = None,
    noise: Noise | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """What each rule's pick loses on a set that the rule did not see, set by set and together.

    Input: scores (model, dataset, score[, n][, family]) in points; `source`, the reference; the others as in `unified`
    and `safe_bet`.
    Output: rule, left_out, model (the pick, the first by name of equals), equals (how many were picked), regret (points
    to the best model of the set left out; of equals the mean), worst, lo, hi, share_best. After the rows of its sets a
    rule has a row without left_out and model: regret is the weighted mean over the sets, worst the largest, lo and hi
    its 95 % interval over other models of the same kind, share_best the share of resamples in which no rule's mean
    regret is smaller. Least regret first; lo, hi, share_best are null for fewer than 5 models (families, if known).
    Definition: only models measured on every set with a weight. Every set but the source is left out once; the source
    is known to whoever chooses. Rules: `reference` (best on the source), `near` (as in `safe_bet`, where the items or
    their number are known) and all of `unified` that have a value, each on the sets that are left. Interval:
    percentiles over resamples of families where they are known, otherwise of models; every rule chooses again in each.
    Assumes: the sets are like those to come; with 3 sets there are two to learn from. Source: cross-validation over
    data sets, Stone (1974, J. R. Stat. Soc. B 36); regret, Savage (1951, JASA 46).
    Raises ValueError for fewer than 3 sets or 2 models, for too many of both, an unknown source, and bad weights.
    """
    table = make_score_matrix(scores)
    weight = normalise_weights(table.datasets, weights)
    used = np.flatnonzero(weight > 0)
    whole = table.common_models(*(table.datasets[place] for place in used))
    tests = used[used != table.column(source)]
    refuse_too_few(len(used), len(whole), len(tests))
    values, columns = table.values[np.ix_(whole, used)], np.searchsorted(used, tests)
    losses = np.round(values.max(axis=0) - values, 9)[:, columns]  # (m, T)
    share = weight[tests] / weight[tests].sum()
    goals = rule_goals(table, whole, used, weight, tests, groups, source)
    if (near := near_goals(table, whole, used, tests, margin, noise, seed)) is not None:
        goals["near"] = near
    mean, found = {}, {}
    names = np.array(table.models, dtype=object)[whole]
    for rule, goal in goals.items():
        best = goal >= goal.max(axis=0) - 1e-9  # (m, T)
        regret = pick_losses(goal, losses)
        mean[rule] = float(regret @ share)
        picks = [sorted(map(str, names[column])) for column in best.T]
        found[rule] = [
            {"rule": rule, "left_out": table.datasets[place], "model": pick[0], "equals": len(pick), "regret": loss}
            for place, pick, loss in zip(tests, picks, regret, strict=True)
        ]
        found[rule].append({"rule": rule, "regret": mean[rule], "worst": float(regret.max())})
    family = None if table.families is None else table.families[whole]
    unit = np.arange(len(whole)) if family is None else np.unique(family, return_inverse=True)[1]
    return summarise(found, mean, resample_regrets(values, columns, share, goals, unit, seed))


def refuse_too_few(sets: int, models: int, tests: int) -> None:
    """ValueError for a table from which nothing is learnt, and for one that would take too long."""
    if sets < MIN_SETS:
        raise ValueError(
            f"leaving a set out wants {MIN_SETS} sets or more with a weight, there are {sets}: with 2 the choice would "
            "be made on a single set"
        )
    if models < 2:
        raise ValueError(
            f"leaving a set out wants 2 models or more that were measured on every set, there are {models}"
        )
    if models * sets * tests > MAX_CELLS:
        raise ValueError(
            f"leaving {tests:,} sets out one by one of {models:,} models on {sets:,} sets takes too long: choose sets "
            f"or models, at most {MAX_CELLS:,} models x sets x sets left out"
        )


def rule_goals(
    table: ScoreMatrix,
    whole: np.ndarray,
    used: np.ndarray,
    weight: np.ndarray,
    tests: np.ndarray,
    groups: Sequence[Sequence[str]] | None,
    source: str,
) -> dict[str, np.ndarray]:
    """Of each rule what it maximises, (m, T): a column for each set that is left out."""
    at, votes = table.column(source), group_indices(table.datasets, groups)
    goals = {"reference": np.repeat(table.values[whole, at][:, None], len(tests), axis=1)}
    columns: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    for place in tests:
        left = used[used != place]
        for name, value in rule_values(table, whole, left, weight[left] / weight[left].sum(), votes).items():
            columns[name].append(-value if name in LOWER_IS_BETTER else value)
    found = {name: np.round(np.stack(parts, axis=1), 9) for name, parts in columns.items()}
    return goals | {name: goal for name, goal in found.items() if not np.isnan(goal).any()}


def near_goals(
    table: ScoreMatrix,
    whole: np.ndarray,
    used: np.ndarray,
    tests: np.ndarray,
    margin: float,
    noise: Noise | None,
    seed: int,
) -> np.ndarray | None:
    """The probability (m, T) of being near the best on all sets but the one left out; None where noise is unknown."""
    misses, draws = None, 0  # on how many sets a model is not near the best, (R, m)
    for hit in near_best_draws(table, whole, used, margin, noise, seed):
        if hit is None:
            return None
        draws = len(hit) if misses is None else min(draws, len(hit))
        misses = (~hit).astype(np.int16) if misses is None else misses[:draws] + ~hit[:draws]
    assert misses is not None, "there are 3 sets or more"
    columns = {
        int(place): (misses == ~hit[:draws]).mean(axis=0)  # it misses no set, or the one left out alone
        for place, hit in zip(used, near_best_draws(table, whole, used, margin, noise, seed), strict=True)
        if hit is not None
    }
    return np.stack([columns[int(place)] for place in tests], axis=1)


def resample_regrets(
    values: np.ndarray, tests: np.ndarray, share: np.ndarray, goals: dict[str, np.ndarray], unit: np.ndarray, seed: int
) -> dict[str, np.ndarray] | None:
    """Mean regrets (R,) of each rule where some units (families, or models) are left away and others come twice.

    `values` (m, S) on the sets that count, `tests` (T,) the columns that are left out, `unit` (m,) a code. Who is in
    the resample changes ranks and losses; the other goals are a model's own. None where resampling says nothing.
    """
    count, (models, sets) = int(unit.max()) + 1, values.shape
    draws = min(DRAWS, WORK_CELLS // (models * sets + len(tests) * (models * sets + CALL_CELLS) // 4))
    if count < MIN_UNITS or draws < MIN_DRAWS:
        return None
    rng = np.random.default_rng([seed, 11])
    found: dict[str, list[float]] = {rule: [] for rule in goals}
    for _ in range(draws):
        kept = np.isin(unit, rng.integers(0, count, size=count))
        ranks, losses = ranks_and_losses(values[kept])
        relative = [relative_values(np.delete(ranks, place, 1), np.delete(losses, place, 1)) for place in tests]
        for rule, goal in goals.items():
            if rule in relative[0]:
                chosen = -np.round(np.stack([each[rule] for each in relative], axis=1), 9)
            else:
                chosen = goal[kept]
            found[rule].append(float(pick_losses(chosen, losses[:, tests]) @ share))
    return {rule: np.array(means) for rule, means in found.items()}


def pick_losses(goal: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """What the model with the highest goal (m, T) loses (T,) of losses (m, T); the mean of equals."""
    best = goal >= goal.max(axis=0) - 1e-9
    return (losses * best).sum(axis=0) / best.sum(axis=0)


def summarise(
    found: dict[str, list[dict[str, object]]], mean: dict[str, float], resampled: dict[str, np.ndarray] | None
) -> pd.DataFrame:
    """The table: rules by their mean regret, each with the row of all its sets last."""
    if resampled is not None:
        least = np.min(list(resampled.values()), axis=0)
        for rule, means in resampled.items():
            lo, hi = np.quantile(means, (0.025, 0.975))
            found[rule][-1] |= {"lo": lo, "hi": hi, "share_best": float((means <= least + 1e-9).mean())}
    order = sorted(found, key=lambda rule: round(mean[rule], 9))  # equals in the order of the rules
    rows = [row for rule in order for row in found[rule]]
    numbers = dict.fromkeys(("regret", "worst", "lo", "hi", "share_best"), "float64")
    return pd.DataFrame(rows, columns=COLUMNS).astype(numbers | {"equals": "Int64"})
