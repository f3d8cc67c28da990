"""Landscape figures: surfaces to turn, contours, convexity, curvature, profiles; plotly figures, plain data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from kogen.reporting.charts import Figure, axis, ink, layout, trace
from kogen.reporting.words import say
from kogen.statistics._near_convex import downward_curvature
from kogen.surface_fit.interpolation import Spline2D
from kogen.surface_fit.multilevel import multilevel_error, multilevel_spline

SURFACE_POINTS = 33  # places along an axis that a surface is shown on
PROFILE_POINTS = 41  # places along a profile
DIFFERENCE_STEP, TOLERANCE = 0.125, 0.01  # of the second differences, as statistics/geometry has them
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
        known = self.shown_plane.values[self.shown_plane.known]
        return float(np.ptp(known)) if known.size else 0.0


def landscape_from_rows(rows: pd.DataFrame) -> ModelLandscape:
    """A model's random planes from its rows of a surface table; every run with the planes that all of them have."""
    runs = [{plane: one for plane, one in run.groupby("plane")} for _, run in rows.groupby("run", sort=True)]
    planes = sorted(set.intersection(*(set(run) for run in runs)))
    first = runs[0][planes[0]]
    many = pd.DataFrame(first[first["images"] == first["images"].max()])
    error = float(np.hypot(np.nan_to_num(multilevel_error(first)), np.nan_to_num(many["loss_se"].median())))
    return ModelLandscape([[multilevel_spline(run[plane]) for plane in planes] for run in runs], first, error)


