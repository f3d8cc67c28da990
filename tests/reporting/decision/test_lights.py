"""Lights of a decision: each colour from a hand-made judgement, its answer, its number and its reasons in order."""

from dataclasses import replace
from typing import Any

import pytest
from tables import judge_scores, make_tables

from kogen.reporting.decision.lights import Light, holds_light, named, real_light, rules_light, safe_light
from kogen.reporting.words import format_value, phrase
from kogen.results.decide import make_judgement
from kogen.results.findings import Answer
from kogen.results.judgement import Action, Judgement, RulesFinding, SafeFinding, ShareFinding

CLEAR = {"a": {"byol": 80.0, "simclr": 70.0}}
BOTH = CLEAR | {"b": {"byol": 60.0, "simclr": 50.0}}


def judged(scores: Any = CLEAR, **known: Any) -> Judgement:
    return judge_scores(scores, **known)


def shown(light: Light) -> tuple[str, str, list[str]]:
    return light.colour, light.answer, [one.key for one in light.reasons]


@pytest.mark.parametrize(
    ("scores", "known", "wanted"),
    [
        ({"a": {"byol": 80.0}}, {}, ("grey", "answer_none", ["why_one"])),
        (CLEAR, {}, ("green", "answer_yes", ["sure_ahead"])),
        (CLEAR, {"floors": {"a": ("Free", 79.9)}}, ("amber", "answer_floor", ["why_floor", "sure_ahead"])),
        ({"a": {"byol": 80.0, "simclr": 79.0}}, {"half": 5.0}, ("amber", "answer_open", ["sure_open", "sure_chance"])),
        ({"a": {"byol": 80.0, "simclr": 79.6}}, {"half": 0.1}, ("amber", "answer_equal", ["sure_small"])),
        ({"a": {"random": 80.0, "simclr": 70.0}}, {}, ("amber", "answer_floor", ["sure_ahead"])),
    ],
)
def test_whether_the_lead_is_real(scores: Any, known: Any, wanted: Any) -> None:
    assert shown(real_light(judged(scores, **known))) == wanted


def test_the_first_model_that_is_not_behind_is_the_doubt() -> None:
    scores = {"a": {"byol": 80.0, "simclr": 70.0, "random": 60.0}}
    light = real_light(judged(scores, halves={("a", "byol", "random"): 30.0}))
    assert light.colour == "amber"
    assert light.reasons[0].values["second"] == "random"


@pytest.mark.parametrize(
    ("other", "half", "wanted"),
    [
        ({"byol": 60.0, "simclr": 50.0}, 0.5, ("green", "answer_yes", ["sure_kept"])),
        ({"byol": 50.0, "simclr": 60.0}, 0.5, ("red", "answer_no", ["catch_lost"])),
        ({"byol": 50.2, "simclr": 50.0}, 0.9, ("amber", "answer_open", ["catch_open"])),
        ({"simclr": 50.0}, 0.5, ("grey", "answer_unknown", ["catch_absent"])),
    ],
)
def test_whether_it_holds_elsewhere(other: dict[str, float], half: float, wanted: Any) -> None:
    assert shown(holds_light(judged(CLEAR | {"b": other}, half=half))) == wanted


def test_without_other_sets_or_a_lead_nothing_can_hold() -> None:
    assert shown(holds_light(judged())) == ("grey", "answer_none", ["why_single_set"])
    assert shown(holds_light(judged(BOTH, half=20.0))) == ("grey", "answer_no_lead", ["why_no_lead"])
    floor = judged(BOTH, floors={"a": ("Free", 79.9)})
    assert shown(holds_light(floor)) == ("grey", "answer_no_lead", ["why_nothing"])


SHARE = ShareFinding(Answer.BETTER, False, "b", 0.95, 0.91, 0.99, 1.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("share", "wanted"),
    [
        (None, ("grey", "answer_unknown", ["why_places"])),
        (SHARE, ("green", "answer_mostly", ["why_share", "why_places"])),
        (replace(SHARE, answer=Answer.UNKNOWN), ("grey", "answer_unknown", ["why_share", "why_places"])),
        (replace(SHARE, answer=Answer.UNDECIDED), ("amber", "answer_open", ["why_share", "why_places"])),
        (replace(SHARE, answer=Answer.UNDECIDED, lost=True), ("red", "answer_seldom", ["why_share", "why_places"])),
    ],
)
def test_scores_alone_are_judged_by_the_share_of_leads_that_hold(share: ShareFinding | None, wanted: Any) -> None:
    found = replace(judged(BOTH), proven=False, share=share)
    light = holds_light(found)
    assert shown(light) == wanted
    if share:
        assert light.number == {"phrase": "num_share", "with": {"share": "95"}}


