"""Deciding: what to do follows from the tables, and every threshold is where it is said to be."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from tables import Scores, make_tables

from kogen.common.metric_facts import MetricFacts
from kogen.options.lottery import LotteryOptions
from kogen.reporting.decision.lights import lights
from kogen.reporting.decision.sentences import catches, headline, how_sure
from kogen.reporting.decision.start_sentences import start_sentences
from kogen.reporting.decision.steps import next_steps
from kogen.results.decide import (
    AGAINST,
    CHEAPER,
    HOLD_SHARE,
    LOST_SHARE,
    MIN_PAIRS,
    SAFE_CHANCE,
    best_against,
    cheapest_model,
    is_equal,
    is_inside,
    lead_elsewhere,
    make_judgement,
    of_kind,
    rules_finding,
    safe_finding,
    share_finding,
)
from kogen.results.findings import Answer, Comparisons, Finding, Reason
from kogen.results.judge import judge_results
from kogen.results.judgement import Action, Judgement

METHODS = {"byol": "byol", "simclr": "simclr", "supervised": "supervised", "random": "random", "stock": "stock"}


def judged(scores: Scores, halves: Any = None, *, methods: Any = METHODS, **more: Any) -> Judgement:
    """The judgement of such tables; the first set is the reference."""
    minutes = more.pop("minutes", None)
    tables = make_tables(scores, halves, **more)
    first, *others = scores
    known = {model: kind for model, kind in methods.items() if any(model in part for part in scores.values())}
    margin = more.get("margin", 1.0)
    return make_judgement(tables, reference=first, targets=others, margin=margin, methods=known, minutes=minutes)


@pytest.mark.parametrize(
    ("scores", "halves", "action", "models"),
    [
        ({"a": {"byol": 80.0, "simclr": 70.0}}, None, Action.BET, ["byol"]),
        ({"a": {"byol": 80.0}}, None, Action.ONE, ["byol"]),
        ({"a": {"byol": 80.0, "simclr": 78.0}}, {("a", "byol", "simclr"): 3.0}, Action.SHARED, ["byol", "simclr"]),
        ({"a": {"byol": 80.0, "simclr": 79.5}}, {("a", "byol", "simclr"): 0.6}, Action.EQUAL, ["byol", "simclr"]),
        ({"a": {"byol": 80.0, "simclr": 79.7}}, {("a", "byol", "simclr"): 0.2}, Action.EQUAL, ["byol", "simclr"]),
        ({"a": {"byol": 80.0, "simclr": 80.0}}, {("a", "byol", "simclr"): 3.0}, Action.SHARED, ["byol", "simclr"]),
        ({"a": {"byol": 80.0, "random": 79.0}}, {("a", "byol", "random"): 1.5}, Action.UNTRAINED, ["byol"]),
        ({"a": {"byol": 79.0, "random": 80.0}}, None, Action.UNTRAINED, ["random"]),
        ({"a": {"byol": 80.0, "simclr": 70.0}, "b": {"byol": 60.0, "simclr": 70.0}}, None, Action.SPLIT, ["byol"]),
        ({"a": {"byol": 80.0, "simclr": 70.0}, "b": {"byol": 70.0, "simclr": 70.4}}, None, Action.BET, ["byol"]),
        ({"a": {"supervised": 80.0, "byol": 70.0}}, None, Action.BET, ["supervised"]),
    ],
)
def test_what_to_do_follows_from_the_tables(scores: Scores, halves: Any, action: Action, models: list[str]) -> None:
    found = judged(scores, halves)
    assert (found.action, found.models) == (action, models)
    assert found.has_lead == (action in (Action.BET, Action.SPLIT) or models == ["random"])


@pytest.mark.parametrize(
    ("metric", "value", "action"),
    [("ap", 0.9, "unlearnt"), ("ap", 1.0, "bet"), ("ap50", 0.0, "unlearnt"), ("accuracy", 0.0, "equal")],
)
def test_detectors_that_find_nothing_are_not_called_equal(metric: str, value: float, action: str) -> None:
    tables = make_tables({"a": {"byol": value, "simclr": 0.0}}, {("a", "byol", "simclr"): 0.1})
    found = make_judgement(tables, reference="a", targets=[], margin=1.0, methods=METHODS, metric=MetricFacts(metric))
    assert found.action == Action(action)
    if found.action == Action.UNLEARNT:
        assert (headline(found).key, next_steps(found)[0].key) == ("do_unlearnt", "next_unlearnt")
        assert [one.key for one in how_sure(found)] == ["sure_value"]
        assert {one.colour for one in lights(found)} == {"grey"}
        assert lights(found)[0].reasons[0].key == "why_unlearnt"
        assert catches(found) == start_sentences(found) == []


@pytest.mark.parametrize(("floor", "action"), [(79.4, Action.BET), (79.5, Action.FLOOR), (85.0, Action.FLOOR)])
def test_a_winner_that_is_not_clear_of_the_constant_answer_is_no_winner(floor: float, action: Action) -> None:
    found = judged({"a": {"byol": 80.0, "simclr": 70.0}}, floors={"a": ("Free", floor)})
    assert found.action == action
    assert found.floor is not None
    assert (found.floor.constant, found.floor.floor, found.floor.difference) == ("Free", floor, 80.0 - floor)
    assert found.has_lead  # over the others, which is not what is said first


def test_among_equals_candidates_stand_before_baselines_and_all_are_leaders() -> None:
    found = judged({"a": {"supervised": 80.0, "byol": 80.0, "random": 50.0}}, half=3.0)
    assert found.leaders == ["byol", "supervised"]
    assert found.leader == "byol"
    assert found.lead == replace(found.lead, first="byol", second="supervised", reason=Reason.TIE, difference=0.0)


def test_the_best_of_each_kind_are_compared() -> None:
    scores = {"a": {"supervised": 75.0, "byol": 80.0, "simclr": 70.0, "random": 50.0, "stock": 81.0}}
    found = judged(scores)
    pairs = [(one.first, one.second) for one in (found.worth, found.published, found.untrained) if one]
    assert pairs == [("byol", "supervised"), ("stock", "byol"), ("stock", "random")]
    alone = judged({"a": {"supervised": 75.0, "random": 50.0}})
    assert (alone.worth, alone.published) == (None, None)


def test_fixed_features_are_a_baseline_and_no_training_without_labels() -> None:
    methods = {"minirocket": "minirocket", "byol": "byol", "supervised": "supervised"}
    scores = {"a": {"minirocket": 90.0, "byol": 70.0, "supervised": 80.0}}
    found = judged(scores, methods=methods)
    assert (found.action, found.models) == (Action.BET, ["minirocket"])
    assert (found.worth.first, found.worth.second) == ("supervised", "byol")
    assert judged({"a": {"minirocket": 90.0, "supervised": 80.0}}, methods=methods).worth is None


def test_elsewhere_the_winner_is_named_first_and_a_model_that_is_absent_is_said() -> None:
    scores = {"a": {"byol": 80.0, "simclr": 70.0}, "b": {"byol": 60.0, "simclr": 66.0}, "c": {"simclr": 70.0}}
    found = judged(scores)
    there, absent = found.elsewhere
    assert (there.first, there.difference, there.lo, there.hi) == ("simclr", 6.0, 5.5, 6.5)
    assert (absent.answer, absent.reason) == (Answer.UNKNOWN, Reason.ABSENT)
    assert [one.dataset for one in found.lost] == ["b"]
    assert (found.open, found.unknown) == ([], [absent])


@pytest.mark.parametrize(
    ("minutes", "cheapest"),
    [
        ({"byol": 10.0, "simclr": 8.9}, "simclr"),
        ({"byol": 10.0, "simclr": 9.0}, None),
        ({"byol": 10.0}, None),
        ({}, None),
    ],
)
def test_cheaper_is_less_than_nine_tenths_where_all_are_known(minutes: dict[str, float], cheapest: str | None) -> None:
    scores = {"a": {"byol": 80.0, "simclr": 79.5}}
    assert judged(scores, half=0.6, minutes=minutes).cheapest == cheapest


def test_of_many_models_the_foremost_and_the_baselines_are_kept() -> None:
    scores = {"a": {f"m{i:02}": 90.0 - i for i in range(30)} | {"random": 10.0}}
    found = judged(scores, methods={"random": "random"} | {f"m{i:02}": "byol" for i in range(30)})
    assert [one.second for one in found.against] == [f"m{i:02}" for i in range(1, 21)] + ["random"]
    assert found.compared == 31


SCORES = pd.DataFrame({"model": ["x", "y"], "a": [80.0, 79.0], "b": [70.0, 75.0], "c": [60.0, 61.0]})


def lottery_of(table: pd.DataFrame, **options: Any) -> Any:
    return judge_results(table, LotteryOptions(reference="a", **options))[0]


@pytest.mark.parametrize(
    ("share", "lo", "hi"), [(0.95, 0.9, 1.0), (0.8, 0.7, 0.89), (0.6, 0.5, 0.74), (0.8, None, None)]
)
def test_leads_hold_by_the_ends_of_the_interval(share: float, lo: float | None, hi: float | None) -> None:
    lottery = lottery_of(SCORES)
    rows = [
        {"target": name, "band": "bin", "gap_lo": 0.5, "gap": 1.0, "pairs": 20, "transfer": value, "lo": lo, "hi": hi}
        for name, value in (("b", share), ("c", 0.99))
    ]
    found = share_finding({"transfer": pd.DataFrame(rows)}, lottery)
    assert found is not None
    wanted = {0.9: Answer.BETTER, None: Answer.UNKNOWN}.get(lo, Answer.UNDECIDED)
    assert (found.answer, found.lost, found.dataset) == (wanted, hi == 0.74, "b")
    assert (found.share, found.best, found.gap_lo, found.gap_hi) == (share, 0.99, 0.5, 1.0)
    few = pd.DataFrame([row | {"pairs": 19} for row in rows])
    assert share_finding({"transfer": few}, lottery) is None
    other = pd.DataFrame([row | {"gap_lo": 1.0, "gap": 2.0} for row in rows])
    assert share_finding({"transfer": other}, lottery) is None  # a lead of 1.0 is in the bin that ends there
    assert share_finding({"transfer": pd.DataFrame(rows[:1])}, lottery) is None  # a set without such pairs
    assert share_finding({}, lottery) is None


@pytest.mark.parametrize(
    ("winners", "combined", "answer", "same"),
    [
        ({"weighted_difference": ["x"], "iqm": ["x"]}, [0.01, 0.0149], Answer.BETTER, 2),
        ({"weighted_difference": ["x"], "iqm": ["x"]}, [0.01, 0.015], Answer.UNDECIDED, 2),
        ({"weighted_difference": ["x"], "iqm": ["x", "y"]}, [0.0], Answer.UNDECIDED, 2),
        ({"weighted_difference": ["x"], "iqm": ["y"]}, [0.0], Answer.UNDECIDED, 1),
        ({"weighted_difference": ["x"], "iqm": ["x"]}, None, Answer.UNKNOWN, 2),
        ({"weighted_difference": ["x"], "iqm": ["y"]}, None, Answer.UNDECIDED, 1),
    ],
)
def test_every_rule_has_to_choose_one_model_and_the_mean_lead_has_to_be_proven(
    winners: dict[str, list[str]], combined: list[float] | None, answer: Answer, same: int
) -> None:
    lottery = lottery_of(SCORES)
    rows = combined and [{"first": "x", "second": f"m{i}", "lottery": chance} for i, chance in enumerate(combined)]
    found = rules_finding(replace(lottery, unified=replace(lottery.unified, winners=winners, combined=rows)))
    assert found is not None
    assert (found.answer, found.model, found.same, found.total) == (answer, "x", same, 2)
    assert found.others == ([] if same == 2 else ["y"])


@pytest.mark.parametrize(
    ("chance", "answer", "unsafe"),
    [
        (0.95, Answer.BETTER, False),
        (0.94, Answer.UNDECIDED, False),
        (0.06, Answer.UNDECIDED, False),
        (0.05, Answer.UNDECIDED, True),
        (None, Answer.UNKNOWN, False),
    ],
)
def test_a_bet_is_safe_with_95_percent(chance: float | None, answer: Answer, unsafe: bool) -> None:
    lottery = lottery_of(SCORES)
    picks = [row | {"near_best": chance} for row in lottery.bet.picks]
    lottery = replace(lottery, bet=replace(lottery.bet, picks=picks))
    tables = {"values": SCORES.melt("model", var_name="dataset", value_name="value").assign(lo=None, hi=None)}
    found = safe_finding(lottery, Comparisons(tables), 1.0)
    assert found is not None
    assert (found.answer, found.unsafe, found.chance) == (answer, unsafe, chance)
    assert (found.model, found.regret, found.dataset, found.sets) == ("y", 1.0, "a", 3)
    assert (found.average, found.average_regret, found.price) == ("y", 1.0, 0.0)


def test_scores_alone_choose_what_loses_least_and_equal_models_are_no_bet() -> None:
    found = judge_results(SCORES, LotteryOptions(reference="a"))[1]
    assert (found.action, found.models, found.proven) == (Action.SAFE, ["y"], False)
    assert found.lead == Finding(Answer.UNKNOWN, Reason.SCORES, "a", "x", "y", 1.0)
    equal = pd.DataFrame({"model": ["A", "B"], "a": [80.0, 80.0], "b": [70.0, 70.0], "c": [60.0, 60.0]})
    tie = judge_results(equal, LotteryOptions(reference="a"))[1]
    assert (tie.action, tie.models) == (Action.TIE, ["A", "B"])
    one = judge_results(SCORES[["model", "a"]], LotteryOptions())[1]
    assert one.action == Action.NOTHING


def test_a_lead_from_scores_with_their_number_of_images_is_one_at_least() -> None:
    table = pd.DataFrame({"model": ["x", "y"], "a": [80.0, 70.0]})
    found = judge_results(table, LotteryOptions(n={"a": 10_000}))[1]
    assert found.lead is not None
    assert (found.lead.answer, found.lead.at_least, found.action) == (Answer.BETTER, True, Action.BET)


@pytest.mark.parametrize(("half", "answer"), [(0.9, Answer.BETTER), (3.2, Answer.UNDECIDED)])
def test_a_bet_is_not_safe_where_an_interval_leaves_open_that_another_is_better(half: float, answer: Answer) -> None:
    table = pd.DataFrame({"model": ["x", "y"], "a": [80.0, 78.0], "b": [70.0, 68.0], "c": [60.0, 58.0]})
    lottery = lottery_of(table)
    picks = [row | {"near_best": 0.99} for row in lottery.bet.picks]
    lottery = replace(lottery, bet=replace(lottery.bet, picks=picks))
    tables = make_tables({name: dict(zip(table["model"], table[name], strict=True)) for name in "abc"}, half=half)
    found = safe_finding(lottery, Comparisons(tables), 1.0)
    assert found is not None
    assert (found.model, found.answer) == ("x", answer)  # y could be better by 1.2 points, with half-widths of 3.2


def test_no_interval_of_a_difference_is_longer_than_the_scale() -> None:
    """Three images of three: A is at most 100 points ahead, whatever the interval's formula says."""
    rows = [(model, "val", item, right) for model, right in (("A", 1), ("B", 0)) for item in range(3)]
    found = judge_results(pd.DataFrame(rows, columns=["model", "dataset", "item", "correct"]), LotteryOptions())[1]
    assert found.lead is not None
    assert (found.lead.difference, found.lead.hi) == (100, 100)


