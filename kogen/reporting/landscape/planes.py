"""Landscape planes that are not random: the path of a training, the sharpest directions, the way between models."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from kogen.reporting.charts import Figure, annotation, axis, ink, label, layout, trace
from kogen.reporting.landscape.figures import (
    PROFILE_POINTS,
    ModelLandscape,
    draw_contours,
    draw_curvature,
    draw_surface,
    format_short,
    landscape_from_rows,
    round_values,
)
from kogen.reporting.words import say
from kogen.statistics._surface_metrics import half_width, jackknife_variance, splines_without_parts
from kogen.surface_fit.interpolation import Spline2D

KINDS = ("trajectory", "sharpest", "between")
MENU_KEYS = ("l_h_contours", "l_h_solids", "l_h_map")  # how a plane can be looked at, by the words of the menu
LETTERS = 16  # of a model's name inside a figure


@dataclass(frozen=True)
class ChosenPlane:
    """One run's plane of a kind, with what is known of it."""

    names: list[str]  # of the run, and of the other models on the plane where it lies between models
    landscape: ModelLandscape
    facts: dict[str, Any]  # as directions/ have them
    curvature_map: pd.DataFrame  # of the curvature; no rows where none was drawn

    @property
    def name(self) -> str:
        """What it is called on the page."""
        return " – ".join(self.names)

    @property
    def is_plane(self) -> bool:
        """Whether it is a plane; a line otherwise."""
        return len(self.landscape.shown_plane.beta) > 1

    @property
    def marks(self) -> np.ndarray:
        """The places of the models or of the training's steps, (n, 2), the trained weights last in a training."""
        places = self.facts.get("positions", [])
        return np.array([*places, [0.0, 0.0]] if self.facts["kind"] == "trajectory" else places).reshape(-1, 2)


def chosen_planes(
    surface: pd.DataFrame, maps: pd.DataFrame, runs: list[dict[str, Any]], kind: str
) -> list[ChosenPlane]:
    """The planes of a kind under one objective, in the order of their names.

    A run whose facts are not written yet, because its command was stopped, is left out until it is finished.
    """
    known = {run["run"]: run for run in runs if run.get("direction") == kind}
    models = [run["model"] for run in known.values()]
    found = []
    for _, rows in pd.DataFrame(surface[surface["direction"] == kind]).groupby(["model", "run"], sort=True):
        if (run := str(rows["run"].iloc[0])) not in known:
            continue
        about = known[run]
        alone = models.count(about["model"]) == 1
        names = about["through"] or [about["model"] if alone else f"{about['model']} {about['run_seed']}"]
        there = maps[(maps["direction"] == kind) & (maps["run"] == run)] if len(maps) else maps
        found.append(
            ChosenPlane(names, landscape_from_rows(pd.DataFrame(rows)), about["planes"][0], pd.DataFrame(there))
        )
    return sorted(found, key=lambda chart: chart.name)


def draw_plane(chart: ChosenPlane, deep: bool, lang: str) -> dict[str, Figure]:
    """The figures of a plane by the word of the menu that shows it, the first one first; `deep`: with a surface."""
    if not chart.is_plane:
        return {MENU_KEYS[0]: draw_line_between(chart, lang)}
    found = {
        MENU_KEYS[0]: add_axis_titles(
            chart, add_marks(chart, draw_contours(chart.landscape, chart.name, lang), lang), lang
        )
    }
    if deep:
        found[MENU_KEYS[1]] = draw_marked_surface(chart, lang)
    if len(chart.curvature_map):
        found[MENU_KEYS[2]] = add_axis_titles(
            chart, add_marks(chart, draw_curvature(chart.curvature_map, chart.name, lang), lang), lang
        )
    return found


def add_axis_titles(chart: ChosenPlane, figure: Figure, lang: str) -> Figure:
    """The figure with what is known of its axes beside them."""
    words = {"alpha": "α", "beta": "β"}
    if "share" in chart.facts:
        words = {
            name: say(lang, "l_x_share", axis=letter, share=100 * share)
            for (name, letter), share in zip(words.items(), chart.facts["share"], strict=True)
        }
    if "eigenvalues" in chart.facts:
        ends = zip(words.items(), chart.facts["eigenvalues"], chart.facts["residuals"], strict=True)
        words = {
            name: f"{letter}: λ = {format_short(value)} ± {format_short(off)}" for (name, letter), value, off in ends
        }
    for place, words_of in zip(("xaxis", "yaxis"), words.values(), strict=True):
        figure["layout"][place]["title"] = title(words_of)
    return figure


