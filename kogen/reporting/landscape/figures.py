"""Landscape figures of one model: surfaces to turn, contours, convexity, curvature; plotly figures, plain data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kogen.reporting.charts import Figure, axis, dots, ink, layout, load_look, stroke, trace
from kogen.reporting.words import say
from kogen.statistics._near_convex import downward_curvature
from kogen.surface_fit.interpolation import Spline2D, rounding_error
from kogen.surface_fit.metrics import SCALE, smallest_curvature
from kogen.surface_fit.multilevel import multilevel_error, multilevel_spline

SURFACE_POINTS = 33  # places along an axis that a surface is shown on
PROFILE_POINTS = 41  # places along a profile
TOLERANCE = 0.01  # of the range: second differences below it count as 0, as in surface_fit/metrics
RIM_SHARE = 0.1  # of the range: the basin's rim
NEAR_CONVEX_SHARE = 0.1  # of the curvature downwards: what counts as nearly convex
DOWNWARD = [[0, ink("accent")], [0.5, ink("line")], [1, ink("red")]]  # from convex to as much down as up
SHADES = [[0, ink("accent")], [0.5, ink("mid")], [1, ink("line")]]  # from low to high


@dataclass(frozen=True)
class ModelLandscape:
    """A model seen under one objective: its planes, the first one in detail."""

    splines: list[list[Spline2D]]  # [run][plane]
    points: pd.DataFrame  # where the loss of the first plane of the first run was computed
    error: float  # of that plane: spline and images

    @property
    def shown_plane(self) -> Spline2D:
        """The plane that is shown."""
        return self.splines[0][0]

    @property
    def centre(self) -> float:
        """Its loss at the trained weights."""
        return float(self.shown_plane(np.zeros(1), np.zeros(1))[0])

    @property
    def height(self) -> float:
        """Its largest minus its smallest loss; 0 where nothing is known."""
        return known_range(self.shown_plane)


def known_range(spline: Spline2D) -> float:
    """The largest minus the smallest known loss of a plane, rounding included; 0 where nothing is known."""
    known = spline.values[spline.known]
    return float(np.ptp(known)) if known.size else 0.0


def landscape_from_rows(rows: pd.DataFrame) -> ModelLandscape:
    """A model's random planes from its rows of a surface table; every run with the planes that all of them have."""
    runs = [{plane: one for plane, one in run.groupby("plane")} for _, run in rows.groupby("run", sort=True)]
    planes = sorted(set.intersection(*(set(run) for run in runs)))
    first = runs[0][planes[0]]
    many = pd.DataFrame(first[first["images"] == first["images"].max()])
    error = float(np.hypot(np.nan_to_num(multilevel_error(first)), np.nan_to_num(many["loss_se"].median())))
    return ModelLandscape([[multilevel_spline(run[plane]) for plane in planes] for run in runs], first, error)


