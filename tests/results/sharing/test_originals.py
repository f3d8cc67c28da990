"""Originals: all that a team and its machine can be known by, and what of it a scan may not search for."""

import platform
from pathlib import Path

import pytest
from studies import make_study

from kogen.common.files import read_sealed_json, write_sealed_json
from kogen.results.sharing.originals import originals_of, parts_of, to_bytes
from kogen.results.sharing.own_words import own_words
from kogen.results.sharing.study_facts import read_study


def test_a_text_is_searched_for_whole_and_in_parts():
    found = set(parts_of("line=/data/Acme Osaka/part-0012_cam.png?columns=path=Datei"))
    assert {"/data/Acme Osaka/part-0012_cam.png?columns=path=Datei".join(["line=", ""])} <= found
    assert {"Acme", "Osaka", "part-0012_cam.png", "part-0012_cam", "0012", "cam", "Datei", "data"} <= found
    assert "欠陥" in set(parts_of("画像/欠陥.png"))


def test_the_originals_of_a_study_are_those_of_its_files_and_of_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = make_study(tmp_path / "acme-osaka", {"byol": 0.5, "rival": 0.2}, {"night": "reference"}, n=30, epochs=2)
    quality = read_sealed_json(folder / "data.json")
    write_sealed_json(folder / "data.json", quality | {"note": "after the crash of May"})
    monkeypatch.setattr(platform, "node", lambda: "ws-tanaka")
    monkeypatch.setattr("getpass.getuser", lambda: "tanaka")
    study = read_study(folder)
    found = originals_of(study)
    assert {"acme-osaka", "osaka", "night", "rival", "stain", "crash", "ws-tanaka", "tanaka", "part-0"} <= found
    assert set(study.runs) <= found
    assert set(study.rows["item"].to_pylist()) <= found


def test_texts_that_kogen_writes_itself_and_short_ones_are_not_searched_for():
    words = own_words(["resnet18?layers=1,1"])
    assert to_bytes(["reference", "resnet18", "dent", "Manifest", "欠", "欠陥", "osaka1"], words) == {
        "欠陥".encode(),
        b"osaka1",
    }
