"""The safe bet of a summary: its picks, who equals them, what safety costs, and how many images would decide."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from kogen.results.lottery_summary import Coverage, Decision, LeftOut, Recommendation, Row
from kogen.statistics.reported_scores import score_cells
from kogen.statistics.unpaired import family_quantile

POWER_QUANTILE = 0.84  # normal quantile of 80 % power
SHOWN_DIGITS = 1  # of points, on pages
EQUAL = 1e-9  # points: a smaller difference is none
MOST_NAMES = 20  # of models that are named one by one
MOST_SETS = 50  # of which each pick of each rule is kept


def recommendation(
    picks: Any, scores: Any, margin: float, weights: Mapping[str, float] | None, decides: Decision | None
) -> Recommendation:
    """The picks, whether they are one model, and what safety costs; `scores` of the sets that vote."""
    chosen = list(dict.fromkeys(picks["model"]))
    counted = scores[scores["dataset"].isin(counted_sets(scores, weights))]
    return Recommendation(
        picks=[row | heights(row["model"], counted) for row in picks.to_dict("records")],
        model=chosen[0] if len(chosen) == 1 else None,
        agree=len(chosen) == 1 if chosen else None,
        price=float(picks["price"].max()) if len(picks) else None,
        decides=decides,
        tie=tied_models(picks),
        price_matters=any(is_seen(picks[name], margin) for name in ("expected", "max_regret")),
    )


def chosen_pair(picks: Any, scores: Any, source: str) -> list[str]:
    """The two models between which more images would decide: the first two picks, or the one pick and the next best."""
    chosen = list(dict.fromkeys(picks["model"]))
    if len(chosen) != 1:
        return chosen[:2]
    others = scores[(scores["dataset"] == source) & (scores["model"] != chosen[0])]
    others = others.assign(score=others["score"].round(9)).sort_values(["score", "model"], ascending=[False, True])
    return chosen + [str(name) for name in others["model"].head(1)]


def counted_sets(scores: Any, weights: Mapping[str, float] | None) -> list[str]:
    """The sets with a weight."""
    names = sorted(map(str, scores["dataset"].unique()))
    return [name for name in names if weights is None or not len(weights) or weights.get(name, 0) > 0]


def measured_everywhere(scores: Any, weights: Mapping[str, float] | None) -> Coverage:
    """The models with a score on every set that counts."""
    sets = counted_sets(scores, weights)
    count = scores[scores["dataset"].isin(sets)].groupby("model", observed=True, sort=True).size()
    whole = [str(name) for name in count.index[count == len(sets)]]
    return Coverage(len(whole), scores["model"].nunique(), whole[:MOST_NAMES])


def set_leaders(scores: Any) -> dict[str, list[str]]:
    """The models with the highest score of each set, equals by name, at most 20."""
    rounded = scores.assign(score=scores["score"].round(9))
    best = rounded.groupby("dataset", observed=True)["score"].transform("max")
    rows = rounded[rounded["score"] == best].sort_values(["dataset", "model"])
    found: dict[str, list[str]] = {}
    for dataset, model in zip(rows["dataset"], rows["model"], strict=True):
        found.setdefault(str(dataset), []).append(str(model))
    return {dataset: models[:MOST_NAMES] for dataset, models in found.items()}


def heights(model: str, scores: Any) -> dict[str, Any]:
    """Where nobody is higher than a model (`highest_on`), and who is elsewhere without having been measured everywhere
    (`beaten_on`: set -> models, best first, at most 20)."""
    sets = scores["dataset"].nunique()
    count = scores.groupby("model", observed=True)["dataset"].transform("size")
    mine = scores.loc[scores["model"] == model].set_index("dataset")["score"]
    own = scores["dataset"].astype(str).map({str(name): value for name, value in mine.items()}).astype(float)
    above = scores[scores["score"].to_numpy() > own.to_numpy() + EQUAL]
    partly = above[(count[above.index] < sets).to_numpy()].sort_values(["score", "model"], ascending=[False, True])
    beaten: dict[str, list[str]] = {}
    for dataset, name in zip(partly["dataset"], partly["model"], strict=True):
        beaten.setdefault(str(dataset), []).append(str(name))
    higher = set(map(str, above["dataset"]))
    highest = sorted(name for name in map(str, mine.index) if name not in higher)
    return {"highest_on": highest, "beaten_on": {name: beaten[name][:MOST_NAMES] for name in sorted(beaten)}}


def tied_models(picks: Any) -> list[str]:
    """The models that every pick's criterion takes for equal, the pick first; empty where the pick stands alone."""
    if not len(picks):
        return []
    sets = [{str(model), *equals} for model, equals in zip(picks["model"], picks["equals"], strict=True)]
    same, first = set.intersection(*sets), str(picks["model"].iloc[0])
    return [first, *sorted(same - {first})] if len(same) > 1 and first in same else []


