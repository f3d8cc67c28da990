"""Sentences of a decision that turn on one number: what is said on each side of it."""

from dataclasses import replace
from typing import Any

import pytest
from tables import make_tables

from kogen.reporting.decision.sentences import LUCK, catches, how_sure, percent, safer_choice
from kogen.reporting.decision.steps import REALISTIC, next_steps, round_up
from kogen.reporting.words import Sentence, say
from kogen.results.decide import make_judgement
from kogen.results.findings import Answer
from kogen.results.judgement import Action, Judgement, SafeFinding, ShareFinding
from kogen.results.lottery_summary import Decision

METHODS = {"byol": "byol", "simclr": "simclr", "random": "random"}
NEAR = {"a": {"byol": 71.0, "simclr": 70.0}}


def judged(scores: Any = NEAR, **known: Any) -> Judgement:
    first, *others = scores
    return make_judgement(make_tables(scores, **known), reference=first, targets=others, margin=1.0, methods=METHODS)


def keys(said: list[Sentence]) -> list[str]:
    return [one.key for one in said]


def test_the_chance_is_said_where_the_lead_is_open_and_neither_a_tie_nor_luck() -> None:
    found = judged(half=5.0)
    assert found.lead is not None
    said = how_sure(found)
    assert keys(said) == ["sure_value", "sure_open", "sure_chance"]
    assert said[2].values == {"first": "byol", "second": "simclr", "chance": 20.0}
    for chance, wanted in ((LUCK, True), (LUCK - 1e-6, False), (None, False)):
        one = replace(found, lead=replace(found.lead, chance=chance))
        assert ("sure_chance" in keys(how_sure(one))) == wanted
    tie = judged({"a": {"byol": 70.0, "simclr": 70.0}}, half=5.0)
    assert keys(how_sure(tie)) == ["sure_value", "sure_tie"]
    assert keys(how_sure(judged(half=0.1))) == ["sure_value", "sure_ahead"]


SHARE = ShareFinding(Answer.UNDECIDED, False, "b", 0.6, 0.5, None, 1.0, 2.0, 0.9)


@pytest.mark.parametrize(
    ("action", "answer", "said"),
    [
        (Action.SAFE, Answer.UNDECIDED, True),
        (Action.SAFE, Answer.BETTER, False),
        (Action.SHARED, Answer.UNDECIDED, False),
        (Action.BET, Answer.UNDECIDED, False),
    ],
)
def test_how_many_leads_hold_is_a_catch_of_a_safe_choice_that_is_open(action: Action, answer: Answer, said: bool):
    found = replace(judged(half=5.0), action=action, share=replace(SHARE, answer=answer))
    assert ("catch_share" in keys(catches(found))) == said
    assert "catch_share" not in keys(catches(replace(found, share=None)))


def test_a_share_is_said_in_percent_with_its_interval() -> None:
    found = replace(judged(half=5.0), action=Action.SAFE, share=SHARE)
    (said,) = [one for one in catches(found) if one.key == "catch_share"]
    numbers = {name: said.values[name] for name in ("share", "low", "high", "best", "lo", "hi")}
    assert numbers == {"share": 60.0, "low": 50.0, "high": None, "best": 90.0, "lo": "1", "hi": "2"}
    assert percent(0.0) == 0.0


@pytest.mark.parametrize(("regret", "said"), [(5.0, True), (5.01, False), (0.0, True)])
def test_a_safer_model_is_named_where_it_loses_less_by_the_margin(regret: float, said: bool) -> None:
    scores = {"a": {"byol": 80.0, "simclr": 70.0}, "b": {"byol": 60.0, "simclr": 66.0}}
    scores |= {"c": {"byol": 90.0, "simclr": 50.0}}  # what the leader wins is no loss
    safe = SafeFinding(Answer.UNDECIDED, False, "simclr", regret, "a", None, 2, "simclr", regret, 0.2, True, [], [])
    found = replace(judged(scores), safe=safe)
    assert len(safer_choice(found)) == said
    if said:
        assert safer_choice(found)[0].values["worst"] == "6.0"
    assert safer_choice(replace(found, leaders=["simclr"])) == []


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


@pytest.mark.parametrize(("images", "shown"), [(0.4, 1), (9.2, 10), (99.5, 100), (100.0, 100), (101, 110)])
def test_images_are_whole_and_rounded_up(images: float, shown: int) -> None:
    assert round_up(images) == shown
