"""Next steps of scores alone: nothing is asked for that is known, and equals are called equal."""

import numpy as np
import pandas as pd

from kogen.options.lottery import LotteryOptions
from kogen.reporting.decision.lights import lights
from kogen.reporting.decision.sentences import catches, headline, how_sure
from kogen.reporting.decision.steps import next_steps
from kogen.reporting.words import Sentence, say
from kogen.results.judge import judge_results
from kogen.results.judgement import Action, Judgement


def judged(table: dict[str, list[float | str | None]], n: int | None = None) -> Judgement:
    sets = [name for name in table if name != "model"]
    counts = None if n is None else dict.fromkeys(sets, n)
    return judge_results(pd.DataFrame(table), LotteryOptions(reference=sets[0], n=counts))[1]


def said(*sentences: Sentence) -> list[str]:
    return [say("en", one.key, **one.values) for one in sentences]


def test_a_leader_that_was_not_measured_everywhere_is_to_be_measured() -> None:
    """Its lead is proven: more images of the reference are not asked for, and the headline speaks of the others."""
    found = judged({"model": ["A", "B", "C"], "val": [80.0, 70, 69], "night": [None, 60, 61]}, n=1000)
    among = "Among the models that were measured on all 2 sets"
    assert said(headline(found)) == [f"Least risk: B. {among}, nowhere more than 1.0 points behind the best."]
    assert said(*next_steps(found)) == ["Measure A on night, too: it leads on val, and there nothing is known of it."]
    safe = next(light for light in lights(found) if light.name == "safe")
    assert "of the models that were measured on every set" in said(*safe.reasons)[0]


def test_a_proven_leader_that_is_behind_elsewhere_is_a_question_of_which_images_count() -> None:
    found = judged({"model": ["A", "B"], "val": [80.0, 75.0], "night": [50.0, 70.0]}, n=5000)
    assert found.models == ["B"]
    assert [one.key for one in next_steps(found)] == ["next_weigh"]


def test_equals_on_the_reference_are_led_by_what_is_best_elsewhere_and_are_no_lead() -> None:
    table = {"model": ["z", "b", "c"], "a": [90.0, 90, 90], "s": [80.0, 79, 78], "t": [70.0, 70, 70]}
    found = judged(table)
    assert found.leaders == ["z", "b", "c"]
    assert said(*how_sure(found))[1:] == [
        "z, b and c have the same value on a; scores alone do not say whether they truly differ."
    ]
    assert said(*next_steps(found)) == [
        "Get one row an image of z, b and c: then it can be tested whether they differ."
    ]
    holds = next(light for light in lights(found) if light.name == "holds")
    assert said(*holds.reasons) == ["z is the highest on 2 of 2 other sets."]


def test_a_table_is_not_told_of_options_that_only_a_study_has() -> None:
    one = judged({"model": ["A", "B"], "val": [80.0, 60.0]}, n=5000)
    assert [step.key for step in next_steps(one)] == ["next_second_set_table"]
    rows = {"model": list("AAABBBCCC"), "dataset": ["val"] * 9, "seed": [0, 1, 2] * 3, "n": [1000] * 9}
    table = pd.DataFrame(rows | {"score": [90.0, 60, 75, 70, 71, 72, 50, 51, 52]})
    found = judge_results(table, LotteryOptions())[1]
    assert [step.key for step in next_steps(found)] == ["next_seeds_table"]
    assert "--" not in " ".join(said(*next_steps(one), *next_steps(found)))


def test_equals_on_one_set_are_chosen_by_price_and_not_by_more_images() -> None:
    found = judged({"model": ["A", "B"], "val": [71.20001, 71.2]}, n=10**9)
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
