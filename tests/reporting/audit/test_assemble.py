"""The audit of a real pilot: untouched it passes, and whatever is changed in it is named."""

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pictures import write_set

import kogen
from kogen.cli import main
from kogen.common.files import read_sealed_json, write_json, write_sealed_json
from kogen.common.tables import read_arrow, write_arrow

QUICK: dict[str, Any] = {"epochs": 1, "seeds": 2, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 16,
         "precision": "32", "methods": ("supervised", "random")}  # fmt: skip


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished pilot; one test image is in train, too."""
    root = tmp_path_factory.mktemp("audited")
    train, val = write_set(root / "a", 12, 0, "secret-"), write_set(root / "b", 6, 1, "secret-")
    shutil.copy(root / "a" / "ok" / "secret-0.png", root / "b" / "ok" / "again.png")
    kogen.pilot(train, test=val, out=root / "study", private=True, **QUICK)
    return root / "study"


@pytest.fixture
def study(pilot: Path, tmp_path: Path) -> Path:
    shutil.copytree(pilot, tmp_path / "study")
    return tmp_path / "study"


def problems_of(study: Path) -> str:
    """What the audit says against a study, one sentence a line; it must not pass."""
    found = kogen.audit(study)
    assert not found["passed"]
    return "\n".join(found["words"])


def files_of(study: Path) -> dict[str, bytes]:
    return {str(file.relative_to(study)): file.read_bytes() for file in study.rglob("*") if file.is_file()}


def first_run(study: Path, method: str = "supervised") -> Path:
    plans = {path: json.loads(path.read_text()) for path in sorted(study.glob("runs/*/plan.json"))}
    return next(path.parent for path, plan in plans.items() if (plan["method"], plan["seed"]) == (method, 0))


def change_answer(table: Path, column: str = "correct") -> None:
    """Turn the first answer of a table round, as a whole table that kogen could have written."""
    was = read_arrow(table)
    values = was[column].to_pylist()
    values[0] = 1 - values[0] if column == "correct" else "bad" if values[0] == "ok" else "ok"
    place = was.column_names.index(column)
    changed = was.set_column(place, was.schema.field(place), pa.array(values, was.schema.field(place).type))
    facts = {key.decode(): value.decode() for key, value in (was.schema.metadata or {}).items() if key != b"rows"}
    write_arrow(table, changed, facts)


def test_an_untouched_study_passes_and_nothing_in_it_changes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(study)
    main_code = exit_code(["audit", str(study)])
    assert main_code == 0, capsys.readouterr()
    after = files_of(study)
    assert set(after) - set(before) <= {"audit.json", "audit.html", ".lock"}
    assert {name: after[name] for name in before} == before
    found = json.loads((study / "audit.json").read_text())
    assert (found["same"], found["near"], found["differing"], found["problems"], found["notes"]) == (True, 0, 0, [], [])
    assert found["fields"] > 1000
    assert "is the same as in verdict.json" in capsys.readouterr().out


def exit_code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


def test_a_study_under_another_name_passes(study: Path) -> None:
    moved = study.rename(study.with_name("moved"))
    assert kogen.audit(moved)["passed"]


def test_it_passes_after_a_report_by_another_metric_and_says_so(study: Path) -> None:
    kogen.report(study, metric="expected_cost?miss=5", lang="ja")
    found = kogen.audit(study, lang="en")
    assert found["passed"]
    assert re.search(r"by the metric expected_cost, as asked of `kogen report --metric`", found["words"][-1])
    assert found["commands"][1] == "kogen report study --lang ja --metric 'expected_cost?false_alarm=1.0&miss=5'"
    assert "レポート" not in (study / "audit.html").read_text()


def test_a_verdict_from_another_metric_is_named(study: Path) -> None:
    was = json.loads((study / "verdict.json").read_text())
    kogen.report(study, metric="auroc")
    write_json(study / "verdict.json", was)  # the tables beside it are by the other metric
    assert re.search(r"\w+\.parquet, metric\[\d+\]: was auroc, is accuracy", problems_of(study))


def test_a_metric_that_was_only_renamed_is_named(study: Path) -> None:
    verdict = json.loads((study / "verdict.json").read_text())
    write_json(study / "verdict.json", verdict | {"metric": verdict["metric"] | {"name": "auroc", "reason": "asked"}})
    assert re.search(r"verdict\.json, judgement\.", problems_of(study))


def test_a_changed_number_of_the_verdict_is_named_with_what_was_and_is(study: Path) -> None:
    verdict = json.loads((study / "verdict.json").read_text())
    known = verdict["values"][0]["value"]
    verdict["values"][0]["value"] = known + 0.001
    write_json(study / "verdict.json", verdict)
    said = problems_of(study)
    assert "1 of " in said
    assert f"verdict.json, values[0].value: was {known + 0.001}, is {known} when it is made again." in said
    assert exit_code(["audit", str(study)]) == 1


def test_a_changed_answer_of_the_study_is_named(study: Path) -> None:
    change_answer(study / "predictions.parquet")
    said = problems_of(study)
    assert re.search(r"does not say what the run \w+ answered\. Rows that differ in correct: 1, first", said)


def test_a_changed_answer_of_a_run_changes_the_judgement(study: Path) -> None:
    change_answer(first_run(study) / "predictions.parquet")
    said = problems_of(study)
    assert f"the run {first_run(study).name} answered. Rows that differ in correct: 1, first" in said
    kogen.report(study)  # then all agrees again, but for what was noted down before
    assert kogen.audit(study)["same"]


def test_another_label_of_one_run_is_named(study: Path) -> None:
    change_answer(first_run(study) / "predictions.parquet", "label")
    assert re.search(r"has other labels than \w+; items with another label: 1, first", problems_of(study))


def test_a_deleted_run_is_named(study: Path) -> None:
    run = first_run(study)
    shutil.rmtree(run)
    said = problems_of(study)
    assert re.search(rf"rows of the run {run.name} \([0-9,]+\), and runs/{run.name} has no table of its own", said)
    assert "asks for supervised with seed 0, and no run is there" in said


def test_a_renamed_run_is_named(study: Path) -> None:
    run = first_run(study)
    run.rename(run.with_name("0123456789ab"))
    said = problems_of(study)
    assert f"runs/0123456789ab holds the run {run.name}: the folder was renamed" in said
    assert f"The table of the run 0123456789ab has rows of another run, {run.name}" in said


def test_an_edited_question_is_named(study: Path) -> None:
    place = study / "study.toml"
    place.write_text(place.read_text().replace("epochs = 1", "epochs = 2").replace("seeds = 2", "seeds = 1"))
    said = problems_of(study)
    assert "study.toml was edited since it was asked first" in said
    assert "(supervised, seed 1) is none that the study asks for" in said
    assert "verdict.json, study.sha256: was" in said


def test_an_option_that_is_not_what_was_run_is_named(study: Path) -> None:
    place = study / "study.toml"
    place.write_text(place.read_text().replace("image_size = 16", "image_size = 24"))
    assert re.search(r"was made with image_size = 16, and the study asks for 24", problems_of(study))


def edit_sets(study: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what data.json says, with a right checksum."""
    data = read_sealed_json(study / "data.json")
    change(data)
    write_sealed_json(study / "data.json", data)


