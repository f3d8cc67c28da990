"""The figure of quality against total cost, with the front of what nothing beats; plain data for plotly."""

from collections.abc import Sequence
from math import log10
from typing import TYPE_CHECKING, Any

from kogen.reporting.charts import (
    Figure,
    annotation,
    axis,
    axis_title,
    dots,
    ink,
    label,
    layout,
    spread_labels,
    stroke,
    trace,
)
from kogen.reporting.study.break_even_sentences import price
from kogen.reporting.study.economics_section import quality_digits
from kogen.reporting.words import format_number, say
from kogen.results.answers.amounts import Amount
from kogen.results.answers.economics import LABELS, MINUTES, MONEY, Bill, Economics, cost_on
from kogen.results.decide import BASELINES

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

HEIGHT = 270  # pixels that the points share
NAMED = 6  # points of the front that bear their names
ROOM = 1.25  # times the largest cost, at which the scale ends: the bars of what is hardly known run out of it
FAR = 20  # times the least cost, from which on the scale is one of ratios


def draw_economics(judged: "Verdict", lang: str) -> Figure | None:
    """Quality against cost of every model and number of labels; None where fewer than two points differ."""
    found = judged.economics
    if not found or len(found.bills) < 2:
        return None
    along = shown_axis(found)
    data = [one for bill in found.bills for one in bill_traces(bill, along, judged, found)]
    front = sorted((bill for bill in found.bills if bill.front), key=lambda bill: cost_on(bill, along).value)
    if len(found.axes) == 1:  # of several axes the front is no line in a plane
        ends = [cost_on(bill, along).value for bill in front], [bill.quality.value for bill in front]
        data.insert(0, trace(*ends, line=stroke("accent", 1.5, shape="hv")))
    costs = [cost_on(bill, along).value for bill in found.bills]
    ratios = min(costs) > 0 and max(costs) > FAR * min(costs)
    title = say(lang, f"axis_{along}", currency=found.currency)
    scale = {"type": "log"} if ratios else {"range": [min(0.0, *costs), ROOM * max(costs) or 1.0]}
    across = axis(title=axis_title(title), nticks=6, **scale)
    notes = name_notes(front[:NAMED], along, spread_of(found), log=ratios)
    metric = say(lang, judged.metric.label)
    notes.append(annotation(metric, 0, 1, xref="paper", yref="paper", yanchor="bottom", yshift=6))
    look = layout(HEIGHT + 70, annotations=notes, margin={"t": 28, "r": 60}, xaxis=across, yaxis=axis(nticks=6))
    said = "; ".join(point_text(bill, along, judged, found) for bill in front)
    return {"data": data, "layout": look, "alt": f"{say(lang, 'alt_economics', metric=metric, cost=title)} {said}"}


def shown_axis(found: Economics) -> str:
    """What the figure has below: the first cost in which the points differ."""
    differing = [one for one in found.axes if len({cost_on(bill, one).value for bill in found.bills}) > 1]
    return [*differing, *found.axes, LABELS][0]


def bill_traces(bill: Bill, along: str, judged: "Verdict", found: Economics) -> list[dict[str, Any]]:
    """A point with its intervals: up and down of its quality, left and right of its cost."""
    cost, quality = cost_on(bill, along), bill.quality
    colour = "accent" if bill.front else "mid"
    hollow = judged.methods.get(bill.model) in BASELINES
    look = dots("paper", 9, line=stroke(colour, 2)) if hollow else dots(colour, 9)
    lines = []
    for amount, points in ((quality, "y"), (cost, "x")):
        if amount.lo is not None and amount.hi is not None and amount.lo < amount.hi:
            ends = [amount.lo, amount.hi]
            pair = ([cost.value] * 2, ends) if points == "y" else (ends, [quality.value] * 2)
            lines.append(trace(*pair, line=stroke(colour, 1)))
    tip = point_text(bill, along, judged, found)
    return [*lines, trace([cost.value], [quality.value], [tip], mode="markers", marker=look, cliponaxis=False)]


def point_text(bill: Bill, along: str, judged: "Verdict", found: Economics) -> str:
    """A point in words: its name, its cost and its quality."""
    quality = format_number(bill.quality.value, quality_digits(judged.metric))
    return f"{point_name(bill, 40)}: {cost_text(cost_on(bill, along), along, found)}, {quality}"


def cost_text(cost: Amount, along: str, found: Economics) -> str:
    """A cost with its unit."""
    return price(cost.value, found.currency) if along == MONEY else format_number(cost.value, int(along == MINUTES))


def point_name(bill: Bill, longest: int = 16) -> str:
    """A model and its number of labels."""
    return f"{label(bill.model, longest)} {format_number(bill.labels, 0)}"


def spread_of(found: Economics) -> float:
    """How far apart the qualities lie that the figure holds."""
    ends = [end for bill in found.bills for end in (bill.quality.lo, bill.quality.value, bill.quality.hi)]
    known = [end for end in ends if end is not None]
    return max(known) - min(known) or 1.0


def name_notes(bills: Sequence[Bill], along: str, spread: float, *, log: bool) -> list[dict[str, Any]]:
    """The names of points beside them, at heights where no two stand on each other."""
    heights = spread_labels({point_name(bill): bill.quality.value for bill in bills}, spread / HEIGHT)
    font = {"size": 11, "color": ink("accent")}
    found = []
    for bill in bills:
        x = cost_on(bill, along).value
        name = point_name(bill)
        found.append(annotation(name, log10(x) if log else x, heights[name], xshift=9, yshift=9, font=font))
    return found
