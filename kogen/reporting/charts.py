"""Charts: what the figures share: quiet axes, safe labels, lines with their names at the end; plain data for plotly."""

import tomllib
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from kogen.reporting.words import clean, format_number
from kogen.results.decide import BASELINES

Figure = dict[str, Any]
"""{"data": traces, "layout": layout, "alt": the figure in words}; a colour is INK + a name of the page's palette."""

INK = "\x01"  # marks the name of a colour; cleaned names of models cannot hold it
LABEL_LENGTH = 28  # letters of a name on an axis


@cache
def load_look() -> dict[str, Any]:
    """The content of look.toml: the palette, and what plotly is always given."""
    return tomllib.loads(Path(__file__).with_name("look.toml").read_text(encoding="utf-8"))


def ink(name: str) -> str:
    """A colour by its name in the palette."""
    return INK + name


def stroke(colour: str, width: float, **more: Any) -> dict[str, Any]:
    """How a line is drawn."""
    return {"color": ink(colour), "width": width, **more}


def dots(colour: str, size: Any, **more: Any) -> dict[str, Any]:
    """How points are drawn; `size`: of all, or of each."""
    return {"color": ink(colour), "size": size, **more}


def label(name: str, longest: int = LABEL_LENGTH) -> str:
    """A name as plotly may show it: cleaned, short, and with its pseudo-HTML disarmed."""
    return clean(name, longest).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def distinct_labels(names: Sequence[str]) -> list[str]:
    """Names as an axis shows them; those that look the same when they are shortened keep their ends instead."""
    short = [label(name) for name in names]
    return [
        one
        if short.count(one) == 1 or len(clean(name)) <= LABEL_LENGTH
        else label("…" + clean(name)[1 - LABEL_LENGTH :])
        for one, name in zip(short, names, strict=True)
    ]


def layout(height: int, *, margin: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    """What all figures have in common, and what is special of one."""
    shared = load_look()["layout"]
    return shared | {"height": height, "margin": shared["margin"] | (margin or {}), **more}


def axis(**more: Any) -> dict[str, Any]:
    """A quiet axis."""
    return load_look()["axis"] | more


def axis_title(words: str, size: int = 12, standoff: int = 6, **font: Any) -> dict[str, Any]:
    """The title of an axis."""
    return {"text": words, "font": {"size": size, **font}, "standoff": standoff}


def trace(x: list[Any], y: list[Any], tips: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """Points or lines; `tips`: what each point says when it is pointed at."""
    hover = {"hoverinfo": "skip"} if tips is None else {"hoverinfo": "text", "hovertext": tips}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, **hover, **more}


def annotation(words: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """A word in a figure."""
    return load_look()["annotation"] | {"text": words, "x": x, "y": y, **more}


def text_width(name: str) -> int:
    """About how many pixels a name takes at 12 px."""
    return sum(13 if unicodedata.east_asian_width(letter) in "WF" else 7 for letter in name)


def draw_curves(
    x: list[Any],
    lines: dict[str, list[Any]],
    bet: str,
    methods: dict[str, str],
    title: str,
    ticks: dict[str, Any],
    beside: Sequence[float] = (),
) -> Figure:
    """Lines with their names at the right end; the bet in the accent colour and on top, baselines dotted.

    `beside`: heights that the picture has to hold too, of bands around the lines.
    """
    height = max(300, 17 * len(lines) + 90)
    known = {model: [y for y in line if y is not None] for model, line in lines.items()}
    values = [y for line in known.values() for y in line] or [0.0, 1.0]
    low, high = min([*values, *beside]), max([*values, *beside])
    room = 0.06 * (high - low) or 1.0
    ends = {model: line[-1] for model, line in known.items() if line}
    marks = spread_labels(ends, (high - low + 2 * room) / (height - 70))
    data, notes = [], []
    for model, line in sorted(lines.items(), key=lambda item: item[0] == bet):
        dash = "dot" if methods.get(model) in BASELINES else "solid"
        look = stroke("accent", 3, dash=dash) if model == bet else stroke("mid", 1.5, dash=dash)
        tips = [f"{label(model, 40)}: {format_number(y, 2 if high <= 1 else 1)}" for y in line]
        size = {"size": 1 if len(x) > 12 else 7 if model == bet else 5}
        data.append(trace(x, line, tips, line=look, mode="lines+markers", marker=size))
    for model, y in marks.items():
        font = {"size": 12, "color": ink("accent" if model == bet else "ink")}
        notes.append(annotation(label(model, 16), 1, y, xref="paper", xshift=8, font=font))
    notes.append(annotation(title, 0, 1, xref="paper", yref="paper", yanchor="bottom", yshift=6))
    reach = [min(low - room, *marks.values()), max(high + room, *marks.values())] if marks else [low, high]
    right = 14 + max((text_width(clean(model, 16)) for model in lines), default=0)
    axes = {"xaxis": axis(**ticks), "yaxis": axis(range=reach, nticks=6)}
    look = layout(height, annotations=notes, margin={"r": right, "t": 28}, **axes)
    return {"data": data, "layout": look, "alt": ""}


def spread_labels(ends: dict[str, float], pixel: float, apart: int = 15) -> dict[str, float]:
    """Heights for labels near `ends` that are at least `apart` pixels from each other, order kept.

    Labels that touch are merged into groups that sit around their mean (pool adjacent violators).
    """
    gap = apart * pixel
    groups: list[tuple[float, list[str]]] = []  # mean height, names from low to high

    def half_height(names: list[str]) -> float:
        return gap * (len(names) - 1) / 2

    for name, end in sorted(ends.items(), key=lambda item: item[1]):
        above, upper = end, [name]
        while groups and above - half_height(upper) - (groups[-1][0] + half_height(groups[-1][1])) < gap:
            below, lower = groups.pop()
            total = above * len(upper) + below * len(lower)
            upper = [*lower, *upper]
            above = total / len(upper)
        groups.append((above, upper))
    return {name: mean - half_height(names) + i * gap for mean, names in groups for i, name in enumerate(names)}


def thin(values: list[Any], most: int = 200) -> list[Any]:
    """At most about 200 of the values, evenly taken, the last one always: a screen shows no more."""
    step = -(-len(values) // most) or 1
    return values[::-1][::step][::-1]
