"""Canvas: what the figures share: quiet axes, safe labels, lines with their names at the end; plain data for plotly."""

import unicodedata
from typing import Any

from kogen.reporting.study.evidence import BASELINES
from kogen.reporting.words import clean, format_number

Figure = dict[str, Any]
"""{"data": traces, "layout": layout, "alt": the figure in words}; a colour is INK + a name of the page's palette."""

INK = "\x01"  # marks the name of a colour; cleaned names of models cannot hold it
LABEL_LENGTH = 20  # letters of a name on an axis


def ink(name: str) -> str:
    """A colour by its name in the palette."""
    return INK + name


def label(name: str, longest: int = LABEL_LENGTH) -> str:
    """A name as plotly may show it: cleaned, short, and with its pseudo-HTML disarmed."""
    return clean(name, longest).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def layout(height: int, **more: Any) -> dict[str, Any]:
    """What all figures have in common: no chrome, no dragging (a finger on a phone scrolls the page)."""
    margin = {"l": 8, "r": 8, "t": 8, "b": 36} | more.pop("margin", {})
    return {
        "height": height,
        "margin": margin,
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "font": {"size": 13, "color": ink("ink")},
        "paper_bgcolor": ink("clear"),
        "plot_bgcolor": ink("clear"),
        "hoverlabel": {"bgcolor": ink("paper"), "bordercolor": ink("line"), "font": {"color": ink("ink")}},
        **more,
    }


def axis(**more: Any) -> dict[str, Any]:
    """A quiet axis: faint grid, no zero line, no zooming."""
    quiet = {"gridcolor": ink("line"), "zeroline": False, "fixedrange": True, "automargin": True}
    return quiet | {"tickfont": {"color": ink("soft"), "size": 12}, "ticks": "", **more}


def trace(x: list[Any], y: list[Any], **more: Any) -> dict[str, Any]:
    """Points or lines."""
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip", **more}


def annotation(words: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """A word in a figure."""
    plain = {"text": words, "x": x, "y": y, "showarrow": False, "xanchor": "left", "font": {"size": 12}}
    return plain | more


def text_width(name: str) -> int:
    """About how many pixels a name takes at 12 px."""
    return sum(13 if unicodedata.east_asian_width(letter) in "WF" else 7 for letter in name)


def draw_curves(
    x: list[Any], lines: dict[str, list[Any]], bet: str, methods: dict[str, str], title: str, ticks: dict[str, Any]
) -> Figure:
    """Lines with their names at the right end; the bet in the accent colour and on top, baselines dotted."""
    height = max(300, 17 * len(lines) + 90)
    ends = {model: next((y for y in reversed(line) if y is not None), None) for model, line in lines.items()}
    values = [y for line in lines.values() for y in line if y is not None] or [0.0, 1.0]
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 1.0
    names = {model: label(model, 16) for model in lines}
    data, marks = (
        [],
        spread_labels({m: y for m, y in ends.items() if y is not None}, (high - low + 2 * room) / (height - 70)),
    )
    for model, line in sorted(lines.items(), key=lambda item: item[0] == bet):
        look = {"color": ink("accent" if model == bet else "mid"), "width": 3 if model == bet else 1.5}
        look["dash"] = "dot" if methods.get(model) in BASELINES else "solid"
        told = [f"{label(model, 40)}: {format_number(y, 2 if high <= 1 else 1)}" for y in line]
        size = {"size": 7 if model == bet else 5} if len(x) <= 12 else {"size": 1}
        data.append(trace(x, line, line=look, mode="lines+markers", marker=size, hoverinfo="text", hovertext=told))
    annotations = [
        annotation(
            names[m], 1, y, xref="paper", xshift=8, font={"size": 12, "color": ink("accent" if m == bet else "ink")}
        )
        for m, y in marks.items()
    ]
    reach = [min(low - room, *marks.values()), max(high + room, *marks.values())] if marks else [low, high]
    right = 14 + max((text_width(clean(model, 16)) for model in lines), default=0)
    look = layout(height, annotations=annotations, margin={"r": right, "t": 28})
    look["annotations"].append(annotation(title, 0, 1, xref="paper", yref="paper", yanchor="bottom", yshift=6))
    look |= {"xaxis": axis(**ticks), "yaxis": axis(range=reach, nticks=6)}
    return {"data": data, "layout": look, "alt": ""}


def spread_labels(ends: dict[str, float], pixel: float, apart: int = 15) -> dict[str, float]:
    """Heights for labels near `ends` that are at least `apart` pixels from each other, order kept.

    Labels that touch are merged into groups that sit around their mean (pool adjacent violators).
    """
    gap = apart * pixel
    groups: list[tuple[float, list[str]]] = []  # mean height, names from low to high
    for name, end in sorted(ends.items(), key=lambda item: item[1]):
        groups.append((end, [name]))
        while len(groups) > 1 and lowest_label(groups[-1], gap) - highest_label(groups[-2], gap) < gap:
            (above, upper), (below, lower) = groups.pop(), groups.pop()
            merged = [*lower, *upper]
            groups.append(((above * len(upper) + below * len(lower)) / len(merged), merged))
    return {name: lowest_label(group, gap) + i * gap for group in groups for i, name in enumerate(group[1])}


def lowest_label(group: tuple[float, list[str]], gap: float) -> float:
    """Height of the lowest label of a group."""
    return group[0] - gap * (len(group[1]) - 1) / 2


def highest_label(group: tuple[float, list[str]], gap: float) -> float:
    """Height of the highest label of a group."""
    return group[0] + gap * (len(group[1]) - 1) / 2


def thin(values: list[Any], most: int = 200) -> list[Any]:
    """At most about 200 of the values, evenly taken, the last one always: a screen shows no more."""
    step = -(-len(values) // most) or 1
    return values[::-1][::step][::-1]