def test_test_images_in_train_beyond_what_is_said_are_named(study: Path) -> None:
    edit_sets(study, lambda data: data["sets"][1].update(twins_in_train=0))
    assert "Images of reference that a run was trained on: 1, and data.json says 0" in problems_of(study)


def test_other_data_than_described_is_named(study: Path) -> None:
    edit_sets(study, lambda data: data["digests"].update(reference="0" * 32))
    assert "was judged with other images or labels of reference than data.json describes" in problems_of(study)
    edit_sets(study, lambda data: data["sets"][1].update(images=99))
    assert "Runs were judged on 13 images of reference, and data.json counts 99" in problems_of(study)


def test_other_items_are_named(study: Path) -> None:
    table = first_run(study) / "predictions.parquet"
    was = read_arrow(table)
    write_arrow(table, was.slice(1))
    assert re.search(r"judged on other images than \w+; items of one of them alone: 1\.", problems_of(study))


def test_an_edited_record_is_named(study: Path) -> None:
    place = study / "data.json"
    place.write_text(place.read_text().replace('"bad_count": 0', '"bad_count": 1'))
    assert "data.json is damaged or was edited (its checksum does not fit its content)" in problems_of(study)


@pytest.mark.parametrize("name", ["verdict.json", "data.json", "predictions.parquet", "values.parquet"])
def test_an_absent_file_is_a_sentence(study: Path, name: str) -> None:
    (study / name).unlink()
    assert re.search(f"{name}( is missing|: run the verb)", problems_of(study))


