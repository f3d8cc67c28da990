"""Whether going on helped: the best model that went on against the original weights, and against its method anew."""

from tables import make_tables

from kogen.results.decide import make_judgement
from kogen.results.findings import Answer
from kogen.results.start_answers import ModelStart, judge_starts

STARTS = [
    ModelStart("byol", "byol", ""),
    ModelStart("simclr", "simclr", ""),
    ModelStart("byol-continued", "byol", "d1"),
    ModelStart("simclr-continued", "simclr", "d1"),
    ModelStart("supervised-continued", "supervised", "d1"),
    ModelStart("original", "stock", "d1", original=True),
    ModelStart("other", "stock", "d2", original=True),
]
SCORES = {"byol": 60.0, "simclr": 50.0, "byol-continued": 70.0, "simclr-continued": 75.0}
SCORES |= {"supervised-continued": 90.0, "original": 72.0, "other": 80.0}


def judge(scores: dict[str, float], starts: list[ModelStart]):
    tables = make_tables({"a": scores, "b": scores})
    return judge_starts(make_judgement(tables, reference="a", targets=["b"], margin=1.0), tables, starts)


def test_the_best_that_went_on_is_compared_with_its_own_weights_and_its_own_method():
    found = judge(SCORES, STARTS)
    assert found.continued is not None
    assert found.from_scratch is not None
    assert (found.continued.model, found.from_scratch.model) == ("simclr-continued",) * 2
    assert (found.continued.pair.first, found.continued.pair.second) == ("simclr-continued", "original")
    assert (found.continued.pair.difference, found.continued.pair.answer) == (3.0, Answer.BETTER)
    assert (found.continued.pair.lo, found.continued.pair.hi) == (2.5, 3.5)
    assert (found.from_scratch.pair.second, found.from_scratch.pair.difference) == ("simclr", 25.0)


def test_weights_that_were_better_before_are_first():
    found = judge(SCORES | {"original": 79.0}, STARTS)
    assert found.continued is not None
    assert (found.continued.pair.first, found.continued.pair.difference) == ("original", 4.0)
    assert found.continued.pair.seen_from("simclr-continued")[0] == -4.0


def test_nothing_is_said_of_what_was_not_tried():
    alone = judge({"byol": 60.0, "simclr": 50.0}, STARTS[:2])
    assert (alone.continued, alone.from_scratch) == (None, None)
    others = {name: value for name, value in SCORES.items() if name not in ("original", "simclr")}
    left = judge(others, [one for one in STARTS if one.model in others])
    assert (left.continued, left.from_scratch) == (None, None)
    only = judge({"supervised-continued": 90.0, "original": 72.0}, STARTS[4:6])
    assert only.continued is None  # labels are no pre-training


def test_what_a_start_answers_is_not_asked_again_of_given_weights():
    methods = {one.model: one.method for one in STARTS}
    for other, left in ((None, False), ("other", True)):  # weights that nothing went on from are still asked about
        scores = {name: value for name, value in SCORES.items() if name not in ("original", "other") or name == other}
        scores |= {} if other else {"original": 72.0}
        tables = make_tables({"a": scores, "b": scores})
        before = make_judgement(tables, reference="a", targets=["b"], margin=1.0, methods=methods)
        assert before.published is not None
        found = judge_starts(before, tables, [one for one in STARTS if one.model in scores])
        assert (found.published is not None) == left
