"""Summary of a landscape: who is compared with whom, in which unit, and what an older file is worth."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from landscapes import bowl, plane_rows, run_facts

from kogen.common.alarms import Alarm, AlarmKind
from kogen.common.contracts import to_plain
from kogen.common.files import write_json
from kogen.common.tables import write_table
from kogen.results.landscape_facts import LandscapeFacts, RunFacts, RunStanding, Standing
from kogen.results.landscape_summary import (
    EMPTY_READINGS,
    correlate,
    has_random_planes,
    is_comparable,
    keep_models,
    mark_geometry,
    measure_numbers,
    measure_pairs,
    read_landscape,
    summarise_landscape,
)

NO_SCORES = pd.DataFrame(columns=["model", "score", "value"])


def well(width: float) -> Any:
    """A well of this width, whose range is about 1."""
    return lambda a, b: (a * a + b * b) / (a * a + b * b + width**2)


def summarise(
    runs: list[RunFacts], readings: pd.DataFrame = EMPTY_READINGS, scores: pd.DataFrame = NO_SCORES
) -> tuple[pd.DataFrame, LandscapeFacts]:
    """The summary of these runs: two planes each, the first run's wells are the widest."""
    rows = [
        plane_rows(run.run, well(0.8 * 0.75**place * (1 + 0.01 * plane)), run.model, plane, run.objective)
        for place, run in enumerate(runs)
        for plane in range(3)
    ]
    return summarise_landscape(pd.concat(rows, ignore_index=True), pd.DataFrame(), readings, runs, scores)


def compared(facts: LandscapeFacts, metric: str) -> list[tuple[str, str]]:
    return [(row["first"], row["second"]) for row in facts.pairs if row["metric"] == metric]


def test_units_of_a_loss_are_compared_within_it_alone():
    readings = pd.DataFrame(
        [
            {"run": m, "model": m, "metric": name, "values": [1.0, 2.0, 3.0]}
            for m in "abc"
            for name in ("sam", "lambda_ratio")
        ]
    ).assign(objective="pretrain", error=0.0, images=64)
    _, facts = summarise([run_facts("a", loss="x"), run_facts("b", loss="y"), run_facts("c", loss="x")], readings)
    assert len(compared(facts, "width")) == len(compared(facts, "lambda_ratio")) == len(compared(facts, "error")) == 3
    assert {frozenset(both) for both in compared(facts, "range")} == {frozenset("ac")}
    assert {frozenset(both) for both in compared(facts, "sam")} == {frozenset("ac")}


def test_a_collapsed_model_is_in_no_pair_and_has_no_basin():
    dead = run_facts("a", alarms=(Alarm(AlarmKind.RANK, 1, ""),))
    geometry, facts = summarise([dead, run_facts("b"), run_facts("c")])
    assert compared(facts, "width") == [("b", "c")]
    assert compared(facts, "range") != []
    assert not any("a" in (row["first"], row["second"]) for row in facts.pairs)
    cells = geometry.set_index(["model", "metric"])
    assert cells.loc["a", "standing"].unique().tolist() == ["collapsed"]
    assert cells.loc["b", "standing"].unique().tolist() == ["sound"]
    for metric in ("width", "basin", "convex"):
        assert cells.loc[("a", metric), ["value", "lo", "hi"]].isna().all()
        assert 0 < cells.loc[("b", metric), "value"] < 1
    assert cells.loc[("a", "range"), "value"] > 0.5  # it is drawn, with its scale


def test_one_run_that_collapsed_takes_its_model_out():
    runs = [run_facts("a0", "a"), run_facts("a1", "a", alarms=(Alarm(AlarmKind.STUCK, 1, ""),)), run_facts("b")]
    _, facts = summarise([*runs, run_facts("c")])
    assert compared(facts, "width") == [("b", "c")]


def test_a_run_that_is_not_finite_is_named_and_compared_with_nobody():
    rows = [plane_rows("a", lambda a, b: np.full(a.shape, np.nan), plane=k) for k in range(2)]
    rows += [plane_rows(name, bowl, plane=k) for name in "bc" for k in range(2)]
    runs = [run_facts(name) for name in "abc"]
    lost = [{"run": "a", "model": "a", "metric": "sam", "values": [float("nan")] * 3}]
    there = [{"run": m, "model": m, "metric": "sam", "values": [1.0, 1.1, 0.9]} for m in "bc"]
    for readings in (EMPTY_READINGS, pd.DataFrame(lost + there).assign(objective="pretrain", error=0.0, images=64)):
        geometry, facts = summarise_landscape(pd.concat(rows), pd.DataFrame(), readings, runs, NO_SCORES)
        assert facts.standings is not None
        assert [one.standing for one in facts.standings] == [Standing.NOT_FINITE, Standing.SOUND, Standing.SOUND]
        assert geometry.loc[geometry["model"] == "a", "value"].isna().all()
        assert compared(facts, "width") == [("b", "c")]
        assert len(compared(facts, "sam")) == (1 if len(readings) else 0)


def test_scores_are_correlated_over_ranked_models_and_raw_numbers_within_one_loss():
    names = [f"m{k}" for k in range(6)]
    scores = pd.DataFrame({"model": names, "score": "accuracy", "value": range(6)})
    _, own = summarise([run_facts(name, loss=name) for name in names], scores=scores)
    assert {row["metric"] for row in own.flatness} == {"width", "basin", "convex", "error"}
    assert {row["n"] for row in own.flatness if row["metric"] == "width"} == {6}
    _, one = summarise([run_facts(name) for name in names], scores=scores)
    assert {row["metric"] for row in one.flatness} == {"width", "basin", "convex", "error", "range"}
    dead = [run_facts(name, trained=name != "m0") for name in names]
    _, less = summarise(dead, scores=scores)
    assert {row["n"] for row in less.flatness if row["metric"] == "width"} == {5}


