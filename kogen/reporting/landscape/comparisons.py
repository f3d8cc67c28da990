"""Figures that compare the models of a landscape: widths, profiles, two losses, rank correlations; plain data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

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
    text_width,
    trace,
)
from kogen.reporting.landscape.figures import PROFILE_POINTS, ModelLandscape, format_short, ribbon, round_values
from kogen.reporting.words import say
from kogen.results.landscape_judgement import Judgement, known
from kogen.results.lottery_summary import Row
from kogen.surface_fit.interpolation import Spline2D

Cells = Mapping[tuple[str, str], Row]
ROW = 26  # pixels of a row of dots
NAME = 22  # letters of a model's name beside its row


def draw_widths(judged: Judgement, cells: Cells, lang: str) -> Figure:
    """The width of each model that may be ranked, with its interval, the widest first; of others the names alone."""
    ranked = [model for model in judged.ranked if known(cells.get((model, "width"), {}).get("value"))]
    order = sorted(ranked, key=lambda model: (-cells[model, "width"]["value"], model))
    others = [model for model in judged.standings if model not in judged.ranked]
    leader, names = judged.claims["width"].leader, [*order, *others]
    data, notes = [], []
    for place, model in enumerate(order):
        row = cells[model, "width"]
        colour = "accent" if model == leader else "ink"
        if known(row["lo"]):
            data.append(trace(round_values([row["lo"], row["hi"]]), [place] * 2, line=stroke(colour, 2.5)))
        tips = [f"{label(model, 40)}: {interval_text(row, lang)}"]
        data.append(trace(round_values([row["value"]]), [place], tips, mode="markers", marker=dots(colour, 10)))
    for place, model in enumerate(others, start=len(order)):
        runs = judged.standings[model]
        words = say(lang, "l_not_ranked", why=say(lang, f"l_short_{runs[0].standing if runs else 'unknown'}"))
        notes.append(annotation(words, 0.01, place, font={"size": 12, "color": ink("soft")}))
    ticks = {"tickvals": list(range(len(names))), "ticktext": [label(model, NAME) for model in names]}
    up = axis(range=[len(names) - 0.4, -0.6], showgrid=False, **ticks)
    up["tickfont"] = {"size": 13, "color": ink("ink")}
    across = axis(range=[0, 1.02], nticks=6, title=axis_title(say(lang, "l_x_width"), color=ink("soft")))
    frame = layout(ROW * len(names) + 62, xaxis=across, yaxis=up, annotations=notes, margin={"b": 46})
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_widths")}


def interval_text(row: Row, lang: str, keys: tuple[str, str, str] = ("value", "lo", "hi")) -> str:
    """A number with its interval, where there is one."""
    value, lo, hi = (row[key] for key in keys)
    if not (known(lo) and known(hi)):
        return format_short(value)
    return f"{format_short(value)} ({say(lang, 'to', lo=format_short(lo), hi=format_short(hi))})"


def draw_profiles(landscapes: Mapping[str, ModelLandscape], judged: Judgement, lang: str) -> Figure:
    """The rise along the axes of all planes, the mean of each model; of models with several losses as a share.

    The leader has a ribbon of 95 % over planes, models that may not be ranked are dotted.
    """
    steps, leader, shared = np.linspace(-1, 1, PROFILE_POINTS), judged.claims["width"].leader, one_loss(judged)
    curves = {}  # (P, T) each
    for name, one in landscapes.items():
        curves[name] = rise_along_axes(one, steps, shared=not shared)
    data: list[dict[str, Any]] = []
    means = {name: rises.mean(axis=0) for name, rises in curves.items()}
    if leader in curves and len(curves[leader]) > 1:
        own = curves[leader]
        half = float(student.isf(0.025, len(own) - 1)) * own.std(axis=0, ddof=1) / len(own) ** 0.5
        data.append(ribbon(steps, means[leader], half))
    for name, mean in sorted(means.items(), key=lambda item: item[0] == leader):
        dash = "solid" if name in judged.ranked else "dot"
        look = stroke("accent", 3, dash=dash) if name == leader else stroke("mid", 1.75, dash=dash)
        data.append(trace(round_values(steps), round_values(mean), [label(name, 40)] * len(steps), line=look))
    compared = [name for name in means if name in judged.ranked] or list(means)  # others may be cut off
    tops = [float(np.nanmax(means[name], initial=0.0)) for name in compared]
    top = min(max(tops), 2 * float(np.median(tops))) if shared else max(tops)  # one steep model flattens no other
    return frame_of_curves(
        data, means, (leader, top or 1.0), say(lang, "l_y_share" if not shared else "l_y_loss"), lang
    )


def frame_of_curves(
    data: list[dict[str, Any]], means: Mapping[str, np.ndarray], look: tuple[str | None, float], title: str, lang: str
) -> Figure:
    """The figure of curves over the steps from the weights, with their names at the right end.

    `look`: the name that has the colour, and where the figure ends.
    """
    leader, top = look
    low = min(0.0, *(float(np.nanmin(mean, initial=0.0)) for mean in means.values()))
    ends = {name: min(float(mean[-1]), top) for name, mean in means.items() if np.isfinite(mean[-1])}
    notes = [annotation(title, 0, 1, xref="paper", yref="paper", yanchor="bottom", yshift=6)]
    for name, y in spread_labels(ends, (top - low) / 220).items():
        font = {"size": 12, "color": ink("accent" if name == leader else "ink")}
        notes.append(annotation(label(name, 16), 1, y, xref="paper", xshift=8, font=font))
    right = 14 + max((text_width(name[:16]) for name in means), default=0)
    across = axis(nticks=5, title=axis_title(say(lang, "l_x_step"), color=ink("soft")))
    axes = {"xaxis": across, "yaxis": axis(range=[low, 1.04 * top], nticks=5)}
    frame = layout(320, annotations=notes, margin={"r": right, "t": 28, "b": 46}, **axes)
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_profiles")}


def one_loss(judged: Judgement) -> bool:
    """Whether everything that is drawn has one loss, in one unit."""
    return len({one.loss for runs in judged.standings.values() for one in runs}) == 1


def rise_along_axes(one: ModelLandscape, steps: np.ndarray, *, shared: bool = False) -> np.ndarray:
    """The rise along both axes of each plane, the mean over axes and runs, (P, T); `shared`: as share of its range."""
    still, zero = np.zeros(len(steps)), np.zeros(1)

    def rise(plane: Spline2D) -> np.ndarray:
        found = (plane(steps, still) + plane(still, steps)) / 2 - plane(zero, zero)
        height = float(np.ptp(plane.values[plane.known])) if plane.known.any() else 0.0
        return found / height if shared and height else found

    return np.mean(np.array([[rise(plane) for plane in run] for run in one.splines]), axis=0)


def draw_two_losses(own: Cells, probe: Cells, models: Sequence[str], lang: str) -> Figure:
    """The width of each model under its own loss and under the one that is the same for all, with intervals."""
    data: list[dict[str, Any]] = []
    ends = {}
    spread = np.linspace(-0.06, 0.06, len(models)) if len(models) > 1 else np.zeros(1)
    for model, shift in zip(models, spread, strict=True):
        rows = own[model, "width"], probe[model, "width"]
        places = round_values(np.array([0.0, 1.0]) + shift)
        tips = [f"{label(model, 40)}: {interval_text(row, lang)}" for row in rows]
        look = {"mode": "lines+markers", "marker": dots("ink", 8), "line": stroke("mid", 1.25)}
        data.append(trace(places, round_values([row["value"] for row in rows]), tips, **look))
        for place, row in zip(places, rows, strict=True):
            if known(row["lo"]):
                data.append(trace([place] * 2, round_values([row["lo"], row["hi"]]), line=stroke("ink", 2)))
        ends[model] = float(rows[1]["value"])
    notes = []
    for model, y in spread_labels(ends, 1 / 230).items():
        notes.append(annotation(label(model, 16), 1.1, y, font={"size": 12, "color": ink("ink")}))
    titles = [say(lang, "l_t_own"), say(lang, "l_t_shared")]
    across = axis(range=[-0.35, 1.6], tickvals=[0, 1], ticktext=titles, showgrid=False)
    across["tickfont"] = {"size": 13, "color": ink("ink")}
    up = axis(range=[0, 1.02], nticks=6, title=axis_title(say(lang, "l_width"), color=ink("soft")))
    frame = layout(300, xaxis=across, yaxis=up, annotations=notes)
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_losses")}


def draw_correlations(rows: Sequence[Row], lang: str, most: int = 16) -> Figure:
    """Kendall's tau of width with each score, with its interval; 0 is no relation."""
    shown = sorted(rows, key=lambda row: (-row["tau"], row["score"]))[:most]
    data: list[dict[str, Any]] = [trace([0, 0], [-0.6, len(shown) - 0.4], line=stroke("mid", 1.5))]
    for place, row in enumerate(shown):
        colour = "ink" if row["verdict"] == "undecided" else "accent"
        data.append(trace(round_values([row["tau_lo"], row["tau_hi"]]), [place] * 2, line=stroke(colour, 2.5)))
        tips = [f"{label(row['score'], 40)}: {interval_text(row, lang, ('tau', 'tau_lo', 'tau_hi'))}"]
        data.append(trace(round_values([row["tau"]]), [place], tips, mode="markers", marker=dots(colour, 9)))
    ticks = {"tickvals": list(range(len(shown))), "ticktext": [label(row["score"], 28) for row in shown]}
    up = axis(range=[len(shown) - 0.4, -0.6], showgrid=False, **ticks)
    across = axis(range=[-1.02, 1.02], nticks=5, title=axis_title(say(lang, "l_tau"), color=ink("soft")))
    frame = layout(ROW * len(shown) + 62, xaxis=across, yaxis=up, margin={"b": 46})
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_gain")}