def is_seen(values: Any, margin: float) -> bool:
    """Whether points differ by the margin at least, and still do as they are shown."""
    if not len(values):
        return False
    low, high = float(values.min()), float(values.max())
    return high - low >= max(margin, EQUAL) - EQUAL and round(low, SHOWN_DIGITS) != round(high, SHOWN_DIGITS)


def decide_from_pairs(pair: Row, needed: Row | None) -> Decision:
    """How many images would decide a pair, from its row of `paired` and of `required_images`."""
    gap = abs(float(pair["difference"]))
    about: dict[str, Any] = {"first": str(pair["first"]), "second": str(pair["second"]), "difference": gap}
    if pair["verdict"] in ("better", "small", "equivalent"):
        return Decision(**about, images=int(pair["n"]), decided=True)
    images = None if needed is None or pd.isna(needed["images"]) else int(needed["images"])
    if gap < EQUAL:
        return Decision(**about, images=None, decided=False, reason="equal")
    return Decision(**about, images=images, decided=False, reason="training" if images is None else None)


def decide_from_scores(scores: Any, two: list[str], source: str) -> Decision:
    """At most how many images would decide a pair, from scores alone: as if each model had images of its own.

    n = (quantile for all pairs of the set + 0.84)^2 (p (1 - q) + q (1 - p)) / (difference^2 - the part of training).
    """
    every = scores[scores["dataset"] == source]
    cells = score_cells(every[every["model"].isin(two)].assign(model=lambda part: part["model"].astype(str)))
    cells = cells.set_index("model").loc[two]
    (one, other), runs = (cells["value"] / 100).tolist(), cells["runs"].min()
    gap, critical = abs(one - other), family_quantile(every["model"].nunique())[0]
    about: dict[str, Any] = {"first": two[0], "second": two[1], "difference": 100 * gap, "decided": False}
    about["images_is_upper_bound"] = True
    if 100 * gap < EQUAL:
        return Decision(**about, images=None, reason="equal")
    wide = critical + POWER_QUANTILE
    training = student.isf(0.025, max(runs - 1, 1)) ** 2 * cells["training_variance"].sum()
    left = gap**2 - training * (wide / critical) ** 2
    if left <= 0:
        return Decision(**about, images=None, reason="training")
    return Decision(**about, images=int(np.ceil(wide**2 * (one * (1 - other) + other * (1 - one)) / left)))


def left_out_summary(table: Any) -> LeftOut:
    """The table of `left_out` in two: its sets, and its rules."""
    each, rules = table[table["left_out"].notna()], table[table["left_out"].isna()]
    least = rules["regret"].round(9).min()
    few = each["left_out"].nunique() <= MOST_SETS
    return LeftOut(
        sets=each[["rule", "left_out", "model", "equals", "regret"]].to_dict("records") if few else [],
        rules=rules[["rule", "regret", "worst", "lo", "hi", "share_best"]].to_dict("records"),
        best=[str(name) for name in rules.loc[rules["regret"].round(9) == least, "rule"]],
    )
