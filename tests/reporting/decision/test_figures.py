"""Figures of a decision from hand-made rows: where each dot, bar and arrow stands, and what each says."""

from dataclasses import replace
from typing import Any

import pytest
from looks import looks
from tables import make_tables

from kogen.reporting.charts import label
from kogen.reporting.decision.figures import (
    FAR_FACTOR,
    ROWS,
    Bar,
    axis_range,
    bar_traces,
    draw_differences,
    draw_sets,
    draw_values,
)
from kogen.results.decide import make_judgement
from kogen.results.judgement import Judgement

METHODS = {"byol": "byol", "simclr": "simclr", "random": "random"}


def judged(scores: dict[str, dict[str, float]], **known: Any) -> tuple[Judgement, dict[Any, Any]]:
    """The judgement of hand-made scores with a margin of one point, and its cells by model and set."""
    tables = make_tables(scores, **known)
    first, *others = scores
    cells = {(row["model"], row["dataset"]): row for row in tables["values"].to_dict("records")}
    return make_judgement(tables, reference=first, targets=others, margin=1.0, methods=METHODS), cells


def markers(figure: Any) -> list[dict[str, Any]]:
    return [one for one in figure["data"] if one["mode"] == "markers"]


def segments(figure: Any) -> list[dict[str, Any]]:
    return [one for one in figure["data"] if one["mode"] == "lines"]


def test_values_stand_best_first_with_their_intervals_and_the_constant_answer() -> None:
    found, cells = judged({"a": {"simclr": 70.0, "byol": 80.0}}, floors={"a": ("Free", 65.0)})
    cells["simclr", "a"] |= {"lo": float("nan"), "hi": None}
    figure = draw_values(cells, ["simclr", "byol"], found, "en")["values"]
    assert [(one["x"], one["y"]) for one in markers(figure)] == [([80.0], [2]), ([70.0], [1])]
    assert [(one["x"], one["y"]) for one in segments(figure)] == [([78.0, 82.0], [2, 2])]  # simclr has none
    assert [one["hovertext"] for one in markers(figure)] == [["byol: 80.0 (78.0 … 82.0)"], ["simclr: 70.0"]]
    assert figure["layout"]["xaxis"]["range"] == pytest.approx([65 - 0.06 * 17, 82 + 0.06 * 17])
    assert [(one["x0"], one["x1"]) for one in figure["layout"]["shapes"]] == [(65.0, 65.0)]
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["80.0", "70.0"]
    assert figure["alt"].endswith("byol 80.0; simclr 70.0")
    assert draw_values(cells, ["byol"], found, "en") == {}


def test_values_that_are_all_equal_have_half_a_point_of_room() -> None:
    found, cells = judged({"a": {"simclr": 70.0, "byol": 70.0}})
    for cell in cells.values():
        cell |= {"lo": 70.0, "hi": 70.0}
    figure = draw_values(cells, ["simclr", "byol"], found, "en")["values"]
    assert figure["layout"]["xaxis"]["range"] == [69.5, 70.5]
    assert figure["layout"]["shapes"] == []


def test_differences_say_their_sign_and_only_baselines_are_hollow() -> None:
    scores, wide = {"byol": 80.0, "simclr": 79.9, "random": 50.0}, {("a", "byol", "simclr"): 5.0}
    found, _ = judged({"a": scores}, halves=wide, floors={"a": ("Free", 65.0)})
    figure = draw_differences(found, "en")
    assert figure is not None
    assert [one["hovertext"] for one in markers(figure)] == [
        ["simclr: −0.1 (−5.1 … +4.9)"],
        ["random: −30.0 (−30.5 … −29.5)"],
        ["always “Free”: −15.0 (−15.5 … −14.5)"],
    ]
    fills = [one["marker"]["color"].removeprefix("\x01") for one in markers(figure)]
    assert fills == ["mid", "paper", "paper"]  # undecided; the untrained network; the constant answer
    assert figure["layout"]["shapes"][0]["x0"] == -1.0  # the margin
    assert figure["layout"]["shapes"][0]["x1"] == 1.0
    assert draw_differences(judged({"a": {"byol": 80.0}})[0], "en") is None


