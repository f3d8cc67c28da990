"""Landscape planes that are not random: the path of a training, the sharpest directions, the way between models."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from kogen.reporting.charts import Figure, annotation, axis, axis_title, dots, ink, label, layout, stroke, trace
from kogen.reporting.landscape import figures
from kogen.reporting.landscape.figures import ModelLandscape, format_short, round_values
from kogen.reporting.words import say
from kogen.results.landscape_facts import PlaneFacts, RunFacts
from kogen.statistics._surface_metrics import half_width, jackknife_variance, splines_without_parts
from kogen.surface_fit.interpolation import Spline2D

KINDS = ("trajectory", "sharpest", "between")
OWN = "own"  # in keys of words.toml, of directions by a user's own code
MENU_KEYS = ("l_h_contours", "l_h_solids", "l_h_map")  # the views of a plane, by the words of the menu
LETTERS = 16  # of a model's name inside a figure


@dataclass(frozen=True)
class ChosenPlane:
    """One run's plane of a kind, with what is known of it."""

    names: list[str]  # of the run, and of the other models on the plane where it lies between models
    landscape: ModelLandscape
    facts: PlaneFacts
    curvature_map: pd.DataFrame  # no rows where none was drawn

    @property
    def name(self) -> str:
        """Its name on the page."""
        return " – ".join(self.names)

    @property
    def is_plane(self) -> bool:
        """Whether it is a plane; a line otherwise."""
        return len(self.landscape.shown_plane.beta) > 1

    @property
    def marks(self) -> np.ndarray:
        """The places of the models or of the training's steps, (n, 2), the trained weights last in a training."""
        places = self.facts.positions or []
        return np.array([*places, [0.0, 0.0]] if self.facts.kind == "trajectory" else places).reshape(-1, 2)


def chosen_planes(surface: pd.DataFrame, maps: pd.DataFrame, runs: list[RunFacts], kind: str) -> list[ChosenPlane]:
    """The planes of a kind under one objective, in the order of their names.

    A run whose facts are not written yet, because its command was stopped, is left out until it is finished.
    """
    known = {run.run: run for run in runs if run.direction == kind}
    models = [run.model for run in known.values()]
    found = []
    for name, rows in surface[surface["direction"] == kind].groupby("run", sort=True):
        if (run := known.get(str(name))) is None:
            continue
        names = run.through or [run.model if models.count(run.model) == 1 else f"{run.model} {run.run_seed}"]
        there = maps[(maps["direction"] == kind) & (maps["run"] == name)] if len(maps) else maps
        landscape = figures.landscape_from_rows(pd.DataFrame(rows))
        found.append(ChosenPlane(names, landscape, run.planes[0], pd.DataFrame(there)))
    return sorted(found, key=lambda chart: chart.name)


def kinds_of(surface: pd.DataFrame) -> list[str]:
    """The kinds of planes that are not random, those of a user's own code last."""
    own = sorted(set(surface["direction"]) - {"random", *KINDS}) if len(surface) else []
    return [*KINDS, *own]


def words_key(kind: str) -> str:
    """What the keys of words.toml call a kind."""
    return kind if kind in KINDS else OWN


def draw_plane(chart: ChosenPlane, deep: bool, lang: str) -> dict[str, Figure]:
    """The figures of a plane by the word of the menu that shows it, the first one first; `deep`: with a surface."""
    contours, surface, curvature = MENU_KEYS
    if not chart.is_plane:
        return {contours: draw_line_between(chart, lang)}
    found = {contours: add_marks(chart, figures.draw_contours(chart.landscape, chart.name, lang), lang)}
    if deep:
        found[surface] = draw_marked_surface(chart, lang)
    if len(chart.curvature_map):
        found[curvature] = add_marks(chart, figures.draw_curvature(chart.curvature_map, chart.name, lang), lang)
    return found


def axis_words(facts: PlaneFacts, lang: str) -> Iterator[str]:
    """What is known of the two axes: their curvature, or the share of the distances that they show."""
    for place, letter in enumerate("αβ"):
        if facts.eigenvalues and facts.residuals:
            value, off = (format_short(numbers[place]) for numbers in (facts.eigenvalues, facts.residuals))
            yield f"{letter}: λ = {value} ± {off}"
        else:
            yield say(lang, "l_x_share", axis=letter, share=100 * facts.share[place]) if facts.share else letter


