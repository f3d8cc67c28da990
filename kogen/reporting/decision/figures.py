"""Figures of a decision: each model beside the leader, and the lead on every set; plain data for plotly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from kogen.common.metric_facts import POINTS
from kogen.reporting.charts import (
    Figure,
    annotation,
    axis,
    axis_title,
    distinct_labels,
    dots,
    ink,
    label,
    layout,
    stroke,
    trace,
)
from kogen.reporting.decision.quantities import FINE_DIGITS, unit_phrase
from kogen.reporting.words import clean, display_name, format_number, say
from kogen.results.decide import BASELINES
from kogen.results.findings import Answer, Finding, float_or_none
from kogen.results.judgement import Judgement

FAR_FACTOR = 2.5  # the scale ends at this many times the median distance; what lies beyond is an arrow
ROWS = 10  # models that are shown of many


@dataclass(frozen=True)
class Bar:
    """One row of a figure: its name, its estimate and interval in points, whether it is decided, whether a baseline."""

    name: str
    value: float
    lo: float | None
    hi: float | None
    decided: bool
    hollow: bool = False


def draw_differences(found: Judgement, lang: str) -> Figure | None:
    """Each model minus the leader on the reference, with the margin as a band and the constant answer as a row."""
    bars = [difference_bar(one, found) for one in found.against if one.difference is not None]
    kept = [bar for i, bar in enumerate(bars) if i < ROWS or bar.hollow][: ROWS + 3]
    if found.floor and found.floor.difference is not None:
        floor = found.floor
        ends = (flip(floor.difference), flip(floor.hi), flip(floor.lo))
        name = say(lang, "always", constant=floor.constant)
        kept.append(Bar(name, ends[0] or 0.0, ends[1], ends[2], floor.answer == Answer.BETTER, True))
    if not kept:
        return None
    figure = draw_bars(kept, found, say(lang, "axis_behind", model=found.leader, unit=unit_phrase(found.metric)))
    alt = say(lang, "alt_differences", model=found.leader, dataset=found.reference, unit=unit_phrase(found.metric))
    return figure | {"alt": f"{alt} {figure['alt']}"}


def difference_bar(one: Finding, found: Judgement) -> Bar:
    """The other model of a pair, minus the leader."""
    other = one.second if one.first == found.leader else one.first
    gap, lo, hi = one.seen_from(other)
    return Bar(other, gap or 0.0, lo, hi, one.answer != Answer.UNDECIDED, is_baseline(other, found))


def draw_sets(found: Judgement, lang: str) -> Figure | None:
    """The leader minus the best other model on each set: left of the line it is behind; None for one set."""
    pairs = [*([found.lead] if found.lead else []), *found.elsewhere]
    bars = [set_bar(one, found, lang) for one in pairs if one.difference is not None]
    if len(bars) < 2:
        return None
    figure = draw_bars(bars, found, say(lang, "axis_ahead", unit=unit_phrase(found.metric)))
    alt = say(lang, "alt_sets", model=found.leader, unit=unit_phrase(found.metric))
    return figure | {"alt": f"{alt} {figure['alt']}"}


def set_bar(one: Finding, found: Judgement, lang: str) -> Bar:
    """The leader minus the best other model on a set."""
    gap, lo, hi = one.seen_from(found.leader)
    return Bar(display_name(lang, one.dataset), gap or 0.0, lo, hi, one.is_ahead)


def draw_values(
    cells: Mapping[tuple[str, str], Mapping[str, Any]], models: Sequence[str], found: Judgement, lang: str
) -> dict[str, Figure]:
    """The value of each model on the reference with its interval, best first, and a line at the constant answer.

    `cells`: rows of `values` by (model, data set). Nothing for fewer than two models.
    """
    rows = [cells[model, found.reference] for model in models if (model, found.reference) in cells]
    rows = sorted(rows, key=lambda row: -row["value"])[:ROWS]
    if len(rows) < 2:
        return {}
    sign, floor = found.metric.sign, None if found.floor is None else found.floor.floor
    ends = [sign * row[end] for row in rows for end in ("lo", "value", "hi") if float_or_none(row[end]) is not None]
    ends += [] if floor is None else [floor]
    room = 0.06 * (max(ends) - min(ends)) or 0.5
    low, high = min(ends) - room, max(ends) + room
    places, data, sides = places_of(rows), [], ("lo", "hi") if sign > 0 else ("hi", "lo")
    for row, y in zip(rows, places, strict=True):
        lo, hi = (None if (end := float_or_none(row[name])) is None else sign * end for name in sides)
        model, value = row["model"], sign * row["value"]
        bar = Bar(model, value, lo, hi, model in found.leaders, is_baseline(model, found))
        data += bar_traces(bar, y, (low, high), digits_of(found), sign=False)
    line = {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    shapes = [] if floor is None else [{**line, "x0": floor, "x1": floor, "line": stroke("soft", 1.5, dash="dash")}]
    names, numbers = (
        [row["model"] for row in rows],
        [format_number(sign * row["value"], digits_of(found)) for row in rows],
    )
    title = say(lang, "accuracy" if found.metric.name == "accuracy" else found.metric.label)
    across = axis(range=[low, high], title=axis_title(title), nticks=6, tickangle=0)
    alt = "; ".join(f"{clean(name)} {number}" for name, number in zip(names, numbers, strict=True))
    look = row_layout(names, numbers, shapes, across)
    return {
        "values": {"data": data, "layout": look, "alt": f"{say(lang, 'alt_values', dataset=found.reference)} {alt}"}
    }


def is_baseline(model: str, found: Judgement) -> bool:
    """Whether a model is what any method has to beat."""
    return found.methods.get(model) in BASELINES


def flip(value: float | None) -> float | None:
    """The same difference seen from the other side."""
    return None if value is None else -value


def draw_bars(bars: Sequence[Bar], found: Judgement, title: str) -> Figure:
    """Estimates with intervals around 0, the first on top; gray: undecided; an arrow: beyond the scale."""
    margin, digits = found.margin, digits_of(found)
    low, high = axis_range(bars, margin)
    data = [
        one for bar, y in zip(bars, places_of(bars), strict=True) for one in bar_traces(bar, y, (low, high), digits)
    ]
    band = {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}}
    shapes = [
        {**band, "x0": -margin, "x1": margin, "fillcolor": ink("tint")},
        {**band, "type": "line", "x0": 0, "x1": 0, "line": stroke("accent", 2)},
    ]
    names, numbers = [bar.name for bar in bars], [format_number(bar.value, digits, sign=True) for bar in bars]
    across = axis(range=[low, high], title=axis_title(title), nticks=5, tickangle=0)
    said = "; ".join(f"{clean(name)} {number}" for name, number in zip(names, numbers, strict=True))
    return {"data": data, "layout": row_layout(names, numbers, shapes, across), "alt": said}


def digits_of(found: Judgement) -> int:
    """Decimals of the metric's numbers in figures."""
    return 1 if found.metric.unit == POINTS else FINE_DIGITS