def test_sets_are_drawn_from_two_on() -> None:
    scores = {"a": {"byol": 80.0, "simclr": 70.0}, "b": {"byol": 60.0, "simclr": 66.0}}
    found, _ = judged(scores | {"c": {"byol": 60.2, "simclr": 60.0}})
    figure = draw_sets(found, "en")
    assert figure is not None
    assert [one["x"] for one in markers(figure)] == [[10.0], [-6.0], [pytest.approx(0.2)]]
    assert [one["y"] for one in segments(figure)] == [[3, 3], [2, 2], [1, 1]]
    assert segments(figure)[0]["x"] == [9.5, 10.5]
    colours = [one["marker"]["color"].removeprefix("\x01") for one in markers(figure)]
    assert colours == ["ink", "ink", "mid"]  # on c neither is ahead
    assert draw_sets(judged({"a": {"byol": 80.0, "simclr": 70.0}})[0], "en") is None


@pytest.mark.parametrize(
    ("value", "x", "symbol"),
    [
        *[(-10.0, -10.0, "circle"), (-10.1, -9.2, "triangle-left")],
        *[(10.0, 10.0, "circle"), (10.1, 9.2, "triangle-right"), (0.0, 0.0, "circle")],
    ],
)
def test_only_what_lies_beyond_the_scale_is_an_arrow_inside_it(value: float, x: float, symbol: str) -> None:
    bar = Bar("byol", value, value - 4, value + 4, decided=True)
    line, dot = bar_traces(bar, 3, (-10.0, 10.0), 1)
    assert dot["x"] == pytest.approx([x])
    assert dot["marker"]["symbol"] == symbol
    assert (dot["y"], line["y"]) == ([3], [3, 3])
    assert line["x"] == [max(value - 4, -10.0), min(value + 4, 10.0)]


def test_an_estimate_without_an_interval_is_a_dot_alone() -> None:
    (dot,) = bar_traces(Bar("byol", 1.0, None, None, decided=False), 1, (-2.0, 2.0), 2)
    assert dot["hovertext"] == ["byol: +1.00"]
    assert len(bar_traces(Bar("byol", 1.0, 0.5, None, decided=False), 1, (-2.0, 2.0), 2)) == 1


@pytest.mark.parametrize(
    ("rows", "margin", "ends"),
    [
        ([(1.0, 0.5, 1.5)], 1.0, (-1.3, 1.5)),  # the band of the margin is always seen
        ([(1.0, None, None), (1.0, None, None), (10.0, None, None)], 0.0, (0.0, 2.5)),  # 2.5 times the median
        ([(-1.0, None, None), (-1.0, None, None), (-10.0, None, None)], 0.0, (-2.5, 0.0)),
        ([(0.1, None, None), (0.1, None, None), (9.0, None, None)], 0.0, (0.0, 0.5)),  # half a point at least
        ([(0.1, None, None), (0.1, None, None), (9.0, None, None)], 2.0, (-2.6, 6.0)),  # three margins at least
    ],
)
def test_outliers_do_not_squeeze_the_rest(rows: list[Any], margin: float, ends: tuple[float, float]) -> None:
    found = axis_range([Bar("x", value, lo, hi, decided=True) for value, lo, hi in rows], margin)
    room = 0.06 * (ends[1] - ends[0])
    assert found == pytest.approx((ends[0] - room, ends[1] + room))


def test_nothing_apart_has_half_a_point_on_each_side() -> None:
    assert axis_range([Bar("x", 0.0, None, None, decided=False)], 0.0) == (-0.5, 0.5)


def test_the_look_of_values() -> None:
    scores = {"simclr": 70.0, "byol": 80.0, "random": 50.0}
    found, cells = judged({"a": scores}, floors={"a": ("Free", 65.0)})
    figure = draw_values(cells, list(scores), found, "en")["values"]
    assert looks(figure) == [
        "frame: 146 high, margins 8 50 8 48",
        "x: title (font (size=12) standoff=6), nticks=6, tickangle=0",
        "y: tickfont (ink size=13), ticklabelstandoff=6, showgrid=False",
        "lines: line (ink width=2)",
        "markers: marker (ink size=10 symbol=circle), cliponaxis=False",
        "lines: line (mid width=2)",
        "markers: marker (mid size=10 symbol=circle), cliponaxis=False",
        "markers: marker (paper size=10 line (mid width=2) symbol=circle), cliponaxis=False",
        "line y0=0 y1=1: xref=x, yref=paper, layer=below, line (soft width=1.5 dash=dash)",
        "word x=1: xanchor=right, xref=paper, xshift=46",
    ]


