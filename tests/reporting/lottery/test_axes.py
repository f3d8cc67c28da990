"""Scores against costs: the frontier from small tables, and the figure."""

import math

import pytest
from looks import looks

from kogen.reporting.lottery.axes import draw_cost_axis, frontier, thin_out

BOTH = {"cheap": (1.0, 60.0), "mid": (10.0, 70.0), "worse": (10.0, 69.0), "dear": (100.0, 69.5), "best": (50.0, 80.0)}


def test_the_frontier_is_what_none_beats() -> None:
    assert frontier(BOTH) == ["cheap", "mid", "best"]
    assert frontier(BOTH, more=True) == ["best", "dear"][::1] or frontier(BOTH, more=True) == ["dear", "best"]
    assert frontier({"b": (1, 60), "a": (1, 60), "c": (2, 60)}) == ["a"]
    assert frontier({"a": (1, 60), "b": (2, 61)}) == ["a", "b"]


def test_the_figure_has_the_frontier_all_models_and_the_marked_one() -> None:
    costs = {model: cost for model, (cost, _) in BOTH.items()} | {"unknown": math.nan}
    scores = {model: score for model, (_, score) in BOTH.items()} | {"unknown": 50.0}
    figure = draw_cost_axis("params (M)", costs, scores, ["best"], "val", "en")
    assert figure is not None
    line, rest, own = figure["data"]
    assert (line["x"], line["y"]) == ([1.0, 10.0, 50.0], [60.0, 70.0, 80.0])
    assert sorted(rest["x"]) == [1.0, 10.0, 10.0, 100.0]
    assert (own["x"], own["y"]) == ([50.0], [80.0])
    assert own["hovertext"] == ["best: 80.0 at 50.00"]
    assert figure["layout"]["xaxis"]["type"] == "log"  # 100 to 1
    assert "of 5 models; no model is better and cheaper than cheap, mid and best" in figure["alt"]
    ja = draw_cost_axis("params (M)", costs, scores, [], "val", "ja")
    assert ja is not None
    assert "5 モデル" in ja["alt"]


@pytest.mark.parametrize("most", [19.9, 20.0])
def test_a_wide_range_of_costs_is_logarithmic(most: float) -> None:
    figure = draw_cost_axis("size", {"a": 1.0, "b": 2.0, "c": most}, {"a": 1.0, "b": 2.0, "c": 3.0}, [], "v", "en")
    assert figure is not None
    assert (figure["layout"]["xaxis"].get("type") == "log") == (most >= 20)


def test_of_throughput_more_is_better() -> None:
    costs, scores = {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 70.0, "b": 60.0, "c": 50.0}
    figure = draw_cost_axis("throughput", costs, scores, [], "v", "en")
    assert figure is not None
    assert sorted(figure["data"][0]["x"]) == [1.0, 2.0, 3.0]
    assert "no model has more of both than" in figure["alt"]
    assert draw_cost_axis("latency", costs, scores, [], "v", "en")["data"][0]["x"] == [1.0]  # type: ignore[index]


def test_no_figure_of_two_models_or_of_one_cost() -> None:
    assert draw_cost_axis("size", {"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}, [], "v", "en") is None
    same = dict.fromkeys("abc", 1.0)
    assert draw_cost_axis("size", same, {"a": 1.0, "b": 2.0, "c": 3.0}, [], "v", "en") is None


def test_of_many_models_some_are_drawn_and_the_kept_ones_always() -> None:
    many = {f"m{k:04d}": (float(k), 50.0) for k in range(1000)}
    shown = thin_out(many, ["m0999", "gone", "m0999"])
    assert shown[0] == "m0999"
    assert 200 < len(shown) <= 301
    assert len(set(shown)) == len(shown)


def test_the_look_of_scores_against_costs() -> None:
    costs = {model: cost for model, (cost, _) in BOTH.items()}
    scores = {model: score for model, (_, score) in BOTH.items()}
    figure = draw_cost_axis("size", costs, scores, ["best"], "val", "en")
    assert figure is not None
    assert looks(figure) == [
        "frame: 280 high, margins 8 8 22 40",
        "x: title (font (size=11) standoff=4), tickangle=0, nticks=6",
        "y: nticks=6",
        "lines: line (ink width=1.5 shape=linear)",
        "markers: marker (mid size=5 opacity=0.6)",
        "markers: marker (accent size=10)",
        "word x=0 y=1: font (size=11), xref=paper, yref=paper, yanchor=bottom, yshift=4",
    ]
