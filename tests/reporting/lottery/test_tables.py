"""Tables of the lottery's page: which models and sets are shown, and how strong a cell's colour is."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.reporting.lottery import tables
from kogen.results.decide import PRIMARY
from kogen.results.judge import judge_results
from kogen.results.lottery_summary import LotterySummary

SETS = [f"set{i}" for i in range(3)]
NAN = float("nan")


@cache
def judged() -> LotterySummary:
    """A real lottery of twenty models on three sets, m00 the best on each."""
    rows = {name: [90.0 - i - 3 * place for i in range(20)] for place, name in enumerate(SETS)}
    frame = pd.DataFrame(rows).assign(model=[f"m{i:02d}" for i in range(20)])
    found = judge_results(frame, LotteryOptions(reference="set0", draws=50))[0]
    assert found is not None
    return found


def frames(order: list[str], behind: list[str] = []) -> dict[str, Any]:  # noqa: B006
    """A rule's ranks of some models, and values of them and of others on the reference."""
    ranks = pd.DataFrame({"metric": PRIMARY, "model": order, "rank": range(1, len(order) + 1)})
    here = pd.DataFrame({"model": [*order, *behind], "dataset": "set0"}).assign(value=lambda rows: 90 - rows.index)
    return {"unified": ranks, "values": here}


def test_of_many_models_fifteen_are_shown_best_first() -> None:
    names = [f"m{i:02d}" for i in range(20)]
    assert tables.best_models(judged(), frames(names)) == names[:15]
    assert tables.best_models(judged(), frames(names[:3], names[3:6])) == names[:6]  # the unranked behind the ranked
    assert tables.picked_models(judged()) == {row["model"] for row in judged().bet.picks}


def test_a_leader_far_behind_takes_the_place_of_one_of_the_fifteen_but_not_of_the_first_five() -> None:
    names = [f"m{i:02d}" for i in range(20)]
    own = replace(judged(), leaders=judged().leaders | {"set1": "m19"})
    assert tables.best_models(own, frames(names)) == [*names[:14], "m19"]
    many = [f"m{i:02d}" for i in range(40)]
    sets = {f"set{i}": f"m{39 - i}" for i in range(11)}
    far = replace(judged(), leaders=sets, targets=list(sets)[1:], transfer={})
    shown = tables.best_models(replace(far, targets=list(sets)[1:9]), frames(many))
    assert shown[:6] == many[:6]
    assert shown[6:] == [f"m{i}" for i in range(31, 40)]


def test_of_many_sets_those_with_the_largest_loss_are_shown_in_their_order() -> None:
    row = judged().transfer["set1"]
    names = [f"t{i:02d}" for i in range(10)]
    losses = {name: replace(row, leader_loses=None if i == 3 else float(i)) for i, name in enumerate(names)}
    many = replace(judged(), targets=names, transfer=losses)
    assert tables.shown_sets(many) == ["set0", *names[:3], *names[4:]]  # nothing is known to be lost on t03
    nine = replace(many, targets=names[:9])
    assert tables.shown_sets(nine) == ["set0", *names[:9]]


@pytest.mark.parametrize(
    ("value", "scale", "signed", "heat", "cool"),
    [
        *[(1.0, 4.0, False, 0.125, False), (4.0, 4.0, False, 0.5, False), (9.0, 4.0, False, 0.5, False)],
        *[(1.0, 4.0, True, 0.125, True), (-2.0, 4.0, True, 0.25, False), (0.0, 4.0, True, 0.0, False)],
        *[(1.0, 0.0, False, 0.0, False), (0.01, 3.0, False, 0.002, False)],
    ],
)
def test_a_colour_is_full_at_the_scale(value: float, scale: float, signed: bool, heat: float, cool: bool) -> None:
    assert tables.cell(value, scale, signed) == {"value": value, "heat": heat, "cool": cool}


def test_a_missing_cell_has_no_colour_and_marked_models_are_their_own() -> None:
    assert tables.cell(NAN, 4.0, True) == {"value": None, "heat": 0.0, "cool": False}
    found = tables.heat(pd.DataFrame({"a": [1.0, NAN]}, index=["x", "y"]), {"y"}, 2.0)
    assert found["columns"] == ["a"]
    assert [(row["model"], row["own"], row["cells"][0]["value"]) for row in found["rows"]] == [
        ("x", False, 1.0),
        ("y", True, None),
    ]
    assert tables.colour_limit(pd.DataFrame({"a": np.arange(11.0)})) == pytest.approx(9.0)
    assert tables.colour_limit(pd.DataFrame({"a": [NAN]})) == 0.0


def test_points_are_behind_the_best_of_all_models_on_the_sets_that_are_shown() -> None:
    rows = pd.DataFrame(
        [("x", "a", 80.0), ("y", "a", 90.0), ("z", "a", 70.0), ("x", "b", 50.0), ("y", "c", 1.0)],
        columns=["model", "dataset", "value"],
    )
    found = tables.points_behind_best(rows, ["a", "b"], ["z", "x"])
    assert found.index.tolist() == ["z", "x"]
    assert found["a"].tolist() == [20.0, 10.0]
    assert found["b"].tolist() == pytest.approx([NAN, 0.0], nan_ok=True)
    assert list(tables.cells_of(rows, ["x"])) == [("x", "a"), ("x", "b")]


