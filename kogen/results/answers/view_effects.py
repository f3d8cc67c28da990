"""View effects: what each operation of the views does to a method, from paired trainings with it, without it, alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_json, read_sealed_json, write_json
from kogen.common.metric_facts import MetricFacts
from kogen.common.records import PLAN_ANEW
from kogen.results.answers.metric_matrices import metric_matrices
from kogen.statistics._intervals import PairDifferences, pair_differences
from kogen.statistics._item_matrix import ItemMatrix, item_matrices

ASKED = "advice.json"  # in a study of views: what was asked, and what the trained classifier says
EFFECTS = "view_effects.json"
NOTHING = "nothing"  # name of the views without any operation
NEIGHBOURS = "knn"
RIGID = ("flip", "flip_vertical", "quarter_turns")  # they move pixels and change none
BEFORE, AFTER = "before", "after"  # an operation, in rows of a reading
TAIL = 0.025


class Advice(StrEnum):
    """What an operation does, as far as the interval of leaving it out tells."""

    HELPS = "helps"  # with it the metric is higher
    HURTS = "hurts"  # with it the metric is lower
    ERASES = "erases"  # some classes are recognised less with it, while the others hold
    SUSPECT = "suspect"  # a classifier that never saw it loses some classes after it, and not the others
    OPEN = "open"  # these images and seeds cannot tell


def without(*operations: str) -> str:
    """The name of the views that leave operations out."""
    return f"without {'+'.join(operations)}"


def only(operation: str) -> str:
    """The name of the views that do nothing else."""
    return f"only {operation}"


@dataclass(frozen=True)
class Effect:
    """A difference in points with its interval; None where it has none."""

    value: float
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True)
class Reading:
    """What a classifier that was trained without any operation says of images on which one has happened."""

    images: int
    changed: int  # images that it calls otherwise then
    classes: dict[str, Effect] = field(default_factory=dict)  # the share recognised of each class, after minus before
    fallen: list[str] = field(default_factory=list)  # two classes or more that are recognised less; the others hold


@dataclass(frozen=True)
class AskedViews:
    """What a study of views was made of."""

    method: str
    views: str  # the set that is taken apart
    operations: list[str]
    readings: dict[str, Reading] = field(default_factory=dict)
    proposed: list[str] = field(default_factory=list)  # operations to leave out; none where all may stay


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
    """The effect of each operation on the reference, from one row an image; None before one was left out.

    Intervals hold for all operations at once (Bonferroni), those of classes for all classes of all operations; there
    are none where all views were trained once, which says nothing of what a training adds.
    """
    name = lambda views: f"{asked.method} {views}"  # noqa: E731
    whole, nothing = asked.method, name(NOTHING)
    mine: Any = predictions[predictions["dataset"] == dataset]
    mine = mine[mine["budget"].isna() & mine["pool"].isna()] if {"budget", "pool"} <= set(mine) else mine
    mine = mine[(mine["model"] == whole) | mine["model"].astype(str).str.startswith(f"{whole} ")]
    decides = mine[mine["protocol"] == protocol]
    done = [one for one in asked.operations if {whole, name(without(one))} <= set(decides["model"])]
    if not done:
        return None
    several = bool(decides.groupby("model", observed=True)["seed"].nunique().max() > 1)  # trainings of one set of views
    every, tail = Compared(metric_matrices(decides, facts)[0], several), TAIL / len(done)
    near = mine[mine["protocol"] == NEIGHBOURS] if protocol != NEIGHBOURS else mine[:0]
    neighbours = Compared(metric_matrices(near, facts)[0], several) if len(near) else None
    labels = sorted(map(str, decides["label"].dropna().unique())) if "label" in decides else []
    classes = {label: compare_shares(decides[decides["label"] == label], several) for label in labels}
    found = []
    for operation in done:
        pair = whole, name(without(operation))
        each = {label: one.effect(*pair, tail / len(labels)) for label, one in classes.items()}
        of_classes = {label: one for label, one in each.items() if one is not None}
        fallen = [label for label, one in of_classes.items() if one.hi is not None and one.hi < 0]
        left_out, reading = every.effect(*pair, tail) or Effect(0.0), asked.readings.get(operation)
        some_fall = do_others_hold(decides, fallen, pair)
        is_suspect = operation in RIGID and reading is not None and bool(reading.fallen)
        found.append(
            OperationEffect(
                operation,
                advise(left_out, some_fall, is_suspect),
                left_out,
                every.effect(name(only(operation)), nothing, tail),
                neighbours.effect(*pair, tail) if neighbours else None,
                of_classes,
                fallen,
                reading,
            )
        )
    return ViewEffects(
        asked.method,
        asked.views,
        dataset,
        facts,
        protocol,
        int(decides["item"].nunique()),
        int(decides.loc[decides["model"] == whole, "seed"].nunique()),
        every.value(whole) or 0.0,
        every.value(nothing),
        found,
        asked.proposed,
        every.effect(name(without(*asked.proposed)), whole, TAIL) if asked.proposed else None,
    )


def advise(left_out: Effect, some_fall: bool, is_suspect: bool) -> Advice:
    """What the interval of leaving an operation out says, then what the trained classifier says.

    `some_fall`: with it some classes are recognised less, while the others hold. `is_suspect`: so they are after it by
    a classifier that never saw it, and it only moves pixels.
    """
    if left_out.lo is not None and left_out.lo > 0:
        return Advice.HELPS
    if some_fall:
        return Advice.ERASES
    if left_out.hi is not None and left_out.hi < 0:
        return Advice.HURTS
    return Advice.SUSPECT if is_suspect else Advice.OPEN


def do_others_hold(rows: Any, fallen: Sequence[str], pair: tuple[str, str]) -> bool:
    """Whether the classes that did not fall, together, are not proven to fall; False where there are none."""
    rest = rows[~rows["label"].isin(fallen)] if fallen else rows[:0]
    others = compare_shares(rest).effect(*pair, TAIL) if len(rest) else None
    return others is not None and (others.hi is None or others.hi >= 0)


def make_reading(rows: pd.DataFrame, operations: int) -> Reading:
    """The reading of one of so many operations, from a row an image BEFORE and AFTER it; intervals hold for all.

    A classifier that is confused by what it never saw answers with its most frequent class whatever the image is: that
    one class of two falls says nothing.
    """
    every: Any = rows
    labels, pair = sorted(map(str, every["label"].unique())), (AFTER, BEFORE)
    tail = TAIL / (operations * len(labels))
    each = {label: compare_shares(every[every["label"] == label]).effect(*pair, tail) for label in labels}
    classes = {label: one for label, one in each.items() if one is not None}
    fallen = [label for label, one in classes.items() if one.hi is not None and one.hi < 0]
    said = every.pivot(index="item", columns="model", values="predicted")
    changed = int((said[BEFORE] != said[AFTER]).sum())
    apart = len(fallen) > 1 and do_others_hold(every, fallen, pair)
    return Reading(len(said), changed, classes, fallen if apart else [])


def proposal_of(effects: ViewEffects) -> list[str]:
    """The operations that are better left out."""
    return [one.name for one in effects.operations if one.advice in (Advice.HURTS, Advice.ERASES)]


@dataclass(frozen=True)
class Compared:
    """All views of a method on the same images.

    What training adds to the variance is taken as the same for all of them: two or three runs of each say hardly what
    it is, all of them together do. Means of estimates that are never below 0, so that it errs wide.
    """

    matrix: ItemMatrix
    is_known: bool = True  # whether several clusters and trainings say how much is chance

    def value(self, model: str) -> float | None:
        """The metric of a model in points; None where it was not judged."""
        places = self.matrix.models
        return 100 * float(self.matrix.means[places.index(model)]) if model in places else None

    def effect(self, first: str, second: str, tail: float) -> Effect | None:
        """The first minus the second, with `tail` on each side of the interval; None where one was not judged."""
        if not {first, second} <= set(self.matrix.models):
            return None
        i, j = (self.matrix.models.index(model) for model in (first, second))
        value, pairs = 100 * float(self.pairs.difference[i, j]), self.pairs
        middle, half = (100 * float(part[i, j]) for part in (pairs.adjusted, pairs.half_width(tail)))
        known = self.is_known and not self.matrix.withheld and math.isfinite(half)
        return Effect(value, middle - half, middle + half) if known else Effect(value)

    @cached_property
    def pairs(self) -> PairDifferences:
        """All differences, with the variance of training that all views share."""
        found, runs = pair_differences(self.matrix), self.matrix.runs
        if not (several := runs > 1).any():
            return found
        pooled, shape = float(self.matrix.training_variance[several].mean()), found.training_variance.shape
        df = float((runs[several] - 1).sum())
        return replace(found, training_variance=np.full(shape, 2 * pooled), seed_df=np.full(shape, df))


def compare_shares(rows: Any, several: bool = True) -> Compared:
    """The views by the share of images that are recognised; without intervals where all images are one cluster.

    `several`: whether what is compared was trained more than once, or needs not be.
    """
    known = rows["cluster"].nunique() > 1
    each = rows if known else rows.assign(cluster=rows["item"])
    return Compared(next(iter(item_matrices(each))), known and several)


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
