"""Lottery figures: gap curve, flips beside the noise floor, and effective robustness, as plotly figures, plain data."""

import math
from itertools import pairwise
from typing import Any

import pandas as pd

from kogen.reporting.charts import Figure, annotation, axis, ink, label, layout, trace
from kogen.reporting.lottery.traffic_lights import GREEN_SHARE, MIN_PAIRS, format_edge
from kogen.reporting.words import format_number, format_points, say

MODELS_DRAWN = 300  # models that a scatter shows of many
TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9)  # percent on logit axes
CLIP = 0.05  # points: logit axes end before 0 and 100


def draw_gap_curve(rows: Any, own: float | None, target: str, lang: str) -> Figure | None:
    """Share of leads that hold on one target by the size of the lead; `rows`, its bins; None with few pairs."""
    bins = rows[rows["band"] == "bin"].reset_index(drop=True)
    if bins["pairs"].sum() < MIN_PAIRS:
        return None
    ends = [0.0, *bins["gap"]]
    seen = bins[bins["pairs"] > 0]
    places = [place + 0.5 for place in seen.index]
    told = [tip(row, lang) for row in seen.to_dict("records")]
    shares, floor = shares_in_percent(seen["transfer"]), shares_in_percent(seen["noise_floor"])
    dots = {"size": 8, "color": ink("accent")}
    data = [
        trace(places, floor, mode="lines+markers", line=soft_line("dot"), marker={"size": 5, "color": ink("soft")}),
        bars(places, shares_in_percent(seen["lo"]), shares_in_percent(seen["hi"])),
        trace(places, shares, line={"color": ink("accent"), "width": 2}, mode="lines+markers", marker=dots)
        | {"hoverinfo": "text", "hovertext": told},
    ]
    right = int(seen.index.max()) + 1
    low = min(value for value in [*shares, *floor, *shares_in_percent(seen["lo"]), 50.0] if value is not None)
    ticks = {"tickvals": list(range(right + 1)), "ticktext": [format_edge(end) for end in ends[: right + 1]]}
    shapes = [line(x0=0, x1=right, y0=100 * GREEN_SHARE, y1=100 * GREEN_SHARE, colour="soft", dash="dash")]
    notes = [
        annotation(
            f"{100 * GREEN_SHARE:.0f} %", 0, 100 * GREEN_SHARE, yshift=8, font={"size": 11, "color": ink("soft")}
        )
    ]
    if own is not None:
        here = position(own, ends)
        shapes.append(line(x0=here, x1=here, y0=0, y1=1, yref="paper", colour="ink", dash="solid"))
        yours = say(lang, "your_gap", gap=format_points(own))
        side = "left" if here < right / 2 else "right"
        shift = 5 if side == "left" else -5
        notes.append(annotation(yours, here, 0, yref="paper", xanchor=side, xshift=shift, yshift=9, font={"size": 11}))
    name = {"text": say(lang, "gap_axis"), "font": {"size": 11}, "standoff": 4}
    look = layout(
        210,
        shapes=shapes,
        annotations=notes,
        margin={"t": 6, "b": 38},
        xaxis=axis(range=[0, right], title=name, showgrid=False, tickangle=0, **ticks),
        yaxis=axis(range=[low - 6, 103], nticks=5, ticksuffix=" %"),
    )
    return {"data": data, "layout": look, "alt": say(lang, "a_gap", dataset=target) + " " + "; ".join(told)}


def tip(row: dict[str, Any], lang: str) -> str:
    """What a point of the gap curve says."""
    ends = {"lo": format_edge(row["gap_lo"]), "hi": format_edge(row["gap"])}
    values = {"share": 100 * row["transfer"], "pairs": int(row["pairs"]), "floor": format_percent(row["noise_floor"])}
    return say(lang, "gap_tip", **ends, **values)


