"""What records say against one another, from hand-made plans and answers."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.common.files import read_json, write_json, write_sealed_json
from kogen.common.tables import write_table
from kogen.reporting.audit import cross_checks
from kogen.reporting.audit.cross_checks import (
    check_answers,
    check_files,
    check_plans,
    check_question,
    check_runs,
    check_seen,
    compare_items,
    folders_of_runs,
    is_content_id,
    odd_options,
    read_records,
)
from kogen.reporting.audit.remarks import Remark

ASKED = {"init": None, "starts": None, "pools": [],
         "methods": ["byol", "net"], "seeds": 2, "candidates": ["own"], "settings": {"net": {"a": 1}}, "backbone": "r",
         "image_size": 16, "views": "v", "compare_views": {}, "epochs": 3, "batch_size": "auto"}  # fmt: skip


def plan(model: str, seed: int = 0, **change: Any) -> dict[str, Any]:
    labels = model == "net"
    known = {
        "model": model,
        "method": model,
        "seed": seed,
        "backbone": "r",
        "image_size": 16,
        "views": "v",
        "epochs": 3,
        "batch_size": 8,
    }
    known |= {"settings": {"a": 1} if labels else {}, "recipe": {"trains": model != "random", "labels": labels}}
    return known | change


def keys(remarks: Any) -> list[str]:
    return [one.key for one in remarks]


def test_runs_are_those_of_the_question_no_more_and_no_fewer() -> None:
    runs = {f"{m}{s}": plan(m, s) for m in ("byol", "net") for s in (0, 1)} | {"own0": plan("own")}
    assert keys(check_plans(runs, ASKED)) == []
    lost = list(check_plans({name: one for name, one in runs.items() if name != "net1"}, ASKED))
    assert lost == [Remark("audit_not_run", {"model": "net", "seed": 1})]
    more = list(check_plans(runs | {"x": plan("byol", 2), "y": plan("own", 1)}, ASKED))
    assert [(one.key, one.values["run"], one.values["seed"]) for one in more] == [
        ("audit_not_asked", "x", 2),
        ("audit_not_asked", "y", 1),
    ]
    other = list(check_plans(runs | {"net0": plan("net", settings={})}, ASKED))
    assert [(one.key, one.values["option"], one.values["was"], one.values["now"]) for one in other] == [
        ("audit_other_plan", "settings", {}, {"a": 1})
    ]
    small = list(check_plans(runs | {"byol0": plan("byol", image_size=8)}, ASKED))
    assert [(one.key, one.values["option"], one.values["was"], one.values["now"]) for one in small] == [
        ("audit_other_plan", "image_size", 8, 16)
    ]
    assert keys(check_plans(runs | {"own0": plan("own", image_size=8)}, ASKED)) == []  # as it was made elsewhere


def test_runs_with_other_views_are_those_that_are_compared() -> None:
    asked = ASKED | {"methods": ["byol", "random"], "candidates": [], "seeds": 1, "compare_views": {"calm": "w"}}
    calm = {"method": "byol", "variant": "calm", "views": "w"}
    runs = {"a": plan("byol"), "b": plan("random"), "c": plan("byol calm", **calm)}
    assert keys(check_plans(runs, asked)) == []
    (lost,) = check_plans({name: runs[name] for name in "ab"}, asked)
    assert lost == Remark("audit_not_run", {"model": "byol calm", "seed": 0})
    (other,) = check_plans(runs | {"c": plan("byol calm", **calm | {"views": "v"})}, asked)
    assert (other.key, other.values["was"], other.values["now"]) == ("audit_other_plan", "v", "w")
    assert "audit_not_asked" in keys(check_plans(runs | {"d": plan("byol loud", method="byol", variant="calm")}, asked))


def test_options_that_a_method_with_labels_resolves_itself_may_differ() -> None:
    assert odd_options(plan("byol"), ASKED) == []
    assert odd_options(plan("byol", views="w", epochs=4), ASKED) == ["views", "epochs"]
    assert odd_options(plan("net", epochs=4), ASKED) == []
    assert odd_options(plan("random", epochs=0), ASKED) == []
    assert odd_options(plan("byol"), ASKED | {"batch_size": 9}) == ["batch_size"]
    assert odd_options(plan("byol", batch_size=9), ASKED) == []  # chosen by the program


def rows(labels: dict[str, str], dataset: str = "val") -> pd.DataFrame:
    known = {"dataset": dataset, "protocol": "knn", "budget": None, "draw": None}
    return pd.DataFrame([known | {"item": item, "label": label} for item, label in labels.items()])


def test_every_run_is_compared_with_the_first_one_of_a_set() -> None:
    first: dict[str, Any] = {}
    assert compare_items("r0", rows({"i": "a", "j": "b"}), first) == []
    assert compare_items("r1", rows({"j": "b", "i": "a"}), first) == []
    (lost,) = compare_items("r2", rows({"i": "a"}), first)
    assert (lost.key, lost.values["n"], lost.values["other"]) == ("audit_other_items", 1, "r0")
    (others,) = compare_items("r3", rows({"k": "a", "l": "b"}), first)
    assert (others.key, others.values["n"]) == ("audit_other_items", 4)
    twice = pd.concat([rows({"i": "a", "j": "b"}), rows({"j": "b"})])
    assert compare_items("r4", twice, first)[0].values["n"] == 1
    (wrong,) = compare_items("r5", rows({"i": "b", "j": "c"}), first)
    assert (wrong.key, wrong.values["n"], wrong.values["item"], wrong.values["dataset"]) == (
        "audit_other_labels",
        2,
        "i",
        "val",
    )
    (second,) = compare_items("r6", rows({"i": "a", "j": "c"}), first)
    assert (second.values["n"], second.values["item"]) == (1, "j")


@pytest.mark.parametrize(
    ("item", "known"),
    [
        *[("0123456789abcdef", True), ("0123456789abcdef#2", True), ("0123456789abcde", False)],
        *[("0123456789abcdefa", False), ("0123456789abcdeg", False), ("0123456789ABCDEF", False), ("cat.png", False)],
    ],
)
def test_a_content_id_has_sixteen_digits_of_base_16(item: str, known: bool) -> None:
    assert is_content_id(item) is known


def test_files_that_are_absent_or_without_a_checksum_are_named(tmp_path: Path) -> None:
    found = list(check_files(tmp_path))
    assert [(one.key, one.values["file"]) for one in found] == [
        ("audit_absent", "verdict.json"),
        ("audit_absent", "data.json"),
        ("audit_absent", "predictions.parquet"),
    ]
    for name in ("verdict.json", "predictions.parquet"):
        (tmp_path / name).write_text("{}")
    write_json(tmp_path / "data.json", {"sets": []})
    assert [(one.key, one.values["file"]) for one in check_files(tmp_path)] == [("audit_unsealed", "data.json")]
    write_sealed_json(tmp_path / "data.json", {"sets": []})
    assert keys(check_files(tmp_path)) == []


def write_run(study: Path, run: str, items: list[str]) -> None:
    table = pd.DataFrame({"item": items, "label": "a", "predicted": "a", "correct": 1, "cluster": items, "score": 0.5})
    about = {
        "run": run,
        "model": "m",
        "method": "m",
        "seed": 0,
        "dataset": "val",
        "role": "reference",
        "protocol": "knn",
    }
    (study / "runs" / run).mkdir(parents=True)
    write_table(study / "runs" / run / "predictions.parquet", table.assign(**about), "predictions")


def test_answers_are_counted_against_the_sets(tmp_path: Path) -> None:
    write_run(tmp_path, "r0", ["i", "j"])
    found = list(check_answers(tmp_path))
    assert found == [Remark("audit_no_digests", {"n": 1})]  # an older table has none
    write_sealed_json(tmp_path / "data.json", {"sets": [{"name": "val", "images": 2}, {"name": "gone", "images": 9}]})
    assert keys(check_answers(tmp_path)) == ["audit_no_digests"]
    write_sealed_json(tmp_path / "data.json", {"sets": [{"name": "val", "images": 3}]})
    (count, _) = check_answers(tmp_path)
    assert (count.key, count.values["n"], count.values["images"]) == ("audit_other_count", 2, 3)


def test_more_images_seen_in_training_than_are_said(tmp_path: Path) -> None:
    ids = [f"{n:016x}" for n in (5, 6, 7)]
    write_run(tmp_path, "r0", [*ids, "8#1", f"{9:016x}#2"])
    (tmp_path / "predictions.parquet").write_bytes((tmp_path / "runs" / "r0" / "predictions.parquet").read_bytes())
    np.save(tmp_path / "runs" / "r0" / "images.npy", np.array([5, 7, 9, 11], np.uint64))

    def seen(said: int | None) -> list[tuple[str, Any, Any]]:
        write_sealed_json(tmp_path / "data.json", {"sets": [{"name": "val", "twins_in_train": said}]})
        return [(one.key, one.values.get("n"), one.values.get("said")) for one in check_seen(tmp_path)]

    assert seen(3) == []
    assert seen(2) == [("audit_seen", 3, 2)]
    assert seen(None) == []
    (tmp_path / "data.json").unlink()
    assert list(check_seen(tmp_path)) == []


def test_a_run_lies_in_the_folder_of_its_id_and_the_question_is_the_first_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_checks, "read_plan_record", lambda folder: read_json(folder / "plan.json"))  # no digests
    for folder, name in (("r0", "r0"), ("r1", "other")):
        (tmp_path / "runs" / folder).mkdir(parents=True)
        write_json(tmp_path / "runs" / folder / "plan.json", plan("byol") | {"id": name})
    found = list(check_runs(tmp_path, None))
    assert [(one.key, one.values) for one in found] == [("audit_renamed", {"folder": "r1", "run": "other"})]
    asked = ASKED | {"methods": ["byol"], "seeds": 1, "candidates": []}
    assert keys(check_runs(tmp_path, asked)) == ["audit_renamed"]
    assert keys(check_runs(tmp_path, asked | {"seeds": 2})) == ["audit_renamed", "audit_not_run"]
    assert list(check_question(tmp_path)) == []
    (tmp_path / "study.toml").write_text("a = 1")
    write_sealed_json(tmp_path / "asked.json", {"study": hashlib.sha256(b"a = 1").hexdigest(), "extensions": []})
    assert list(check_question(tmp_path)) == []
    (tmp_path / "study.toml").write_text("a = 2")
    assert keys(check_question(tmp_path)) == ["audit_edited_question"]
    (tmp_path / "runs" / "r2").mkdir()
    assert sorted(read_records(tmp_path)) == ["r0", "r1"]  # of one whose plan cannot be read nothing is known
    assert [folder.name for folder in folders_of_runs(tmp_path)] == ["r0", "r1", "r2"]
