"""Sharing: nothing that a team chose is in its bundle, wherever it stood; zip and parquet alone open it."""

import io
import json
import re
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from canaries import CLASSES, MARK, make_canary_study
from studies import make_study

import kogen
from kogen.common.files import read_sealed_json, write_sealed_json
from kogen.results.sharing import share as sharing
from kogen.results.sharing.bundle_format import MEMBERS, PREDICTIONS, RUNS, TABLES
from kogen.results.sharing.read_bundle import read_bundle
from kogen.results.sharing.share import share_study

MODELS = {"byol": 0.8, "random": -0.6, "zqcandidate of ours": 0.5}
SETS = {"zqacceptance": "reference", "zqnightshift": "shift"}
SALT = b"1" * 32


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn study with names of a team's own, and a note."""
    folder = make_study(tmp_path_factory.mktemp("zqcustomer") / "zqstudy", MODELS, SETS, n=40, seeds=2, epochs=3)
    quality = read_sealed_json(folder / "data.json")
    quality["note"] = "held out by zqcolumn"
    write_sealed_json(folder / "data.json", quality)
    return folder


@pytest.fixture(scope="module")
def bundle(study: Path) -> Path:
    share_study(study, study.parent / "bundle.zip", salt=SALT)
    return study.parent / "bundle.zip"


def every_text(path: Path) -> str:
    """All that a bundle shows: its names, its texts, every cell and every fact and field of its tables."""
    with zipfile.ZipFile(path) as archive:
        shown = [*archive.namelist(), archive.comment.decode()]
        for name in archive.namelist():
            content = archive.read(name)
            if name in TABLES:
                file = pq.ParquetFile(io.BytesIO(content))
                shown += [str(file.schema_arrow), str(file.metadata), str(file.metadata.metadata)]
                shown += [str(value) for column in file.read().columns for value in column.to_pylist()]
            shown.append(content.decode("latin-1"))
    return "\n".join(shown)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_no_canary_of_a_drawn_study_is_in_its_bundle_and_the_study_stays(study: Path, tmp_path: Path):
    before = snapshot(study)
    shared = share_study(study, tmp_path / "b.zip")
    assert snapshot(study) == before
    assert shared.searched > 100
    text = every_text(tmp_path / "b.zip")
    for secret in (MARK + "[a-z]{3}", "part-", "stain", "clean", re.escape(str(study))):
        assert not re.search(secret, text, re.IGNORECASE)


@pytest.mark.slow
def test_no_canary_of_a_real_pilot_is_in_its_bundle(tmp_path: Path):
    folder = make_canary_study(tmp_path)
    share_study(folder, tmp_path / "b.zip")
    text = every_text(tmp_path / "b.zip")
    assert not re.search(MARK + "[a-z]{3}", text, re.IGNORECASE)
    for run in folder.glob("runs/*"):
        assert run.name not in text
    ids = set(pd.read_parquet(folder / PREDICTIONS)["item"])
    assert not {one for one in ids if one in text}
    assert b"\x89PNG" not in (tmp_path / "b.zip").read_bytes()
    bundle = read_bundle(tmp_path / "b.zip")
    assert sorted(bundle.classes) == ["class 1", "class 2", "class 3", "class 4"]
    lists = bundle.tables[PREDICTIONS].to_pandas()
    best = lists["probabilities"].map(lambda values: bundle.classes[values.argmax()])
    assert (best == lists["predicted"]).all()
    assert bundle.manifest.question.metric == "own"
    assert bundle.manifest.question.probes == ("linear", "probe A")
    models = set(bundle.tables[RUNS]["model"].to_pylist())
    assert models == {"byol", "byol, views A", "random", "model A", "model B", "model C"}
    share_study(folder, tmp_path / "k.zip", keep_names=True)
    kept = every_text(tmp_path / "k.zip")
    assert all(name in kept for name in (*CLASSES, "zqacceptance", "zqcandidate", "zqline1"))
    assert not re.search("zqpart|zqlot|zqday|zqcustomer|zq[a-z]+column|zqstudy|zqprobe|zqterm|zqeuro", kept.lower())


def test_a_bundle_is_plain_zip_and_parquet_whose_rows_are_those_of_the_study(study: Path, bundle: Path):
    with zipfile.ZipFile(bundle) as archive:
        assert archive.namelist() == list(MEMBERS)
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        rows = pd.read_parquet(io.BytesIO(archive.read(PREDICTIONS)))
        assert "What it still tells" in archive.read("MANIFEST.md").decode()
    own = pd.read_parquet(study / PREDICTIONS)
    assert len(rows) == len(own)
    key = ["seed", "protocol", "role", "method"]
    pd.testing.assert_series_equal(rows.groupby(key)["correct"].mean(), own.groupby(key)["correct"].mean())
    assert rows["item"].nunique() == own["item"].nunique()
    assert (rows["item"] == rows["cluster"]).all()
    assert (rows["label"] == rows["predicted"]).equals(rows["correct"] == 1)


