"""Figures of one landscape, from bowls and saddles whose losses are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looks import looks

from kogen.reporting.landscape.figures import (
    NEAR_CONVEX_SHARE,
    PROFILE_POINTS,
    RIM_SHARE,
    SURFACE_POINTS,
    TOLERANCE,
    ModelLandscape,
    common_scale,
    draw_contours,
    draw_convexity,
    draw_curvature,
    draw_surface,
    format_short,
    known_range,
    landscape_from_rows,
    on_plane,
    ribbon,
    rise_on_plane,
    round_values,
)
from kogen.surface_fit.interpolation import Spline2D
from kogen.surface_fit.metrics import SCALE

SIDE = np.linspace(-1, 1, 9)
POINTS = pd.DataFrame({"alpha": [0.0, 0.5, 0.5], "beta": [0.0, -0.5, -0.5], "level": 0, "loss": [3.0, 3.5, 3.6]})


def plane(a: float, b: float, low: float = 3.0) -> Spline2D:
    return Spline2D(SIDE, SIDE, low + a * SIDE[:, None] ** 2 + b * SIDE[None, :] ** 2)


def landscape(a: float, b: float, error: float = 0.1) -> ModelLandscape:
    return ModelLandscape([[plane(a, b)]], POINTS, error)


def colour(name: Any) -> str:
    return str(name).removeprefix("\x01")


def test_a_surface_is_drawn_over_its_own_range_with_eight_steps_of_lines() -> None:
    figure = draw_surface(landscape(1, 3), "mae", "en")
    (data,) = figure["data"]
    assert (data["cmin"], data["cmax"]) == pytest.approx((0.0, 4.0))
    lines = data["contours"]["z"]
    assert (lines["show"], lines["start"], lines["end"], lines["size"]) == (
        True,
        0,
        pytest.approx(4),
        pytest.approx(0.5),
    )
    assert (data["x"][0], data["x"][16], data["x"][-1], len(data["x"])) == (-1.0, 0.0, 1.0, 33)
    assert (data["z"][0][0], data["z"][16][0], data["z"][0][16]) == pytest.approx((4.0, 1.0, 3.0))  # rows are beta
    assert figure["layout"]["scene"]["zaxis"]["range"] == pytest.approx([0.0, 4.0])
    assert [figure["layout"]["scene"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")] == ["α", "β"]
    assert figure["alt"] == "Surface of the loss around the weights of mae."


def test_what_rises_above_a_common_scale_is_cut_off() -> None:
    (data,) = draw_surface(landscape(1, 3), "mae", "en", (-1.0, 3.5))["data"]
    assert (data["cmin"], data["cmax"]) == (-1.0, 3.5)
    assert data["contours"]["z"]["size"] == pytest.approx(4.5 / 8)
    assert data["z"][0][0] is None
    assert data["z"][16][0] == pytest.approx(1.0)


def test_the_common_scale_ends_at_twice_the_median_of_the_largest_rises() -> None:
    assert common_scale([landscape(1, 1), landscape(-1, 2), landscape(50, 50)]) == pytest.approx((-1.0, 4.0))
    assert common_scale([landscape(1, 1), landscape(1, 2)]) == pytest.approx((0.0, 3.0))


def test_a_plane_of_which_nothing_is_known_has_a_scale_all_the_same() -> None:
    empty = ModelLandscape([[Spline2D(SIDE, SIDE, np.full((9, 9), np.nan))]], POINTS, 0.0)
    low, top = rise_on_plane(empty)[3]
    assert (low, top) == (0.0, 1e-12)
    assert known_range(empty.shown_plane) == 0.0
    assert draw_contours(empty, "mae", "en")["data"][0]["contours"] == {"start": 0.0, "end": 10.0, "size": 1.0}


def test_contours_stand_every_tenth_and_the_rim_a_tenth_above_the_weights_with_its_error() -> None:
    figure = draw_contours(landscape(1, 3), "mae", "en")
    filled, *rims, dots = figure["data"]
    assert filled["contours"] == pytest.approx({"start": 3.0, "end": 7.0, "size": 0.4})
    assert [one["contours"]["start"] for one in rims] == pytest.approx([3.3, 3.4, 3.5])
    assert [one["contours"]["end"] for one in rims] == pytest.approx([3.3, 3.4, 3.5])
    assert [(one["line"]["width"], one["line"]["dash"]) for one in rims] == [(1, "dot"), (2.5, "solid"), (1, "dot")]
    assert (dots["x"], dots["y"]) == ([0.0, 0.5], [0.0, -0.5])  # each place once
    assert figure["layout"]["xaxis"]["range"] == [-1.0, 1.0]
    assert filled["showscale"] is False


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [(1.0, 1.0, 1.0), (1.0, -1.0, 0.0), (1.0, 0.0, 0.5), (0.0, 0.0, 0.5)],
)
def test_a_plane_is_convex_bent_down_or_neither(a: float, b: float, kind: float) -> None:
    figure = draw_convexity(plane(a, b), "mae", 0, "en")
    (data,) = figure["data"]
    assert {value for row in data["z"] for value in row} == {kind}
    assert (data["zmin"], data["zmax"]) == (0, 1)
    assert [colour(name) for _, name in data["colorscale"]] == ["red", "red", "mid", "mid", "accent", "accent"]
    assert [3 * place for place, _ in data["colorscale"]] == pytest.approx([0, 1, 1, 2, 2, 3])
    assert figure["alt"] == "Where the loss of mae is convex on plane 1."


def test_a_map_of_curvature_has_a_line_where_a_tenth_points_down() -> None:
    rows = [{"alpha": a, "beta": b, "lambda_min": -0.5 * a, "lambda_max": 1.0} for a in (0.0, 1.0) for b in (0.0, 1.0)]
    heat, line = draw_curvature(pd.DataFrame(rows), "mae", "en")["data"]
    assert heat["z"] == [[0.0, 0.5], [0.0, 0.5]]
    assert heat["customdata"][0][1] == [-0.5, 1.0]
    assert (heat["zmin"], heat["zmax"]) == (0, 1)
    assert line["contours"]["start"] == line["contours"]["end"] == 0.1
    assert [(place, colour(name)) for place, name in heat["colorscale"]] == [(0, "accent"), (0.5, "line"), (1, "red")]
    assert len(draw_curvature(pd.DataFrame(rows[:2]), "mae", "en")["data"]) == 1  # a line of points has no contour


def test_a_ribbon_goes_out_above_and_back_below() -> None:
    found = ribbon(np.array([0.0, 1.0]), np.array([2.0, 3.0]), np.array([0.5, 1.0]))
    assert (found["x"], found["y"]) == ([0.0, 1.0, 1.0, 0.0], [2.5, 4.0, 2.0, 1.5])
    assert (found["fill"], found["line"]) == ("toself", {"width": 0})


def test_numbers_of_figures_have_five_digits_and_holes_are_none() -> None:
    assert round_values([1.2345678, np.nan, [np.inf, 2.0][1]]) == [1.2346, None, 2.0]
    assert round_values(np.array([[123456.7, -np.inf]])) == [[123460.0, None]]
    made = on_plane("heatmap", np.array([0.0, 1.0]), np.array([5.0]), np.array([[2.0], [3.0]]), zmin=0)
    assert made == {"type": "heatmap", "x": [0.0, 1.0], "y": [5.0], "z": [[2.0, 3.0]], "zmin": 0}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(None, "–"), (float("nan"), "–"), (0.0, "0"), (0.12345, "0.123"), (99.96, "100"), (100.0, "100")],
        *[(-12.345, "−12.3"), (123456.7, "123,457"), (999_999.0, "999,999"), (1e6, "1.0e+06")],
        *[(0.001, "0.001"), (0.000999, "1.0e−03"), (-1234.5, "−1,234")],
    ],
)
def test_a_number_of_the_landscape_is_short(value: float | None, shown: str) -> None:
    assert format_short(value) == shown


def test_the_look_of_a_surface() -> None:
    figure = draw_surface(landscape(1, 3), "mae", "en")
    assert looks(figure) == [
        "frame: 300 high, margins 0 0 0 0",
        "surface: showscale=False, lighting (ambient=0.75 diffuse=0.5 specular=0.05 roughness=0.9)",
    ]


def test_the_look_of_contours() -> None:
    figure = draw_contours(landscape(1, 3), "mae", "en")
    assert looks(figure) == [
        "frame: 290 high, margins 8 8 4 24",
        "x: nticks=5, constrain=domain, showgrid=False",
        "y: nticks=5, constrain=domain, showgrid=False, scaleanchor=x",
        "contour: showscale=False, line (paper width=0.5)",
        "contour: showscale=False, line (red width=1 dash=dot)",
        "contour: showscale=False, line (red width=2.5 dash=solid)",
        "markers: marker (ink size=2.5)",
    ]


def test_the_look_of_convexity() -> None:
    figure = draw_convexity(plane(1, 1), "mae", 0, "en")
    assert looks(figure) == [
        "frame: 290 high, margins 8 8 4 24",
        "x: nticks=5, constrain=domain, showgrid=False",
        "y: nticks=5, constrain=domain, showgrid=False, scaleanchor=x",
        "heatmap: zmin=0, zmax=1, showscale=False, opacity=0.8",
    ]


def test_the_look_of_curvature() -> None:
    rows = [{"alpha": a, "beta": b, "lambda_min": 0.0, "lambda_max": 1.0} for a in (0.0, 1.0) for b in (0.0, 1.0)]
    figure = draw_curvature(pd.DataFrame(rows), "mae", "en")
    assert looks(figure) == [
        "frame: 290 high, margins 8 8 4 24",
        "x: nticks=5, constrain=domain, showgrid=False",
        "y: nticks=5, constrain=domain, showgrid=False, scaleanchor=x",
        "heatmap: zmin=0, zmax=1, colorbar (thickness=8 outlinewidth=0 tickfont (size=12) xpad=4)",
        "contour: line (ink width=1.5 smoothing=0), showscale=False",
    ]


def test_a_surface_is_written_with_its_letters_and_its_scales() -> None:
    figure = draw_surface(landscape(1, 3), "mae", "en")
    scene = figure["layout"]["scene"]
    assert [scene[side]["title"]["font"]["size"] for side in ("xaxis", "yaxis", "zaxis")] == [12] * 3
    (data,) = figure["data"]
    assert [(place, colour(name)) for place, name in data["colorscale"]] == [(0, "accent"), (0.5, "mid"), (1, "line")]
    assert (colour(data["contours"]["z"]["color"]), data["contours"]["z"]["width"]) == ("ink", 1)
    contours = draw_contours(landscape(1, 3), "mae", "en")["data"]
    assert contours[1]["contours"]["size"] == 1
    assert contours[0]["hovertemplate"] == "%{z:.4g}<extra></extra>"


def test_curvature_below_a_hundredth_of_the_range_counts_as_none() -> None:
    def kinds(a: float, b: float) -> set[float]:
        return {value for row in draw_convexity(plane(a, b), "mae", 0, "en")["data"][0]["z"] for value in row}

    assert kinds(1.0, 0.0049) == {0.5}  # curvature of 0.0098, of a range of 1.0049
    assert kinds(1.0, 0.0052) == {1.0}
    assert kinds(1.0, -0.0049) == {0.5}
    assert kinds(1.0, -0.0052) == {0.0}
    (data,) = draw_convexity(plane(1, 1), "mae", 2, "en")["data"]
    assert (data["x"][0], data["x"][-1], len(data["x"])) == (round(-1 + SCALE, 5), round(1 - SCALE, 5), 33)
    assert (TOLERANCE, RIM_SHARE, NEAR_CONVEX_SHARE, SURFACE_POINTS, PROFILE_POINTS) == (0.01, 0.1, 0.1, 33, 41)


def test_a_landscape_is_read_from_the_planes_that_all_runs_have() -> None:
    def rows(run: str, index: int, images: int, loss: float) -> pd.DataFrame:
        alpha, beta = (one.ravel() for one in np.meshgrid(SIDE, SIDE, indexing="ij"))
        table = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": loss + alpha**2, "loss_se": 0.3})
        return table.assign(run=run, plane=index, images=images, units=4, parts=[[1.0]] * 81)

    table = pd.concat([rows("r1", 0, 64, 1.0), rows("r0", 1, 64, 2.0), rows("r0", 0, 64, 3.0), rows("r1", 2, 64, 4.0)])
    found = landscape_from_rows(table)
    assert [len(run) for run in found.splines] == [1, 1]
    assert (found.centre, found.height) == pytest.approx((3.0, 1.0))  # of r0
    assert found.error == pytest.approx(0.3)
    assert len(found.points) == 81
