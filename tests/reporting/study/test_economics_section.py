"""The section on costs: which points it names, which networks it lists, when it is absent."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from costs import CLOUD, NETWORK, facts, match, point

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.reporting.study.economics_section import economics_section
from kogen.reporting.words import say
from kogen.results.answers.break_even import judge_break_even
from kogen.results.answers.economics import StudyFacts, bill_models


@dataclass
class Judged:
    """What the section reads of a verdict."""

    economics: Any
    break_even: Any
    running: dict[str, Any] = field(default_factory=dict)
    labels: list[Any] = field(default_factory=list)
    metric: MetricFacts = ACCURACY


def section(given: StudyFacts, **more: Any) -> Any:
    judged = Judged(bill_models(given), judge_break_even(given), dict(given.running), **more)
    return economics_section(judged)  # type: ignore[arg-type]


def first_words(given: StudyFacts) -> str:
    found = section(given)["sentences"][0]
    assert say("ja", found.key, **found.values)
    return say("en", found.key, **found.values).replace("\u00a0", " ")


def test_the_front_is_named_from_the_cheapest_to_the_best() -> None:
    assert first_words(facts(CLOUD, matches=[match(60, 40, 100)])) == (
        "Of all that was tried, nothing is both better and cheaper than these, the cheapest first: random with 20 "
        "labels (10.00 EUR, 50.0 %); byol with 20 labels (12.00 EUR, 72.0 %); byol with 200 labels (102.00 EUR, "
        "80.0 %)."
    )


def test_without_prices_it_is_named_in_labels_and_minutes() -> None:
    assert first_words(facts()).endswith(
        "random with 20 labels (50.0 %); byol with 20 labels and 30.0 minutes of training (72.0 %); random with 200 "
        "labels (70.0 %); byol with 200 labels and 30.0 minutes of training (80.0 %)."
    )
    assert "byol with 20 labels and 30.0 minutes of training (10.00 EUR, 72.0 %)" in first_words(
        facts({"currency": "EUR", "label": 0.5})
    )


def test_a_long_front_is_cut_and_its_best_stays() -> None:
    points = [point("byol", 10 * i, 50 + i, f"{i}%") for i in range(1, 9)]
    said = first_words(facts(CLOUD, points=points))
    assert [f"with {n} labels" in said for n in (10, 20, 30, 40, 70, 80)] == [True, True, True, False, False, True]


def test_one_that_is_best_and_cheapest_stands_alone() -> None:
    said = first_words(facts(CLOUD, points=[point("random", 20, 90, "10%"), point("byol", 200, 80)]))
    assert (
        said
        == "Of all that was tried, one is both the best and the cheapest: random with 20 labels (10.00 EUR, 90.0 %)."
    )


def test_networks_are_listed_once_with_their_models_and_why_onnx_is_empty() -> None:
    other = replace(NETWORK, network="wide", onnx_note="aten::odd is unknown")
    found = section(facts(running={"byol": NETWORK, "random": NETWORK, "big": other}))
    assert [row["models"] for row in found["networks"]] == [["byol", "random"], ["big"]]
    each = found["networks"][0]["timings"]
    assert (each[0]["each"]["value"], each[1]["each"]["value"]) == ("36.00", "15.62")
    assert (each[1]["each"]["ends"], each[1]["images_per_second"]) == (None, pytest.approx(64))
    assert [one.key for one in found["remarks"]] == ["eco_onnx_not_asked", "eco_onnx_failed"]
    assert "wide could not be measured through ONNX: aten::odd is unknown" in [
        say("en", one.key, **one.values) for one in found["remarks"]
    ]


def test_bounds_of_labels_saved_are_marked_in_the_table() -> None:
    shown = [section(facts(matches=[row]))["savings"][0]["shown"] for row in (match(60.4, 40.2, 99.2), match(None))]
    assert shown[0] == {"value": "140", "ends": {"lo": "100", "hi": "160"}}
    assert shown[1] == {"value": "≥ 180", "ends": {"lo": "–", "hi": "200"}}
    never = section(facts(matches=[match(None, 200, reached=False)]))["savings"][0]["shown"]
    assert never == {"value": "–", "ends": {"lo": "–", "hi": "–"}}


def test_it_is_absent_where_nothing_was_measured_priced_or_asked() -> None:
    assert section(facts(running={})) is None
    assert section(facts(running={}), labels=[{"model": "byol"}]) is not None
    assert section(facts(CLOUD, running={})) is not None
    assert economics_section(Judged(None, None)) is None  # type: ignore[arg-type]


def test_every_note_is_said_in_both_languages() -> None:
    use = CLOUD | {"images_a_day": 10, "months": 2.5}
    for given in (facts(), facts(CLOUD), facts(use), facts(use | {"kwh": 1, "machine": "own"}), facts({"months": 1})):
        for one in section(given)["notes"]:
            assert say("en", one.key, **one.values)
            assert say("ja", one.key, **one.values)
    said = [say("en", one.key, **one.values) for one in section(facts(use))["notes"]]
    assert "Assumed: 10 images a day for 2.5 months of 30.4 days." in said