def test_the_leaders_own_places_are_counted_and_the_worst_one_is_named() -> None:
    scores = CLEAR | {"b": {"byol": 60.0, "simclr": 61.0}, "c": {"byol": 60.0, "simclr": 63.0}, "d": {"simclr": 60.0}}
    scores |= {"e": {"byol": 60.0, "simclr": 60.0}}  # a tie is not behind
    found = replace(judged(scores), proven=False, share=None)
    (said,) = holds_light(found).reasons
    assert said.key == "why_places_worst"
    assert {name: said.values[name] for name in ("n", "total", "dataset", "loss")} == {
        "n": 1,
        "total": 3,
        "dataset": "c",
        "loss": "3.0",
    }


NEAREST = {"first": "byol", "second": "simclr", "difference": 2.0, "lo": 1.0, "hi": 3.0}
RULES = RulesFinding(Answer.BETTER, "byol", 8, 8, [], NEAREST)


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (None, ("grey", "answer_none", ["why_two"])),
        (RULES, ("green", "answer_yes", ["why_rules_all", "why_combined"])),
        (
            replace(RULES, answer=Answer.UNDECIDED, same=7, others=["simclr"]),
            ("amber", "answer_depends", ["why_rules_some", "why_combined_open"]),
        ),
        (
            replace(RULES, answer=Answer.UNDECIDED),
            ("amber", "answer_agree", ["why_rules_all", "why_combined_open"]),
        ),
        (
            replace(RULES, answer=Answer.UNKNOWN, nearest=None),
            ("grey", "answer_agree", ["why_rules_all", "why_rules_scores"]),
        ),
    ],
)
def test_whether_every_rule_chooses_the_same(rules: RulesFinding | None, wanted: Any) -> None:
    assert shown(rules_light(replace(judged(BOTH), rules=rules))) == wanted


def test_proven_rules_are_green_only_with_a_lead_that_gained_something() -> None:
    found = replace(judged(BOTH), rules=RULES)
    assert rules_light(replace(found, has_lead=False)).colour == "amber"
    assert rules_light(replace(found, action=Action.FLOOR)).colour == "amber"
    assert format_value("en", rules_light(found).number) == "byol 8 of 8 rules"


SAFE = SafeFinding(Answer.BETTER, False, "byol", 0.4, "b", 0.99, 3, "byol", 0.4, 0.0, False, ["simclr"], [])


@pytest.mark.parametrize(
    ("safe", "wanted"),
    [
        (None, ("grey", "answer_none", ["why_two"])),
        (SAFE, ("green", "answer_yes", ["why_least", "why_near_best"])),
        (replace(SAFE, regret=0.0), ("green", "answer_yes", ["why_never", "why_near_best"])),
        (replace(SAFE, answer=Answer.UNDECIDED), ("amber", "answer_open", ["why_least", "why_near_best"])),
        (replace(SAFE, answer=Answer.UNDECIDED, unsafe=True), ("red", "answer_no", ["why_least", "why_near_best"])),
        (
            replace(SAFE, answer=Answer.UNKNOWN, chance=None),
            ("grey", "answer_unknown", ["why_least", "why_safe_scores"]),
        ),
    ],
)
def test_whether_a_bet_is_safe(safe: SafeFinding | None, wanted: Any) -> None:
    assert shown(safe_light(replace(judged(BOTH), safe=safe))) == wanted


def test_a_safe_bet_on_nothing_is_not_green_and_its_reasons_have_their_numbers() -> None:
    for action in (Action.FLOOR, Action.UNTRAINED):
        assert safe_light(replace(judged(BOTH), safe=SAFE, action=action)).colour == "amber"
    least, near = safe_light(replace(judged(BOTH), safe=SAFE)).reasons
    assert least.values["model"] == ["byol", "simclr"]
    assert least.values["regret"] == "0.40"
    assert near.values["chance"] == 99.0


def test_where_the_untrained_network_may_be_as_good_the_light_is_about_it() -> None:
    """`byol` is level with `supervised`, and not proven to be above `random`: the second is what the headline says."""
    scores = {"a": {"byol": 80.0, "supervised": 79.8, "random": 76.0}}
    halves = {("a", "byol", "random"): 12.0, ("a", "supervised", "random"): 12.0}
    methods = {name: name for name in scores["a"]}
    found = make_judgement(make_tables(scores, halves), reference="a", targets=[], margin=1.0, methods=methods)
    assert found.action == Action.UNTRAINED
    light = real_light(found)
    assert (light.colour, light.answer) == ("amber", "answer_floor")
    assert light.reasons[0].values["second"] == "random"
    assert light.number == {"phrase": "num_of", "with": {"model": "byol", "number": light.number["with"]["number"]}}
    assert light.number["with"]["number"]["with"]["points"] == "+4.0"


def test_a_number_has_the_name_of_its_model_where_that_is_short() -> None:
    assert named("m" * 14, "num_first") == phrase("num_of", model="m" * 14, number=phrase("num_first"))
    assert named("m" * 15, "num_first") == phrase("num_first")
