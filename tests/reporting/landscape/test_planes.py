"""Chosen planes: the barrier between two models, and what the note below a figure says of it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looks import looks
from scipy.stats import t as student

from kogen.reporting.charts import label
from kogen.reporting.landscape.figures import ModelLandscape
from kogen.reporting.landscape.planes import (
    ChosenPlane,
    add_marks,
    axis_words,
    barrier,
    barrier_text,
    barrier_traces,
    chosen_planes,
    draw_marked_surface,
    draw_plane,
    mark_tips,
    name_labels,
    plane_note,
    points_on_surface,
    rise_above_line,
)
from kogen.results.landscape_facts import GridFacts, PlaneFacts, RunFacts
from kogen.surface_fit.interpolation import Spline2D

SIDE = np.linspace(-0.25, 1.25, 13)
HERE, THERE = np.array([0.0, 0.0]), np.array([1.0, 0.0])


def hill(height: float, slope: float = 0.0) -> Spline2D:
    """A loss of 1 at the first model, 1 + slope at the second, and height more than the line half way."""
    alpha = SIDE[:, None]
    return Spline2D(SIDE, SIDE, 1 + slope * alpha + 4 * height * alpha * (1 - alpha) + 0 * SIDE[None, :])


def chosen(facts: PlaneFacts, names: list[str], spline: Spline2D | None = None, parts: Any = None) -> ChosenPlane:
    spline = spline or hill(0.5)
    alpha, beta = (one.ravel() for one in np.meshgrid(spline.alpha, spline.beta, indexing="ij"))
    loss = spline.values.ravel()
    points = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": loss, "loss_se": 0.0, "images": 64})
    points = points.assign(units=4, parts=[parts or [x] for x in loss])
    return ChosenPlane(names, ModelLandscape([[spline]], points, 0.0), facts, pd.DataFrame())


BETWEEN = PlaneFacts("between", positions=[[0.0, 0.0], [1.0, 0.0]])
TURN = PlaneFacts("trajectory", share=[0.85, 0.1], residual=[0.1, 0.4], positions=[[-0.2, 0.1], [0.5, 0.8]])
SHARP = PlaneFacts("sharpest", eigenvalues=[12.34, 4.0], residuals=[0.1, 0.2], converged=True, products=40)


def test_the_loss_on_the_way_is_measured_above_the_straight_line_between_its_ends() -> None:
    found = rise_above_line(hill(0.5, slope=2.0), HERE, THERE)
    line = np.linspace(0, 1, 41)
    assert found == pytest.approx(2.0 * line * (1 - line), abs=1e-9)
    shifted = rise_above_line(hill(0.5, slope=2.0), np.array([0.25, 0.1]), np.array([0.75, 0.9]))
    assert shifted.max() == pytest.approx(0.125)  # half of the way over the top


def test_the_barrier_is_drawn_from_the_line_up_to_the_loss() -> None:
    line, red = barrier_traces(hill(0.5, slope=2.0), np.array([1.0, 3.0]))
    assert (line["x"], line["y"]) == ([0, 1], [1.0, 3.0])
    assert (red["x"], red["y"]) == ([0.5, 0.5], [2.0, 2.5])
    assert len(barrier_traces(hill(-0.5), np.array([1.0, 1.0]))) == 1  # a valley has none


def test_the_interval_of_a_barrier_is_the_jackknife_over_images() -> None:
    heights = [0.5, 0.4, 0.6, 0.5]
    found, half = barrier([hill(0.5), *map(hill, heights)], HERE, THERE)
    assert found == pytest.approx(0.5)
    assert half == pytest.approx(float(student.isf(0.025, 3)) * (3 / 4 * 0.02) ** 0.5)


@pytest.mark.parametrize(
    ("height", "half", "words"),
    [
        (0.5, 0.25, "0.5 (0.25 to 0.75)"),
        (0.5, 0.75, "0.5 (0 to 1.25)"),  # no barrier is below 0
        (0.5, 0.0, "0.5"),
        (0.5, float("nan"), "0.5"),
        (float("nan"), float("nan"), "–"),
    ],
)
def test_a_barrier_is_said_with_its_interval(height: float, half: float, words: str) -> None:
    assert barrier_text(height, half, "en") == words


def test_the_note_names_every_pair_of_models() -> None:
    two = chosen(BETWEEN, ["mae", "byol"])
    assert plane_note(two, "en") == "Barrier between mae and byol: 0.5."
    facts = PlaneFacts("between", positions=[[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]], distance=7.0)
    three = plane_note(chosen(facts, ["a", "b", "c"]), "en")
    barriers = "Barrier between a and b: 0.5. Barrier between a and c: 0.125. Barrier between b and c: 0.125."
    assert three.endswith(f"Every other place is a mixture of the three. {barriers}")
    assert "a lies at (0, 0), b at (1, 0), c at (0.5, 0.5)" in three
    assert "the weights of the first two, 7; in such steps c is 0.707 from a and 0.707 from b." in three
    assert "。 " not in plane_note(chosen(facts, ["a", "b", "c"]), "ja")
    assert "40" in plane_note(chosen(SHARP, ["mae"]), "en")
    turn = plane_note(chosen(TURN, ["mae"]), "en")
    assert "10.0 %" in turn
    assert "25.0 %" in turn


def test_titles_of_axes_say_the_curvature_or_the_share() -> None:
    assert list(axis_words(SHARP, "en")) == ["α: λ = 12.3 ± 0.1", "β: λ = 4 ± 0.2"]
    assert list(axis_words(TURN, "en")) == ["α: 85.0 % of squared distance", "β: 10.0 % of squared distance"]
    assert list(axis_words(BETWEEN, "en")) == ["α", "β"]


def test_marks_end_at_the_trained_weights_and_say_what_they_are() -> None:
    turn = chosen(TURN, ["mae"])
    assert turn.marks.tolist() == [[-0.2, 0.1], [0.5, 0.8], [0.0, 0.0]]
    assert mark_tips(turn, "en") == [
        "checkpoint 1: 10.0 % of its distance outside the plane",
        "checkpoint 2: 40.0 % of its distance outside the plane",
        "trained weights",
    ]
    assert mark_tips(chosen(BETWEEN, ["<a>", "b"]), "en") == ["&lt;a&gt;", "b"]
    figure = add_marks(turn, {"data": [], "layout": {"xaxis": {}, "yaxis": {}}}, "en")
    (path,) = figure["data"]
    assert (path["mode"], path["marker"]["size"]) == ("lines+markers", [7, 7, 13])
    assert "annotations" not in figure["layout"]
    ends = add_marks(chosen(BETWEEN, ["a", "b"]), {"data": [], "layout": {"xaxis": {}, "yaxis": {}}}, "en")
    assert (ends["data"][0]["mode"], ends["data"][0]["marker"]["size"]) == ("markers", [9, 9])
    assert [note["text"] for note in ends["layout"]["annotations"]] == ["a", "b"]
    assert add_marks(chosen(SHARP, ["mae"]), {"data": [], "layout": {"xaxis": {}, "yaxis": {}}}, "en")["data"] == []


def test_names_are_turned_to_the_middle() -> None:
    left, right = name_labels(chosen(BETWEEN, ["a", "b"]), np.array([1.0, 2.0]))
    assert (left["xanchor"], left["xshift"], left["x"], left["y"]) == ("left", -8, 0.0, 1.0)
    assert (right["xanchor"], right["xshift"], right["x"], right["y"]) == ("right", 8, 1.0, 2.0)


def test_marks_lie_a_hair_above_the_surface() -> None:
    found = points_on_surface(chosen(BETWEEN, ["a", "b"], hill(0.5)), np.array([[0.5, 0.0]]), mode="markers")
    height = 0.5 + 4 * 0.5 * 0.25 * 1.25  # half a unit above the weights, and as far below them at the edge
    assert found["z"] == pytest.approx([0.5 + 0.01 * height], rel=1e-4)
    traces = draw_marked_surface(chosen(TURN, ["mae"]), "en")["data"]
    assert [one["type"] for one in traces] == ["surface", "scatter3d", "scatter3d"]
    assert (len(traces[1]["x"]), len(traces[2]["x"])) == (3, 24)
    assert (traces[2]["x"][0], traces[2]["x"][-1]) == (-0.2, 0.0)
    assert [one["type"] for one in draw_marked_surface(chosen(SHARP, ["mae"]), "en")["data"]] == ["surface"]


def test_the_views_of_a_plane_and_of_a_line() -> None:
    plane = chosen(TURN, ["mae"])
    assert list(draw_plane(plane, True, "en")) == ["l_h_contours", "l_h_solids"]
    assert list(draw_plane(plane, False, "en")) == ["l_h_contours"]
    line = Spline2D(SIDE, np.zeros(1), hill(0.5).values[:, :1])
    figure = draw_plane(chosen(BETWEEN, ["a", "b"], line), True, "en")
    assert list(figure) == ["l_h_contours"]
    assert [one["x"] for one in figure["l_h_contours"]["data"][1:3]] == [[0, 1], [0.5, 0.5]]


def test_a_model_of_several_runs_has_the_number_of_the_run() -> None:
    def facts(model: str, seed: int, through: list[str]) -> RunFacts:
        how = {"seed": 0, "images": 64, "batch": 16, "unit": "image", "batch_norm": "frozen", "excluded_share": 0.0}
        named = {"run": f"{model}-{seed}", "model": model, "objective": "pretrain", "direction": "between"}
        known = {"run_seed": seed, "planes": [BETWEEN], "through": through, "loss": "one", "grid": GridFacts(few=64)}
        return RunFacts(**named, **how, **known)  # type: ignore[arg-type]

    rows = [
        chosen(BETWEEN, [""]).landscape.points.assign(run=run, direction="between", plane=0)
        for run in ("mae-0", "mae-1", "byol-0", "two-0", "gone-0")
    ]
    runs = [facts("mae", 0, []), facts("mae", 1, []), facts("byol", 0, []), facts("two", 0, ["a", "b"])]
    found = chosen_planes(pd.concat(rows), pd.DataFrame(), runs, "between")
    assert [one.name for one in found] == ["a – b", "byol", "mae 0", "mae 1"]  # what has no facts yet is left out


def test_the_look_of_a_line_between_models() -> None:
    line = Spline2D(SIDE, np.zeros(1), hill(0.5).values[:, :1])
    figure = draw_plane(chosen(BETWEEN, ["a", "b"], line), True, "en")["l_h_contours"]
    assert looks(figure) == [
        "frame: 290 high, margins 8 8 24 36",
        "x: nticks=6, title (font (size=12 soft) standoff=6)",
        "y: nticks=6",
        "lines: fill=toself, fillcolor=tint, line (width=0)",
        "lines: line (mid width=1.5 dash=dot)",
        "lines: line (red width=2)",
        "lines: line (accent width=2.5)",
        "markers: marker (accent size=5)",
        "markers: marker (ink size=10 line (paper width=1.5))",
        "word: yshift=15, xshift=-8, bgcolor=paper, borderpad=1, opacity=0.9",
        "word: xanchor=right, yshift=15, xshift=8, bgcolor=paper, borderpad=1, opacity=0.9",
    ]


PLANE = [  # what the planes of a training and of a way between models share
    "frame: 290 high, margins 8 8 4 24",
    "x: nticks=5, constrain=domain, showgrid=False, title (font (size=12 soft) standoff=6)",
    "y: nticks=5, constrain=domain, showgrid=False, scaleanchor=x, title (font (size=12 soft) standoff=6)",
    "contour: showscale=False, line (paper width=0.5)",
    "contour: showscale=False, line (red width=1 dash=dot)",
    "contour: showscale=False, line (red width=2.5 dash=solid)",
    "markers: marker (ink size=2.5)",
]


def test_the_look_of_the_path_of_a_training() -> None:
    figure = draw_plane(chosen(TURN, ["mae"]), True, "en")["l_h_contours"]
    assert looks(figure) == [
        *PLANE,
        "lines+markers: marker (ink size=[7, 7, 13] line (paper width=1.5) opacity=1), line (ink width=2)",
    ]


def test_the_look_of_a_path_on_a_surface() -> None:
    figure = draw_marked_surface(chosen(TURN, ["mae"]), "en")
    assert looks(figure) == [
        "frame: 300 high, margins 0 0 0 0",
        "surface: showscale=False, lighting (ambient=0.75 diffuse=0.5 specular=0.05 roughness=0.9)",
        "scatter3d: marker (ink size=3.5)",
        "scatter3d: line (ink width=4)",
    ]


def test_the_look_of_a_plane_between_models() -> None:
    figure = draw_plane(chosen(BETWEEN, ["a", "b"]), True, "en")["l_h_contours"]
    assert looks(figure) == [
        *PLANE,
        "markers: marker (ink size=[9, 9] line (paper width=1.5) opacity=1), line (ink width=2)",
        "word: yshift=15, xshift=-8, bgcolor=paper, borderpad=1, opacity=0.9",
        "word: xanchor=right, yshift=15, xshift=8, bgcolor=paper, borderpad=1, opacity=0.9",
    ]


def test_tips_have_forty_letters_of_a_name_and_labels_sixteen() -> None:
    long = chosen(BETWEEN, ["n" * 50, "b"])
    assert mark_tips(long, "en")[0] == label("n" * 50, 40)
    assert [one["text"] for one in name_labels(long, np.zeros(2))] == [label("n" * 50, 16), "b"]
    middle = PlaneFacts("between", positions=[[0.5, 0.0], [0.49, 0.0]])  # the middle of -0.25 to 1.25 is the right half
    assert [one["xanchor"] for one in name_labels(chosen(middle, ["a", "b"]), np.zeros(2))] == ["right", "left"]


def test_a_line_between_models_has_its_curve_its_points_and_both_ends() -> None:
    spline = Spline2D(SIDE, np.zeros(1), hill(0.5, slope=2.0).values[:, :1])
    parts = [[value - 0.1, value + 0.1] for value in spline.values[:, 0]]
    points = chosen(BETWEEN, ["a", "b"], spline).landscape.points.assign(parts=parts)
    chart = ChosenPlane(["a", "b"], ModelLandscape([[spline]], points, 0.0), BETWEEN, pd.DataFrame())
    figure = draw_plane(chart, True, "en")["l_h_contours"]
    ribbon, straight, barrier_line, curve, seen, ends = figure["data"]
    assert (curve["x"][0], curve["x"][-1], len(curve["x"])) == (-0.25, 1.25, 81)
    assert curve["y"][40] == pytest.approx(2.5)  # at one half, half a unit above the line
    assert (seen["x"], seen["hovertemplate"]) == (list(SIDE), "α %{x:.2f}: %{y:.4g}<extra></extra>")
    assert (ends["x"], ends["y"], ends["hovertext"]) == ([0, 1], [1, 3], ["a", "b"])
    assert (straight["y"], barrier_line["y"]) == ([1, 3], [2.0, 2.5])
    half = float(student.isf(0.025, 1)) * 0.1  # of two parts that differ by 0.2
    assert ribbon["y"][0] - curve["y"][0] == pytest.approx(half, rel=1e-3)
    assert figure["layout"]["xaxis"]["title"]["text"] == "α"
    assert figure["alt"]


def test_points_of_a_path_lie_eight_to_each_step() -> None:
    _, marks, path = draw_marked_surface(chosen(TURN, ["mae"]), "en")["data"]
    assert (marks["x"], marks["y"]) == ([-0.2, 0.5, 0.0], [0.1, 0.8, 0.0])
    fine = np.linspace(0, 2, 24)
    assert path["x"] == pytest.approx(list(np.interp(fine, [0, 1, 2], [-0.2, 0.5, 0.0])), abs=1e-5)
    assert path["y"] == pytest.approx(list(np.interp(fine, [0, 1, 2], [0.1, 0.8, 0.0])), abs=1e-5)


def test_a_map_is_one_more_view_of_its_run_alone() -> None:
    known = chosen(TURN, ["mae"])
    points = [{"alpha": a, "beta": b, "lambda_min": 0.0, "lambda_max": 1.0} for a in (0.0, 1.0) for b in (0.0, 1.0)]
    mapped = ChosenPlane(["mae"], known.landscape, TURN, pd.DataFrame(points))
    assert list(draw_plane(mapped, False, "en")) == ["l_h_contours", "l_h_map"]
    assert draw_plane(mapped, False, "en")["l_h_map"]["data"][-1]["marker"]["size"] == [7, 7, 13]
    assert ChosenPlane(["a"], known.landscape, SHARP, pd.DataFrame()).marks.shape == (0, 2)
    assert (known.is_plane, mapped.name) == (True, "mae")