def title(words: str) -> dict[str, Any]:
    """The title of an axis."""
    return {"text": words, "font": {"size": 12, "color": ink("soft")}, "standoff": 6}


def add_marks(chart: ChosenPlane, figure: Figure, lang: str) -> Figure:
    """The figure with the steps of the training, or the models, where they lie on the plane."""
    kind, places = chart.facts["kind"], round_values(chart.marks.T)
    figure["alt"] = say(lang, f"l_a_{kind}", model=chart.name)
    if kind == "sharpest":
        return figure
    path = kind == "trajectory"
    sizes = [7] * (len(chart.marks) - 1) + [13] if path else [9] * len(chart.marks)
    look = {"size": sizes, "color": ink("ink"), "line": {"width": 1.5, "color": ink("paper")}, "opacity": 1}
    mode = "lines+markers" if path else "markers"
    line = {"width": 2, "color": ink("ink")}
    told = hover_texts(chart, lang)
    figure["data"].append(trace(*places, mode=mode, marker=look, line=line, hoverinfo="text", hovertext=told))
    if not path:
        figure["layout"]["annotations"] = name_labels(chart, chart.marks[:, 1])
    return figure


def hover_texts(chart: ChosenPlane, lang: str) -> list[str]:
    """What each mark says: a checkpoint's number and the share of its distance outside the plane, a model's name."""
    if chart.facts["kind"] == "between":
        return [label(name, 40) for name in chart.names]
    outside = enumerate(chart.facts["residual"], start=1)
    steps = [say(lang, "l_t_checkpoint", n=number, share=100 * share) for number, share in outside]
    return [*steps, say(lang, "l_t_trained")]


def name_labels(chart: ChosenPlane, heights: np.ndarray) -> list[dict[str, Any]]:
    """The names of the models at their places, turned to the middle of the figure so that they fit into it."""
    alpha = chart.landscape.shown_plane.alpha
    found = []
    for name, x, y in zip(chart.names, chart.marks[:, 0], heights, strict=True):
        left = x < (alpha[0] + alpha[-1]) / 2
        look = {"xanchor": "left" if left else "right", "yshift": 15, "xshift": -8 if left else 8}
        found.append(
            annotation(
                label(name, LETTERS), *round_values([x, y]), bgcolor=ink("paper"), borderpad=1, opacity=0.9, **look
            )
        )
    return found


def draw_marked_surface(chart: ChosenPlane, lang: str) -> Figure:
    """The surface to be turned, on its own scale, with the marks on it and the path along it."""
    figure = draw_surface(chart.landscape, chart.name, chart.landscape.height or 1.0, lang)
    if not len(chart.marks):
        return figure
    marks = {"mode": "markers", "hoverinfo": "text", "hovertext": hover_texts(chart, lang)}
    figure["data"].append(
        points_on_surface(chart, chart.marks) | marks | {"marker": {"size": 3.5, "color": ink("ink")}}
    )
    if chart.facts["kind"] == "trajectory":
        steps, fine = np.arange(len(chart.marks)), np.linspace(0, len(chart.marks) - 1, 8 * len(chart.marks))
        path = np.stack([np.interp(fine, steps, places) for places in chart.marks.T], axis=1)  # (F, 2)
        line = {"mode": "lines", "hoverinfo": "skip", "line": {"width": 4, "color": ink("ink")}}
        figure["data"].append(points_on_surface(chart, path) | line)
    return figure


def points_on_surface(chart: ChosenPlane, places: np.ndarray) -> dict[str, Any]:
    """Places (n, 2) on the surface, a hair above it so that it does not hide them."""
    rise = chart.landscape.shown_plane(*places.T) - chart.landscape.centre + 0.01 * chart.landscape.height
    return {
        "type": "scatter3d",
        "x": round_values(places[:, 0]),
        "y": round_values(places[:, 1]),
        "z": round_values(rise),
    }


