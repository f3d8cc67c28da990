"""Whether pre-training pays, in words: each case says what its numbers bear, in both languages."""

from typing import Any

import pytest
from costs import CLOUD, SUPERVISED, UNTRAINED, facts, match

from kogen.reporting.study.break_even_sentences import break_even_sentences, count_phrase, price, show_money
from kogen.reporting.words import format_value, say
from kogen.results.answers.amounts import Amount, exactly
from kogen.results.answers.break_even import judge_break_even
from kogen.results.answers.economics import StudyFacts, bill_models
from kogen.results.answers.error_costs import ErrorCosts


def words(given: StudyFacts) -> list[str]:
    said = break_even_sentences(judge_break_even(given), bill_models(given))
    assert all(say("ja", one.key, **one.values) for one in said)
    return [say("en", one.key, **one.values).replace("\u00a0", " ") for one in said]


@pytest.mark.parametrize(
    ("row", "label", "said"),
    [
        (
            match(60.4, 40.2, 100.7),
            0.5,
            "Pre-training with byol pays by labels (95 % sure): it costs 2.00 EUR (1.60 to 2.40) more than random. At "
            "the quality that random has with all 200 labels it saves 140 labels (99 to 160, 95 % sure). It pays from "
            "this many saved labels on: 4 (4 to 5).",
        ),
        (match(60, 40, None), 0.5, "it saves 140 labels (at most 160, perhaps none, 95 % sure)"),
        (
            match(60, 40, 100),
            0.009,
            "does not pay by labels (95 % sure): it costs 2.00 EUR (1.60 to 2.40) more than rand",
        ),
        (match(60, 40, 100), 0.01, "Whether pre-training with byol pays by labels cannot be known"),
        (
            match(60, 40, 100),
            0,
            "Labels cost nothing here, so pre-training with byol, 2.00 EUR (1.60 to 2.40) more than",
        ),
        (match(None, None, 30), 0.5, "it saves 180 labels or more, as many as were tried (95 % sure: 170 or more)"),
        (
            match(None, None, None),
            0.5,
            "it seems to save 180 labels or more, as many as were tried, but it may save none",
        ),
        (
            match(None, 200, None, reached=False),
            0.5,
            "does not pay by labels (95 % sure): it costs 2.00 EUR (1.60 to 2.40) more than random. It does not reach "
            "the quality that random has with all 200 labels (95 % sure), so it saves none.",
        ),
        (
            match(None, 149.5, None, reached=False),
            0.5,
            "cannot be known: it costs 2.00 EUR (1.60 to 2.40) more than random. It does not reach the quality that "
            "random has with all 200 labels, though that is not sure: up to 51 labels fewer may do (95 % sure).",
        ),
    ],
)
def test_labels_that_are_saved(row: dict[str, Any], label: float, said: str) -> None:
    (found,) = words(facts(CLOUD | {"label": label}, matches=[row]))
    assert said in found


def test_without_prices_it_is_said_in_labels_and_minutes() -> None:
    (found,) = words(facts(matches=[match(60, 40, 100)]))
    assert found == (
        "Pre-training with byol takes 30.0 minutes (24.0 to 36.0) more than random. At the quality that random has "
        "with all 200 labels it saves 140 labels (100 to 160, 95 % sure). Whether that pays takes the prices of a "
        "label and of a machine: [prices] in study.toml, or --prices of `kogen report`."
    )
    hours = words(facts({"label_minutes": 0.5}, matches=[match(60, 40, 100)]))
    assert hours[1] == "The labels saved are 70.0 minutes of an expert's work (50.0 to 80.0)."
    lost = words(facts({"label_minutes": 0.5}, matches=[match(60, 40, None)]))
    assert lost[1] == "The labels saved are 70.0 minutes of an expert's work; how far off that may be is not known."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "no budgets were asked for (--budgets 5%,20% or --shots 5,20"),
        ({"training": {"a": UNTRAINED}}, "some models have other names than the records of their runs"),
        (
            {"training": {"random": UNTRAINED, "sup": SUPERVISED}, "order": ["random"]},
            "No model of this study was pre-trained here",
        ),
        (
            {"training": {"byol": facts().training["byol"]}, "order": ["byol"]},
            "no model of this study was left untrained to compare with",
        ),
        (
            {"matches": [match(1) | {"model": "random", "other": "byol"}]},
            "lacks some seeds or draws of the label budgets",
        ),
    ],
)
def test_what_cannot_be_answered_is_said_with_its_reason(changes: dict[str, Any], said: str) -> None:
    (found,) = words(facts(**changes))
    assert said in found


USE = CLOUD | {"images_a_day": 1000, "months": 12, "miss": 5, "false_alarm": 1}


@pytest.mark.parametrize(
    ("saved", "images", "said"),
    [
        (
            (1e-4, 5e-5, 2e-4),
            1000,
            "With all labels, the errors and the running of byol cost 3.04 EUR (1.52 to 6.08) a month less than those "
            "of random (95 % sure): the 2.00 EUR (1.60 to 2.40) of its training are repaid after 0.7 months (0.2 to "
            "1.6).",
        ),
        ((1e-2, 5e-3, 2e-2), 1000, "of its training are repaid after at most 0.1 months."),
        (
            (1e-4, -5e-5, 2e-4),
            1000,
            "whether that ever repays the 2.00 EUR (1.60 to 2.40) of its training cannot be known",
        ),
        (
            (-1e-4, -2e-4, -5e-5),
            1000,
            "cost −3.04 EUR (−6.08 to −1.52) a month less than those of random (95 % sure), whic",
        ),
        ((1e-4, None, None), 1000, "without an interval, since a class has too few images"),
        (
            (1e-4, 5e-5, 2e-4),
            0,
            "No images are judged a day, so fewer errors of byol than of random never repay the 2.00",
        ),
    ],
)
def test_months_until_errors_have_repaid_it(saved: tuple[float, Any, Any], images: float, said: str) -> None:
    errors = ErrorCosts({}, {("byol", "random"): Amount(*saved)}, "", "bad")
    found = words(facts(USE | {"images_a_day": images}, errors=errors))
    assert said in found[-1]


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.00"), (0.1, "0.10"), (12.345, "12.35"), (0.00438, "0.0044"), (-1234.5, "−1,234.50")]
)
def test_small_prices_keep_two_digits(value: float, shown: str) -> None:
    assert price(value, "EUR") == f"{shown}\u00a0EUR"


def test_ends_are_rounded_outward() -> None:
    assert format_value("en", show_money(Amount(1, 0.999, 1.001), "EUR")) == "1.00 EUR (0.99 to 1.01)"
    assert show_money(exactly(1), "EUR") == "1.00\u00a0EUR"
    assert format_value("en", count_phrase(Amount(4.2, 4.1, 4.3))) == "5"  # whole labels: 5 for every price within
    assert format_value("en", count_phrase(Amount(4.2, 3.1, None))) == "5"
