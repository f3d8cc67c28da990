"""Gathering: a study's table from those of its runs; studies of older versions, damaged ones, and ones without runs."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from studies import make_study

import kogen
from kogen.common.tables import CLASSES, SCHEMAS
from kogen.results.gather import gather_predictions, shared_classes, stored_digests, to_schema

MODELS = {"byol": 0.8, "random": -0.6}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study", MODELS, n=60, seeds=2, epochs=2)


def make_older(study: Path, rows: pd.DataFrame) -> None:
    """The study as older versions left it: one table that all runs were appended to, without sums."""
    for file in study.glob("runs/*/predictions.parquet"):
        file.unlink()
    old = pa.schema([column for column in SCHEMAS["predictions"] if column.name != "soft"])
    pq.write_table(pa.Table.from_pandas(rows[old.names], old, preserve_index=False), study / "predictions.parquet")


def read_rows(study: Path) -> pd.DataFrame:
    return pd.read_parquet(study / "predictions.parquet")


def test_every_run_is_in_the_table_once_and_again(study: Path):
    rows = read_rows(study)
    assert set(rows.run) == {run.name for run in (study / "runs").iterdir()}
    assert len(rows) == 2 * 2 * 2 * 2 * 60
    gather_predictions(study)
    pd.testing.assert_frame_equal(read_rows(study), rows)


def test_a_study_of_an_older_version_is_read_and_gives_its_runs_their_rows(study: Path):
    rows = read_rows(study)
    make_older(study, rows.sample(frac=1, random_state=1))
    gather_predictions(study)
    key = ["run", "dataset", "protocol", "item"]
    found, wanted = (frame.sort_values(key, ignore_index=True) for frame in (read_rows(study), rows))
    pd.testing.assert_frame_equal(found, wanted)
    assert len(list(study.glob("runs/*/predictions.parquet"))) == 4


def test_rows_that_two_processes_wrote_twice_are_taken_once_by_the_report(
    study: Path, capsys: pytest.CaptureFixture[str]
):
    wanted = kogen.report(study)
    rows = read_rows(study)
    run = rows.run.iloc[0]
    make_older(study, pd.concat([rows, rows[rows.run == run]]))
    told = kogen.report(study)
    assert told["values"] == wanted["values"]
    assert f"rows of the run {run} that stood twice, and are taken once: 240" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_run_whose_table_was_deleted_gets_its_rows_and_probabilities_back(study: Path):
    rows = read_rows(study)
    lists = {"probabilities": [[0.25, 0.75]] * len(rows), "soft": [None] * len(rows)}
    table = pa.Table.from_pandas(rows.assign(**lists), SCHEMAS["predictions"], preserve_index=False)
    for file in study.glob("runs/*/predictions.parquet"):
        file.unlink()
    pq.write_table(table, study / "predictions.parquet")
    gather_predictions(study)
    assert len(read_rows(study)) == len(rows)
    assert read_rows(study).probabilities.map(list).tolist() == lists["probabilities"]


def test_a_trained_run_without_answers_is_told(study: Path):
    lost = next(iter(sorted(study.glob("runs/*/predictions.parquet"))))
    lost.unlink()
    (study / "predictions.parquet").unlink()
    keys = [one["key"] for one in kogen.report(study)["sentences"]]
    assert keys.count("runs_unjudged") == 1


def test_two_answers_for_one_image_are_refused(study: Path):
    rows = read_rows(study)
    make_older(study, pd.concat([rows, rows.iloc[[0]].assign(correct=1 - rows.correct.iloc[0])]))
    with pytest.raises(ValueError, match=r"has two answers of the run .* for one image; delete it"):
        kogen.report(study)


def test_a_report_is_drawn_from_the_table_alone_where_the_runs_are_gone(study: Path):
    wanted = kogen.report(study)
    shutil.rmtree(study / "runs")
    told = kogen.report(study)
    assert told["values"] == wanted["values"]
    assert told["judgement"] == wanted["judgement"]


def test_rows_of_a_run_whose_folder_is_gone_stay(study: Path):
    rows = read_rows(study)
    shutil.rmtree(study / "runs" / rows.run.iloc[-1])
    gather_predictions(study)
    assert read_rows(study).run.value_counts().to_dict() == rows.run.value_counts().to_dict()


def test_a_damaged_table_is_gathered_anew_and_a_damaged_run_is_named(study: Path, capsys: pytest.CaptureFixture[str]):
    rows = read_rows(study)
    content = bytearray((study / "predictions.parquet").read_bytes())
    content[-200:] = bytes(200)
    (study / "predictions.parquet").write_bytes(content)
    gather_predictions(study)
    pd.testing.assert_frame_equal(read_rows(study), rows)
    assert "is damaged; it is gathered anew from the runs" in " ".join(capsys.readouterr().err.split())
    place = next(study.glob("runs/*/predictions.parquet"))
    content = bytearray(place.read_bytes())
    content[len(content) // 3] ^= 255
    place.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"{place.parent.name}/predictions\.parquet: .*; delete it and run `kogen pilot`"
    ):
        kogen.report(study)


def test_a_damaged_table_without_runs_is_named(study: Path):
    shutil.rmtree(study / "runs")
    (study / "predictions.parquet").write_bytes(np.random.default_rng(0).bytes(4000))
    with pytest.raises(
        ValueError, match=r"cannot read the table .*predictions\.parquet: .*; delete it: it is gathered"
    ):
        kogen.report(study)


@pytest.mark.parametrize("name", ["verdict.json", "report.html", "values.parquet"])
def test_derived_files_never_block(study: Path, name: str):
    wanted = kogen.report(study)
    (study / name).write_bytes(b"\xffdamaged{")
    assert kogen.report(study)["values"] == wanted["values"]


# each step by itself


def test_columns_that_older_versions_did_not_write_are_null() -> None:
    old = pa.table({"run": ["r"], "item": ["i"], "extra": [1]})
    found = to_schema(old)
    assert found.column_names == SCHEMAS["predictions"].names
    assert (found["item"].to_pylist(), found["budget"].to_pylist()) == (["i"], [None])
    assert stored_digests(old) == {}
    marked = old.replace_schema_metadata({b"judged": b'{"val": "d"}'})
    assert stored_digests(marked) == {"val": "d"}


def test_classes_are_shared_where_every_run_agrees(tmp_path: Path) -> None:
    def file(name: str, classes: bytes | None) -> Path:
        table = pa.table({"a": [1]}).replace_schema_metadata({b"classes": classes} if classes is not None else None)
        pq.write_table(table, tmp_path / name)
        return tmp_path / name

    one, same, other, none = file("a", b"x"), file("b", b"x"), file("c", b"y"), file("d", None)
    key = CLASSES.encode()
    known = pa.table({"a": [1]}).replace_schema_metadata({key: b"x"})
    pq.write_table(known, one)
    pq.write_table(known, same)
    pq.write_table(known.replace_schema_metadata({key: b"y"}), other)
    assert shared_classes([one, same]) == {key: b"x"}
    assert (
        shared_classes([one, other])
        == shared_classes([one, none])
        == shared_classes([none])
        == shared_classes([])
        == {}
    )
