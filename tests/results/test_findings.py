"""Findings from hand-made rows of pairs: who is first, with which sign, interval and word."""

import pandas as pd
import pytest

from kogen.results.findings import (
    TIE,
    Answer,
    Comparisons,
    Finding,
    FloorFinding,
    Reason,
    float_or_none,
    frames_by_set,
    read_verdict_word,
    whole_or_none,
)


def values(**points: float) -> pd.DataFrame:
    rows = [{"model": m, "dataset": "val", "value": v, "lo": v - 1, "hi": v + 1} for m, v in points.items()]
    return pd.DataFrame(rows)


def pair(first: str, second: str, gap: float, verdict: str = "better", **more: object) -> dict[str, object]:
    row = {"dataset": "val", "first": first, "second": second, "difference": gap, "verdict": verdict, "lottery": 0.25}
    return row | {"family_lo": gap - 2, "family_hi": gap + 3} | more


PAIRS = [pair("a", "b", 4.0), pair("a", "c", 5.0, "small"), pair("b", "c", 1.0, "undecided")]
NEEDED = pd.DataFrame([{"dataset": "val", "first": "b", "second": "c", "more": 120.0}])
TABLES = {"values": values(a=80.0, b=76.0, c=75.0, d=75.0), "pairs": pd.DataFrame(PAIRS), "needed": NEEDED}


def test_a_finding_is_ahead_where_it_is_proven_however_small_and_a_tie_where_the_values_are_equal() -> None:
    def found(answer: Answer, reason: Reason, gap: float | None = 1.0) -> Finding:
        return Finding(answer, reason, "val", "a", "b", gap, 0.5, 2.0)

    assert found(Answer.BETTER, Reason.AHEAD).is_ahead
    assert found(Answer.EQUIVALENT, Reason.SMALL).is_ahead
    assert not found(Answer.EQUIVALENT, Reason.EQUAL).is_ahead
    assert not found(Answer.UNDECIDED, Reason.OPEN).is_ahead
    ties = [found(Answer.UNDECIDED, Reason.TIE, gap).is_tie for gap in (0.0, TIE / 2, -TIE / 2, TIE, -TIE, None)]
    assert ties == [True, True, True, False, False, False]
    assert (TIE, found(Answer.BETTER, Reason.AHEAD).seen_from("a")) == (1e-9, (1.0, 0.5, 2.0))
    assert found(Answer.BETTER, Reason.AHEAD).seen_from("b") == (-1.0, -2.0, -0.5)
    assert Finding(Answer.UNKNOWN, Reason.ABSENT, "val", "a", "b").seen_from("b") == (None, None, None)


@pytest.mark.parametrize(
    ("floor", "perfect"), [(100.0, True), (100 - TIE / 2, True), (100 - 2 * TIE, False), (99.5, False)]
)
def test_a_constant_answer_is_perfect_at_a_hundred_alone(floor: float, perfect: bool) -> None:
    assert FloorFinding(Answer.UNDECIDED, "val", "a", 80.0, "cat", floor).is_perfect is perfect


def test_models_stand_best_first_then_those_that_do_not_stand_behind_then_by_name() -> None:
    tables = {"values": values(z=75.0, a=75.0 + 1e-11, m=80.0, b=75.0, k=75.1)}
    assert Comparisons(tables).order("val") == ["m", "k", "a", "b", "z"]
    assert Comparisons(tables, later={"a": True}).order("val") == ["m", "k", "b", "z", "a"]
    assert Comparisons(tables).order("night") == []
    assert Comparisons(tables).leaders("val") == ["m"]
    assert Comparisons({"values": values(b=75.0, a=75.0 - 5e-10, c=75.0 - 2e-9)}).leaders("val") == ["a", "b"]
    assert Comparisons(tables).leaders("night") == []
    assert Comparisons(tables).value("k", "val") == {"value": 75.1, "lo": 74.1, "hi": 76.1}
    assert (Comparisons(tables).points("k", "val"), Comparisons(tables).points("q", "val")) == (75.1, None)
    assert (Comparisons(tables).has_pairs("val"), Comparisons(TABLES).has_pairs("val")) == (False, True)


def test_the_higher_of_two_is_first_whichever_is_asked_and_the_row_is_turned_with_it() -> None:
    found = Comparisons(TABLES)
    one, other = found.compare("a", "b", "val"), found.compare("b", "a", "val")
    assert one == other
    assert (one.first, one.second, one.difference, one.lo, one.hi) == ("a", "b", 4.0, 2.0, 7.0)
    assert (one.answer, one.reason, one.chance, one.more, one.at_least) == (
        Answer.BETTER,
        Reason.AHEAD,
        0.25,
        None,
        False,
    )
    open_one = found.compare("c", "b", "val")
    assert (open_one.first, open_one.difference, open_one.more) == ("b", 1.0, 120)
    turned = Comparisons({**TABLES, "pairs": pd.DataFrame([pair("b", "a", -4.0)])}).compare("a", "b", "val")
    assert (turned.first, turned.difference, turned.lo, turned.hi) == ("a", 4.0, 1.0, 6.0)
    assert found.compare("a", "c", "val").reason is Reason.SMALL


