"""Cautions: what a study's runs and images say against its numbers, where it stands, and what the next step costs."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from tables import make_tables

from kogen.common.alarms import AlarmKind
from kogen.reporting.study.cautions import (
    ALARM_SENTENCES,
    alerts,
    constant_sentences,
    prices,
    study_catches,
    threshold_sentences,
    whole_minutes,
)
from kogen.reporting.study.evidence import Evidence, ModelAlarm, ModelCost, TwinCount
from kogen.reporting.study.verdict import verdict_sentences
from kogen.reporting.words import Sentence, say
from kogen.results.decide import make_judgement

METHODS = {"byol": "byol", "simclr": "simclr", "random": "random"}
CLEAR = {"reference": {"byol": 71.2, "simclr": 65.0, "random": 30.0}}


def evidence(scores: Any = CLEAR, *, half: float = 0.5, **known: Any) -> Evidence:
    tables = make_tables(scores, half=half)
    first, *others = scores
    judgement = make_judgement(tables, reference=first, targets=others, margin=1.0, methods=METHODS)
    return Evidence(judgement=judgement, protocol="linear", **known)


def keys(found: list[Sentence]) -> list[str]:
    return [said.key for said in found]


def test_every_kind_of_alarm_has_its_sentence_and_those_of_the_headlines_models_come_first() -> None:
    for kind, key in ALARM_SENTENCES.items():
        own = ModelAlarm("byol", kind, n=1, total=3, epoch=7, run_ids=("x",))
        assert keys(alerts(evidence(alarms=[own]))) == [key, "look_first"]
        assert keys(study_catches(evidence(alarms=[own]))) == []
        other = evidence(alarms=[replace(own, model="simclr")])
        assert alerts(other) == []
        assert keys(study_catches(other)) == [key]
    assert set(ALARM_SENTENCES) == set(AlarmKind)


def test_a_run_that_collapses_in_two_ways_is_counted_once() -> None:
    found = [
        ModelAlarm("simclr", AlarmKind.RANK, n=2, total=3, epoch=9, run_ids=("x", "y")),
        ModelAlarm("simclr", AlarmKind.SPREAD, n=1, total=3, epoch=7, run_ids=("y",)),
    ]
    (said,) = study_catches(evidence(alarms=found))
    assert said.values == {"model": "simclr", "kind": "rank", "n": 2, "total": 3, "epoch": 7}
    assert "collapsed (runs: 2 of 3, first in epoch" in say("en", said.key, **said.values)


@pytest.mark.parametrize(("share", "before"), [(50.0, False), (50.1, True)])
def test_images_that_were_trained_on_are_among_the_catches_or_before_everything(share: float, before: bool) -> None:
    twins = [TwinCount("reference", n=4, share=share), TwinCount("line2", n=3, share=1.0)]
    found = evidence(twins=twins)
    assert keys(alerts(found)) == (["twins_mostly"] if before else [])
    assert keys(study_catches(found)) == ([] if before else ["twins"])
    (said,) = [one for one in verdict_sentences(found) if one.key.startswith("twins")]
    assert said.values == {"dataset": "reference", "n": 4, "share": share, "sets": ["reference", "line2"], "all": 7}
    assert keys(verdict_sentences(found))[0] == ("twins_mostly" if before else "do_bet")


@pytest.mark.parametrize(("share", "order"), [(0.99, ["unfinished", "twins"]), (1.0, ["twins", "unfinished"])])
def test_few_images_that_were_trained_on_stand_behind_the_other_catches(share: float, order: list[str]) -> None:
    twins = [TwinCount("line2", n=1, share=0.1), TwinCount("reference", n=4, share=share)]
    assert keys(study_catches(evidence(twins=twins, unfinished=1, runs=9))) == order


def test_cautions() -> None:
    found = study_catches(evidence(unfinished=1, runs=9, seeds={"byol": 1, "simclr": 1}, optimism=0.05))
    assert keys(found) == ["unfinished", "one_seed", "flattered"]
    assert found[0].values == {"n": 1, "total": 9}
    assert found[2].values == {"points": 0.05, "model": "byol"}
    assert study_catches(evidence(seeds={"byol": 1, "simclr": 2}, optimism=0.04)) == []


@pytest.mark.parametrize(
    ("leaders", "said"), [(["byol"], []), (["byol", "simclr"], []), (["simclr"], ["protocol_differs"])]
)
def test_another_protocol_is_said_only_where_it_chooses_another_model(leaders: list[str], said: list[str]) -> None:
    found = study_catches(evidence(protocol_leaders={"knn": leaders}))
    assert keys(found) == said
    if said:
        assert found[0].values == {"protocol": "knn", "main": "linear", "models": ["simclr"]}


COSTS = [
    ModelCost("byol", 3, 20.0, None, None, None),
    ModelCost("simclr", 3, 12.0, None, None, None),
    ModelCost("random", 3, 0.0, None, None, None),
]
NEAR = {"reference": {"byol": 71.0, "simclr": 70.0}}


@pytest.mark.parametrize(
    ("scores", "half", "step", "wanted"),
    [
        (CLEAR, 0.5, "next_use", ("price_again", {"model": "byol", "minutes": 20})),
        (NEAR, 5.0, "next_seeds", ("price_seeds", {"n": 2, "models": ["byol", "simclr"], "minutes": 64})),
        (NEAR, 5.0, "next_images", ("price_labels", {})),
        (CLEAR, 0.5, "next_floor", ("price_seeds", {"n": 2, "models": ["byol"], "minutes": 40})),
        (CLEAR, 0.5, "next_train_more", ("price_longer", {"minutes": 192})),
        (NEAR, 5.0, "next_weigh", None),
    ],
)
def test_the_next_step_has_its_price(scores: Any, half: float, step: str, wanted: Any) -> None:
    found = prices(evidence(scores, half=half, costs=COSTS), step)
    assert [(one.key, one.values) for one in found] == ([wanted] if wanted else [])
    nothing_timed = prices(evidence(scores, half=half), step)
    assert keys(nothing_timed) == (["price_labels"] if step == "next_images" else [])


def test_a_study_says_one_thing_once_and_in_order() -> None:
    found = verdict_sentences(evidence(CLEAR | {"line2": {"byol": 50.0, "simclr": 60.0}}, costs=COSTS))
    assert keys(found) == ["do_split", "sure_value", "sure_ahead", "catch_lost", "next_weigh"]
    assert [one.part for one in found] == ["headline", "sure", "sure", "catch", "next"]


@pytest.mark.parametrize(("minutes", "shown"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (59.5, 60)])
def test_a_price_in_minutes_is_rounded_up(minutes: float, shown: int) -> None:
    assert whole_minutes(minutes) == shown


@pytest.mark.parametrize(
    ("auroc", "accuracy_hi", "key"),
    [(67.0, 60.0, "ranking_lost"), (83.0, 60.0, "ranking_lost_guess"), (84.0, 90.0, "ranking_worse_guess")],
)
def test_a_ranking_is_worse_only_where_it_fell(auroc: float, accuracy_hi: float, key: str) -> None:
    """Where AUROC did not fall, no ranking was lost: it was not shown to be better than guessing to begin with."""
    row = {"model": "byol", "dataset": "line2", "case": "ranking", "accuracy": 55.0, "accuracy_hi": accuracy_hi}
    row |= {"reference_accuracy": 80.0, "auroc": auroc, "auroc_lo": 45.0, "auroc_hi": 95.0, "reference_auroc": 84.0}
    row |= {"larger": 70.0, "larger_class": "good", "best_accuracy": 71.0}
    (found,) = threshold_sentences([row], "byol", "reference")
    assert found.key == key
    text = say("en", found.key, **found.values)
    assert ("less well" in text) == (key == "ranking_lost")


def test_models_that_always_give_one_answer_are_named_with_protocol_and_part() -> None:
    def rows(answers: str, protocol: str, *, pool: str | None = None, budget: str | None = None, draw: int = 0) -> Any:
        known = {"dataset": "reference", "model": "byol", "seed": 0, "protocol": protocol, "pool": pool}
        known |= {"budget": budget, "draw": draw if budget else None}
        return pd.DataFrame({**known, "label": list("aabb"), "predicted": list(answers)})

    every = [
        rows("abbb", "linear"),
        rows("aaaa", "tune:all"),
        rows("bbbb", "linear", pool="50%"),
        rows("bbbb", "linear", budget="5%"),
        rows("aaaa", "linear", budget="5%", draw=1),
        rows("bbbb", "linear", budget="10 shots"),
        rows("abbb", "linear", budget="10 shots", draw=1),
        rows("aaaa", "knn").assign(dataset="line2"),
    ]
    (said,) = constant_sentences(pd.concat(every, ignore_index=True), "reference")
    assert said.values["models"] == ["byol (linear@5%)", "byol (tune:all)", "byol on 50% (linear)"]
    assert "byol (linear@5%), byol (tune:all) and byol on 50% (linear)" in say("en", said.key, **said.values)
    assert constant_sentences(every[0], "reference") == []
    assert constant_sentences(every[1].assign(label="a"), "reference") == []