def sample_plane(sheet: Spline2D) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places and losses of a plane on the grid that is shown, (F,), (F,), (F, F)."""
    alpha, beta = (np.linspace(one[0], one[-1], SURFACE_POINTS) for one in (sheet.alpha, sheet.beta))
    return alpha, beta, sheet.on_grid(alpha, beta)


def cap(looks: list[ModelLandscape]) -> float:
    """The rise at which all surfaces of an objective end: twice the median height, so that one does not flatten all."""
    heights = [one.height for one in looks]
    return min(max(heights), 2 * float(np.median(heights))) or 1.0


def draw_surface(one: ModelLandscape, model: str, top: float, lang: str) -> Figure:
    """The rise of the loss over the plane, to be turned; what rises above `top` is cut off."""
    alpha, beta, losses = sample_plane(one.shown_plane)
    rise = losses - one.centre
    low = float(np.nanmin(rise)) if np.isfinite(rise).any() else 0.0
    data = {
        "type": "surface",
        "x": round_values(alpha),
        "y": round_values(beta),
        "z": round_values(np.where(rise > top, np.nan, rise).T),
        "cmin": min(low, 0.0),
        "cmax": top,
        "colorscale": SHADES,
        "showscale": False,
        "hovertemplate": "α %{x:.2f}, β %{y:.2f}: %{z:.3g}<extra></extra>",
        "contours": {"z": {"show": True, "color": ink("ink"), "width": 1, "start": 0, "end": top, "size": top / 8}},
        "lighting": {"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9},
    }
    flat: dict[str, Any] = {"gridcolor": ink("line"), "backgroundcolor": ink("clear"), "color": ink("soft")}
    flat |= {"showspikes": False, "nticks": 4, "tickfont": {"size": 10}, "zeroline": False}
    scene = {
        "dragmode": "turntable",
        "aspectratio": {"x": 1, "y": 1, "z": 0.75},
        "camera": {"eye": {"x": 1.25, "y": -1.35, "z": 0.85}, "center": {"x": 0, "y": 0, "z": -0.15}},
        "xaxis": flat | {"title": {"text": "α"}},
        "yaxis": flat | {"title": {"text": "β"}},
        "zaxis": flat | {"title": {"text": ""}, "range": [min(low, 0.0), top]},
    }
    look = layout(300, scene=scene, margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return {"data": [data], "layout": look, "alt": say(lang, "l_a_solid", model=model)}


def draw_contours(one: ModelLandscape, model: str, lang: str) -> Figure:
    """Lines of equal loss every tenth of the model's own range, its basin's rim with its error, and the points."""
    alpha, beta, losses = sample_plane(one.shown_plane)
    low, step = (float(np.nanmin(losses)) if np.isfinite(losses).any() else 0.0), one.height / 10 or 1.0
    place = {
        "type": "contour",
        "x": round_values(alpha),
        "y": round_values(beta),
        "z": round_values(losses.T),
        "showscale": False,
    }
    map_of = place | {"colorscale": SHADES, "contours": {"start": low, "end": low + 10 * step, "size": step}}
    map_of |= {"line": {"width": 0.5, "color": ink("paper")}, "hovertemplate": "%{z:.4g}<extra></extra>"}
    rim = one.centre + RIM_SHARE * one.height
    rims = [place | rim_contour(rim + one.error * side, side) for side in (-1, 0, 1)]
    dots = one.points.drop_duplicates(["alpha", "beta"])
    seen = trace(
        round_values(dots["alpha"]),
        round_values(dots["beta"]),
        mode="markers",
        marker={"size": 2.5, "color": ink("ink")},
    )
    place_of = map_layout(one.shown_plane.alpha, one.shown_plane.beta)
    return {"data": [map_of, *rims, seen], "layout": place_of, "alt": say(lang, "l_a_contour", model=model)}


def rim_contour(level: float, side: int) -> dict[str, Any]:
    """One line of a level: the rim itself, or how far it may be off."""
    line = {"color": ink("red"), "width": 1 if side else 2.5, "dash": "dot" if side else "solid"}
    only = {"start": level, "end": level, "size": 1, "coloring": "none"}
    return {"contours": only, "line": line, "hoverinfo": "skip"}


def draw_convexity(sheet: Spline2D, model: str, plane: int, lang: str) -> Figure:
    """Where a plane bends up in all directions (convex), and where it bends down, over the scale of the numbers."""
    known = sheet.values[sheet.known]
    alpha, beta = (
        np.linspace(side[0] + DIFFERENCE_STEP, side[-1] - DIFFERENCE_STEP, SURFACE_POINTS)
        for side in (sheet.alpha, sheet.beta)
    )
    least = smallest_curvature(sheet, alpha, beta)
    edge = TOLERANCE * (float(np.ptp(known)) if known.size else 0.0)
    kind = np.where(np.isnan(least), np.nan, np.where(least < -edge, 0.0, np.where(least < edge, 0.5, 1.0)))  # (F, F)
    colours = [[0, ink("red")], [1 / 3, ink("red")], [1 / 3, ink("mid")], [2 / 3, ink("mid")]]
    colours += [[2 / 3, ink("accent")], [1, ink("accent")]]
    data = {
        "type": "heatmap",
        "x": round_values(alpha),
        "y": round_values(beta),
        "z": round_values(kind.T),
        "zmin": 0,
        "zmax": 1,
    }
    data |= {"colorscale": colours, "showscale": False, "hoverinfo": "skip", "opacity": 0.8}
    return {
        "data": [data],
        "layout": map_layout(sheet.alpha, sheet.beta),
        "alt": say(lang, "l_a_convex", model=model, plane=plane + 1),
    }


def draw_curvature(points: pd.DataFrame, model: str, lang: str) -> Figure:
    """How much of the curvature is downwards over a plane, on one scale for all; the line is where a tenth is."""
    down = points.assign(down=downward_curvature(points)).pivot(index="beta", columns="alpha", values="down")
    ends = [points.pivot(index="beta", columns="alpha", values=f"lambda_{end}") for end in ("min", "max")]
    axes = down.columns.to_numpy(), down.index.to_numpy()
    place = {"x": round_values(axes[0]), "y": round_values(axes[1]), "z": round_values(down)}
    bar = {"thickness": 8, "outlinewidth": 0, "tickvals": [0, 0.1, 0.5, 1], "tickfont": {"size": 10}, "xpad": 4}
    shown = {"colorscale": DOWNWARD, "zmin": 0, "zmax": 1, "colorbar": bar, "customdata": round_values(np.dstack(ends))}
    told = "α %{x:.2f}, β %{y:.2f}: λ %{customdata[0]:.3g} … %{customdata[1]:.3g}<extra></extra>"
    data: list[dict[str, Any]] = [{"type": "heatmap", **place, **shown, "hovertemplate": told}]
    if min(down.shape) > 1:
        only = {"start": NEAR_CONVEX_SHARE, "end": NEAR_CONVEX_SHARE, "size": 1, "coloring": "none"}
        line = {"color": ink("ink"), "width": 1.5, "smoothing": 0}
        data.append(
            {"type": "contour", **place, "contours": only, "line": line, "showscale": False, "hoverinfo": "skip"}
        )
    return {"data": data, "layout": map_layout(*axes), "alt": say(lang, "l_a_map", model=model)}


def smallest_curvature(sheet: Spline2D, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """The smaller eigenvalue of the second differences over SCALE, (A, B)."""
    at = lambda i, j: sheet.on_grid(alpha + i * DIFFERENCE_STEP, beta + j * DIFFERENCE_STEP)  # noqa: E731
    middle = at(0, 0)
    xx, yy = at(1, 0) - 2 * middle + at(-1, 0), at(0, 1) - 2 * middle + at(0, -1)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    return ((xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)) / DIFFERENCE_STEP**2


def draw_profile(looks: dict[str, ModelLandscape], model: str, top: float, lang: str) -> Figure:
    """The rise along the axes of all planes: mean and 95 % ribbon over planes, the other models' means behind."""
    steps = np.linspace(-1, 1, PROFILE_POINTS)
    curves = {name: rise_along_axes(one, steps) for name, one in looks.items()}  # (P, T) each
    data = [
        trace(round_values(steps), round_values(rises.mean(axis=0)), line={"color": ink("line"), "width": 1.5})
        for name, rises in curves.items()
        if name != model
    ]
    own = curves[model]
    mean = own.mean(axis=0)
    if len(own) > 1:
        half = float(student.isf(0.025, len(own) - 1)) * own.std(axis=0, ddof=1) / len(own) ** 0.5
        ribbon = [*round_values(mean + half), *round_values(mean - half)[::-1]]
        both = [*round_values(steps), *round_values(steps)[::-1]]
        data.append(trace(both, ribbon, fill="toself", fillcolor=ink("tint"), line={"width": 0}))
    data.append(trace(round_values(steps), round_values(mean), line={"color": ink("accent"), "width": 2.5}))
    low = min(0.0, *(float(np.nanmin(rises.mean(axis=0), initial=0.0)) for rises in curves.values()))
    look = layout(170, margin={"t": 6, "b": 26}, xaxis=axis(nticks=5), yaxis=axis(range=[low, top], nticks=4))
    return {"data": data, "layout": look, "alt": say(lang, "l_a_profile", model=model)}


def rise_along_axes(one: ModelLandscape, steps: np.ndarray) -> np.ndarray:
    """The rise along both axes of each plane, the mean over axes and runs, (P, T)."""
    still, zero = np.zeros(len(steps)), np.zeros(1)
    found = [
        [(sheet(steps, still) + sheet(still, steps)) / 2 - sheet(zero, zero) for sheet in run] for run in one.splines
    ]
    return np.mean(np.array(found), axis=0)


def map_layout(alpha: np.ndarray, beta: np.ndarray) -> dict[str, Any]:
    """The layout of a map of a plane, from the first to the last place of each axis, one step as long on both."""
    ends = [round_values(places[[0, -1]]) for places in (alpha, beta)]
    return layout(
        290,
        margin={"t": 4, "b": 24},
        xaxis=axis(range=ends[0], nticks=5, constrain="domain", showgrid=False),
        yaxis=axis(range=ends[1], nticks=5, scaleanchor="x", constrain="domain", showgrid=False),
    )


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