# each step by itself, on hand-made tables


def compared(scores: Scores, **known: Any) -> Comparisons:
    return Comparisons(make_tables(scores, **known))


def test_the_best_of_some_against_the_best_of_others() -> None:
    found = compared({"a": {"x": 80.0, "y": 70.0}})
    pair = best_against(found, ["x"], ["y"], "a")
    assert pair is not None
    assert (pair.first, pair.second) == ("x", "y")
    assert best_against(found, [], ["y"], "a") is best_against(found, ["x"], [], "a") is None
    assert best_against(found, ["x"], ["x"], "a") is None
    assert of_kind({"x": "byol", "y": "net"}, ["y", "x", "z"], "byol") == ["x"]


def test_elsewhere_what_is_furthest_ahead_counts_then_what_is_level_then_the_best_other() -> None:
    scores = {"b": {"x": 60.0, "far": 70.0, "near": 62.0, "low": 50.0}}
    assert lead_elsewhere(compared(scores), "x", "b").first == "far"
    wide = {("b", "x", "far"): 20.0, ("b", "x", "near"): 20.0}
    level = lead_elsewhere(compared(scores, halves=wide), "x", "b")
    assert (level.first, level.answer) == ("far", Answer.UNDECIDED)
    best = lead_elsewhere(compared({"b": {"x": 60.0, "low": 50.0, "last": 40.0}}), "x", "b")
    assert (best.first, best.second, best.answer) == ("x", "low", Answer.BETTER)
    alone = lead_elsewhere(compared({"b": {"x": 60.0}}), "x", "b")
    assert (alone.first, alone.second) == ("x", "x")
    tables = {"values": make_tables(scores)["values"]}
    plain = lead_elsewhere(Comparisons(tables), "x", "b")
    assert (plain.first, plain.reason) == ("far", Reason.SCORES)


