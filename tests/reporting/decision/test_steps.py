"""Next steps of a decision, each on both sides of the number that it turns on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tables import judge_scores

from kogen.options.lottery import LotteryOptions
from kogen.reporting.decision.lights import lights
from kogen.reporting.decision.sentences import catches, headline, how_sure
from kogen.reporting.decision.steps import REALISTIC, next_steps, round_up
from kogen.reporting.words import Sentence, say
from kogen.results.findings import Answer
from kogen.results.judge import judge_results
from kogen.results.judgement import Action, Judgement
from kogen.results.lottery_summary import Decision

NEAR = {"a": {"byol": 71.0, "simclr": 70.0}}


def judged(scores: Any = NEAR, **known: Any) -> Judgement:
    return judge_scores(scores, **known)


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


def judged_table(table: dict[str, list[float | str | None]], n: int | None = None) -> Judgement:
    sets = [name for name in table if name != "model"]
    counts = None if n is None else dict.fromkeys(sets, n)
    return judge_results(pd.DataFrame(table), LotteryOptions(reference=sets[0], n=counts))[1]


def said(*sentences: Sentence) -> list[str]:
    return [say("en", one.key, **one.values) for one in sentences]


def test_a_leader_that_was_not_measured_everywhere_is_to_be_measured() -> None:
    """Its lead is proven: more images of the reference are not asked for, and the headline speaks of the others."""
    found = judged_table({"model": ["A", "B", "C"], "val": [80.0, 70, 69], "night": [None, 60, 61]}, n=1000)
    among = "Among the models that were measured on all 2 sets"
    assert said(headline(found)) == [f"Least risk: B. {among}, nowhere more than 1.0 points behind the best."]
    assert said(*next_steps(found)) == ["Measure A on night, too: it leads on val, and there nothing is known of it."]
    safe = next(light for light in lights(found) if light.name == "safe")
    assert "of the models that were measured on every set" in said(*safe.reasons)[0]


def test_a_proven_leader_that_is_behind_elsewhere_is_a_question_of_which_images_count() -> None:
    found = judged_table({"model": ["A", "B"], "val": [80.0, 75.0], "night": [50.0, 70.0]}, n=5000)
    assert found.models == ["B"]
    assert [one.key for one in next_steps(found)] == ["next_weigh"]


def test_equals_on_the_reference_are_led_by_what_is_best_elsewhere_and_are_no_lead() -> None:
    table = {"model": ["z", "b", "c"], "a": [90.0, 90, 90], "s": [80.0, 79, 78], "t": [70.0, 70, 70]}
    found = judged_table(table)
    assert found.leaders == ["z", "b", "c"]
    assert said(*how_sure(found))[1:] == [
        "z, b and c have the same value on a; scores alone do not say whether they truly differ."
    ]
    assert said(*next_steps(found)) == [
        "Get one row an image of z, b and c: then it can be tested whether they differ."
    ]
    holds = next(light for light in lights(found) if light.name == "holds")
    assert said(*holds.reasons) == ["Of the other sets (2), z is the highest on 2."]


def test_a_table_is_not_told_of_options_that_only_a_study_has() -> None:
    one = judged_table({"model": ["A", "B"], "val": [80.0, 60.0]}, n=5000)
    assert [step.key for step in next_steps(one)] == ["next_second_set_table"]
    rows = {"model": list("AAABBBCCC"), "dataset": ["val"] * 9, "seed": [0, 1, 2] * 3, "n": [1000] * 9}
    table = pd.DataFrame(rows | {"score": [90.0, 60, 75, 70, 71, 72, 50, 51, 52]})
    found = judge_results(table, LotteryOptions())[1]
    assert [step.key for step in next_steps(found)] == ["next_seeds_table"]
    assert "--" not in " ".join(said(*next_steps(one), *next_steps(found)))


def test_equals_on_one_set_are_chosen_by_price_and_not_by_more_images() -> None:
    found = judged_table({"model": ["A", "B"], "val": [71.20001, 71.2]}, n=10**9)
    assert said(headline(found)) == ["Choose by price: on val, A and B differ by less than 0.5 points."]
    assert [step.key for step in next_steps(found)] == ["next_price"]


def images_of_one_class() -> pd.DataFrame:
    frames = []
    for dataset in ("val", "night"):
        for model, wrong in (("A", 10), ("B", 40)):
            right = (np.arange(100) >= wrong) * 1
            rows = {"model": model, "dataset": dataset, "item": np.arange(100), "correct": right, "label": "good"}
            frames.append(pd.DataFrame(rows | {"predicted": np.where(right, "good", "bad")}))
    return pd.concat(frames, ignore_index=True)


def test_images_of_one_class_measure_nothing_else() -> None:
    """No model can beat a constant answer that is always right: that is no reason to train more."""
    found = judge_results(images_of_one_class(), LotteryOptions(reference="val", draws=100))[1]
    assert [step.key for step in next_steps(found)] == ["next_classes"]
    assert [(one.key, one.values["dataset"]) for one in catches(found)][:2] == [
        ("catch_one_class", "val"),
        ("catch_one_class", "night"),
    ]
    assert "sure_kept" not in [one.key for one in how_sure(found)]  # nothing is gained, so nothing holds


def test_a_model_that_looks_better_than_the_constant_answer_is_not_called_worthless() -> None:
    """8 images cannot show that 7 right are more than 4: that is a reason for more of them."""
    right = {"A": [1, 1, 1, 1, 1, 1, 1, 0], "B": [1, 0, 1, 0, 1, 0, 1, 0]}
    label, other = np.array(list("abababab")), np.array(list("babababa"))
    frames = [
        pd.DataFrame({"model": model, "dataset": "val", "item": range(8), "correct": answers, "label": label})
        for model, answers in right.items()
    ]
    rows = pd.concat(frames, ignore_index=True)
    rows["predicted"] = np.where(rows["correct"] == 1, np.tile(label, 2), np.tile(other, 2))
    found = judge_results(rows, LotteryOptions(draws=100))[1]
    assert found.action == Action.FLOOR
    assert [step.key for step in next_steps(found)] == ["next_floor"]
