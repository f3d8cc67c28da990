"""Figures that compare landscapes, from bowls whose rises are known: a x^2 + b y^2 rises by (a + b) / 2 at the edge."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looks import looks
from scipy.stats import t as student

from kogen.reporting.charts import label
from kogen.reporting.landscape.comparisons import (
    draw_correlations,
    draw_profiles,
    draw_two_losses,
    draw_widths,
    interval_text,
    rise_along_axes,
)
from kogen.reporting.landscape.figures import ModelLandscape
from kogen.results.landscape_facts import LandscapeFacts, RunStanding, Standing
from kogen.results.landscape_judgement import Judgement, judge_landscape
from kogen.surface_fit.interpolation import Spline2D

SIDE = np.linspace(-1, 1, 9)
WIDTHS = {"byol": (0.4, 0.3, 0.5), "mae": (0.7, 0.6, 0.8), "steep": (0.1, None, None)}


def bowl(a: float, b: float, low: float = 3.0) -> Spline2D:
    return Spline2D(SIDE, SIDE, low + a * SIDE[:, None] ** 2 + b * SIDE[None, :] ** 2)


def landscape(*runs: list[Spline2D]) -> ModelLandscape:
    return ModelLandscape(list(runs), pd.DataFrame({"alpha": [0.0], "beta": [0.0]}), 0.0)


def judged(losses: bool = False) -> tuple[Judgement, dict[Any, Any]]:
    """mae is the widest of three, `lost` is not ranked; with `losses` each has a loss of its own."""
    rows = [
        {"objective": "pretrain", "model": model, "metric": "width", "value": value, "lo": lo, "hi": hi}
        for model, (value, lo, hi) in WIDTHS.items()
    ]
    about = {"objective": "pretrain", "metric": "width", "planes": 2, "verdict": "larger"}
    pairs = [
        about | {"first": one, "second": two, "difference": 0.2, "lo": 0.1, "hi": 0.3}
        for one, two in (("mae", "byol"), ("mae", "steep"), ("byol", "steep"))
    ]
    names = {model: model if losses else "one" for model in [*WIDTHS, "lost"]}
    stands = [
        RunStanding(m, m, "pretrain", loss, Standing.COLLAPSED if m == "lost" else Standing.SOUND)
        for m, loss in names.items()
    ]
    found = judge_landscape(LandscapeFacts([], pairs, [], stands), rows, "pretrain", 2)
    return found, {(row["model"], row["metric"]): row for row in rows}


def colours(traces: list[dict[str, Any]], part: str = "line") -> list[str]:
    return [one[part]["color"].removeprefix("\x01") for one in traces if part in one]


def test_widths_stand_widest_first_with_their_intervals_and_the_others_by_name() -> None:
    figure = draw_widths(*judged(), "en")
    dots = [one for one in figure["data"] if one["mode"] == "markers"]
    assert [(one["x"], one["y"]) for one in dots] == [([0.7], [0]), ([0.4], [1]), ([0.1], [2])]
    lines = [one for one in figure["data"] if one["mode"] == "lines"]
    assert [(one["x"], one["y"]) for one in lines] == [([0.6, 0.8], [0, 0]), ([0.3, 0.5], [1, 1])]
    assert [one["hovertext"] for one in dots] == [["mae: 0.7 (0.6 to 0.8)"], ["byol: 0.4 (0.3 to 0.5)"], ["steep: 0.1"]]
    assert colours(dots, "marker") == ["accent", "ink", "ink"]
    (note,) = figure["layout"]["annotations"]
    assert (note["text"], note["y"]) == ("not ranked: features collapsed", 3)
    assert figure["layout"]["yaxis"]["ticktext"] == ["mae", "byol", "steep", "lost"]
    assert figure["layout"]["yaxis"]["tickvals"] == [0, 1, 2, 3]
    assert figure["layout"]["yaxis"]["range"] == [3.6, -0.6]
    assert figure["layout"]["height"] == 26 * 4 + 62


def test_an_interval_is_said_where_both_ends_are_known() -> None:
    row = {"value": 0.5, "lo": 0.4, "hi": None}
    assert interval_text(row, "en") == "0.5"
    assert interval_text(row | {"hi": float("nan")}, "en") == "0.5"
    assert interval_text(row | {"lo": None, "hi": 0.6}, "en") == "0.5"
    assert interval_text(row | {"hi": 0.6}, "en") == "0.5 (0.4 to 0.6)"


def test_the_rise_is_the_mean_of_both_axes_and_of_the_runs() -> None:
    one, steps = landscape([bowl(1, 3), bowl(0, 0)], [bowl(3, 5), bowl(0, 2)]), np.array([-1.0, 0.0, 0.5])
    assert rise_along_axes(one, steps) == pytest.approx(np.array([[3, 0, 0.75], [0.5, 0, 0.125]]), abs=1e-9)
    shares = rise_along_axes(one, steps, shared=True)  # of each plane's own range; a flat one has none
    assert shares == pytest.approx(np.array([[0.5, 0, 0.125], [0.25, 0, 0.0625]]), abs=1e-9)


DRAWN = {
    "mae": landscape([bowl(1, 1), bowl(3, 3)]),
    "byol": landscape([bowl(2.2, 2.2)]),
    "steep": landscape([bowl(20, 20)]),
    "lost": landscape([bowl(10, 10)]),
}


def test_profiles_of_one_loss_have_the_leaders_ribbon_and_end_where_one_steep_model_flattens_no_other() -> None:
    figure = draw_profiles(DRAWN, judged()[0], "en")
    ribbon, *curves = figure["data"]
    assert [one["hovertext"][0] for one in curves] == ["byol", "steep", "lost", "mae"]  # the leader on top
    assert colours(curves) == ["mid", "mid", "mid", "accent"]
    assert [one["line"]["dash"] for one in curves] == ["solid", "solid", "dot", "solid"]
    assert (curves[0]["x"][0], curves[0]["x"][20], curves[0]["x"][-1], len(curves[0]["x"])) == (-1.0, 0.0, 1.0, 41)
    assert [one["y"][-1] for one in curves] == pytest.approx([2.2, 20.0, 10.0, 2.0])
    half = float(student.isf(0.025, 1))  # of two planes that rise by 1 and 3: the error of their mean is 1
    assert ribbon["y"][40:42] == pytest.approx([2 + half, 2 - half], rel=1e-4)
    assert (ribbon["x"][0], ribbon["x"][40], ribbon["x"][41], ribbon["x"][-1]) == (-1.0, 1.0, 1.0, -1.0)
    assert (ribbon["fill"], ribbon["line"]["width"]) == ("toself", 0)
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([0.0, 1.04 * 4.4])  # twice the median
    title, *names = figure["layout"]["annotations"]
    assert title["text"] == "rise of the loss"
    gap = 15 * 4.4 / 220  # names that would touch are moved apart
    wanted = {"mae": 2.1 - gap / 2, "byol": 2.1 + gap / 2, "steep": 4.4 - gap / 2, "lost": 4.4 + gap / 2}
    assert {one["text"]: one["y"] for one in names} == pytest.approx(wanted)
    assert [one["font"]["color"] for one in names].count("\x01accent") == 1


def test_profiles_of_several_losses_are_shares_of_each_range() -> None:
    figure = draw_profiles(DRAWN, judged(losses=True)[0], "en")
    assert [one["y"][-1] for one in figure["data"][1:]] == pytest.approx([0.5] * 4)
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([0.0, 1.04 * 0.5])
    assert figure["layout"]["annotations"][0]["text"] == "rise of the loss, share of the model's own range"
    hill = {"mae": landscape([bowl(-1, -1)]), "byol": landscape([bowl(2, 2)])}
    assert draw_profiles(hill, judged()[0], "en")["layout"]["yaxis"]["range"] == pytest.approx([-1.0, 1.04 * 2])


def test_one_plane_has_no_ribbon_and_a_cut_off_curve_no_name() -> None:
    cut = bowl(1, 1).values
    cut[-1] = np.nan
    drawn = {"mae": landscape([bowl(1, 1)]), "byol": landscape([Spline2D(SIDE, SIDE, cut)])}
    figure = draw_profiles(drawn, judged()[0], "en")
    assert len(figure["data"]) == 2
    assert [one["text"] for one in figure["layout"]["annotations"]][1:] == ["mae"]
    assert figure["data"][0]["y"][-1] is None


def test_two_losses_stand_side_by_side_with_their_intervals() -> None:
    own = judged()[1]
    probe = {key: row | {"value": row["value"] / 2, "lo": None, "hi": None} for key, row in own.items()}
    figure = draw_two_losses(own, probe, ["mae", "byol", "steep"], "en")
    lines = [one for one in figure["data"] if one["mode"] == "lines+markers"]
    assert [one["x"] for one in lines] == [[-0.06, 0.94], [0.0, 1.0], [0.06, 1.06]]
    assert [one["y"] for one in lines] == [[0.7, 0.35], [0.4, 0.2], [0.1, 0.05]]
    assert lines[0]["hovertext"] == ["mae: 0.7 (0.6 to 0.8)", "mae: 0.35"]
    bars = [one for one in figure["data"] if one["mode"] == "lines"]
    assert [(one["x"], one["y"]) for one in bars] == [([-0.06] * 2, [0.6, 0.8]), ([0.0] * 2, [0.3, 0.5])]
    assert {one["text"]: one["y"] for one in figure["layout"]["annotations"]} == {
        "mae": 0.35,
        "byol": 0.2,
        "steep": pytest.approx(0.05),
    }
    assert figure["layout"]["xaxis"]["tickvals"] == [0, 1]
    alone = draw_two_losses(own, probe, ["mae"], "en")
    assert alone["data"][0]["x"] == [0.0, 1.0]


def test_names_inside_a_figure_have_sixteen_letters() -> None:
    name = "vit_base_patch16_augreg"
    row = {"value": 0.5, "lo": None, "hi": None}
    losses = draw_two_losses({(name, "width"): row}, {(name, "width"): row}, [name], "en")
    profile = draw_profiles({name: landscape([bowl(1, 1)])}, judged()[0], "en")
    for figure in (losses, profile):
        assert figure["layout"]["annotations"][-1]["text"] == "vit_base_p…ugreg"


def test_correlations_stand_from_the_highest_and_what_is_sure_has_the_colour() -> None:
    rows = [
        {"score": "b", "tau": -0.5, "tau_lo": -0.9, "tau_hi": 0.2, "verdict": "undecided"},
        {"score": "c", "tau": 0.8, "tau_lo": 0.3, "tau_hi": 0.95, "verdict": "together"},
        {"score": "a", "tau": -0.5, "tau_lo": -0.8, "tau_hi": -0.1, "verdict": "against"},
    ]
    zero, *data = draw_correlations(rows, "en")["data"]
    assert (zero["x"], zero["y"]) == ([0, 0], [-0.6, 2.6])
    assert [(one["x"], one["y"][0]) for one in data] == [
        *[([0.3, 0.95], 0), ([0.8], 0), ([-0.8, -0.1], 1), ([-0.5], 1), ([-0.9, 0.2], 2), ([-0.5], 2)]
    ]
    assert colours(data[::2]) == ["accent", "accent", "ink"]
    assert data[1]["hovertext"] == ["c: 0.8 (0.3 to 0.95)"]
    cut = draw_correlations(rows, "en", most=2)
    assert cut["layout"]["yaxis"]["ticktext"] == ["c", "a"]
    assert cut["layout"]["yaxis"]["range"] == [1.6, -0.6]


def test_the_look_of_widths() -> None:
    figure = draw_widths(*judged(), "en")
    assert looks(figure) == [
        "frame: 166 high, margins 8 8 8 46",
        "x: nticks=6, title (font (size=12 soft) standoff=6)",
        "y: tickfont (size=13 ink), showgrid=False",
        "lines: line (accent width=2.5)",
        "markers: marker (accent size=10)",
        "lines: line (ink width=2.5)",
        "markers: marker (ink size=10)",
        "word: font (size=12 soft)",
    ]


def test_the_look_of_profiles() -> None:
    figure = draw_profiles(DRAWN, judged()[0], "en")
    assert looks(figure) == [
        "frame: 320 high, margins 8 49 28 46",
        "x: nticks=5, title (font (size=12 soft) standoff=6)",
        "y: nticks=5",
        "lines: fill=toself, fillcolor=tint, line (width=0)",
        "lines: line (mid width=1.75 dash=solid)",
        "lines: line (mid width=1.75 dash=dot)",
        "lines: line (accent width=3 dash=solid)",
        "word x=0 y=1: xref=paper, yref=paper, yanchor=bottom, yshift=6",
        "word x=1: font (size=12 accent), xref=paper, xshift=8",
        "word x=1: font (size=12 ink), xref=paper, xshift=8",
    ]


def test_the_look_of_two_losses() -> None:
    own = judged()[1]
    figure = draw_two_losses(own, own, ["mae", "byol"], "en")
    assert looks(figure) == [
        "frame: 300 high, margins 8 8 8 36",
        "x: tickfont (size=13 ink), showgrid=False",
        "y: nticks=6, title (font (size=12 soft) standoff=6)",
        "lines+markers: marker (ink size=8), line (mid width=1.25)",
        "lines: line (ink width=2)",
        "word: font (size=12 ink)",
    ]


def test_the_look_of_correlations() -> None:
    rows = [{"score": "b", "tau": -0.5, "tau_lo": -0.9, "tau_hi": 0.2, "verdict": "undecided"}]
    figure = draw_correlations(rows, "en")
    assert looks(figure) == [
        "frame: 88 high, margins 8 8 8 46",
        "x: nticks=5, title (font (size=12 soft) standoff=6)",
        "y: showgrid=False",
        "lines: line (mid width=1.5)",
        "lines: line (ink width=2.5)",
        "markers: marker (ink size=9)",
    ]


def test_names_of_losses_spread_over_230_pixels_and_of_profiles_over_220() -> None:
    row = {"value": 0.5, "lo": None, "hi": None}
    cells = {(name, "width"): row for name in "ab"}
    figure = draw_two_losses(cells, cells, ["a", "b"], "en")
    heights = [one["y"] for one in figure["layout"]["annotations"]]
    assert heights == pytest.approx([0.5 - 7.5 / 230, 0.5 + 7.5 / 230])
    assert [one["x"] for one in figure["layout"]["annotations"]] == [1.1, 1.1]
    assert figure["layout"]["xaxis"]["range"] == [-0.35, 1.6]
    assert figure["layout"]["yaxis"]["range"] == [0, 1.02]
    assert figure["data"][0]["x"] == [-0.06, 0.94]
    assert [one["x"] for one in draw_two_losses(cells, cells, ["a"], "en")["data"]] == [[0.0, 1.0]]


def test_long_names_are_cut_as_they_are_everywhere() -> None:
    name = "n" * 50
    row = {"value": 0.5, "lo": 0.4, "hi": 0.6}
    losses = draw_two_losses({(name, "width"): row}, {(name, "width"): row}, [name], "en")
    assert losses["data"][0]["hovertext"][0].partition(":")[0] == label(name, 40)
    rows = [{"score": name, "tau": 0.5, "tau_lo": 0.1, "tau_hi": 0.9, "verdict": "together"}]
    figure = draw_correlations(rows, "en")
    assert figure["data"][2]["hovertext"][0].partition(":")[0] == label(name, 40)
    assert figure["layout"]["yaxis"]["ticktext"] == [label(name, 28)]
    assert figure["layout"]["xaxis"]["range"] == [-1.02, 1.02]
    assert figure["layout"]["height"] == 26 + 62
    assert len(draw_correlations(rows * 17, "en")["layout"]["yaxis"]["ticktext"]) == 16
    profile = draw_profiles({name: landscape([bowl(1, 1)])}, judged()[0], "en")
    assert profile["data"][0]["hovertext"][0] == label(name, 40)
    assert profile["layout"]["margin"]["r"] == 14 + 16 * 7


def test_widths_are_on_a_scale_from_0_to_1_and_reasons_stand_at_its_left() -> None:
    figure = draw_widths(*judged(), "en")
    assert figure["layout"]["xaxis"]["range"] == [0, 1.02]
    assert [one["x"] for one in figure["layout"]["annotations"]] == [0.01]
    assert [one["y"] for one in figure["data"] if one["mode"] == "markers"] == [[0], [1], [2]]


def test_flat_profiles_end_at_one() -> None:
    flat = Spline2D(SIDE, SIDE, np.zeros((9, 9)))
    figure = draw_profiles({"mae": landscape([flat])}, judged()[0], "en")
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([0.0, 1.04])