def test_of_equals_the_one_that_is_asked_for_is_first() -> None:
    same = {"values": values(c=75.0, d=75.0 + 5e-10), "pairs": pd.DataFrame([pair("c", "d", 0.0, "undecided")])}
    assert Comparisons(same).compare("d", "c", "val").first == "d"
    assert Comparisons(same).compare("c", "d", "val").first == "c"
    assert Comparisons(same).compare("c", "d", "val").reason is Reason.TIE
    apart = {"values": values(c=75.0, d=75.0 + 2e-9), "pairs": pd.DataFrame([pair("c", "d", 0.0, "undecided")])}
    assert Comparisons(apart).compare("c", "d", "val").first == "d"


def test_what_was_not_measured_or_not_paired_is_unknown_and_says_why() -> None:
    found = Comparisons(TABLES)
    assert found.compare("a", "q", "val").reason is Reason.ABSENT
    assert found.compare("q", "a", "val").reason is Reason.ABSENT
    scores = found.compare("d", "a", "val")
    assert (scores.answer, scores.reason, scores.first, scores.difference) == (Answer.UNKNOWN, Reason.SCORES, "a", 5.0)
    assert scores.lo is None
    unpaired = pd.DataFrame([pair("a", "b", 4.0, kind="unpaired")])
    assert Comparisons({"values": values(a=80.0, b=76.0), "unpaired": unpaired}).compare("a", "b", "val").at_least


def test_an_interval_ends_where_no_difference_can_be_larger() -> None:
    wide = pd.DataFrame([pair("a", "b", 4.0, family_lo=-150.0, family_hi=160.0)])
    found = Comparisons({**TABLES, "pairs": wide}, span=100.0).compare("a", "b", "val")
    assert (found.lo, found.hi) == (-100.0, 100.0)


def test_a_model_is_held_against_the_best_others() -> None:
    found = Comparisons(TABLES).against("b", "val")
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("b", "c"), ("b", "d")]
    assert [one.second for one in Comparisons(TABLES).against("a", "val", most=2)] == ["b", "c"]


def test_a_model_is_better_than_the_constant_answer_where_the_interval_lies_above_0() -> None:
    def floor(lo: float | None) -> FloorFinding | None:
        row = {"dataset": "val", "model": "a", "constant": 3, "floor": 60, "difference": 20.0, "lo": lo, "hi": 30.0}
        return Comparisons({**TABLES, "floors": pd.DataFrame([row])}).floor("a", "val")

    found = floor(0.1)
    assert found == FloorFinding(Answer.BETTER, "val", "a", 80.0, "3", 60.0, 20.0, 0.1, 30.0)
    assert [one.answer for lo in (0.0, -1.0, None) if (one := floor(lo))] == [Answer.UNDECIDED] * 3
    assert Comparisons(TABLES).floor("a", "val") is None
    rows = pd.DataFrame(
        [{"dataset": "val", "model": "q", "constant": 3, "floor": 60, "difference": 1, "lo": 0, "hi": 1}]
    )
    other = Comparisons({**TABLES, "floors": rows})
    assert (other.floor("a", "val"), other.floor("q", "val")) == (None, None)


@pytest.mark.parametrize(
    ("word", "gap", "answer", "reason"),
    [
        ("better", 1.0, Answer.BETTER, Reason.AHEAD),
        ("small", 1.0, Answer.EQUIVALENT, Reason.SMALL),
        ("equivalent", 1.0, Answer.EQUIVALENT, Reason.EQUAL),
        ("undecided", TIE, Answer.UNDECIDED, Reason.OPEN),
        ("undecided", -TIE / 2, Answer.UNDECIDED, Reason.TIE),
        ("undecided", -1.0, Answer.UNDECIDED, Reason.OPEN),
    ],
)
def test_the_words_of_pairs(word: str, gap: float, answer: Answer, reason: Reason) -> None:
    assert read_verdict_word(word, gap) == (answer, reason)


def test_tables_that_are_absent_or_empty_have_no_rows_and_empty_cells_no_number() -> None:
    assert frames_by_set({}, "pairs") == frames_by_set({"pairs": pd.DataFrame()}, "pairs") == {}
    assert list(frames_by_set({"values": pd.DataFrame({"dataset": ["z", "a"]})}, "values")) == ["z", "a"]
    assert [float_or_none(value) for value in (None, float("nan"), 2)] == [None, None, 2.0]
    assert [whole_or_none(value) for value in (None, float("nan"), 2.0)] == [None, None, 2]