def draw_flips(rows: dict[str, dict[str, Any]], lang: str) -> Figure | None:
    """Pairs that turn on each target beside what noise alone would turn; `rows`, one of `transfer` a target."""
    seen = {
        name: row for name, row in rows.items() if row and row["pairs"] >= MIN_PAIRS and row["noise_floor"] is not None
    }
    if not seen:
        return None
    names, places = list(seen), [len(seen) - i for i in range(len(seen))]
    observed = [100 * (1 - row["transfer"]) for row in seen.values()]
    floor = [100 * (1 - row["noise_floor"]) for row in seen.values()]
    los, his = ([None if row[e] is None else 100 * (1 - row[e]) for row in seen.values()] for e in ("hi", "lo"))
    told = [
        f"{label(name, 40)}: {say(lang, 'flip_tip', observed=one, floor=two)}"
        for name, one, two in zip(names, observed, floor, strict=True)
    ]
    joins = [x for one, two in zip(observed, floor, strict=True) for x in (one, two, None)]
    hollow = {"size": 10, "color": ink("paper"), "line": {"color": ink("soft"), "width": 2}}
    data = [
        trace(joins, [y for place in places for y in (place, place, None)], line={"color": ink("mid"), "width": 1}),
        bars(places, los, his, flat=True),
        trace(floor, places, mode="markers", marker=hollow, hoverinfo="text", hovertext=told),
        trace(observed, places, mode="markers", marker={"size": 10, "color": ink("accent")})
        | {"hoverinfo": "text", "hovertext": told},
    ]
    right = [f"{format_number(one)} / {format_number(two)}" for one, two in zip(observed, floor, strict=True)]
    notes = [
        annotation(words, 1, y, xref="paper", xanchor="right", xshift=78)
        for words, y in zip(right, places, strict=True)
    ]
    ticks = {"tickvals": places, "ticktext": [label(name, 16) for name in names], "showgrid": False}
    look = layout(
        30 * len(seen) + 62,
        annotations=notes,
        margin={"r": 84, "b": 44},
        xaxis=axis(rangemode="tozero", ticksuffix=" %", nticks=5, tickangle=0)
        | {"title": {"text": say(lang, "flip_axis"), "font": {"size": 11}, "standoff": 6}},
        yaxis=axis(range=[0.4, len(seen) + 0.6], ticklabelstandoff=6, **ticks),
    )
    return {"data": data, "layout": look, "alt": say(lang, "a_flips") + " " + "; ".join(told)}


def draw_scatter(rows: Any, marked: list[str], lang: str) -> Figure | None:
    """Accuracy on one target against its source in logit axes, with the fitted line.

    `rows`: model, source, target, expected, observed, effective, start (accuracy on the source). None without a line.
    """
    rows = rows.dropna(subset=["expected", "start"])
    if len(rows) < 3:
        return None
    source, target = rows["source"].iloc[0], rows["target"].iloc[0]
    few = thin_out_models(rows, marked)
    own = few["model"].isin(marked)
    ends = rows.sort_values("start").iloc[[0, -1]]
    data = [
        trace(logits(ends["start"]), logits(ends["expected"]), line={"color": ink("ink"), "width": 1.5}),
        *(
            model_markers(few[mask], colour, size, lang)
            for mask, colour, size in ((~own, "mid", 5), (own, "accent", 10))
        ),
    ]
    titles = {"x": say(lang, "on_set", dataset=source), "y": say(lang, "on_set", dataset=target)}
    look = layout(
        280,
        margin={"t": 22, "b": 40},
        xaxis=axis(**logit_ticks(rows["start"], 6), tickangle=0)
        | {"title": {"text": label(titles["x"], 40), "font": {"size": 11}, "standoff": 4}},
        yaxis=axis(**logit_ticks(pd.concat([rows["observed"], rows["expected"]]), 7)),
        annotations=[
            annotation(label(titles["y"], 40), 0, 1, xref="paper", yref="paper", yanchor="bottom", yshift=4)
            | {"font": {"size": 11}}
        ],
    )
    alt = say(lang, "a_scatter", dataset=target, source=source, n=len(rows), spread=float(rows["effective"].std()))
    return {"data": data, "layout": look, "alt": alt}


