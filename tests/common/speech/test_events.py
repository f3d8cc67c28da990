"""Events: the table of docs/tracking.md is what they are, and JSON takes every value that a field can have."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from kogen.common.alarms import AlarmKind
from kogen.common.speech import events, verb_answers
from kogen.common.speech.events import LEVELS, EpochEnded, Event, Note, event_fields

PAGE = Path(__file__).parents[3] / "docs" / "tracking.md"


def all_events() -> list[type[Event]]:
    named = {**vars(events), **vars(verb_answers)}
    found = [one for one in named.values() if isinstance(one, type) and issubclass(one, Event)]
    return [one for one in found if one.kind]


def test_the_page_has_every_event_with_its_level_and_its_keys():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    said = {(kind, level): re.findall(r"`(\w+)`", keys) for kind, level, keys in rows}
    assert len(said) > 12
    assert said == {(one.kind, LEVELS[one.level]): [each.name for each in fields(one)] for one in all_events()}


def test_every_event_has_keys_that_no_frame_of_a_line_takes():
    for one in all_events():
        assert not {"event", "time", "level"} & {each.name for each in fields(one)}, one


def test_values_become_plain_and_what_is_not_finite_is_null():
    terms = {"alignment": np.float32(0.5), "broken": float("nan"), "far": -float("inf")}
    event = EpochEnded("ab", np.int64(3), 4, terms, 0.1, float("inf"), 1.0, np.float64("nan"), 0.5)  # type: ignore[arg-type]
    found = json.loads(json.dumps(event_fields(event), allow_nan=False))
    assert found["epoch"] == 3
    assert found["terms"] == {"alignment": 0.5, "broken": None, "far": None}
    assert (found["images_per_second"], found["rank_me"], found["feature_std"]) == (None, None, 0.5)


@pytest.mark.parametrize("value", [Path("a/b"), AlarmKind.STUCK, ("a", Path("b")), None, True])
def test_paths_enums_and_sequences_become_text_and_lists(value: object):
    wanted = {Path("a/b"): "a/b", AlarmKind.STUCK: "stuck", ("a", Path("b")): ["a", "b"], None: None, True: True}
    assert json.loads(json.dumps(event_fields(Note(value))["text"])) == wanted[value]  # type: ignore[arg-type, index]
