"""Facts of a study from hand-made runs and tables: costs, alarms, twins, and what other protocols choose."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tables import make_tables

from kogen.common.alarms import Alarm, AlarmKind
from kogen.common.files import write_json
from kogen.reporting.study.evidence import ModelAlarm, TwinCount
from kogen.reporting.study.facts import (
    compare_protocols,
    gather,
    leaders_on,
    model_alarms,
    model_costs,
    model_methods,
    model_starts,
    twin_counts,
)
from kogen.reporting.study.runs import RunRecord, RunSummary
from kogen.results.decide import make_judgement


def run(
    model: str, seed: int = 0, method: str = "", alarms: tuple[Alarm, ...] = (), init: str | None = None, **summary: Any
) -> RunRecord:
    known = RunSummary(**{"status": "done", "alarms": alarms} | summary)
    return RunRecord(f"{model}-{seed}", model, method or model, seed, Path(), {"init": init}, known)


def test_costs_are_means_over_runs_and_energy_is_their_sum() -> None:
    runs = [
        run("byol", 0, minutes=10.0, images_seen=100, images_per_second=50.0, kwh=0.5),
        run("net", 0, "supervised", minutes=4.0, images_seen=100, images_per_second=200.0),
        run("byol", 1, minutes=20.0, images_seen=300, images_per_second=150.0, kwh=0.25),
    ]
    byol, net = model_costs(runs)
    assert (byol.model, byol.runs, byol.minutes, byol.images_seen, byol.images_per_second) == ("byol", 2, 15, 200, 100)
    assert (byol.kwh, byol.times_supervised) == (0.75, 2.0)  # 200 images a second to 100
    assert (net.model, net.runs, net.times_supervised) == ("net", 1, 1.0)
    assert pd.isna(net.kwh)
    assert model_costs(runs[:1])[0].times_supervised is None
    assert model_costs([]) == []


def test_alarms_are_counted_by_model_and_kind_with_the_first_epoch() -> None:
    rank, stuck = AlarmKind.RANK, AlarmKind.STUCK
    runs = [
        run("a", 0, alarms=(Alarm(rank, 7, ""), Alarm(stuck, None, ""))),
        run("a", 1, alarms=(Alarm(rank, 3, ""), Alarm(rank, 5, ""))),
        run("b", 0),
        run("a", 2),
    ]
    assert model_alarms(runs) == [
        ModelAlarm("a", rank, 2, 3, 3, ("a-0", "a-1")),
        ModelAlarm("a", stuck, 1, 3, None, ("a-0",)),
    ]


def test_methods_and_starts_of_models() -> None:
    table = pd.DataFrame({"model": ["b", "a", "b"], "method": ["y", "x", "z"]})
    assert model_methods(table, []) == {"a": "x", "b": "y"}
    given = pd.DataFrame({"model": ["supervised", "byol", "dino"], "method": ["supervised", "byol", "dino"]})
    assert model_methods(given, [run("supervised", method="stock"), run("byol"), run("dino", method="stock")]) == {
        "supervised": "stock",
        "byol": "byol",
        "dino": "stock",
    }
    starts = model_starts([run("a", init="hub:w"), run("s", method="stock"), run("a", 1, init="other")])
    assert [(one.model, one.method, one.digest, one.original) for one in starts] == [
        ("a", "a", "other", False),
        ("s", "stock", "", True),
    ]


def test_twins_are_a_share_of_their_set(tmp_path: Path) -> None:
    assert twin_counts(tmp_path, {"val": 50}) == []
    rows = [("val", 5), ("night", 0), ("gone", 3), ("old", None)]
    write_json(
        tmp_path / "data.json", {"sets": [{"name": name, "twins_in_train": n} for name, n in rows] + [{"name": "x"}]}
    )
    assert twin_counts(tmp_path, {"val": 50, "night": 10, "old": 1, "x": 1}) == [TwinCount("val", 5, 10.0)]


def values(**points: float) -> pd.DataFrame:
    return pd.DataFrame([{"model": m, "dataset": "val", "value": v, "lo": v, "hi": v} for m, v in points.items()])


def test_protocols_are_compared_with_the_main_one_on_the_models_of_both() -> None:
    night = pd.DataFrame([{"model": "b", "dataset": "night", "value": 9.0, "lo": 0, "hi": 0}])
    judged = {
        "knn": {"values": values(a=3.0, b=2.0, c=1.0)},
        "linear": {"values": pd.concat([values(a=1.0, b=3.0, c=2.0, d=9.0), night])},
        "few": {"values": values(a=1.0)},
    }
    rows = compare_protocols(judged, "linear", {"val": "reference", "night": "shift"})
    assert [row.protocol for row in rows] == ["linear", "few", "knn"]
    assert rows[0].leaders == {"val": ["d"], "night": ["b"]}
    assert rows[2].leaders == {"val": ["a"]}
    assert rows[2].values == {"a": 3.0, "b": 2.0, "c": 1.0}
    assert (rows[0].tau, rows[1].tau) == (pytest.approx(1.0), None)
    assert rows[2].tau == pytest.approx(-1 / 3)
    assert leaders_on(values(b=2.0, a=2.0, c=1.0), "val") == ["a", "b"]


def test_the_evidence_is_gathered_from_the_tables_of_the_main_protocol(tmp_path: Path) -> None:
    tables = make_tables({"val": {"a": 80.0, "b": 70.0}, "night": {"a": 60.0, "b": 66.0}})
    flattery = pd.DataFrame({"dataset": ["night", "val"], "optimism": [9.0, 0.5]})
    main = tables | {"optimism": flattery}
    other = make_tables({"val": {"a": 70.0, "b": 75.0}}) | {"optimism": flattery}
    mine = pd.DataFrame({"model": ["a", "a", "a", "b"], "seed": [0, 1, 1, 0], "protocol": "knn"})
    judged = make_judgement(tables, reference="val", targets=["night"], margin=1.0)
    runs = [run("a", 0), run("a", 1, status="failed"), run("b", 0, status="interrupted")]
    write_json(tmp_path / "data.json", {"sets": [{"name": "val", "twins_in_train": 8}]})
    found = gather(tmp_path, mine, {"linear": other, "knn": main}, judged, runs, [])
    assert (found.protocol, found.optimism, found.unfinished, found.runs) == ("knn", 0.5, 2, 3)
    assert found.seeds == {"a": 2, "b": 1}
    assert found.protocol_leaders == {"linear": ["b"]}
    assert found.twins == [TwinCount("val", 8, 2.0)]
    none = gather(tmp_path, mine, {"knn": tables | {"optimism": flattery.head(1)}}, judged, [], [])
    assert (none.optimism, none.unfinished, none.protocol_leaders) == (0.0, 0, {})
