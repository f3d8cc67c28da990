"""The safe bet: the model best on average, the one with the smallest loss anywhere, the one most often near best."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix
from kogen.statistics.scores_of_sets.score_noise import Noise, dataset_noise
from kogen.statistics.unified import normalise_weights

__all__ = ["safe_bet"]

COLUMNS = ["pick", "model", "expected", "max_regret", "worst_set", "near_best", "price", "equals"]


def safe_bet(
    scores: pd.DataFrame,
    *,
    margin: float = 0.5,
    weights: Mapping[str, float] | None = None,
    noise: Noise | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Three picks among the models that were measured on every set that counts, each with all three criteria.

    Input: scores (model, dataset, score[, n]) in points; `margin` in points; `weights` of the sets; `noise`, draws of
    the error of the scores where the items are known.
    Output: pick (expected, regret, near), model, expected (weighted mean, points), max_regret (points), worst_set
    (where that is), near_best (0-1), price (loss in expected score against the best one, points), equals (a list of the
    other models that the pick's own criterion cannot tell from it, by name; of `near` those with the same scores on all
    sets). No rows where no model was measured everywhere; `near` only where the items, or their number, are known for
    every set.
    Definition: expected: highest weighted mean; regret: smallest largest loss to the best model of a set (minimax);
    near: highest probability, over draws of the scores' noise, of being within the margin of the best on every set at
    once. Equals go to the higher expected, then to the smaller regret, then to the nearer, then by name. Sets of weight
    0 do not count.
    Source: Savage (1951, JASA 46) for minimax regret. Assumes: as `transfer`'s noise; the scores are the best guess of
    the true ones, so the best of many close models is flattered (see `optimism`).
    Raises ValueError for a negative margin and bad weights.
    """
    if not margin >= 0:
        raise ValueError(f"margin must be 0 or more points, got {margin}: give the smallest difference worth money")
    table = make_score_matrix(scores)
    weight = normalise_weights(table.datasets, weights)
    used = np.flatnonzero(weight > 0)
    whole = table.common_models(*(table.datasets[place] for place in used))
    if not len(whole):
        return pd.DataFrame(columns=COLUMNS)
    values = table.values[np.ix_(whole, used)]  # (m, S)
    expected = values @ weight[used]
    loss = values.max(axis=0) - values
    regret = loss.max(axis=1)
    near = near_best_probability(table, whole, used, margin, noise, seed)
    names = np.array(table.models, dtype=object)[whole]
    equals = [names.astype(str), *([] if near is None else [-near]), np.round(regret, 9), -np.round(expected, 9)]
    found = []
    for pick, goal in (("expected", -expected), ("regret", regret), ("near", None if near is None else -near)):
        if goal is None:
            continue
        at = np.lexsort([*equals, np.round(goal, 9)])[0]
        row = {"pick": pick, "model": names[at], "expected": expected[at], "max_regret": regret[at]}
        row |= {"worst_set": table.datasets[used[loss[at].argmax()]], "near_best": None if near is None else near[at]}
        same = np.abs(values - values[at]).max(axis=1) < 1e-9 if pick == "near" else np.abs(goal - goal[at]) < 1e-9
        others = sorted(str(name) for name in names[same] if name != names[at])
        found.append(row | {"price": expected.max() - expected[at], "equals": others})
    return pd.DataFrame(found, columns=COLUMNS).astype({"near_best": "float64"})


def near_best_probability(
    table: ScoreMatrix, whole: np.ndarray, used: np.ndarray, margin: float, noise: Noise | None, seed: int
) -> np.ndarray | None:
    """Probability (m,) of being within the margin of the best on every set at once; None where noise is unknown."""
    inside = None
    for hit in near_best_draws(table, whole, used, margin, noise, seed):
        if hit is None:
            return None
        inside = hit if inside is None else inside[: len(hit)] & hit[: len(inside)]
    return inside.mean(axis=0) if inside is not None else None


def near_best_draws(
    table: ScoreMatrix, whole: np.ndarray, used: np.ndarray, margin: float, noise: Noise | None, seed: int
) -> Iterator[np.ndarray | None]:
    """Of each used set, draws (R, m) of whether a model is within the margin of the best; None: noise is unknown."""
    rng = np.random.default_rng([seed, 6])
    for place in used:
        some = contenders(table, whole, place, margin, noise)
        error = dataset_noise(table, table.datasets[place], whole[some], noise, rng)
        if error is None:
            yield None
            continue
        score = table.values[whole[some], place] + error
        hit = np.zeros((len(score), len(whole)), dtype=bool)
        hit[:, some] = score >= score.max(axis=1, keepdims=True) - margin - 1e-9
        yield hit


def contenders(table: ScoreMatrix, whole: np.ndarray, place: int, margin: float, noise: Noise | None) -> np.ndarray:
    """Indices into `whole` of the models that could be near the best of a set; the others are not drawn."""
    values, n = table.values[whole, place], table.n[whole, place]
    if noise is not None or np.isnan(n).any():
        return np.arange(len(whole))
    reach = 2 * 8 * 50 / np.sqrt(n.min())  # 8 standard deviations, each at most 50 points / sqrt(n), of both models
    return np.flatnonzero(values >= values.max() - margin - reach)