def model_markers(rows: Any, colour: str, size: int, lang: str) -> dict[str, Any]:
    """Some models as points with what they say."""
    told = [
        f"{label(row.model, 60)}: {format_number(row.observed)} ({format_number(row.effective, sign=True)})"
        for row in rows.itertuples(index=False)
    ]
    marker = {"size": size, "color": ink(colour), "opacity": 0.6 if colour == "mid" else 1}
    points = trace(logits(rows["start"]), logits(rows["observed"]), mode="markers", marker=marker)
    return points | {"hoverinfo": "text", "hovertext": told}


def thin_out_models(rows: Any, marked: list[str]) -> Any:
    """At most about 300 rows: the marked ones, the ten furthest from the line on each side, the rest evenly taken."""
    if len(rows) <= MODELS_DRAWN:
        return rows
    order = rows.sort_values(["effective", "model"])["model"]
    kept = {*marked, *order.head(10), *order.tail(10)}
    even = rows.sort_values(["start", "model"])["model"].iloc[:: -(-len(rows) // (MODELS_DRAWN - len(kept)))]
    return rows[rows["model"].isin(kept | set(even))]


def logits(percents: pd.Series) -> list[float]:
    """Percent on a logit axis."""
    return [logit(value) for value in percents]


def logit(percent: float) -> float:
    """Percent on a logit axis, kept from its ends."""
    inside = min(max(percent, CLIP), 100 - CLIP) / 100
    return round(math.log(inside / (1 - inside)), 5)


def logit_ticks(values: Any, most: int) -> dict[str, Any]:
    """Ticks in percent on a logit axis, about evenly spaced on it, and its range with some room."""
    low, high = logit(float(values.min())), logit(float(values.max()))
    room = 0.06 * (high - low) or 0.2
    inside = [tick for tick in TICKS if low - room <= logit(tick) <= high + room]
    chosen: list[float] = []
    for tick in inside:
        if not chosen or logit(tick) - logit(chosen[-1]) >= (high - low) / most:
            chosen.append(tick)
    shown = {"tickvals": [logit(tick) for tick in chosen], "ticktext": [f"{tick:g}" for tick in chosen]}
    return {"range": [low - room, high + room], **shown}


def position(gap: float, ends: list[float]) -> float:
    """Where a gap lies on the axis of bins: between the ends of its own."""
    for place, (low, high) in enumerate(pairwise(ends)):
        if gap <= high:
            return place + (gap - low) / (high - low)
    return float(len(ends) - 1)


def bars(places: list[Any], los: list[Any], his: list[Any], *, flat: bool = False) -> dict[str, Any]:
    """Intervals as one trace; `flat`: along x."""
    across = [value for place in places for value in (place, place, None)]
    along = [value for lo, hi in zip(los, his, strict=True) for value in (lo, hi, None)]
    x, y = (along, across) if flat else (across, along)
    return trace(x, y, line={"color": ink("accent"), "width": 2}, opacity=0.6)


def line(*, colour: str, dash: str, **ends: Any) -> dict[str, Any]:
    """A straight line behind the data."""
    return {"type": "line", "layer": "below", "line": {"color": ink(colour), "width": 1.5, "dash": dash}, **ends}


def soft_line(dash: str) -> dict[str, Any]:
    """A line that steps back."""
    return {"color": ink("soft"), "width": 1.5, "dash": dash}


def shares_in_percent(values: pd.Series) -> list[float | None]:
    """Shares as percent, None where there is none."""
    return [None if value is None or value != value else 100 * float(value) for value in values]


def format_percent(value: float | None) -> str:
    """A share as percent in words."""
    return "–" if value is None or value != value else format_number(100 * value)