def add_marks(chart: ChosenPlane, figure: Figure, lang: str) -> Figure:
    """The figure with titles of its axes, and the steps of the training or the models where they lie on the plane."""
    kind, places, path = chart.facts.kind, round_values(chart.marks.T), chart.facts.kind == "trajectory"
    figure["alt"] = say(lang, f"l_a_{words_key(kind)}", model=chart.name)
    for place, words in zip(("xaxis", "yaxis"), axis_words(chart.facts, lang), strict=True):
        figure["layout"][place]["title"] = axis_title(words, color=ink("soft"))
    if kind == "sharpest" or words_key(kind) == OWN:
        return figure
    sizes = [7] * (len(chart.marks) - 1) + [13] if path else [9] * len(chart.marks)
    look = {"marker": dots("ink", sizes, line=stroke("paper", 1.5), opacity=1), "line": stroke("ink", 2)}
    mode = "lines+markers" if path else "markers"
    figure["data"].append(trace(*places, tips=mark_tips(chart, lang), mode=mode, **look))
    if not path:
        figure["layout"]["annotations"] = name_labels(chart, chart.marks[:, 1])
    return figure


def mark_tips(chart: ChosenPlane, lang: str) -> list[str]:
    """What each mark says: a checkpoint's number and the share of its distance outside the plane, a model's name."""
    if chart.facts.kind == "between":
        return [label(name, 40) for name in chart.names]
    outside = enumerate(chart.facts.residual or [], start=1)
    steps = [say(lang, "l_t_checkpoint", n=number, share=100 * share) for number, share in outside]
    return [*steps, say(lang, "l_t_trained")]


def name_labels(chart: ChosenPlane, heights: np.ndarray) -> list[dict[str, Any]]:
    """The names of the models at their places, turned to the middle of the figure so that they fit into it."""
    alpha = chart.landscape.shown_plane.alpha
    found = []
    for name, x, y in zip(chart.names, chart.marks[:, 0], heights, strict=True):
        left = x < (alpha[0] + alpha[-1]) / 2
        look = {"xanchor": "left" if left else "right", "yshift": 15, "xshift": -8 if left else 8}
        look |= {"bgcolor": ink("paper"), "borderpad": 1, "opacity": 0.9}
        found.append(annotation(label(name, LETTERS), *round_values([x, y]), **look))
    return found


def draw_marked_surface(chart: ChosenPlane, lang: str) -> Figure:
    """The surface to be turned, on its own scale, with the marks on it and the path along it."""
    figure = figures.draw_surface(chart.landscape, chart.name, lang)
    if not len(chart.marks):
        return figure
    marks = {"mode": "markers", "hoverinfo": "text", "hovertext": mark_tips(chart, lang), "marker": dots("ink", 3.5)}
    figure["data"].append(points_on_surface(chart, chart.marks, **marks))
    if chart.facts.kind == "trajectory":
        steps, fine = np.arange(len(chart.marks)), np.linspace(0, len(chart.marks) - 1, 8 * len(chart.marks))
        path = np.stack([np.interp(fine, steps, places) for places in chart.marks.T], axis=1)  # (F, 2)
        figure["data"].append(points_on_surface(chart, path, mode="lines", hoverinfo="skip", line=stroke("ink", 4)))
    return figure


def points_on_surface(chart: ChosenPlane, places: np.ndarray, **more: Any) -> dict[str, Any]:
    """Places (n, 2) on the surface, a hair above it so that it does not hide them."""
    alpha, beta = places.T
    rise = chart.landscape.shown_plane(alpha, beta) - chart.landscape.centre + 0.01 * chart.landscape.height
    return figures.on_plane("scatter3d", alpha, beta, rise, **more)


def draw_line_between(chart: ChosenPlane, lang: str) -> Figure:
    """The loss on the line through two models: 95 % over images, the computed points, the barrier between the two."""
    splines, places = splines_without_parts(chart.landscape.points), round_values(chart.marks[:, 0])
    seen, zero = chart.landscape.shown_plane.alpha, np.zeros(1)
    alpha = np.linspace(seen[0], seen[-1], 2 * figures.PROFILE_POINTS - 1)
    curves = np.stack([spline(alpha, zero) for spline in splines])  # (1 + G, T)
    half = np.array([half_width([jackknife_variance(curve)]) for curve in curves.T])
    ends = splines[0](chart.marks[:, 0], zero)
    data = [figures.ribbon(alpha, curves[0], half), *barrier_traces(splines[0], ends)]
    data.append(trace(round_values(alpha), round_values(curves[0]), line=stroke("accent", 2.5)))
    look: dict[str, Any] = {
        "mode": "markers",
        "hoverinfo": None,
        "hovertemplate": "α %{x:.2f}: %{y:.4g}<extra></extra>",
    }
    data.append(trace(round_values(seen), round_values(splines[0](seen, zero)), marker=dots("accent", 5), **look))
    look = {"mode": "markers", "marker": dots("ink", 10, line=stroke("paper", 1.5))}
    data.append(trace(places, round_values(ends), mark_tips(chart, lang), **look))
    across = axis(nticks=6, title=axis_title("α", color=ink("soft")))
    frame = layout(290, margin={"t": 24}, xaxis=across, yaxis=axis(nticks=6), annotations=name_labels(chart, ends))
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_between", model=chart.name)}


