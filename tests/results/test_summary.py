"""The summary of a lottery: each part from a hand-made table, with its ties, gaps and what is not known."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest

from kogen.results import summary
from kogen.results.lottery_summary import Lead, Missing, Row
from kogen.results.summary import (
    best_models,
    compare_rules,
    describe_results,
    describe_similarity,
    find_pair,
    gap_at_share,
    group_names,
    images_to_decide,
    lead_test,
    reference_lead,
    row_at_gap,
    transfer_summaries,
    transfer_summary,
)
from kogen.statistics.unified import METRICS, unified

SCORES = pd.DataFrame(
    [("a", "val", 80.0), ("b", "val", 80.0 + 1e-12), ("c", "val", 70.0), ("c", "night", 60.0), ("a", "night", 55.5)],
    columns=["model", "dataset", "score"],
)


def test_the_lead_is_between_the_two_best_and_rounding_makes_none() -> None:
    assert reference_lead(SCORES, "val") == Lead("a", "b", 0.0)
    assert reference_lead(SCORES, "night") == Lead("c", "a", 4.5)
    assert reference_lead(SCORES[SCORES["model"] == "c"], "val") == Lead("c", None, None)
    assert best_models(SCORES) == {"night": "c", "val": "a"}


def pairs(first: str, second: str, **more: Any) -> pd.DataFrame:
    return pd.DataFrame([{"dataset": "night", "first": "x", "second": "y"}, more | named(first, second)])


def named(first: str, second: str) -> Row:
    return {"dataset": "val", "first": first, "second": second}


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("b", "a")])
def test_a_pair_is_found_whichever_stands_first(one: str, other: str) -> None:
    assert find_pair(pairs("a", "b"), one, other, "val") == named("a", "b")
    assert find_pair(pairs("a", "b"), one, other, "night") is None
    assert find_pair(pairs("a", "c"), one, other, "val") is None


def test_the_test_of_the_leaders_is_paired_where_it_can_be() -> None:
    lead, empty = Lead("a", "b", 1.0), pairs("c", "d")
    tables = {"pairs": pairs("b", "a"), "needed": pairs("a", "b", more=5), "unpaired": pairs("a", "b", kind="unpaired")}
    found = lead_test(tables, lead, "val")
    assert found is not None
    assert (found["kind"], found["first"], found["needed"]["more"]) == ("paired", "b", 5)
    alone = lead_test(tables | {"pairs": empty}, lead, "val")
    assert alone == named("a", "b") | {"kind": "unpaired", "needed": None}
    assert lead_test(tables | {"pairs": empty, "unpaired": empty}, lead, "val") is None
    assert lead_test({"pairs": empty}, lead, "val") is None


def test_images_decide_between_two_models_and_not_over_errors_without_a_bound() -> None:
    tables = {"pairs": pairs("c", "d"), "needed": pairs("c", "d")}
    assert images_to_decide(tables, SCORES, ["a"], "val") is None
    assert images_to_decide(tables, SCORES.assign(score=-SCORES["score"], n=1000.0), ["a", "c"], "val") is None
    assert images_to_decide(tables, None, ["a", "c"], "val") is None
    found = images_to_decide(tables, SCORES.assign(n=1000.0), ["c", "a"], "night")
    assert found is not None
    assert (found.first, found.second, found.images_is_upper_bound) == ("c", "a", True)


def bins(*shares: float | None) -> list[Row]:
    return [
        {"band": "bin", "gap_lo": float(i), "gap": i + 1.0, "pairs": 0 if share is None else 5, "transfer": share}
        for i, share in enumerate(shares)
    ]


@pytest.mark.parametrize(
    ("shares", "lower"),
    [
        ((0.5, 0.9, 1.0), 1.0),
        ((0.95, 0.9, 0.9), 0.0),
        ((0.95, 0.89, 0.95), 2.0),
        ((0.95, 0.95, 0.5), None),
        ((0.5, None, 0.95, None), 2.0),  # bins without pairs say nothing
        ((None, None), None),
    ],
)
def test_nine_of_ten_leads_hold_from_a_gap_on(shares: tuple[float | None, ...], lower: float | None) -> None:
    assert gap_at_share(bins(*shares)) == lower


def within(*gaps: float) -> list[Row]:
    return [{"band": "within", "gap": gap, "pairs": 1} for gap in gaps]


def test_the_rows_of_the_margin_of_the_lead_and_of_all_pairs_are_found() -> None:
    found = transfer_summary([*within(0.5, 1.5, 100.0), *bins(0.95)], 0.0, Lead("a", "b", 1.5), 0.5)
    assert [row and row["gap"] for row in (found.at_margin, found.at_lead, found.all)] == [0.5, 1.5, 100.0]
    assert (found.leader_holds, found.leader_loses, found.gap_for_90) == (True, 0.0, 0.0)
    tie = transfer_summary(within(0.5), 1e-8, Lead("a", "b", 0.0), 1.0)
    assert (tie.at_margin, tie.at_lead, tie.leader_holds, tie.gap_for_90) == (None, None, False, None)
    absent = transfer_summary(within(0.5), None, Lead("a", None, None), 0.5)
    assert (absent.leader_holds, absent.leader_loses) == (None, None)
    assert transfer_summary([], 1e-9, Lead("a", None, None), 0.5).leader_holds is True
    assert row_at_gap(within(0.3), 0.1 + 0.2) == within(0.3)[0]


def test_what_the_leader_loses_is_points_behind_the_best_of_each_set() -> None:
    table = pd.DataFrame([{"target": "night", **row} for row in within(100.0)])
    found = transfer_summaries(table, SCORES, Lead("a", "b", 0.0), 0.5, ["night", "day"])
    assert (found["night"].leader_loses, found["day"].leader_loses) == (4.5, None)
    assert found["night"].all == {"target": "night", "band": "within", "gap": 100.0, "pairs": 1}
    assert found["day"].all is None


def test_winners_by_each_rule_and_how_far_the_rules_agree() -> None:
    ranks = {"mean": [1.0, 2.0, 3.0, None], "worst": [1.0, 3.0, 2.0, 1.0], "votes": [2.0, 1.0, 1.0, 1.0]}
    table = pd.DataFrame(
        [(model, rule, rank) for rule, row in ranks.items() for model, rank in zip("abcd", row, strict=True)],
        columns=["model", "metric", "rank"],
    )
    found = compare_rules(table, None, None, 10, 0)
    assert found.winners == {"mean": ["a"], "worst": ["a"], "votes": ["b", "c"]}  # d lacks a set
    assert found.agreement["worst"] == pytest.approx(1 / 3)
    assert "mean" not in found.agreement
    assert (found.winner_changes, found.combined) == (True, None)
    assert compare_rules(table[table["metric"] != "votes"], None, None, 10, 0).winner_changes is False
    one = compare_rules(table[table["model"] == "a"], None, None, 10, 0)
    assert one.agreement == {"worst": None, "votes": None}
    assert compare_rules(table.assign(rank=float("nan")), None, None, 10, 0).winner_changes is None


def test_sets_that_are_alike_are_named_together() -> None:
    alike = pd.DataFrame({"dataset": ["val", "a", "b"], "group": [1, 2, 2], "n_eff": 1.5})
    alike = alike.assign(val=[1.0, 0.0, 0.0], a=[0.0, 1.0, 0.8], b=[0.0, 0.8, 1.0])
    assert group_names(alike) == [["val"], ["a", "b"]]
    assert group_names(alike.assign(group=[1, 2, None])) is None
    found = describe_similarity(alike, [["a", "b"]])
    assert found.correlations["a"]["b"] == 0.8
    wide = pd.DataFrame({"dataset": [f"s{i}" for i in range(201)], "n_eff": 3.0})
    assert describe_similarity(wide, None).correlations == {}


def test_rules_that_have_a_value_are_compared_though_one_has_none() -> None:
    """A column of losses leaves the mean logit without a value, and the other rules as they are."""
    rows = {"m0": (80.0, 60.0, -0.8), "m1": (81.0, 61.0, -0.7), "m2": (79.0, 62.0, -0.9)}
    scores = [
        {"model": model, "dataset": name, "score": value}
        for model, values in rows.items()
        for name, value in zip(("a", "b", "loss"), values, strict=True)
    ]
    table = unified(pd.DataFrame(scores))
    assert table.loc[table["metric"] == "mean_logit", ["value", "rank"]].isna().all(axis=None)
    rules = compare_rules(table, None, None, 100, 0)
    assert set(rules.winners) == set(METRICS) - {"mean_logit"}
    assert rules.winners["mean_accuracy"] == ["m1"]
    assert compare_rules(table.assign(rank=float("nan")), None, None, 100, 0).winners == {}


@dataclass
class Read:
    """What is described of a table that was read."""

    kind: str = "scores"
    datasets: tuple[str, ...] = ("val", "night")
    families: dict[str, str] | None = None
    reference: str = "val"
    ignored: tuple[str, ...] = ("path",)
    excluded: dict[str, str] = field(default_factory=lambda: {"year": "excluded_cost"})
    axes: dict[str, Any] = field(default_factory=dict)
    unbounded: tuple[str, ...] = ()
    notes: tuple[Any, ...] = ()


def test_what_is_missing_and_refused_is_described() -> None:
    scores = SCORES.assign(n=[100.0, None, 100.0, 100.0, 100.0])
    found = describe_results(Read(), scores)  # type: ignore[arg-type]
    assert found["missing"] == Missing(1, 1, ["b"])  # of six cells one is empty
    assert (found["models"], found["families"], found["sets"]) == (3, None, ["val", "night"])
    assert (found["ignored"], found["excluded"]) == (["path"], {"year": "excluded_cost"})
    assert list(found["refused"]) == ["pairs", "ranks", "combined", "noise_floor"]
    assert list(describe_results(Read(), scores.assign(n=1.0))["refused"]) == ["pairs", "ranks", "combined"]  # type: ignore[arg-type]
    items = describe_results(Read(kind="items", families={"a": "x", "b": "x", "c": "y"}), scores)  # type: ignore[arg-type]
    assert (items["refused"], items["families"]) == ({}, 2)
    many = pd.DataFrame({"model": [f"m{i}" for i in range(7)], "dataset": "val", "n": 1.0})
    assert describe_results(Read(), many)["missing"] == Missing(7, 7, [f"m{i}" for i in range(5)])  # type: ignore[arg-type]


def test_a_decision_of_images_takes_what_is_needed_by_the_same_pair() -> None:
    row = {"difference": 2.0, "n": 400, "minimum_detectable": 3.0, "verdict": "undecided", "family_lo": -1.0}
    row |= {"family_hi": 5.0, "lo": 0.1, "hi": 3.9, "lo90": 0.2, "hi90": 3.8}
    tables = {"pairs": pairs("a", "b", **row), "needed": pairs("b", "a", images=900, more=500, decides="better")}
    found = images_to_decide(tables, None, ["a", "b"], "val")
    assert found is not None
    assert (found.first, found.second, found.images) == ("a", "b", 900)
    assert row_at_gap(within(5e-9), 5e-9 + 9e-9) is not None  # gaps this near are the same
    assert row_at_gap(within(1.0), 1.0 + 2e-5) is None


def test_tests_that_are_refused_say_why() -> None:
    found, refused = summary.tests_over_sets(SCORES)
    assert found == {"friedman": None, "wilcoxon": None}
    assert set(refused) == {"friedman", "wilcoxon"}


def test_the_correlations_of_two_hundred_sets_are_kept() -> None:
    names = [f"s{i}" for i in range(200)]
    eye = pd.DataFrame(0.0, index=range(200), columns=names).assign(dataset=names, n_eff=3.0)
    assert len(describe_similarity(eye, None).correlations) == 200


def test_a_lead_is_known_to_nine_digits() -> None:
    scores = pd.DataFrame({"model": ["a", "b"], "dataset": "val", "score": [80.0 + 4e-9, 80.0]})
    assert reference_lead(scores, "val").gap == pytest.approx(4e-9, rel=1e-3)
    assert reference_lead(scores.assign(score=[80.0 + 4e-10, 80.0]), "val").gap == 0
