"""What predictions hold otherwise, and how the verdict was asked for, from small tables."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from kogen.common.tables import write_table
from kogen.reporting.audit.recompute import (
    compare_predictions,
    copy_files,
    copy_of_inputs,
    metric_of,
    name_of,
    odd_answers,
    rows_of_run,
)


def write(place: Path, runs: dict[str, dict[str, int]]) -> Path:
    rows = [
        {"run": run, "model": run, "method": "m", "seed": 0, "dataset": "val", "role": "reference", "protocol": "knn"}
        | {"item": item, "cluster": item, "label": "a", "predicted": "a", "correct": value, "score": 0.5}
        for run, answers in runs.items()
        for item, value in answers.items()
    ]
    write_table(place, pd.DataFrame(rows), "predictions")
    return place


def test_each_run_is_compared_by_its_rows_and_then_by_its_answers(tmp_path: Path) -> None:
    was = write(
        tmp_path / "a.parquet", {"r0": {"i": 1, "j": 0}, "r1": {"i": 1, "j": 1}, "r2": {"i": 1}, "r4": {"i": 0}}
    )
    now = write(
        tmp_path / "b.parquet", {"r0": {"j": 0, "i": 1}, "r1": {"i": 0, "j": 0}, "r3": {"i": 1}, "r4": {"k": 0}}
    )
    found = compare_predictions(was, now)
    assert [one.key for one in found] == [
        "audit_other_answer",
        "audit_lost_run",
        "audit_other_rows",
        "audit_other_rows",
    ]
    assert found[0].values == {"run": "r1", "item": "i", "column": "correct", "was": 1, "now": 0, "n": 2}
    assert found[1].values == {"run": "r2", "n": 1}
    assert found[2].values == {"run": "r3", "was": 0, "now": 1}
    assert found[3].values == {"run": "r4", "was": 1, "now": 1}
    assert compare_predictions(was, was) == []


def test_nan_is_equal_to_itself_and_the_first_column_that_differs_is_named() -> None:
    def table(**columns: list[Any]) -> pa.Table:
        return pa.table({"item": ["i", "j", "k"], **columns})

    nan = float("nan")
    assert odd_answers("r", table(score=[nan, 1.0, 2.0]), table(score=[nan, 1.0, 2.0])) == []
    (found,) = odd_answers(
        "r", table(score=[nan, 1.0, 2.0], label=list("abc")), table(score=[nan, 3.0, 4.0], label=list("abd"))
    )
    assert (found.values["column"], found.values["item"], found.values["n"]) == ("score", "j", 2)
    rows = {"run": ["b", "a", "b"], "dataset": ["d"] * 3, "protocol": ["p"] * 3, "budget": ["x"] * 3, "draw": [0] * 3}
    assert rows_of_run(pa.table(rows | {"item": ["z", "y", "x"]}), "b")["item"].to_pylist() == ["x", "z"]


@pytest.mark.parametrize(
    ("stored", "spec"),
    [
        ({}, "asked for"),
        ({"metric": "accuracy"}, "asked for"),
        ({"metric": {"reason": "asked"}}, "asked for"),
        ({"metric": {"name": "auroc", "reason": "balance"}}, None),
        ({"metric": {"name": "auroc", "reason": "asked"}}, "auroc"),
        (
            {"metric": {"name": "cost", "reason": "asked", "parameters": {"order": ["a", "b"], "miss": 5}}},
            "cost?miss=5&order=a,b",
        ),
    ],
)
def test_the_metric_is_asked_for_as_it_was(stored: dict[str, Any], spec: str | None) -> None:
    found = metric_of(stored, {"metric": "asked for"})
    if spec and "?" in spec:
        assert found is not None
        assert (found.partition("?")[0], set(found.partition("?")[2].split("&"))) == ("cost", {"miss=5", "order=a,b"})
    else:
        assert found == spec


@pytest.mark.parametrize(
    ("name", "kept"), [("before", True), ("", False), (None, False), ("../x", False), ("a/b", False), ("/x", False)]
)
def test_a_study_keeps_the_name_it_was_judged_under_where_that_is_one(
    tmp_path: Path, name: str | None, kept: bool
) -> None:
    assert name_of(tmp_path, {"study": {"name": name}}) == (name if kept else tmp_path.name)
    assert name_of(tmp_path, {}) == tmp_path.name
    assert name_of(tmp_path, {"study": None}) == tmp_path.name


def test_a_copy_has_what_a_judgement_is_made_from_and_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r0"
    run.mkdir(parents=True)
    for name in ("study.toml", "data.json", "verdict.json"):
        (tmp_path / name).write_text(name)
    for name in ("plan.json", "weights.safetensors", "predictions.parquet"):
        (run / name).write_text(name)
    (tmp_path / "runs" / "stray").write_text("x")
    with copy_of_inputs(tmp_path, "again") as copy:
        names = {str(path.relative_to(copy)) for path in copy.rglob("*") if not path.is_dir()}
        assert names == {"study.toml", "data.json", "runs/r0/plan.json", "runs/r0/predictions.parquet"}
        assert (copy / "runs" / "r0" / "predictions.parquet").is_symlink()
        assert not (copy / "study.toml").is_symlink()
        assert copy.name == "again"
    assert not copy.exists()
    copy_files(tmp_path, run, ("data.json", "none"))
    assert (run / "data.json").read_text() == "data.json"
