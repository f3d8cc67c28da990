"""Parts of a landscape page, read from small tables whose planes are bowls."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from landscapes import bowl, plane_rows, run_facts

from kogen.reporting.landscape.parts import METRICS, Part, curvature_maps, objective_rows, read_part, unique_runs
from kogen.results.landscape_facts import LandscapeFacts, PlaneFacts, RunStanding, Standing


def standing(run: str, why: Standing = Standing.SOUND, loss: str = "own", model: str = "") -> RunStanding:
    return RunStanding(run, model or run, "pretrain", loss, why)


def surface(*runs: str, planes: int = 2) -> pd.DataFrame:
    rows = [plane_rows(run, lambda a, b, k=k: (1 + k / 9) * bowl(a, b), plane=k) for run in runs for k in range(planes)]
    return pd.concat(rows, ignore_index=True)


def part_of(tmp_path: Path, stands: list[RunStanding], rows: pd.DataFrame, **known: Any) -> Part:
    facts = LandscapeFacts([run_facts(one.run) for one in stands], [], [], stands)
    return read_part(tmp_path, rows, "pretrain", replace(facts, **known))


def test_a_part_has_its_own_runs_of_finite_loss(tmp_path: Path) -> None:
    stands = [standing("ant"), standing("bee"), standing("cat", Standing.NOT_FINITE)]
    rows = surface("ant", "bee", "cat")
    other = plane_rows("dog", bowl, objective="probe")
    turn = rows[rows["run"] == "ant"].assign(direction="sharpest", plane=0)
    made = part_of(tmp_path, stands, pd.concat([rows, other, turn]))
    assert (made.objective, list(made.landscapes), made.planes, made.models) == (
        "pretrain",
        ["ant", "bee"],
        2,
        ["ant", "bee", "cat"],
    )
    assert (made.is_drawn, made.others, made.maps, made.side, made.seeds) == (True, {}, {}, 0, 0)
    assert (made.pairs, made.flatness, made.cells) == ([], [], {})
    assert [run.run for run in made.runs] == ["ant", "bee", "cat"]
    assert made.rank == (False, made.judged.planes < 0 or len(made.judged.ranked) < 2, "pretrain")
    empty = part_of(tmp_path, [standing("ant")], other)
    assert (empty.is_drawn, empty.planes, empty.rank) == (False, 0, (True, True, "pretrain"))
    lost = part_of(tmp_path, [standing("cat", Standing.NOT_FINITE)], surface("cat"))
    assert (lost.is_drawn, lost.landscapes) == (True, {})


def test_numbers_pairs_and_scores_are_those_of_the_objective(tmp_path: Path) -> None:
    rows = [("ant", "pretrain", "width", 0.5), ("bee", "pretrain", "width", None), ("ant", "probe", "width", 0.1)]
    geometry = pd.DataFrame(rows, columns=["model", "objective", "metric", "value"]).astype({"value": float})
    geometry.assign(lo=0.4, hi=0.6, planes=2, images=64).to_parquet(tmp_path / "geometry.parquet")
    about = {"objective": "pretrain", "first": "bee", "second": "cat", "difference": 0.1, "metric": "width"}
    pairs = [about, about | {"metric": "range"}, about | {"first": "ant"}, about | {"metric": "convex"}]
    pairs += [about | {"objective": "probe"}, about | {"difference": None}, about | {"metric": "none of these"}]
    gains = [
        {"objective": "pretrain", "metric": "width", "score": "s", "n": 6, "tau": 0.5, "verdict": word}
        for word in ("together", "too few")
    ]
    gains += [{"objective": "probe", "metric": "width", "verdict": "together"}]
    stands = [standing("ant"), standing("bee")]
    made = part_of(tmp_path, stands, surface("ant", "bee"), pairs=pairs, flatness=gains)
    assert list(made.cells) == [("ant", "width")]
    assert [(row["metric"], row["first"]) for row in made.pairs] == [
        ("width", "ant"),
        ("width", "bee"),
        ("convex", "bee"),
        ("range", "bee"),
    ]
    assert made.flatness == gains[:1]
    assert made.metrics(METRICS) == ["width"]
    assert made.metrics(("range",)) == []


def test_models_of_one_loss_share_a_scale_and_one_alone_has_none(tmp_path: Path) -> None:
    stands = [
        standing("ant", loss="b"),
        standing("bee", loss="b"),
        standing("cat", loss="a"),
        standing("ant-1", loss="b"),
    ]
    stands[3] = replace(stands[3], model="ant")
    made = part_of(tmp_path, stands, surface("ant", "bee", "cat"))
    assert made.by_loss == {"a": ["cat"], "b": ["ant", "bee"]}
    assert list(made.scales) == ["ant", "bee"]
    assert made.scales["ant"] == made.scales["bee"] == pytest.approx((0.0, 2.0))


def test_only_planes_that_every_run_has_are_counted_among_those_that_are_compared(tmp_path: Path) -> None:
    rows = pd.concat([surface("ant", planes=3), surface("bee", planes=2), surface("lost", planes=1)])
    stands = [standing("ant"), standing("bee"), standing("lost", Standing.COLLAPSED)]
    made = part_of(tmp_path, stands, rows)
    assert made.judged.planes == 2
    assert made.planes == 1
    none = part_of(tmp_path, [standing("lost", Standing.COLLAPSED)], surface("lost", planes=3))
    assert none.judged.planes == 3


def test_chosen_planes_stand_by_their_kind(tmp_path: Path) -> None:
    sharp = PlaneFacts("sharpest", eigenvalues=[2.0, 1.0], residuals=[0.1, 0.1], converged=True, products=9)
    facts = LandscapeFacts([run_facts("ant", direction="sharpest", planes=[sharp])], [], [], [standing("ant")])
    rows = surface("ant", planes=1).assign(direction="sharpest")
    made = read_part(tmp_path, rows, "pretrain", facts)
    assert (list(made.others), made.landscapes, made.is_drawn) == (["sharpest"], {}, True)


def test_a_table_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert objective_rows(tmp_path, "geometry", "pretrain").empty
    pd.DataFrame({"objective": ["a", "b"], "n": [1, 2]}).to_parquet(tmp_path / "x.parquet")
    assert objective_rows(tmp_path, "x", "b")["n"].tolist() == [2]
    assert objective_rows(tmp_path, "x", "c").empty


def test_maps_are_of_random_planes_by_run(tmp_path: Path) -> None:
    rows = [(m, r, d) for m, r, d in (("ant", "r1", "random"), ("ant", "r0", "random"), ("bee", "r2", "random"))]
    rows += [("ant", "r0", "sharpest"), ("cat", "r3", "sharpest")]
    table = pd.DataFrame(rows, columns=["model", "run", "direction"])
    made = part_of(tmp_path, [standing("ant"), standing("cat")], surface("ant", "cat"))
    found = curvature_maps(table, made.landscapes)
    assert {model: [one["run"].tolist() for one in maps] for model, maps in found.items()} == {"ant": [["r0"], ["r1"]]}
    assert curvature_maps(table.head(0), made.landscapes) == {}
    mapped = replace(made, maps={"ant": [pd.DataFrame({"alpha": [0.0, 0.0, 1.0]})] * 2, "cat": []})
    assert (mapped.side, mapped.seeds) == (2, 2)


def test_a_run_is_listed_once_as_it_was_measured_on_random_planes() -> None:
    runs = [
        run_facts("a", direction="sharpest"),
        run_facts("b", direction="between"),
        run_facts("a", direction="random"),
    ]
    runs.append(run_facts("b", direction="sharpest"))
    assert [(one.run, one.direction) for one in unique_runs(runs)] == [("a", "random"), ("b", "between")]
