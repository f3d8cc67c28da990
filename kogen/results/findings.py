"""Findings: the answer to one question about two models on one set, with its number, its interval and its reason."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

TIE = 1e-9  # points: a smaller difference is none


class Answer(StrEnum):
    """What the numbers say to one question."""

    BETTER = "better"  # yes: the interval says so
    EQUIVALENT = "equivalent"  # the two differ by less than the margin
    UNDECIDED = "undecided"  # the data cannot tell
    UNKNOWN = "unknown"  # what was measured cannot answer this


class Reason(StrEnum):
    """Why an answer is what it is."""

    AHEAD = "ahead"  # the interval of all pairs at once excludes 0, and the margin is within reach
    SMALL = "small"  # really ahead, but by less than the margin
    EQUAL = "equal"  # the 90 % interval lies within the margin
    OPEN = "open"  # the interval holds 0, and differences that would matter
    TIE = "tie"  # the same value, and the interval holds differences that would matter
    SCORES = "scores"  # scores alone do not say which images two models share
    ABSENT = "absent"  # one of the two was not measured there


@dataclass(frozen=True)
class Finding:
    """Whether `first` is better than `second` on a set; `first` has the higher value (equals: as they were named).

    difference, lo, hi in points (or the metric's own unit), `first` minus `second`; `lo` and `hi` hold for all pairs of
    the set at once (95 %). `chance`: the probability (0-1) that `second` ties or wins on a fresh test set of this size.
    `more`: further images that would decide; None where the answer is decided, or no number of images would.
    """

    answer: Answer
    reason: Reason
    dataset: str
    first: str
    second: str
    difference: float | None = None
    lo: float | None = None
    hi: float | None = None
    chance: float | None = None
    more: int | None = None
    at_least: bool = False  # the test does not know which images the two share: the lead may be surer than it says

    @property
    def is_ahead(self) -> bool:
        """Whether the data show that `first` is ahead, by however little."""
        return self.answer == Answer.BETTER or self.reason == Reason.SMALL

    @property
    def is_tie(self) -> bool:
        """Whether the two have the same value."""
        return self.difference is not None and abs(self.difference) < TIE

    def seen_from(self, model: str) -> tuple[float | None, float | None, float | None]:
        """The difference of `model` minus the other one, and the ends of its interval."""
        if self.first == model:
            return self.difference, self.lo, self.hi
        gap, lo, hi = (None if end is None else -end for end in (self.difference, self.hi, self.lo))
        return gap, lo, hi


@dataclass(frozen=True)
class FloorFinding:
    """Whether a model is better than always answering the same class, `constant`, on one set; in points."""

    answer: Answer  # better | undecided
    dataset: str
    model: str
    value: float
    constant: str
    floor: float
    difference: float | None = None
    lo: float | None = None
    hi: float | None = None

    @property
    def is_perfect(self) -> bool:
        """Whether the constant answer is always right: the set has images of one class alone."""
        return self.floor > 100 - TIE


class Comparisons:
    """The tables of one protocol, where a question about two models on one set is one call.

    `values`, `pairs`, `needed` (of `required_images`), of scores alone `unpaired`, and where there are labels `floors`
    (dataset, model, constant, floor, difference, lo, hi): see the statistics of these names for their columns.
    """

    def __init__(
        self, tables: Mapping[str, Any], later: Mapping[str, bool] | None = None, span: float = math.inf
    ) -> None:
        """`later`: models that stand behind others of the same value, such as baselines; `span`: no difference is
        larger, whatever an interval of few images reaches."""
        self.later, self.span = later or {}, span
        self.values = frames_by_set(tables, "values")
        self.pairs, self.needed, self.floors = (frames_by_set(tables, name) for name in ("pairs", "needed", "floors"))
        self.unpaired = frames_by_set(tables, "unpaired")
        self._points = {
            name: dict(zip(part["model"], part["value"], strict=True)) for name, part in self.values.items()
        }
        self._order: dict[str, list[str]] = {}
        self._seen: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}

    def order(self, dataset: str) -> list[str]:
        """Models of a set, best first; among equals those that are not to stand behind, then by name."""
        if dataset not in self._order:
            points = self._points.get(dataset, {})
            key = lambda model: (-round(points[model], 9), self.later.get(model, False), model)  # noqa: E731
            self._order[dataset] = sorted(points, key=key)
        return self._order[dataset]

    def value(self, model: str, dataset: str) -> dict[str, float | None]:
        """value, lo and hi of a model on a set."""
        rows = self.values[dataset]
        row = rows[rows["model"] == model].iloc[0]
        return {name: float_or_none(row[name]) for name in ("value", "lo", "hi")}

    def points(self, model: str, dataset: str) -> float | None:
        """The value of a model on a set; None where it was not measured."""
        return self._points.get(dataset, {}).get(model)

    def leaders(self, dataset: str) -> list[str]:
        """The models with the highest value on a set: several where they are equal."""
        points, order = self._points.get(dataset, {}), self.order(dataset)
        return [model for model in order if points[order[0]] - points[model] < TIE]

    def has_pairs(self, dataset: str) -> bool:
        """Whether leads were tested on the same images of a set."""
        return dataset in self.pairs

    def compare(self, one: str, other: str, dataset: str) -> Finding:
        """Two models on a set; where they are equal, `one` is first."""
        mine, theirs = self.points(one, dataset), self.points(other, dataset)
        if mine is None or theirs is None:
            return Finding(Answer.UNKNOWN, Reason.ABSENT, dataset, one, other)
        first, second = (one, other) if mine - theirs > -TIE else (other, one)
        row = self._rows_of(one, dataset).get(other)
        if row is None:
            return Finding(Answer.UNKNOWN, Reason.SCORES, dataset, first, second, abs(mine - theirs))
        return self._from_row(row, first, second)

    def against(self, model: str, dataset: str, most: int | None = None) -> list[Finding]:
        """A model against each other one of a set, or the best `most` of them, the best first."""
        others = [other for other in self.order(dataset) if other != model]
        return [self.compare(model, other, dataset) for other in others[:most]]

    def floor(self, model: str, dataset: str) -> FloorFinding | None:
        """A model against the constant answer; None where no labels say what that is, or the model is not there."""
        rows = self.floors.get(dataset)
        row = None if rows is None else next(iter(rows[rows["model"] == model].to_dict("records")), None)
        value = self.points(model, dataset)
        if row is None or value is None:
            return None
        difference, lo, hi = (float_or_none(row[name]) for name in ("difference", "lo", "hi"))
        answer = Answer.BETTER if lo is not None and lo > 0 else Answer.UNDECIDED
        known = (value, str(row["constant"]), float(row["floor"]))
        return FloorFinding(answer, dataset, model, *known, difference=difference, lo=lo, hi=hi)

    def _rows_of(self, model: str, dataset: str, table: str = "pairs") -> dict[str, dict[str, Any]]:
        """The rows of pairs of one model on a set, by the other model."""
        key = (table, dataset, model)
        if key not in self._seen:
            rows = (self.needed if table == "needed" else self.pairs | self.unpaired).get(dataset)
            mine = [] if rows is None else rows[(rows["first"] == model) | (rows["second"] == model)].to_dict("records")
            self._seen[key] = {row["second"] if row["first"] == model else row["first"]: row for row in mine}
        return self._seen[key]

    def _from_row(self, row: dict[str, Any], first: str, second: str) -> Finding:
        sign = 1 if row["first"] == first else -1
        ends = (sign * row[end] for end in ("family_lo", "family_hi"))
        lo, hi = sorted(min(max(end, -self.span), self.span) for end in ends)
        gap = sign * row["difference"]
        answer, reason = read_verdict_word(row["verdict"], gap)
        more = self._rows_of(first, row["dataset"], "needed").get(second, {}).get("more")
        return Finding(
            answer,
            reason,
            row["dataset"],
            first,
            second,
            difference=gap,
            lo=lo,
            hi=hi,
            chance=float_or_none(row["lottery"]),
            more=whole_or_none(more),
            at_least=row.get("kind") == "unpaired",
        )


def read_verdict_word(word: str, gap: float) -> tuple[Answer, Reason]:
    """The answer and the reason that a verdict of `paired` is."""
    if word == "better":
        return Answer.BETTER, Reason.AHEAD
    if word in ("small", "equivalent"):
        return Answer.EQUIVALENT, Reason.SMALL if word == "small" else Reason.EQUAL
    return Answer.UNDECIDED, Reason.TIE if abs(gap) < TIE else Reason.OPEN


def frames_by_set(tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The rows of a table by data set; none where there is no such table."""
    if name not in tables or not len(tables[name]):
        return {}
    return {str(dataset): part for dataset, part in tables[name].groupby("dataset", sort=False, observed=True)}


def float_or_none(value: Any) -> float | None:
    """A number, or None where the table has none."""
    return None if value is None or bool(pd.isna(value)) else float(value)


def whole_or_none(value: Any) -> int | None:
    """A whole number, or None where the table has none."""
    number = float_or_none(value)
    return None if number is None else int(number)