@pytest.mark.parametrize(
    ("one", "other", "equal"), [(80.0, 80.0, True), (80.0, 80.0 + 5e-10, True), (80.0, 80.0 + 2e-9, False)]
)
def test_models_are_equal_where_their_values_are_or_neither_was_measured(one: float, other: float, equal: bool) -> None:
    found = compared({"a": {"x": one, "y": other}, "b": {"x": 1.0}})
    assert is_equal(found, "x", "y", "a") is equal
    assert not is_equal(found, "x", "y", "b")
    assert is_equal(found, "y", "z", "b")


def test_no_interval_leaves_open_that_another_is_better_by_more_than_the_margin() -> None:
    found = compared({"a": {"x": 80.0, "y": 79.0}}, half=2.0)
    assert is_inside(found, "x", "a", 1.0)
    assert not is_inside(found, "x", "a", 0.99)
    assert is_inside(Comparisons({"values": make_tables({"a": {"x": 1.0, "y": 9.0}})["values"]}), "x", "a", 0.0)


def test_two_models_of_a_group_are_needed_for_a_cheaper_one() -> None:
    assert cheapest_model(["a", "b", "c"], {"a": 10.0, "b": 8.9, "c": 30.0}) == "b"
    assert cheapest_model(["a", "b", "c"], {"a": 9.0, "b": 8.9, "c": 30.0}) is None
    assert cheapest_model(["a"], {"a": 1.0}) is None
    assert cheapest_model(["a", "b"], {"a": 1.0, "c": 9.0}) is None