def draw_line_between(chart: ChosenPlane, lang: str) -> Figure:
    """The loss on the line through two models: 95 % over images, the computed points, the barrier between the two."""
    sheets, line = splines_without_parts(chart.landscape.points), {"width": 2.5, "color": ink("accent")}
    seen, zero = chart.landscape.shown_plane.alpha, np.zeros(1)
    alpha = np.linspace(seen[0], seen[-1], 2 * PROFILE_POINTS - 1)
    curves = np.stack([sheet(alpha, zero) for sheet in sheets])  # (1 + G, T)
    half = np.array([half_width([jackknife_variance(curve)]) for curve in curves.T])
    both = [*round_values(alpha), *round_values(alpha)[::-1]]
    ribbon = [*round_values(curves[0] + half), *round_values(curves[0] - half)[::-1]]
    ends = sheets[0](chart.marks[:, 0], zero)
    data = [
        trace(both, ribbon, fill="toself", fillcolor=ink("tint"), line={"width": 0}),
        *barrier_traces(sheets[0], ends),
    ]
    data.append(trace(round_values(alpha), round_values(curves[0]), line=line))
    dots = {"mode": "markers", "marker": {"size": 5, "color": ink("accent")}, "hoverinfo": None}
    told = "α %{x:.2f}: %{y:.4g}<extra></extra>"
    data.append(trace(round_values(seen), round_values(sheets[0](seen, zero)), hovertemplate=told, **dots))
    look = {"size": 10, "color": ink("ink"), "line": {"width": 1.5, "color": ink("paper")}}
    said = {"hoverinfo": "text", "hovertext": hover_texts(chart, lang)}
    data.append(trace(round_values(chart.marks[:, 0]), round_values(ends), mode="markers", marker=look, **said))
    page = layout(290, margin={"t": 24}, xaxis=axis(nticks=6, title=title("α")), yaxis=axis(nticks=6))
    page["annotations"] = name_labels(chart, ends)
    return {"data": data, "layout": page, "alt": say(lang, "l_a_between", model=chart.name)}


def barrier_traces(sheet: Spline2D, ends: np.ndarray) -> list[dict[str, Any]]:
    """The straight line between the losses of two models, and where the loss rises highest above it."""
    data = [trace([0, 1], round_values(ends), line={"color": ink("mid"), "width": 1.5, "dash": "dot"})]
    over, line = rise_above_line(sheet, np.zeros(2), np.array([1.0, 0.0])), np.linspace(0, 1, PROFILE_POINTS)
    if np.nanmax(over, initial=0) > 0:
        top = int(np.nanargmax(over))
        low = (1 - line[top]) * ends[0] + line[top] * ends[1]
        data.append(
            trace(
                round_values([line[top]] * 2),
                round_values([low, low + over[top]]),
                line={"color": ink("red"), "width": 2},
            )
        )
    return data


def rise_above_line(sheet: Spline2D, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The loss on the straight way between two places (2,), less the straight line between its two ends, (T,)."""
    line = np.linspace(0, 1, PROFILE_POINTS)
    places = (1 - line) * first[:, None] + line * second[:, None]  # (2, T)
    losses = sheet(*places)
    return losses - (1 - line) * losses[0] - line * losses[-1]


def barrier(sheets: list[Spline2D], first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The largest rise of the loss above the line between two models' losses, and half of its 95 % interval.

    The interval is over images, the jackknife as in statistics/geometry; nan where the loss is not known on the whole
    way. Source: Entezari et al. 2022 (arXiv 2110.06296), section 2.
    """
    heights = np.array([rise_above_line(sheet, first, second).max() for sheet in sheets])
    return float(heights[0]), half_width([jackknife_variance(heights)])


def note(chart: ChosenPlane, lang: str) -> str:
    """What the figure of a plane cannot show, in a sentence or a few."""
    facts = chart.facts
    if facts["kind"] == "trajectory":
        outside = 100 * np.array(facts["residual"])
        shares = {"low": float(outside.min()), "median": float(np.median(outside))}
        return say(lang, "l_n_trajectory", n=len(outside), **shares)
    if facts["kind"] == "sharpest":
        return say(lang, "l_n_converged" if facts["converged"] else "l_n_stopped", n=facts["products"])
    sheets, found = splines_without_parts(chart.landscape.points), []
    for (one, first), (two, second) in combinations(zip(chart.names, chart.marks, strict=True), 2):
        height, half = barrier(sheets, first, second)
        found.append(say(lang, "l_n_barrier", first=one, second=two, height=barrier_text(height, half, lang)))
    return (" " if lang == "en" else "").join(found)


def barrier_text(height: float, half: float, lang: str) -> str:
    """A barrier with its interval, where there is one; a barrier is never below 0."""
    if not half > 0:
        return format_short(height)
    lo, hi = format_short(max(height - half, 0.0)), format_short(height + half)
    return f"{format_short(height)} ({say(lang, 'to', lo=lo, hi=hi)})"