def sample_plane(spline: Spline2D) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places and losses of a plane on the grid that is shown, (F,), (F,), (F, F)."""
    alpha, beta = (np.linspace(one[0], one[-1], SURFACE_POINTS) for one in (spline.alpha, spline.beta))
    return alpha, beta, spline.on_grid(alpha, beta)


def rise_on_plane(one: ModelLandscape) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """Places (F,), (F,) and rises (F, F) above the loss at the weights, and the lowest and the largest of them."""
    alpha, beta, losses = sample_plane(one.shown_plane)
    rise = losses - one.centre
    known = rise[np.isfinite(rise)]
    low, top = (min(float(known.min()), 0.0), float(known.max())) if known.size else (0.0, 0.0)
    return alpha, beta, rise, (low, max(top, low + 1e-12))


def common_scale(landscapes: list[ModelLandscape]) -> tuple[float, float]:
    """The scale of surfaces that are compared: from the lowest of all to twice the median of the largest rises.

    So one steep surface does not flatten all others; what rises further is cut off.
    """
    lows, tops = zip(*(rise_on_plane(one)[3] for one in landscapes), strict=True)
    return min(lows), min(max(tops), 2 * float(np.median(tops)))


def on_plane(kind: str, alpha: Any, beta: Any, values: Any, **more: Any) -> dict[str, Any]:
    """A trace over a plane: places (A,), (B,), or (n,) each, and values (A, B), or (n,)."""
    places = {"x": round_values(alpha), "y": round_values(beta), "z": round_values(np.transpose(values))}
    return {"type": kind, **places, **more}


def draw_surface(one: ModelLandscape, model: str, lang: str, scale: tuple[float, float] | None = None) -> Figure:
    """The rise of the loss over the plane, to be turned, on its own scale, or on one that others have too."""
    alpha, beta, rise, own = rise_on_plane(one)
    low, top = scale or own
    lines = {"show": True, "color": ink("ink"), "width": 1, "start": 0, "end": top, "size": (top - low) / 8}
    shown = load_look()["surface"] | {"cmin": low, "cmax": top, "colorscale": SHADES, "contours": {"z": lines}}
    data = on_plane("surface", alpha, beta, np.where(rise > top, np.nan, rise), **shown)
    quiet, titles = load_look()["scene_axis"], {"xaxis": "α", "yaxis": "β", "zaxis": say(lang, "l_z")}
    font = {"size": 12, "color": ink("ink")}
    axes = {side: quiet | {"title": {"text": words, "font": font}} for side, words in titles.items()}
    axes["zaxis"]["range"] = [low, top]
    look = layout(300, scene=load_look()["scene"] | axes, margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return {"data": [data], "layout": look, "alt": say(lang, "l_a_solid", model=model)}


def draw_contours(one: ModelLandscape, model: str, lang: str) -> Figure:
    """Lines of equal loss every tenth of the model's own range, its basin's rim with its error, and the points."""
    alpha, beta, losses = sample_plane(one.shown_plane)
    low, step = (float(np.nanmin(losses)) if np.isfinite(losses).any() else 0.0), one.height / 10 or 1.0
    place = on_plane("contour", alpha, beta, losses, showscale=False)
    filled = place | {"colorscale": SHADES, "contours": {"start": low, "end": low + 10 * step, "size": step}}
    filled |= {"line": stroke("paper", 0.5), "hovertemplate": "%{z:.4g}<extra></extra>"}
    rim = one.centre + RIM_SHARE * one.height
    rims = []
    for side in (-1, 0, 1):  # the rim itself, and how far it may be off
        line = stroke("red", 1 if side else 2.5, dash="dot" if side else "solid")
        rims.append(place | {"contours": only_level(rim + one.error * side), "line": line, "hoverinfo": "skip"})
    seen = one.points.drop_duplicates(["alpha", "beta"])
    places = round_values(seen["alpha"]), round_values(seen["beta"])
    data = [filled, *rims, trace(*places, mode="markers", marker=dots("ink", 2.5))]
    frame = map_layout(one.shown_plane.alpha, one.shown_plane.beta)
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_contour", model=model)}


def only_level(level: float) -> dict[str, Any]:
    """The contours of plotly for one level."""
    return {"start": level, "end": level, "size": 1, "coloring": "none"}


def draw_convexity(spline: Spline2D, model: str, plane: int, lang: str) -> Figure:
    """Where a plane bends up in all directions (convex), and where it bends down, over the scale of the numbers."""
    inside = ((side[0] + SCALE, side[-1] - SCALE) for side in (spline.alpha, spline.beta))
    alpha, beta = (np.linspace(*ends, SURFACE_POINTS) for ends in inside)
    least = smallest_curvature(spline, alpha, beta)
    edge = TOLERANCE * known_range(spline) + 4 * rounding_error(spline) / SCALE**2  # as the numbers have it
    kind = np.where(np.isnan(least), np.nan, np.where(least < -edge, 0.0, np.where(least < edge, 0.5, 1.0)))  # (F, F)
    colours = [[0, ink("red")], [1 / 3, ink("red")], [1 / 3, ink("mid")], [2 / 3, ink("mid")]]
    colours += [[2 / 3, ink("accent")], [1, ink("accent")]]
    shown = {"zmin": 0, "zmax": 1, "colorscale": colours, "showscale": False, "hoverinfo": "skip", "opacity": 0.8}
    frame, alt = map_layout(spline.alpha, spline.beta), say(lang, "l_a_convex", model=model, plane=plane + 1)
    return {"data": [on_plane("heatmap", alpha, beta, kind, **shown)], "layout": frame, "alt": alt}


def draw_curvature(points: pd.DataFrame, model: str, lang: str) -> Figure:
    """How much of the curvature is downwards over a plane, on one scale for all; the line is where a tenth is."""
    tables = points.assign(down=downward_curvature(points)).pivot(index="beta", columns="alpha")
    down, *ends = (tables[name] for name in ("down", "lambda_min", "lambda_max"))  # (B, A) each
    places = down.columns.to_numpy(), down.index.to_numpy()
    tips = "α %{x:.2f}, β %{y:.2f}: λ %{customdata[0]:.3g} … %{customdata[1]:.3g}<extra></extra>"
    shown = {"colorscale": DOWNWARD, "zmin": 0, "zmax": 1, "colorbar": load_look()["colorbar"], "hovertemplate": tips}
    data = [on_plane("heatmap", *places, down.T, **shown, customdata=round_values(np.dstack(ends)))]
    if min(down.shape) > 1:
        line = stroke("ink", 1.5, smoothing=0)
        shown = {"contours": only_level(NEAR_CONVEX_SHARE), "line": line, "showscale": False, "hoverinfo": "skip"}
        data.append(on_plane("contour", *places, down.T, **shown))
    return {"data": data, "layout": map_layout(*places), "alt": say(lang, "l_a_map", model=model)}


def ribbon(steps: np.ndarray, middle: np.ndarray, half: np.ndarray) -> dict[str, Any]:
    """The area between two curves, `half` above and below the `middle`, (T,) each."""
    there = round_values(steps)
    ends = [*round_values(middle + half), *round_values(middle - half)[::-1]]
    return trace([*there, *there[::-1]], ends, fill="toself", fillcolor=ink("tint"), line={"width": 0})


def map_layout(alpha: np.ndarray, beta: np.ndarray) -> dict[str, Any]:
    """The layout of a map of a plane, from the first to the last place of each axis, one step as long on both."""
    shared = {"nticks": 5, "constrain": "domain", "showgrid": False}
    across, up = (axis(range=round_values(places[[0, -1]]), **shared) for places in (alpha, beta))
    return layout(290, margin={"t": 4, "b": 24}, xaxis=across, yaxis=up | {"scaleanchor": "x"})


def round_values(values: Any) -> list[Any]:
    """Numbers with five digits that count, missing = None: what a screen can show, in a third of the bytes."""
    return [
        round_values(v) if np.ndim(v) else float(f"{v:.5g}") if np.isfinite(v) else None for v in np.asarray(values)
    ]


def format_short(value: float | None) -> str:
    """A number with three digits that count; None and NaN are a dash."""
    if value is None or value != value:
        return "–"
    usual = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    text = usual if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.1e}"
    return text.replace("-", "−")