@pytest.mark.parametrize("name", ["verdict.json", "data.json", "asked.json", "study.toml", "predictions.parquet",
    "runs/*/predictions.parquet", "runs/*/plan.json", "runs/*/summary.json", "runs/*/images.npy"])  # fmt: skip
def test_a_damaged_file_is_a_sentence(study: Path, name: str) -> None:
    place = sorted(study.glob(name))[0]
    place.write_bytes(b"[1, 2")
    assert place.name in problems_of(study)


def test_a_record_without_its_contents_is_a_sentence(study: Path) -> None:
    write_json(study / "data.json", {"sets": [{"name": "reference"}]})
    assert "A check broke off, because a file does not hold what kogen writes there (KeyError" in problems_of(study)


def test_records_of_older_versions_are_notes(study: Path) -> None:
    data = read_sealed_json(study / "data.json")
    write_json(study / "data.json", {key: value for key, value in data.items() if key != "digests"})
    (first_run(study) / "images.npy").unlink()
    found = kogen.audit(study)
    assert found["passed"]
    assert [one["key"] for one in found["notes"]] == ["audit_unsealed", "audit_no_digests", "audit_unseen"]


def test_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no study"):
        kogen.audit(tmp_path)


def test_a_private_study_shows_no_names_of_files(study: Path) -> None:
    kogen.audit(study)
    for name in ("audit.json", "audit.html"):
        assert "secret" not in (study / name).read_text(), name
        assert str(study) not in (study / name).read_text(), name


def test_what_was_added_later_is_told_and_repeated(study: Path) -> None:
    asked = tomllib.loads((study / "study.toml").read_text())
    kogen.pilot(asked["source"], test=asked["test"], private=True, out=study, **(QUICK | {"seeds": 3}))
    found = kogen.audit(study)
    assert found["passed"]
    assert found["additions"] == [{"options": ["--seeds 3 (2 before)"], "after_verdict": True}]
    assert "--seeds 3" in found["commands"][0]
    assert "after a verdict could be read" in (study / "audit.html").read_text()


def test_finished_runs_that_were_judged_pass_and_a_lost_one_is_named(study: Path, tmp_path: Path) -> None:
    asked = tomllib.loads((study / "study.toml").read_text())
    runs = sorted(study.glob("runs/*"))
    kogen.evaluate(runs, train=asked["source"], tests={"reference": asked["test"]}, out=tmp_path / "judged")
    found = kogen.audit(tmp_path / "judged")
    assert found["passed"]
    assert [one["key"] for one in found["notes"]] == ["audit_unseen"]
    assert found["commands"][0].startswith(f"kogen evaluate {runs[0]} ")
    shutil.rmtree(tmp_path / "judged" / "runs" / runs[0].name)
    assert f"rows of the run {runs[0].name}" in problems_of(tmp_path / "judged")
