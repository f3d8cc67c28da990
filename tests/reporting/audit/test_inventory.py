"""The inventory from hand-made records: sets, choices, files and the commands that repeat a study."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kogen.common.files import read_json, write_json, write_sealed_json
from kogen.common.tables import write_table
from kogen.reporting.audit import cross_checks
from kogen.reporting.audit.inventory import (
    RunFacts,
    count_clusters,
    evaluate_command,
    list_additions,
    list_choices,
    list_commands,
    list_files,
    list_runs,
    list_sets,
    query_of,
    recorded_digests,
)
from kogen.results.asked import Asked, Extension

RUN = RunFacts("r0", "byol", "byol", 0, "done", 9, "d", 3, 8, 1, 0.5, "cpu", "32", {})
QUESTION: dict[str, Any] = {"probes": ["linear", "knn", "other"], "margin": 0.5}
STORED: dict[str, Any] = {"metric": {"name": "auroc", "reason": "asked"}, "judgement": {"leaders": ["a", "b"]}}


def chosen(stored: Any = STORED, asked: Any = None, runs: Any = (RUN,), **change: Any) -> dict[str, tuple[Any, str]]:
    return {one.name: (one.value, one.by) for one in list_choices(stored, QUESTION | change, asked, runs)}


def test_what_was_chosen_is_said_with_who_chose_it() -> None:
    assert chosen() == {
        "choice_metric": ("auroc", "by_metric_asked"),
        "choice_margin": ("0.5", "by_question"),
        "choice_probe": ("linear", "by_question"),
        "choice_linear": (None, "by_linear"),
        "choice_knn": (None, "by_knn"),
        "choice_threshold": (None, "by_threshold"),
        "choice_leader": ("a, b", "by_leader"),
        "choice_rates": ("byol 0.5", "by_recipe"),
        "choice_epochs": ("byol 3", "by_epochs"),
        "choice_batch": ("byol 8", "by_batch"),
    }
    bare = chosen({}, runs=[replace(RUN, rate=None)], probes=["other"])
    assert bare["choice_metric"] == (None, "by_metric_default")
    assert bare["choice_leader"] == (None, "by_leader")
    assert set(bare) == {"choice_metric", "choice_margin", "choice_probe", "choice_threshold", "choice_leader"}
    both = chosen(
        runs=[RUN, replace(RUN, seed=1), replace(RUN, model="net", rate=0.1), replace(RUN, model="x", rate=None)]
    )
    assert both["choice_rates"][0] == "byol 0.5, net 0.1"


def test_parts_of_the_images_and_of_the_labels_are_drawn_by_seeds() -> None:
    asked = {"test": None, "hold_out_seed": 4, "budgets": ["5%"], "shots": [10], "draws": 3, "pools": []}
    found = chosen(asked=asked)
    assert found["choice_hold_out"] == ("4", "by_seed")
    assert found["choice_budgets"] == ("5%, 10 x; 0 .. 2", "by_seed")
    none = chosen(asked=asked | {"test": "folder", "budgets": [], "shots": []})
    assert not {"choice_hold_out", "choice_budgets"} & set(none)


def test_files_are_hashed_but_for_weights_and_what_the_audit_writes(tmp_path: Path) -> None:
    (tmp_path / "runs" / "r0").mkdir(parents=True)
    for name in ("b.json", "audit.json", "a.toml", "runs/r0/plan.json", "runs/r0/weights.safetensors", "views.png"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.json").mkdir()
    found = list(list_files(tmp_path))
    assert [one.path for one in found] == ["a.toml", "b.json", "runs/r0/plan.json"]
    assert (found[0].bytes, found[0].sha256) == (6, hashlib.sha256(b"a.toml").hexdigest())


def test_commands_repeat_the_study_as_it_was_asked(tmp_path: Path) -> None:
    study = tmp_path / "s"
    study.mkdir()
    plain = list_commands(study, Asked(), {"source": "images"}, {"lang": "en"})
    assert plain[0].startswith("kogen pilot s/study.toml --out again")
    assert [line.split()[:3] for line in plain[1:]] == [["kogen", "report", "s"], ["kogen", "audit", "s"]]
    assert "--metric" not in plain[1]
    asked = {"metric": {"name": "cost", "reason": "asked", "parameters": {"miss": 5}}, "lang": "ja"}
    assert "cost?miss=5" in list_commands(study, Asked(), {"source": "images"}, asked)[1]
    assert "--lang ja" in list_commands(study, Asked(), {"source": "images"}, asked)[1]
    judged = {"metric": {"name": "cost", "reason": "balance"}}
    assert "--metric" not in list_commands(study, Asked(), {"source": "images"}, judged)[1]
    assert len(list_commands(study, Asked(), None, {})) == 2
    assert query_of({}) == ""
    assert query_of({"b": [1, 2], "a": 3}) == "?a=3&b=1,2"


def test_evaluate_is_repeated_from_the_sets(tmp_path: Path) -> None:
    assert evaluate_command(tmp_path, {"runs": ["r"]}) == []
    write_json(tmp_path / "data.json", {"sets": [{"name": "train", "source": "t"}, {"name": "val", "source": "v"}]})
    (line,) = evaluate_command(tmp_path, {"runs": ["r0", "r1"]})
    assert line.startswith("kogen evaluate r0 r1 ")
    assert "--train t" in line
    assert "val=v" in line
    assert "--out again" in line
    assert evaluate_command(tmp_path, {}) == []


def test_sets_have_their_counts_and_clusters(tmp_path: Path) -> None:
    assert list_sets(tmp_path) == []
    row = {"name": "val", "role": "reference", "source": "v", "images": 3, "labelled": 3, "classes": {"a": 3}}
    row |= {"bad_count": 1, "duplicates_inside": 2, "twins_in_train": 0}
    write_sealed_json(tmp_path / "data.json", {"sets": [row, row | {"name": "train", "near_copies_inside": 4}]})
    one, train = list_sets(tmp_path)
    assert (one.unusable, one.twice, one.near_copies, one.in_train, one.clusters, one.digest) == (
        1,
        2,
        None,
        0,
        None,
        None,
    )
    assert train.near_copies == 4
    table = pd.DataFrame(
        {"item": list("ijk"), "label": "a", "predicted": "a", "correct": 1, "cluster": list("xxy"), "score": 1.0}
    )
    about = {
        "run": "r",
        "model": "m",
        "method": "m",
        "seed": 0,
        "dataset": "val",
        "role": "reference",
        "protocol": "knn",
    }
    write_table(tmp_path / "predictions.parquet", table.assign(**about), "predictions")
    assert count_clusters(tmp_path)["val"][0] == 2
    assert list_sets(tmp_path)[0].clusters == 2
    assert recorded_digests(tmp_path) == {}


def write_plan(study: Path, run: str, **change: Any) -> None:
    known = {"id": run, "model": "byol", "method": "byol", "seed": 0, "recipe": {"trains": True, "rate": 0.5}}
    known |= {"images": 9, "data": "d", "epochs": 3, "batch_size": 8, "device": "cpu", "versions": {"kogen": "1"}}
    (study / "runs" / run).mkdir(parents=True)
    write_json(study / "runs" / run / "plan.json", known | change)


def test_runs_stand_by_model_and_seed_with_their_status_and_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_checks, "read_plan_record", lambda folder: read_json(folder / "plan.json"))  # no digests
    write_plan(tmp_path, "r2", seed=1)
    write_plan(tmp_path, "r1")
    write_plan(tmp_path, "r3", model="a", recipe={"trains": False, "rate": 0.5}, seed=None)
    write_plan(tmp_path, "r4", model="z", recipe={})
    write_json(tmp_path / "runs" / "r1" / "summary.json", {"status": "failed"})
    write_json(tmp_path / "runs" / "r2" / "summary.json", {})
    found = list_runs(tmp_path)
    assert [(run.id, run.model, run.seed, run.status, run.rate) for run in found] == [
        ("r3", "a", None, "interrupted", None),
        ("r1", "byol", 0, "failed", 0.5),
        ("r2", "byol", 1, "done", 0.5),
        ("r4", "z", 0, "interrupted", None),
    ]
    assert (found[1].images, found[1].data, found[1].epochs, found[1].batch_size, found[1].versions) == (
        9,
        "d",
        3,
        8,
        {"kogen": "1"},
    )
    assert found[1].accumulate is None


def test_what_was_added_says_whether_a_verdict_could_be_read() -> None:
    later = [Extension({"seeds": 3}, {}, {"seeds": 2}), Extension({"seeds": 4}, {}, {"seeds": 3}, "digest")]
    found = list_additions(Asked({}, tuple(later)))
    assert [(one.options, one.after_verdict) for one in found] == [
        (["--seeds 3 (2 before)"], False),
        (["--seeds 4 (3 before)"], True),
    ]