def scores_alone(values: Scores, **change: Any) -> Judgement:
    first, *others = values
    tables = {"values": make_tables(values)["values"]}
    if change:
        tables["unpaired"] = make_tables(values, **change)["pairs"].assign(kind="unpaired")
    return make_judgement(tables, reference=first, targets=others, margin=1.0)


def test_scores_alone_are_a_bet_equal_or_nothing_on_one_set() -> None:
    assert scores_alone({"a": {"x": 80.0, "y": 70.0}}, half=0.5).action == Action.BET
    equal = scores_alone({"a": {"x": 80.0, "y": 79.6, "z": 70.0}}, half=0.6)
    assert (equal.action, equal.models) == (Action.EQUAL, ["x", "y"])
    assert scores_alone({"a": {"x": 80.0, "y": 79.0}}, half=3.0).action == Action.NOTHING
    assert scores_alone({"a": {"x": 80.0, "y": 70.0}}).action == Action.NOTHING
    tie = scores_alone({"a": {"x": 80.0, "y": 80.0}, "b": {"x": 1.0, "y": 1.0}})
    assert (tie.action, tie.models) == (Action.TIE, ["x", "y"])
    assert scores_alone({"a": {"x": 80.0, "y": 80.0}, "b": {"x": 1.0, "y": 2.0}}).action == Action.NOTHING
    assert scores_alone({"a": {"x": 80.0, "y": 70.0}, "b": {"x": 1.0, "y": 2.0}}, half=0.5).action == Action.NOTHING