def barrier_traces(spline: Spline2D, ends: np.ndarray) -> list[dict[str, Any]]:
    """The straight line between the losses of two models, and where the loss rises highest above it."""
    data = [trace([0, 1], round_values(ends), line=stroke("mid", 1.5, dash="dot"))]
    over, line = rise_above_line(spline, np.zeros(2), np.array([1.0, 0.0])), np.linspace(0, 1, figures.PROFILE_POINTS)
    if np.nanmax(over, initial=0) > 0:
        top = int(np.nanargmax(over))
        low = (1 - line[top]) * ends[0] + line[top] * ends[1]
        heights = round_values([low, low + over[top]])
        data.append(trace(round_values([line[top]] * 2), heights, line=stroke("red", 2)))
    return data


def rise_above_line(spline: Spline2D, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The loss on the straight way between two places (2,), less the straight line between its two ends, (T,)."""
    line = np.linspace(0, 1, figures.PROFILE_POINTS)
    losses = spline(*((1 - line) * first[:, None] + line * second[:, None]))
    return losses - (1 - line) * losses[0] - line * losses[-1]


def barrier(splines: list[Spline2D], first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The largest rise of the loss above the line between two models' losses, and half of its 95 % interval.

    The interval is over images, the jackknife as in statistics/geometry; nan where the loss is not known on the whole
    way. Source: Entezari et al. 2022 (arXiv 2110.06296), section 2.
    """
    heights = np.array([rise_above_line(spline, first, second).max() for spline in splines])
    return float(heights[0]), half_width([jackknife_variance(heights)])


def plane_note(chart: ChosenPlane, lang: str) -> str:
    """What the figure of a plane cannot show, in a sentence or a few."""
    facts = chart.facts
    if facts.kind == "trajectory":
        outside = 100 * np.array(facts.residual)
        shares = {"low": float(outside.min()), "median": float(np.median(outside))}
        return say(lang, "l_n_trajectory", n=len(outside), **shares)
    if facts.kind == "sharpest":
        return say(lang, "l_n_converged" if facts.converged else "l_n_stopped", n=facts.products)
    if words_key(facts.kind) == OWN:
        return say(lang, "l_n_own", name=facts.kind)
    splines, found = splines_without_parts(chart.landscape.points), []
    for (one, first), (two, second) in combinations(zip(chart.names, chart.marks, strict=True), 2):
        height = barrier_text(*barrier(splines, first, second), lang)
        found.append(say(lang, "l_n_barrier", first=one, second=two, height=height))
    if len(chart.marks) == 3:
        found.insert(0, positions_text(chart, lang))
    return (" " if lang == "en" else "").join(found)


def positions_text(chart: ChosenPlane, lang: str) -> str:
    """Where the three models of a plane lie, in plain words; lengths in ways from the first to the second."""
    places = [f"({format_short(alpha)}, {format_short(beta)})" for alpha, beta in chart.marks]
    named = dict(zip(("one", "two", "three"), chart.names, strict=True))
    gap = float(np.linalg.norm(chart.marks[2] - chart.marks[1]))
    lengths = {"away": format_short(float(np.linalg.norm(chart.marks[2]))), "gap": format_short(gap)}
    distance = format_short(chart.facts.distance)
    return say(lang, "l_n_three", at=places[2], distance=distance, **named, **lengths)


def barrier_text(height: float, half: float, lang: str) -> str:
    """A barrier with its interval, where there is one; a barrier is never below 0."""
    if not half > 0:
        return format_short(height)
    lo, hi = format_short(max(height - half, 0.0)), format_short(height + half)
    return f"{format_short(height)} ({say(lang, 'to', lo=lo, hi=hi)})"
