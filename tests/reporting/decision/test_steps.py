"""Next steps of a decision, each on both sides of the number that it turns on."""

from dataclasses import replace
from typing import Any

import pytest
from tables import make_tables

from kogen.reporting.decision.steps import REALISTIC, next_steps, round_up
from kogen.reporting.words import Sentence, say
from kogen.results.decide import make_judgement
from kogen.results.findings import Answer
from kogen.results.judgement import Action, Judgement
from kogen.results.lottery_summary import Decision

METHODS = {"byol": "byol", "simclr": "simclr", "random": "random"}
NEAR = {"a": {"byol": 71.0, "simclr": 70.0}}


def judged(scores: Any = NEAR, **known: Any) -> Judgement:
    first, *others = scores
    return make_judgement(make_tables(scores, **known), reference=first, targets=others, margin=1.0, methods=METHODS)


def keys(said: list[Sentence]) -> list[str]:
    return [one.key for one in said]


@pytest.mark.parametrize(
    ("more", "key", "shown"),
    [
        (None, "next_seeds", None),
        (1234, "next_images", "1,300"),
        (REALISTIC, "next_images", "1,000,000"),
        (REALISTIC + 1, "next_too_many", "1,000,000"),
    ],
)
def test_what_would_decide_is_images_seeds_or_out_of_reach(more: int | None, key: str, shown: str | None) -> None:
    step, price = next_steps(judged(half=5.0, more={("byol", "simclr"): more}))
    assert (step.key, price.key) == (key, "next_price")
    if shown:
        assert shown in say("en", step.key, **step.values)


@pytest.mark.parametrize(
    ("decides", "key", "more"),
    [
        (None, "next_rows", None),
        (Decision("simclr", "byol", 1.0, None, False), "next_rows", None),
        (Decision("simclr", "byol", 1.0, 500, True), "next_rows", None),
        (Decision("simclr", "byol", 1.0, 1234, False), "next_rows_some", 1300),
        (Decision("simclr", "byol", 1.0, REALISTIC, False), "next_rows_some", REALISTIC),
        (Decision("simclr", "byol", 1.0, REALISTIC + 1, False), "next_rows_many", REALISTIC),
    ],
)
def test_scores_alone_ask_for_rows_of_the_pair_that_decides(decides: Any, key: str, more: int | None) -> None:
    found = replace(judged(half=5.0), proven=False, action=Action.SAFE, decides=decides)
    (said,) = next_steps(found)
    assert said.key == key
    assert said.values.get("images") == more
    assert (said.values["first"], said.values["second"]) == (("simclr", "byol") if more else ("byol", "simclr"))
    assert found.lead is not None
    equal = replace(found, lead=replace(found.lead, answer=Answer.EQUIVALENT))
    assert keys(next_steps(equal)) == ["next_take"]
    assert keys(next_steps(replace(equal, action=Action.TIE))) == [key]


def test_nothing_decides_a_tie() -> None:
    steps = next_steps(judged({"a": {"byol": 70.0, "simclr": 70.0}}, half=5.0))
    assert keys(steps) == ["next_tie", "next_price"]


@pytest.mark.parametrize(
    ("scores", "half", "said"),
    [
        ({"byol": 71.5, "random": 70.0}, 5.0, ["next_images", "next_guess"]),
        ({"byol": 71.0, "random": 70.0}, 5.0, ["next_train_more"]),  # not by more than the margin
        ({"byol": 70.4, "random": 70.0}, 0.1, ["next_train_more"]),  # decided, and too little
    ],
)
def test_a_lead_over_the_untrained_network_is_worth_deciding_where_it_only_looks_large(
    scores: dict[str, float], half: float, said: list[str]
) -> None:
    found = judged({"a": scores}, half=half, more={("byol", "random"): 500})
    assert found.action == Action.UNTRAINED
    assert keys(next_steps(found)) == said


def test_one_model_alone_needs_a_second_one() -> None:
    assert keys(next_steps(judged({"a": {"byol": 70.0}}))) == ["next_second"]


SHOWN = [(0.4, 1), (7, 7), (9.2, 10), (99, 99), (99.5, 100), (100.0, 100), (101, 110), (1234, 1300), (1200, 1200)]


@pytest.mark.parametrize(("images", "shown"), [*SHOWN, (1201, 1300)])
def test_images_are_rounded_up_to_two_digits(images: float, shown: int) -> None:
    assert round_up(images) == shown
