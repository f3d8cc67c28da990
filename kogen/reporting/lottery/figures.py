"""Lottery figures: gap curve, flips beside the noise floor, and effective robustness, as plotly figures, plain data."""

import math
from itertools import pairwise
from typing import Any

import pandas as pd

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
from kogen.reporting.words import clean, format_number, format_points, say
from kogen.results.decide import HOLD_SHARE, MIN_PAIRS

LINE_MODELS = 8  # models that a line is drawn through at least
REGRET_ROWS = 8  # models whose distances to the best are drawn
MODELS_DRAWN = 300  # models that a scatter shows of many
TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9)  # percent on logit axes
WHOLE_DOTS: dict[str, Any] = {"mode": "markers", "cliponaxis": False}  # a dot at 0 is no half one
CLIP = 0.05  # points: logit axes end before 0 and 100


def draw_gap_curve(rows: Any, own: float | None, target: str, lang: str) -> Figure | None:
    """Share of leads that hold on one target by the size of the lead; `rows`, its bins; None with few pairs.

    `own`: the leader's lead on the reference.
    """
    bins = rows[rows["band"] == "bin"].reset_index(drop=True)
    if bins["pairs"].sum() < MIN_PAIRS:
        return None
    ends, seen = [0.0, *bins["gap"]], bins[bins["pairs"] > 0]
    places, tips = [place + 0.5 for place in seen.index], [gap_tip(row, lang) for row in seen.to_dict("records")]
    shares, floor, los, his = (
        [None if value is None or value != value else 100 * float(value) for value in seen[name]]
        for name in ("transfer", "noise_floor", "lo", "hi")
    )
    mode = "lines+markers"
    data = [
        trace(places, floor, mode=mode, line=stroke("soft", 1.5, dash="dot"), marker=dots("soft", 5)),
        bars(places, los, his),
        trace(places, shares, tips, mode=mode, line=stroke("accent", 2), marker=dots("accent", 8)),
    ]
    right = int(seen.index.max()) + 1
    low = min(value for value in [*shares, *floor, *los, 50.0] if value is not None)
    green, small = 100 * HOLD_SHARE, {"size": 11}
    shapes = [line(x0=0, x1=right, y0=green, y1=green, colour="soft", dash="dash")]
    notes = [annotation(f"{green:.0f} %", 0, green, yshift=8, font=small | {"color": ink("soft")})]
    if own is not None:
        here = position(own, ends)
        shapes.append(line(x0=here, x1=here, y0=0, y1=1, yref="paper", colour="ink", dash="solid"))
        side = {"xanchor": "left", "xshift": 5} if here < right / 2 else {"xanchor": "right", "xshift": -5}
        yours = say(lang, "your_gap", gap=format_points(own))
        notes.append(annotation(yours, here, 0, yref="paper", yshift=9, font=small, **side))
    ticks = {"tickvals": list(range(right + 1)), "ticktext": [f"{end:g}" for end in ends[: right + 1]]}
    ticks |= {"title": axis_title(say(lang, "gap_axis"), 11, 4), "showgrid": False, "tickangle": 0}
    axes = {"xaxis": axis(range=[0, right], **ticks), "yaxis": axis(range=[low - 6, 103], nticks=5, ticksuffix=" %")}
    look = layout(210, shapes=shapes, annotations=notes, margin={"t": 6, "b": 38}, **axes)
    return {"data": data, "layout": look, "alt": say(lang, "a_gap", dataset=target) + " " + "; ".join(tips)}


def gap_tip(row: dict[str, Any], lang: str) -> str:
    """What a point of the gap curve says."""
    floor = row["noise_floor"]
    values = {"lo": f"{row['gap_lo']:g}", "hi": f"{row['gap']:g}", "pairs": int(row["pairs"])}
    values["floor"] = "–" if floor is None or floor != floor else format_number(100 * floor)
    return say(lang, "gap_tip", share=100 * row["transfer"], **values)


def draw_flips(rows: dict[str, dict[str, Any]], lang: str) -> Figure | None:
    """Pairs that turn on each target beside what noise alone would turn; `rows`, one of `transfer` a target."""
    enough = {name: row for name, row in rows.items() if row and row["pairs"] >= MIN_PAIRS}
    seen = {name: row for name, row in enough.items() if row["noise_floor"] is not None}
    if not seen:
        return None
    places = [len(seen) - i for i in range(len(seen))]
    observed, floor, los, his = (
        [None if row[of] is None else 100 * (1 - row[of]) for row in seen.values()]
        for of in ("transfer", "noise_floor", "hi", "lo")
    )
    both = list(zip(observed, floor, strict=True))
    turned = [say(lang, "flip_tip", observed=one, floor=two) for one, two in both]
    tips = [f"{label(name, 40)}: {words}" for name, words in zip(seen, turned, strict=True)]
    joins = [x for one, two in both for x in (one, two, None)]
    data = [
        trace(joins, [y for place in places for y in (place, place, None)], line=stroke("mid", 1)),
        bars(places, los, his, flat=True),
        trace(floor, places, tips, **WHOLE_DOTS, marker=dots("paper", 10, line=stroke("soft", 2))),
        trace(observed, places, tips, **WHOLE_DOTS, marker=dots("accent", 10)),
    ]
    right = {y: " / ".join(map(format_number, pair)) for y, pair in zip(places, both, strict=True)}
    notes = [annotation(words, 1, y, xref="paper", xanchor="right", xshift=78) for y, words in right.items()]
    across = {"rangemode": "tozero", "ticksuffix": " %", "nticks": 5, "tickangle": 0}
    up = {"tickvals": places, "ticktext": [label(name, 16) for name in seen], "showgrid": False, "ticklabelstandoff": 6}
    axes = {"xaxis": axis(title=axis_title(say(lang, "flip_axis"), 11), **across)}
    axes["yaxis"] = axis(range=[0.4, len(seen) + 0.6], **up)
    look = layout(30 * len(seen) + 62, annotations=notes, margin={"r": 84, "b": 44}, **axes)
    return {"data": data, "layout": look, "alt": say(lang, "a_flips") + " " + "; ".join(tips)}