def test_the_table_of_rules_has_the_first_five_models_and_each_rules_winner() -> None:
    summary, names = judged(), [f"m{i:02d}" for i in range(20)]
    ranks = pd.DataFrame(
        [
            {"metric": metric, "model": name, "rank": i + 1}
            for metric in (PRIMARY, "mean")
            for i, name in enumerate(names)
        ]
    )
    winners = {PRIMARY: ["m00"], "mean": ["m19", "m18"]}
    own = replace(summary, unified=replace(summary.unified, winners=winners, agreement={"mean": 0.5}))
    found = tables.rule_table(own, {"unified": ranks}, names[:7])
    assert found is not None
    assert [row["model"] for row in found["rows"]] == [*names[:5], "m19"]
    assert found["metrics"] == [PRIMARY, "mean"]
    assert found["tau"] == [None, 0.5]
    assert found["rows"][-1]["ranks"] == [20.0, 20.0]
    none = replace(summary, unified=replace(summary.unified, winners={}))
    assert tables.rule_table(none, {"unified": ranks}, names) is None


def test_pairs_of_the_reference_come_first_and_each_set_has_its_part() -> None:
    rows = pd.DataFrame([{"dataset": name, "first": i} for name in ("set1", "set0", "gone") for i in range(50)])
    found = tables.pairs(replace(judged(), targets=["set1"]), rows)
    assert [row["dataset"] for row in found] == ["set0"] * 30 + ["set1"] * 30
    assert [row["first"] for row in found[:30]] == list(range(30))
    many = replace(judged(), targets=[f"set{i}" for i in range(1, 20)])
    each = pd.DataFrame([{"dataset": f"set{i}", "first": k} for i in range(20) for k in range(9)])
    assert [row["dataset"] for row in tables.pairs(many, each)] == [f"set{i}" for i in range(10) for _ in range(6)]


def test_agreement_is_of_the_other_sets_where_it_is_known() -> None:
    rows = [{"subset": "all", "tau": 0.5}, {"subset": "top50", "tau": None}]
    own = replace(judged(), targets=["set1", "set2"], agreement={"set0": rows, "set1": rows})
    assert tables.agreement(own) == [{"dataset": "set1", "all": rows[0]}, {"dataset": "set2"}]


def test_how_alike_the_sets_are_is_shown_of_two_other_sets_or_more() -> None:
    matrix = {one: {two: 1.0 if one == two else 0.25 for two in SETS} for one in SETS}
    alike = replace(judged().similarity, groups=[["set1", "set2"]], correlations=matrix)
    found = tables.correlations(replace(judged(), similarity=alike))
    assert found is not None
    assert found["columns"] == ["set1", "set2"]
    assert [[cell["value"] for cell in row["cells"]] for row in found["rows"]] == [[1.0, 0.25], [0.25, 1.0]]
    assert found["rows"][0]["cells"][1]["heat"] == 0.125
    for less in (
        replace(judged(), similarity=replace(alike, groups=None)),
        replace(judged(), similarity=replace(alike, correlations={})),
        replace(judged(), similarity=alike, targets=["set1"]),
    ):
        assert tables.correlations(less) is None


def test_models_of_equal_rank_or_value_stand_by_name_and_a_lead_of_its_own_is_shown() -> None:
    names = [f"m{i:02d}" for i in range(20)]
    tied = frames(names)
    tied["unified"]["rank"] = 1.0
    assert tables.best_models(judged(), tied)[:3] == ["m00", "m01", "m02"]
    unranked = frames(["m05"], ["m03", "m02"])
    unranked["values"]["value"] = [90.0, 80.0, 80.0]
    assert tables.best_models(judged(), unranked) == ["m05", "m02", "m03"]
    null = frames(names[:3])
    null["unified"].loc[0, "rank"] = None
    assert tables.best_models(judged(), null) == ["m01", "m02", "m00"]
    led = replace(judged(), lead=replace(judged().lead, model="m19"))
    assert tables.best_models(led, frames(names)) == [*names[:14], "m19"]


def test_points_above_a_line_have_their_models_in_order_and_a_full_colour_at_one_point_at_least() -> None:
    rows = pd.DataFrame(
        [("x", "set1", 2.0), ("y", "set1", -4.0), ("x", "set2", 0.5), ("y", "set2", None), ("z", "set1", 9.0)],
        columns=["model", "target", "effective"],
    )
    found = tables.residuals(judged(), {"robustness": rows}, ["y", "x", "w"])
    assert found is not None
    assert found["columns"] == ["set1", "set2"]
    assert [(row["model"], [one["value"] for one in row["cells"]]) for row in found["rows"]] == [
        ("y", [-4.0, None]),
        ("x", [2.0, 0.5]),
    ]
    limit = float(np.nanquantile([2.0, 4.0, 0.5], 0.9))
    assert found["rows"][1]["cells"][0] == {"value": 2.0, "heat": round(0.5 * 2 / limit, 3), "cool": True}
    small = tables.residuals(judged(), {"robustness": rows.assign(effective=0.4)}, ["x"])
    assert small is not None
    assert small["rows"][0]["cells"][0]["heat"] == 0.2  # of a point
    assert tables.residuals(judged(), {"robustness": rows}, ["w"]) is None
    assert tables.residuals(judged(), {"robustness": rows.assign(effective=None)}, ["x"]) is None


def test_regrets_are_cold_at_the_value_that_a_tenth_of_the_cells_exceed() -> None:
    rows = pd.DataFrame([("m00", "set0", 90.0), ("m01", "set0", 80.0)], columns=["model", "dataset", "value"])
    found = tables.regret(replace(judged(), targets=[]), {"values": rows}, ["m00", "m01"])
    assert [row["own"] for row in found["rows"]] == [True, False]
    assert [row["cells"][0]["value"] for row in found["rows"]] == [0.0, 10.0]
    assert [row["cells"][0]["cool"] for row in found["rows"]] == [False, False]
