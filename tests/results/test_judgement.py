"""The lists of a judgement: where the leader wins, loses, is level, or where nobody knows."""

from dataclasses import replace

from tables import judge_scores

from kogen.results.findings import Answer, Finding, Reason


def test_sets_are_won_lost_open_or_unknown_by_who_is_ahead_and_how_surely() -> None:
    found = judge_scores({"a": {"x": 80.0, "y": 70.0}})
    known = {
        "won": Finding(Answer.BETTER, Reason.AHEAD, "won", "x", "y"),
        "lost": Finding(Answer.BETTER, Reason.AHEAD, "lost", "y", "x"),
        "open": Finding(Answer.UNDECIDED, Reason.OPEN, "open", "x", "y"),
        "same": Finding(Answer.EQUIVALENT, Reason.EQUAL, "same", "y", "x"),
        "none": Finding(Answer.UNKNOWN, Reason.ABSENT, "none", "x", "y"),
    }
    made = replace(found, leaders=["x", "z"], elsewhere=list(known.values()))
    assert made.leader == "x"
    assert [one.dataset for one in made.won] == ["won"]
    assert [one.dataset for one in made.lost] == ["lost"]
    assert [one.dataset for one in made.open] == ["open", "same"]
    assert [one.dataset for one in made.unknown] == ["none"]
