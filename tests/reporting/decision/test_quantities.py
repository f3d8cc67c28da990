"""Quantities of a decision: percent, errors without a bound, and metrics that are no number of points."""

from dataclasses import replace
from typing import Any

import pytest
from tables import make_tables

from kogen.common.metric_facts import ACCURACY, POINTS
from kogen.reporting.decision.quantities import at_most, quantity, show_gain, show_number, unit_phrase, value_phrase
from kogen.reporting.words import format_value
from kogen.results.decide import make_judgement
from kogen.results.judgement import Judgement

LOSS = replace(ACCURACY, name="brier", unit="unit", higher_is_better=False)
GAIN = replace(ACCURACY, name="auroc", unit="unit")


def judged(**known: Any) -> Judgement:
    tables = make_tables({"a": {"byol": 80.0, "simclr": 70.0}})
    return replace(make_judgement(tables, reference="a", targets=[], margin=1.0), **known)


@pytest.mark.parametrize(
    ("known", "key"),
    [
        ({}, "value_accuracy"),
        ({"lo": None}, "value_named_alone"),
        ({"hi": None}, "value_named_alone"),
        ({"proven": False}, "value_score"),
        ({"proven": False, "hi": None}, "value_plain"),
        ({"metric": replace(ACCURACY, name="f1")}, "value_named"),
        ({"proven": False, "value": -76.7, "lo": None, "hi": None}, "value_error"),
        ({"proven": False, "value": 0.0, "lo": None, "hi": None}, "value_plain"),  # nothing right is no error
        ({"value": -76.7, "lo": None}, "value_named_alone"),
    ],
)
def test_a_value_is_said_with_what_is_known_of_it(known: dict[str, Any], key: str) -> None:
    found = value_phrase(judged(**known))
    assert found["phrase"] == key
    if key == "value_error":
        assert found["with"] == {"value": "76.700"}


def test_of_errors_the_ends_of_the_interval_change_places() -> None:
    found = value_phrase(judged(metric=LOSS, value=-0.2, lo=-0.3, hi=-0.1))["with"]
    assert (found["value"], found["lo"], found["hi"]) == ("0.200", "0.100", "0.300")
    found = value_phrase(judged(metric=GAIN, value=0.9, lo=0.8, hi=0.95))["with"]
    assert (found["value"], found["lo"], found["hi"]) == ("0.900", "0.800", "0.950")


def test_points_stay_numbers_and_others_have_three_decimals() -> None:
    assert ACCURACY.unit == POINTS
    assert show_number(12.345, ACCURACY) == 12.345
    assert show_number(0.12345, GAIN) == "0.123"
    assert show_number(None, GAIN) is None
    assert show_gain(None, LOSS) is None
    assert show_gain(-0.5, LOSS) == "0.500"
    assert format_value("en", quantity(71.25, ACCURACY)) == "71.2 %"
    assert format_value("en", quantity(0.5, GAIN)) == "0.500"
    assert at_most(0.12301, GAIN) == "0.124"
    assert at_most(0.123, GAIN) == "0.123"


@pytest.mark.parametrize(
    ("points", "shown"),
    [(1.049, "1.1"), (1.0, "1.0"), (0.991, "1.0"), (0.121, "0.13"), (0.12, "0.12"), (12.34, "12.4"), (0.0, "0.0")],
)
def test_at_most_is_rounded_up(points: float, shown: str) -> None:
    assert float(at_most(points, ACCURACY)) == float(shown)


def test_differences_have_the_unit_of_the_metric() -> None:
    assert unit_phrase(ACCURACY) == {"phrase": f"difference_in_{POINTS}", "with": {}}
    assert unit_phrase(GAIN)["phrase"] == "difference_in_unit"