def test_undecided_models_are_shared_with_those_that_are_equal_and_small_ones_only_without_them() -> None:
    wide = {("a", "x", "open"): 3.0, ("a", "x", "same"): 0.6, ("a", "x", "small"): 0.2}
    scores = {"a": {"x": 80.0, "open": 79.0, "same": 79.6, "small": 79.7, "low": 60.0}}
    shared = judged(scores, wide, methods={})
    assert (shared.action, shared.models) == (Action.SHARED, ["x", "same", "open"])
    equal = judged({"a": {k: v for k, v in scores["a"].items() if k != "open"}}, wide, methods={})
    assert (equal.action, equal.models) == (Action.EQUAL, ["x", "small", "same"])


def test_the_untrained_network_in_front_is_named_and_a_tie_with_it_names_the_other() -> None:
    first = judged({"a": {"random": 80.0, "byol": 70.0}})
    assert (first.action, first.models, first.untrained) == (Action.UNTRAINED, ["random"], first.lead)
    wide = {("a", "random", "byol"): 3.0}
    tie = judged({"a": {"random": 80.0, "byol": 80.0}}, wide)
    assert (tie.action, tie.models) == (Action.UNTRAINED, ["byol"])
    assert judged({"a": {"random": 80.0}}).action == Action.ONE


def test_the_numbers_of_the_judgement() -> None:
    assert (CHEAPER, MIN_PAIRS, HOLD_SHARE, LOST_SHARE, SAFE_CHANCE, AGAINST) == (0.9, 20, 0.9, 0.75, 0.95, 20)


def test_a_safe_bet_and_rules_want_picks_two_models_and_two_sets() -> None:
    lottery = lottery_of(SCORES)
    tables = {"values": SCORES.melt("model", var_name="dataset", value_name="value").assign(lo=None, hi=None)}
    known = Comparisons(tables)
    assert safe_finding(lottery, known, 1.0) is not None
    for less in (
        None,
        replace(lottery, bet=replace(lottery.bet, picks=[])),
        replace(lottery, models=1),
        replace(lottery, targets=[]),
    ):
        assert safe_finding(less, known, 1.0) is None
    assert rules_finding(lottery) is not None
    for less in (None, replace(lottery, models=1), replace(lottery, targets=[])):
        assert rules_finding(less) is None
    assert rules_finding(replace(lottery, unified=replace(lottery.unified, winners={}))) is None
    weighed = safe_finding(replace(lottery, weights={"a": 1.0, "b": 0.0}), known, 1.0)
    assert weighed is not None
    assert weighed.sets == 1