def draw_scatter(rows: Any, marked: list[str], lang: str) -> Figure | None:
    """Accuracy on one target against its source in logit axes, with the fitted line.

    `rows`: model, source, target, expected, observed, effective, start (accuracy on the source). None without a line.
    """
    rows = rows.dropna(subset=["expected", "start"])
    if len(rows) < LINE_MODELS:
        return None
    source, target = rows["source"].iloc[0], rows["target"].iloc[0]
    few, ends = thin_out_models(rows, marked), rows.sort_values("start").iloc[[0, -1]]
    own = few["model"].isin(marked)
    data = [
        trace(logits(ends["start"]), logits(ends["expected"]), line=stroke("ink", 1.5)),
        model_markers(few[~own], dots("mid", 5, opacity=0.6)),
        model_markers(few[own], dots("accent", 10, opacity=1)),
    ]
    across, up = (label(say(lang, "on_set", dataset=name), 40) for name in (source, target))
    corner = {"xref": "paper", "yref": "paper", "yanchor": "bottom", "yshift": 4, "font": {"size": 11}}
    axes = {"xaxis": axis(**logit_ticks(rows["start"], 6), tickangle=0, title=axis_title(across, 11, 4))}
    axes["yaxis"] = axis(**logit_ticks(pd.concat([rows["observed"], rows["expected"]]), 7))
    look = layout(280, margin={"t": 22, "b": 40}, annotations=[annotation(up, 0, 1, **corner)], **axes)
    alt = say(lang, "a_scatter", dataset=target, source=source, n=len(rows), spread=float(rows["effective"].std()))
    return {"data": data, "layout": look, "alt": alt}


def draw_regrets(behind: pd.DataFrame, lang: str) -> Figure | None:
    """Points behind the best of each set, a row a model: a small dot is a set, the large one the worst.

    `behind`: models x sets, best model first; null where a model was not measured.
    """
    known = behind.dropna().head(REGRET_ROWS)
    if known.empty or known.shape[1] < 2:
        return None
    places, data = [len(known) - i for i in range(len(known))], []
    for y, (model, row) in zip(places, known.iterrows(), strict=True):
        name = label(str(model), 40)
        tips = [f"{name}, {label(str(where), 30)}: {format_points(-value)}" for where, value in row.items()]
        data.append(trace([-value for value in row], [y] * len(row), tips, **WHOLE_DOTS, marker=dots("mid", 6)))
        worst = f"{name}: {format_points(-row.max())}"
        data.append(trace([-row.max()], [y], [worst], **WHOLE_DOTS, marker=dots("ink", 11)))
    ticks = {"tickvals": places, "ticktext": distinct_labels(list(map(str, known.index))), "showgrid": False}
    ticks |= {"ticklabelstandoff": 6, "tickfont": {"color": ink("ink"), "size": 13}}
    title = axis_title(say(lang, "axis_regret"))
    axes = {"xaxis": axis(title=title, nticks=6, rangemode="tozero", tickangle=0), "yaxis": axis(**ticks)}
    look = layout(28 * len(known) + 62, margin={"r": 14, "b": 48}, **axes)
    said = "; ".join(f"{clean(str(model))} {format_points(-row.max())}" for model, row in known.iterrows())
    return {"data": data, "layout": look, "alt": say(lang, "alt_regrets") + " " + said}


def model_markers(rows: Any, marker: dict[str, Any]) -> dict[str, Any]:
    """Some models as points with what they say."""
    values = zip(rows["model"], rows["observed"], rows["effective"], strict=True)
    tips = [f"{label(name, 60)}: {format_number(y)} ({format_number(off, sign=True)})" for name, y, off in values]
    return trace(logits(rows["start"]), logits(rows["observed"]), tips, mode="markers", marker=marker)


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
    chosen: list[float] = []
    for tick in TICKS:
        apart = not chosen or logit(tick) - logit(chosen[-1]) >= (high - low) / most
        if apart and low - room <= logit(tick) <= high + room:
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
    return trace(x, y, line=stroke("accent", 2), opacity=0.6)


def line(*, colour: str, dash: str, **ends: Any) -> dict[str, Any]:
    """A straight line behind the data."""
    return {"type": "line", "layer": "below", "line": stroke(colour, 1.5, dash=dash), **ends}