def test_an_older_file_is_read_and_ranks_nobody(tmp_path: Path):
    runs = [run_facts(name, training=None, loss=None) for name in "ab"]
    surface = pd.concat([plane_rows(name, bowl) for name in "ab"], ignore_index=True)
    write_table(tmp_path / "surface.parquet", surface, "surface")
    pair = {"objective": "pretrain", "metric": "width", "first": "a", "second": "b", "difference": 0.2}
    flat = {"objective": "pretrain", "metric": "width", "score": "x", "n": 9, "verdict": "together"}
    old = to_plain(LandscapeFacts(runs, [pair | {"lo": 0.1, "hi": 0.3, "verdict": "larger"}], [flat]))
    del old["standings"]
    for run in old["runs"]:
        del run["training"], run["loss"]
    write_json(tmp_path / "landscape.json", old)
    facts = read_landscape(tmp_path)
    assert [one.standing for one in facts.standings or []] == [Standing.UNKNOWN, Standing.UNKNOWN]
    assert (facts.pairs, facts.flatness) == ([], [])
    (tmp_path / "landscape.json").write_text("{}")
    with pytest.raises(ValueError, match="does not hold what is wanted, at 'runs'"):
        read_landscape(tmp_path)


# each step by itself


RANKED: dict[tuple[str, str], str | None] = {("o", "a"): "one", ("o", "b"): "one", ("o", "c"): "two", ("o", "d"): None}


@pytest.mark.parametrize(
    ("first", "second", "metric", "wanted"),
    [
        *[("a", "b", "range", True), ("a", "c", "range", False), ("d", "d", "range", False), ("a", "c", "width", True)],
        *[("a", "lost", "width", False), ("lost", "a", "width", False), ("a", "d", "range", False)],
    ],
)
def test_models_are_compared_in_one_unit(first: str, second: str, metric: str, wanted: bool) -> None:
    row = {"objective": "o", "first": first, "second": second, "metric": metric}
    assert is_comparable(row, RANKED) is wanted


def test_shares_of_planes_without_a_basin_are_hidden_and_each_model_has_its_standing() -> None:
    rows = [(m, metric, 0.5) for m in ("a", "lost", "new") for metric in ("width", "range")]
    table = pd.DataFrame(rows, columns=["model", "metric", "value"]).assign(objective="o", lo=0.4, hi=0.6)
    stands = [
        RunStanding("a", "a", "o", "one", Standing.SOUND),
        RunStanding("l", "lost", "o", "one", Standing.COLLAPSED),
    ]
    stands += [RunStanding("n", "new", "other", "one", Standing.COLLAPSED)]
    found = mark_geometry(table, stands)
    assert found["standing"].tolist()[:4] == ["sound"] * 2 + ["collapsed"] * 2
    assert found["standing"].isna().tolist() == [False] * 4 + [True] * 2
    assert found["value"].isna().tolist() == [False, False, True, False, False, False]
    assert found["lo"].isna().tolist() == found["hi"].isna().tolist() == found["value"].isna().tolist()
    assert mark_geometry(table.head(0), stands).empty


def test_only_models_that_may_be_ranked_are_correlated_and_in_one_unit() -> None:
    models = [f"m{i}" for i in range(6)]
    rows = [(m, metric, float(i)) for i, m in enumerate(models) for metric in ("width", "range")]
    table = pd.DataFrame(rows, columns=["model", "metric", "value"]).assign(objective="o", lo=0.0, hi=1.0)
    scores = pd.DataFrame({"model": models, "score": "s", "value": [1.0, 2, 3, 4, 5, 6]})
    same = correlate(table, {("o", m): "one" for m in models}, scores)
    assert set(same["metric"]) == {"width", "range"}
    mixed = correlate(table, {("o", m): "one" if m != "m0" else "two" for m in models}, scores)
    assert set(mixed["metric"]) == {"width"}
    unknown: dict[tuple[str, str], str | None] = {("o", m): None for m in models}
    assert set(correlate(table, unknown, scores)["metric"]) == {"width"}
    five = correlate(table, {("o", m): "one" for m in models[:5]}, scores)
    assert set(five["n"]) == {5}
    assert correlate(table, {}, scores).empty
    assert correlate(table, {("o", m): "one" for m in models}, scores.head(0)).empty
    assert keep_models(table, {("o", "m1"): None})["model"].tolist() == ["m1", "m1"]
    assert keep_models(table.head(0), {}).empty


def test_planes_are_random_where_one_is_and_empty_tables_are_not_measured() -> None:
    surface = plane_rows("a", bowl)
    assert has_random_planes(surface)
    assert not has_random_planes(surface.assign(direction="between"))
    assert not has_random_planes(surface.head(0))
    assert measure_numbers(surface.head(0), pd.DataFrame(), pd.DataFrame()).empty
    assert measure_pairs(surface.head(0), pd.DataFrame(), pd.DataFrame()) == []
    assert set(measure_numbers(surface, pd.DataFrame(), pd.DataFrame())["model"]) == {"a"}
