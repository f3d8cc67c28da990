"""View effects: what each operation of the views does to a method, from paired trainings with it, without it, alone."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_json, read_sealed_json, write_json
from kogen.common.metric_facts import MetricFacts
from kogen.common.records import PLAN_ANEW
from kogen.results.answers.metric_matrices import metric_matrices
from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import item_matrices

ASKED = "advice.json"  # in a study of views: what was asked, and what the trained classifier says
EFFECTS = "view_effects.json"
NOTHING = "nothing"  # name of the views without any operation
NEIGHBOURS = "knn"
TAIL = 0.025


class Advice(StrEnum):
    """What an operation does, as far as the interval of leaving it out tells."""

    HELPS = "helps"  # with it the metric is higher
    HURTS = "hurts"  # with it the metric is lower
    ERASES = "erases"  # some classes are recognised less with it, while the others hold
    OPEN = "open"  # these images and seeds cannot tell


def without(*operations: str) -> str:
    """The name of the views that leave operations out."""
    return f"without {'+'.join(operations)}"


def only(operation: str) -> str:
    """The name of the views that do nothing else."""
    return f"only {operation}"


@dataclass(frozen=True)
class Reading:
    """What a classifier that was trained without any operation says of images on which one has happened."""

    images: int
    changed: int  # images that it calls otherwise then
    before: dict[str, float] = field(default_factory=dict)  # by class, the share that is recognised, 0 to 100
    after: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AskedViews:
    """What a study of views was made of."""

    method: str
    views: str  # the set that is taken apart
    operations: list[str]
    readings: dict[str, Reading] = field(default_factory=dict)
    proposed: list[str] = field(default_factory=list)  # operations to leave out; none where all may stay


@dataclass(frozen=True)
class Effect:
    """A difference in points with its interval; None where it has none."""

    value: float
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True)
class OperationEffect:
    """What one operation does: minus where the metric is lower with it."""

    name: str
    advice: Advice
    left_out: Effect  # all operations minus all but this one
    alone: Effect | None = None  # this one minus none at all
    neighbours: Effect | None = None  # as `left_out`, by k-NN
    classes: dict[str, Effect] = field(default_factory=dict)  # as `left_out`, the share recognised of each class
    fallen: list[str] = field(default_factory=list)  # classes that are recognised less with it
    reading: Reading | None = None


@dataclass(frozen=True)
class ViewEffects:
    """The effects of all operations of a set of views on one method, on images that none of the trainings saw."""

    method: str
    views: str
    dataset: str
    metric: MetricFacts
    protocol: str
    images: int
    seeds: int
    whole: float  # the metric with all operations, and with none
    nothing: float | None
    operations: list[OperationEffect]
    proposed: list[str] = field(default_factory=list)  # operations to leave out: those that hurt or erase
    proposal: Effect | None = None  # the views without these minus all operations, once they were trained


def read_asked_views(study: Path) -> AskedViews | None:
    """What a study of views was made of; None for another study."""
    place = study / ASKED
    return from_plain(AskedViews, read_sealed_json(place, PLAN_ANEW), str(place)) if place.exists() else None


def judge_views(
    asked: AskedViews, predictions: pd.DataFrame, facts: MetricFacts, protocol: str, dataset: str
) -> ViewEffects | None:
    """The effect of each operation on the reference, from one row an image; None before all with it were trained.

    Intervals hold for all operations at once (Bonferroni), those of classes for all classes of all operations.
    """
    mine: Any = predictions[predictions["dataset"] == dataset]
    mine = mine[mine["budget"].isna() & mine["pool"].isna()] if {"budget", "pool"} <= set(mine) else mine
    decides, there = mine[mine["protocol"] == protocol], set(mine["model"])
    name = lambda views: f"{asked.method} {views}"  # noqa: E731
    whole = asked.method
    done = [one for one in asked.operations if name(without(one)) in there]
    if whole not in there or not done:
        return None
    tail, found = TAIL / len(done), []
    near = mine[mine["protocol"] == NEIGHBOURS] if protocol != NEIGHBOURS else mine[:0]
    for operation in done:
        pair = whole, name(without(operation))
        left_out = effect(decides, pair, facts, tail)
        if left_out is None:
            continue
        classes = class_effects(decides, pair, tail)
        fallen = [label for label, one in classes.items() if one.hi is not None and one.hi < 0]
        rest = decides[~decides["label"].isin(fallen)] if fallen else decides
        others = share_effect(rest, pair, TAIL) if fallen and len(rest) else None
        found.append(
            OperationEffect(
                operation,
                advise(left_out, bool(fallen), others),
                left_out,
                effect(decides, (name(only(operation)), name(NOTHING)), facts, tail),
                effect(near, pair, facts, tail),
                classes,
                fallen,
                asked.readings.get(operation),
            )
        )
    if not found:
        return None
    values = {model: value_of(decides, model, facts) for model in (whole, name(NOTHING))}
    return ViewEffects(
        asked.method,
        asked.views,
        dataset,
        facts,
        protocol,
        int(decides["item"].nunique()),
        int(decides.loc[decides["model"] == whole, "seed"].nunique()),
        values[whole] or 0.0,
        values[name(NOTHING)],
        found,
        asked.proposed,
        effect(decides, (name(without(*asked.proposed)), whole), facts, TAIL) if asked.proposed else None,
    )


def advise(left_out: Effect, has_fallen: bool, others: Effect | None) -> Advice:
    """What the interval of leaving an operation out says; `others`: the classes that did not fall, together."""
    if left_out.lo is not None and left_out.lo > 0:
        return Advice.HELPS
    if has_fallen and others is not None and (others.hi is None or others.hi >= 0):
        return Advice.ERASES
    return Advice.HURTS if left_out.hi is not None and left_out.hi < 0 else Advice.OPEN


def proposal_of(effects: ViewEffects) -> list[str]:
    """The operations that are better left out."""
    return [one.name for one in effects.operations if one.advice in (Advice.HURTS, Advice.ERASES)]


def effect(rows: pd.DataFrame, pair: tuple[str, str], facts: MetricFacts, tail: float) -> Effect | None:
    """The first model minus the second by the metric that decides; None where one of them was not judged."""
    both: Any = rows[rows["model"].isin(pair)]
    if set(both["model"]) != set(pair):
        return None
    return difference(metric_matrices(both, facts)[0], pair, tail)


def share_effect(rows: pd.DataFrame, pair: tuple[str, str], tail: float) -> Effect | None:
    """The same by the share of images that are recognised; without ends where all of them are one cluster."""
    both: Any = rows[rows["model"].isin(pair)]
    if set(both["model"]) != set(pair):
        return None
    if both["cluster"].nunique() < 2:
        first, second = (100 * float(both.loc[both["model"] == one, "correct"].mean()) for one in pair)
        return Effect(first - second)
    return difference(next(iter(item_matrices(both))), pair, tail)


def class_effects(rows: pd.DataFrame, pair: tuple[str, str], tail: float) -> dict[str, Effect]:
    """The share recognised of each class, the first model minus the second, for all classes at once."""
    labels = sorted(map(str, rows["label"].dropna().unique())) if "label" in rows else []
    every: Any = rows
    each = {label: share_effect(every[every["label"] == label], pair, tail / len(labels)) for label in labels}
    return {label: one for label, one in each.items() if one is not None}


def difference(matrix: Any, pair: tuple[str, str], tail: float) -> Effect:
    """The difference between two models of an item matrix; without ends where the metric gives no interval."""
    first, second = (matrix.models.index(model) for model in pair)
    pairs = pair_differences(matrix)
    value = 100 * float(pairs.difference[first, second])
    middle, half = (100 * float(part[first, second]) for part in (pairs.adjusted, pairs.half_width(tail)))
    known = not matrix.withheld and math.isfinite(half)
    return Effect(value, middle - half, middle + half) if known else Effect(value)


def value_of(rows: pd.DataFrame, model: str, facts: MetricFacts) -> float | None:
    """The metric of a model; None where it was not judged."""
    mine: Any = rows[rows["model"] == model]
    return 100 * float(metric_matrices(mine, facts)[0].means[0]) if len(mine) else None


def write_effects(study: Path, found: ViewEffects | None) -> None:
    """Write STUDY/view_effects.json, or take away that of an earlier report."""
    place = study / EFFECTS
    if found is None:
        place.unlink(missing_ok=True)
    else:
        write_json(place, to_plain(found))


def read_effects(study: Path) -> ViewEffects | None:
    """The effects of a study of views that was judged; None for another study."""
    place = study / EFFECTS
    return from_plain(ViewEffects, read_json(place), str(place)) if place.exists() else None
