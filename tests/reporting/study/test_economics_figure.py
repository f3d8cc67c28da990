"""The figure of quality against cost: every point with its intervals, and a line along the front where cost is one."""

from dataclasses import dataclass, field
from typing import Any

from costs import CLOUD, facts, point

from kogen.common.metric_facts import ACCURACY
from kogen.reporting.study.economics_figure import draw_economics
from kogen.results.answers.economics import StudyFacts, bill_models


@dataclass
class Judged:
    """What the figure reads of a verdict."""

    economics: Any
    metric: Any = ACCURACY
    methods: dict[str, str] = field(default_factory=lambda: {"byol": "byol", "random": "random"})


def draw(given: StudyFacts) -> Any:
    return draw_economics(Judged(bill_models(given)), "en")  # type: ignore[arg-type]


def markers(figure: Any) -> list[tuple[float, float]]:
    return [(one["x"][0], one["y"][0]) for one in figure["data"] if one["mode"] == "markers"]


def test_in_money_the_front_is_a_line_of_steps() -> None:
    figure = draw(facts(CLOUD))
    assert sorted(markers(figure)) == [(10, 50), (12, 72), (100, 70), (102, 80)]
    front = figure["data"][0]
    assert (front["x"], front["y"], front["line"]["shape"]) == ([10, 12, 102], [50, 72, 80], "hv")
    spans = [(one["x"], one["y"]) for one in figure["data"][1:] if one["mode"] == "lines"]
    assert ([12, 12], [70, 74]) in spans  # of its quality
    assert any(x == [11.6, 12.4] and y == [72, 72] for x, y in spans)  # of its cost
    assert figure["layout"]["xaxis"]["title"]["text"] == "total cost, EUR"
    assert "byol 200: 102.00\u00a0EUR, 80.0" in figure["alt"]


def test_without_prices_labels_stand_below_and_no_line_is_drawn() -> None:
    figure = draw(facts())
    assert figure["layout"]["xaxis"]["title"]["text"] == "labelled images"
    assert sorted(x for x, _ in markers(figure)) == [20, 20, 200, 200]
    assert not [one for one in figure["data"] if one.get("line", {}).get("shape") == "hv"]


def test_where_labels_are_the_same_minutes_stand_below() -> None:
    figure = draw(facts(points=[point("byol", 200, 80), point("random", 200, 70)]))
    assert figure["layout"]["xaxis"]["title"]["text"] == "minutes of training"
    assert sorted(x for x, _ in markers(figure)) == [0, 30]


def test_far_costs_stand_on_a_scale_of_ratios() -> None:
    figure = draw(facts(CLOUD, points=[point("random", 2, 50, "1%"), point("random", 2000, 70)]))
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert figure["layout"]["annotations"][0]["x"] == 0  # the logarithm of 1 EUR


def test_one_point_is_no_figure() -> None:
    assert draw(facts(points=[point("byol", 200, 80)])) is None
    assert draw_economics(Judged(None), "en") is None  # type: ignore[arg-type]