def test_the_look_of_differences() -> None:
    found, _ = judged({"a": {"simclr": 70.0, "byol": 80.0, "random": 50.0}})
    figure = draw_differences(found, "en")
    assert figure is not None
    assert looks(figure) == [
        "frame: 118 high, margins 8 50 8 48",
        "x: title (font (size=12) standoff=6), nticks=5, tickangle=0",
        "y: tickfont (ink size=13), ticklabelstandoff=6, showgrid=False",
        "lines: line (ink width=2)",
        "markers: marker (ink size=10 symbol=circle), cliponaxis=False",
        "markers: marker (paper size=10 line (ink width=2) symbol=circle), cliponaxis=False",
        "rect y0=0 y1=1: xref=x, yref=paper, layer=below, line (width=0), fillcolor=tint",
        "line y0=0 y1=1: xref=x, yref=paper, layer=below, line (accent width=2)",
        "word x=1: xanchor=right, xref=paper, xshift=46",
    ]


def test_ten_models_and_the_baselines_behind_them_are_shown() -> None:
    scores = {f"m{i:02d}": 90.0 - i for i in range(14)} | {"random": 20.0}
    found, cells = judged({"a": scores})
    figure = draw_differences(found, "en")
    assert figure is not None
    assert len(markers(figure)) == 11
    assert figure["layout"]["yaxis"]["ticktext"] == [*(f"m{i:02d}" for i in range(1, 11)), "random"]
    assert figure["layout"]["yaxis"]["range"] == [0.4, 11.6]
    assert len(markers(draw_values(cells, list(scores), found, "en")["values"])) == 10
    assert figure["layout"]["shapes"][1]["x0"] == figure["layout"]["shapes"][1]["x1"] == 0


def test_errors_are_drawn_as_people_know_them_with_three_digits() -> None:
    found, cells = judged({"a": {"simclr": -0.5, "byol": -0.25}}, floors={"a": ("Free", 0.7)})
    loss = replace(found, metric=replace(found.metric, name="log_loss", unit="nats", higher_is_better=False))
    for cell, (lo, hi) in zip((cells["simclr", "a"], cells["byol", "a"]), ((-0.6, -0.4), (-0.3, -0.2)), strict=True):
        cell |= {"lo": lo, "hi": hi}
    figure = draw_values(cells, ["simclr", "byol"], loss, "en")["values"]
    assert [one["x"] for one in markers(figure)] == [[0.25], [0.5]]
    assert [one["x"] for one in segments(figure)] == [[0.2, 0.3], [0.4, 0.6]]
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["0.250", "0.500"]
    assert figure["layout"]["xaxis"]["range"] == pytest.approx([0.2 - 0.06 * 0.5, 0.7 + 0.06 * 0.5])


def test_a_long_name_has_forty_letters_in_what_its_dot_says() -> None:
    (dot,) = bar_traces(Bar("n" * 50, 1.0, None, None, decided=True), 1, (-2.0, 2.0), 1)
    assert dot["hovertext"] == [f"{label('n' * 50, 40)}: +1.0"]
    assert (FAR_FACTOR, ROWS) == (2.5, 10)


def test_of_many_baselines_thirteen_rows_are_kept() -> None:
    methods = {f"r{i}": "random" for i in range(5)}
    scores = {f"m{i:02d}": 90.0 - i for i in range(12)} | {name: 20.0 - i for i, name in enumerate(methods)}
    found, _ = judged({"a": scores})
    known = replace(found, methods=methods)
    figure = draw_differences(known, "en")
    assert figure is not None
    shown = figure["layout"]["yaxis"]["ticktext"]
    assert shown == [*(f"m{i:02d}" for i in range(1, 11)), "r0", "r1", "r2"]
