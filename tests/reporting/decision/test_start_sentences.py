"""Sentences on starts say who is ahead, by how much and how sure, in both languages."""

import pytest
from tables import make_tables

from kogen.reporting.decision.start_sentences import ORIGINAL, SCRATCH, start_sentences
from kogen.reporting.words import say
from kogen.results.decide import make_judgement
from kogen.results.start_answers import ModelStart, judge_starts

STARTS = [ModelStart("byol", "byol", ""), ModelStart("byol-continued", "byol", "d")]
STARTS += [ModelStart("original", "stock", "d", original=True)]
HALVES = {("a", "byol-continued", "original"): 4.0, ("a", "byol", "byol-continued"): 4.0}


def words(original: float, scratch: float, half: float = 0.5, floor: float = 20.0):
    scores = {"a": {"byol-continued": 70.0, "original": original, "byol": scratch}}
    halves = {pair: half for pair in HALVES}
    tables = make_tables(scores, halves, floors={"a": ("ok", floor)})
    found = make_judgement(tables, reference="a", targets=[], margin=1.0)
    return start_sentences(judge_starts(found, tables, STARTS))


@pytest.mark.parametrize(
    ("other", "half", "keys", "first"),
    [
        (60.0, 0.5, 0, "byol-continued"),
        (80.0, 0.5, 1, "other"),
        (69.9, 0.2, 2, "byol-continued"),
        (68.0, 4.0, 3, "byol-continued"),
        (72.0, 4.0, 3, "other"),
    ],
)
def test_each_answer_has_its_sentence(other, half, keys, first):
    said = words(other, other, half)
    assert [one.key for one in said] == [ORIGINAL[keys], SCRATCH[keys]]
    names = ["original", "byol"] if first == "other" else ["byol-continued"] * 2
    assert [one.values["first"] for one in said] == names
    for one in said:
        assert one.part == "sure"
        for lang in ("en", "ja"):
            text = say(lang, one.key, **one.values)
            numbers = [f"{float(one.values[end]):.1f}".replace("-", "−") for end in ("difference", "low", "high")]
            assert all(number in text for number in numbers), text


def test_the_interval_of_the_page_is_that_of_the_pair():
    helped = words(60.0, 60.0)[0]
    text = say("en", helped.key, **helped.values)
    assert text == (
        "Your own pre-training helped: byol-continued is 10.0 points ahead of original, the weights as they came "
        "(9.5 to 10.5)."
    )


def test_where_nothing_beats_a_constant_answer_no_start_pays():
    assert [one.key for one in words(60.0, 60.0, floor=90.0)] == [ORIGINAL[0]]