def places_of(rows: Sequence[Any]) -> list[int]:
    """Heights of rows, the first on top."""
    return [len(rows) - i for i in range(len(rows))]


def row_layout(names: list[str], numbers: list[str], shapes: list[dict[str, Any]], across: dict[str, Any]) -> Any:
    """The frame of a figure with a row a name, its name at the left and its number at the right."""
    places = places_of(names)
    ticks = {"ticklabelstandoff": 6, "tickvals": places, "ticktext": distinct_labels(names)}
    ticks |= {"showgrid": False, "tickfont": {"color": ink("ink"), "size": 13}}
    side = {"xref": "paper", "xanchor": "right", "xshift": 46}
    notes = [annotation(number, 1, y, **side) for number, y in zip(numbers, places, strict=True)]
    up, margin = axis(range=[0.4, len(names) + 0.6], **ticks), {"r": 50, "b": 48}
    height = 28 * len(names) + 62
    return layout(height, shapes=shapes, annotations=notes, margin=margin, xaxis=across, yaxis=up)


def bar_traces(
    bar: Bar, y: float, ends: tuple[float, float], digits: int, *, sign: bool = True
) -> list[dict[str, Any]]:
    """One row: its interval, and its estimate: hollow for a baseline, an arrow at the edge beyond the scale.

    `ends`: of the scale; `digits`: decimals of the numbers; `sign`: they are differences, shown with one.
    """
    low, high = ends
    colour, edge = "ink" if bar.decided else "mid", 0.04 * (high - low)  # an arrow stands clear of the names
    x, symbol = bar.value, "circle"
    if x < low:
        x, symbol = low + edge, "triangle-left"
    elif x > high:
        x, symbol = high - edge, "triangle-right"
    look = dots("paper", 10, line=stroke(colour, 2)) if bar.hollow else dots(colour, 10)
    numbers = [format_number(value, digits, sign=sign) for value in (bar.value, bar.lo, bar.hi)]
    tip = f"{label(bar.name, 40)}: {numbers[0]}" + ("" if bar.lo is None else f" ({numbers[1]} … {numbers[2]})")
    found = []
    if bar.lo is not None and bar.hi is not None:
        shown = [min(max(end, low), high) for end in (bar.lo, bar.hi)]
        found.append(trace(shown, [y, y], line=stroke(colour, 2)))
    return [*found, trace([x], [y], [tip], mode="markers", marker=look | {"symbol": symbol}, cliponaxis=False)]


def axis_range(bars: Sequence[Bar], margin: float) -> tuple[float, float]:
    """Ends of the axis; outliers must not squeeze the rest."""
    ends = [end for bar in bars for end in (bar.lo, bar.value, bar.hi) if end is not None] or [0.0]
    limit = max(FAR_FACTOR * median(abs(end) for end in ends), 3 * margin, 0.5)
    band = 1.3 * margin
    low, high = min(max(min(ends), -limit), -band), max(min(max(ends), limit), band)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room