def test_equal_salts_give_equal_bytes_and_other_salts_no_common_id(study: Path, bundle: Path, tmp_path: Path):
    share_study(study, tmp_path / "same.zip", salt=SALT)
    share_study(study, tmp_path / "other.zip")
    assert (tmp_path / "same.zip").read_bytes() == bundle.read_bytes()
    ids = [set(read_bundle(path).tables[PREDICTIONS]["item"].to_pylist()) for path in (bundle, tmp_path / "other.zip")]
    assert not ids[0] & ids[1]


def test_the_salt_is_nowhere_in_the_bundle_or_the_study(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    salt = b"a salt that is recorded nowhere!"
    monkeypatch.setattr(sharing.secrets, "token_bytes", lambda size: salt)
    share_study(study, tmp_path / "b.zip")
    assert salt not in every_text(tmp_path / "b.zip").encode("latin-1", "replace")
    assert not any(salt in content for content in snapshot(study).values())


def test_a_leak_is_found_and_nothing_is_left(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = sharing.coded_runs

    def leaky(*known):
        table = whole(*known)
        return table.set_column(table.column_names.index("settings"), "settings", [["of zqcandidate"] * len(table)])

    monkeypatch.setattr(sharing, "coded_runs", leaky)
    with pytest.raises(ValueError, match=r"runs.parquet would hold 'zqcandidate', which is a text of the study"):
        share_study(study, tmp_path / "b.zip")
    assert not list(tmp_path.iterdir())


def test_a_cell_that_is_no_code_is_refused_though_no_scan_knows_it(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = sharing.coded_runs

    def leaky(*known):
        table = whole(*known)
        return table.set_column(table.column_names.index("settings"), "settings", [["abc"] * len(table)])

    monkeypatch.setattr(sharing, "coded_runs", leaky)
    with pytest.raises(ValueError, match="has 'abc' in the column 'settings', which is no code"):
        share_study(study, tmp_path / "b.zip")
    assert not list(tmp_path.iterdir())


def test_a_class_called_as_kogen_writes_itself_is_coded_in_cells(tmp_path: Path):
    folder = make_study(tmp_path / "s", {"byol": 0.5, "random": 0.1}, {"reference": "reference"}, n=30, epochs=2)
    share_study(folder, tmp_path / "b.zip")
    rows = read_bundle(tmp_path / "b.zip").tables[PREDICTIONS]
    assert rows["dataset"].unique().to_pylist() == ["set 1"]
    assert set(rows["label"].to_pylist()) == {"class 1", "class 2"} or len(set(rows["label"].to_pylist())) == 2
    assert all(text.startswith("class ") for text in rows["label"].unique().to_pylist())


def test_names_that_are_kept_are_in_the_bundle_and_paths_are_not(study: Path, tmp_path: Path):
    share_study(study, tmp_path / "b.zip", keep_names=True)
    text = every_text(tmp_path / "b.zip")
    assert "zqcandidate of ours" in text
    assert "zqnightshift" in text
    assert "zqcustomer" not in text
    assert "part-" not in text
    assert "names of sets, classes, groups and models are as the team wrote them" in text.lower()


def test_the_verb_says_what_is_in_it_and_refuses_what_it_must(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    found = kogen.share(study, out=tmp_path / "b.zip")
    assert found["names"] == "coded"
    assert found["path"] == str(tmp_path / "b.zip")
    assert "None of" in found["words"][1]
    assert list(found.to_pandas()["role"]) == ["reference", "shift", "train"] or len(found.to_pandas()) == 3
    kogen.share(study, out=tmp_path / "b.zip")  # its own file is written anew
    (tmp_path / "mine.zip").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"mine.zip was not written by kogen"):
        kogen.share(study, out=tmp_path / "mine.zip")
    with pytest.raises(ValueError, match="lies inside"):
        kogen.share(study, out=study / "b.zip")
    with pytest.raises(ValueError, match=r"holds no study \(no study.toml\)"):
        kogen.share(tmp_path)
    from kogen.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["--json", "share", str(study), "--out", str(tmp_path / "c.zip")])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["path"] == str(tmp_path / "c.zip")


def test_an_unjudged_study_is_refused(tmp_path: Path):
    folder = make_study(tmp_path / "s", {"byol": 0.5, "random": 0.1}, {"r": "reference"}, n=30, epochs=2)
    (folder / PREDICTIONS).unlink()
    with pytest.raises(ValueError, match=r"has no predictions.parquet: run `kogen report"):
        share_study(folder, tmp_path / "b.zip")
