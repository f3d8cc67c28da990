"""The part of the page on views: its sentences in both languages, and the rows of its table."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kogen.common.metric_facts import ACCURACY
from kogen.reporting.study.views_section import advice_first, advice_lines, views_section
from kogen.reporting.words import say, sentence
from kogen.results.answers.view_effects import Advice, Effect, OperationEffect, Reading, ViewEffects

OPERATIONS = [
    OperationEffect("crop", Advice.HELPS, Effect(4.0, 1.0, 7.0), Effect(2.0, 1.0, 3.0), Effect(3.0, 0.0, 6.0)),
    OperationEffect("flip", Advice.OPEN, Effect(0.5, -1.0, 2.0)),
    OperationEffect("noise", Advice.HURTS, Effect(-3.0, -5.0, -1.0), reading=Reading(200, 30)),
    OperationEffect(
        "blur",
        Advice.ERASES,
        Effect(-1.0, -3.0, 1.0),
        classes={"scratch": Effect(-9.0, -12.0, -6.0), "good": Effect(0.0, -1.0, 1.0)},
        fallen=["scratch"],
    ),
]
FOUND = ViewEffects("byol", "natural", "validation", ACCURACY, "linear", 200, 3, 71.5, 30.25, OPERATIONS)


def test_what_was_done_and_what_to_do_is_said_in_order() -> None:
    said = advice_lines(FOUND, "en")
    assert said[0].startswith("byol was trained with the views natural, without each of their operations")
    assert said[0].endswith("With all operations its accuracy is 71.5.")
    assert said[1:] == [
        "With none it is 30.2.",
        "Leave out blur: with it fewer images of scratch are recognised, at worst 9.0 points fewer (−12.0 to −6.0), "
        "while the other classes together are not shown to fall.",
        "Leave out sensor noise: it costs 3.0 points (−5.0 to −1.0).",
        "Keep random crop: it brings 4.0 points (+1.0 to +7.0).",
        "These images and seeds cannot tell what becomes without: left-right flip; they stay.",
        "Nothing shows that an operation should go: natural stays as it is.",
    ]


def test_what_a_classifier_says_of_a_turn_has_words_of_its_own(tmp_path: Path) -> None:
    falls = {"upright": Effect(-50.0, -60.0, -40.0), "turned": Effect(-45.0, -55.0, -35.0)}
    read = Reading(200, 60, falls, ["turned", "upright"])
    turn = OperationEffect("quarter_turns", Advice.SUSPECT, Effect(0.0, -2.0, 2.0), reading=read)
    found = replace(FOUND, operations=[turn])
    said = " ".join(advice_lines(found, "en"))
    assert "Look at quarter turns: after it, a classifier that learnt without it recognises turned and upright" in said
    assert "at worst 50.0 points (−60.0 to −40.0)" in said
    section = views_section(tmp_path, found, {})
    assert section is not None
    assert [one["value"] for one in section["rows"][0]["fallen"]] == ["−45.0", "−50.0"]


def test_what_helps_and_takes_a_class_is_said_with_that_class() -> None:
    falls = {"scratch": Effect(-9.0, -12.0, -6.0), "good": Effect(8.0, 5.0, 11.0)}
    light = OperationEffect("crop", Advice.HELPS, Effect(4.0, 1.0, 7.0), classes=falls, fallen=["scratch"])
    said = advice_lines(replace(FOUND, operations=[light]), "en")
    assert said[2:4] == [
        "Keep random crop: it brings 4.0 points (+1.0 to +7.0).",
        "But with random crop fewer images of scratch are recognised, at worst 9.0 points fewer (−12.0 to −6.0): where "
        "these matter most, leave it out.",
    ]


def test_the_headline_is_the_advice_and_no_bet_on_a_set_of_views() -> None:
    bet = [sentence("headline", "do_one", model="byol nothing", dataset="a"), sentence("sure", "views_one_seed")]
    first, kept, last = advice_first(bet, FOUND)
    assert (first.part, first.key, kept, last.key) == ("headline", "views_leave_out", bet[1], "views_confirm")
    assert "Leave out sensor noise and blur" in say("en", first.key, **first.values)
    assert advice_first(bet, replace(FOUND, operations=OPERATIONS[:2]))[0].key == "views_stay"


def test_one_training_of_each_is_said_to_tell_nothing() -> None:
    said = advice_lines(replace(FOUND, seeds=1, operations=OPERATIONS[1:2]), "en")
    assert said[2].startswith("With one training of each nobody knows what the seed alone changes")


def test_a_proposal_is_said_before_and_after_its_training() -> None:
    asked = replace(FOUND, proposed=["noise", "blur"])
    assert "they were not trained yet" in advice_lines(asked, "en")[-1]
    last = advice_lines(replace(asked, proposal=Effect(2.5, 1.0, 4.0)), "en")[-1]
    assert "without sensor noise and blur" in last
    assert "+2.5 points (+1.0 to +4.0) against all operations" in last
    assert "confirm it on a test set with kogen pilot --views proposed.toml" in last


@pytest.mark.parametrize("found", [FOUND, replace(FOUND, proposed=["noise"], nothing=None)])
def test_japanese_says_the_same_numbers(found: ViewEffects) -> None:
    both = [advice_lines(found, lang) for lang in ("en", "ja")]
    assert len(both[0]) == len(both[1])
    assert all("phrase" not in line for line in [*both[0], *both[1]])
    assert "4.0" in " ".join(both[1])


def test_rows_hold_texts_ranks_and_no_picture_where_there_is_none(tmp_path: Path) -> None:
    training = {
        name: pd.DataFrame({"epoch": [1, 2, 2], "rank_me": [0.9, rank, rank + 0.1]})
        for name, rank in (("byol", 0.3), ("byol without crop", 0.5))
    }
    section = views_section(tmp_path, FOUND, training)
    assert section is not None
    crop, flip, noise, blur = section["rows"]
    assert crop["left_out"] == {"value": "+4.0", "lo": "+1.0", "hi": "+7.0"}
    assert (crop["rank"], flip["rank"]) == (["0.35", "0.55"], ["0.35"])
    assert (crop["changed"], noise["changed"]) == (None, 15.0)
    assert flip["alone"] == {"value": None, "lo": None, "hi": None}
    assert [one["name"] for one in blur["fallen"]] == ["scratch"]
    assert crop["picture"] is None
    assert views_section(tmp_path, None, training) is None
