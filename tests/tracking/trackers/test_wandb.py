"""Weights & Biases: offline files hold the numbers of training.parquet; without an account it is refused, not asked."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tracked import train_tracked, wanted_values

from kogen.tracking.session import TrackTo, track

wandb = pytest.importorskip("wandb", reason="wandb is not installed")


BLOCK = 32768


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where wandb keeps all runs of this file, offline: it asks its environment once a process."""
    folder = tmp_path_factory.mktemp("wandb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_DIR", str(folder))
        yield folder


def read_back(folder: Path) -> list[Any]:
    """The records of the file of an offline run: protocol buffers in a log of LevelDB, behind a header of 7 bytes.

    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("run-*.wandb")
    content, place, data, found = file.read_bytes(), 7, b"", []
    assert content.startswith(b":W&B")
    while place < len(content):
        left = BLOCK - place % BLOCK
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        data += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            found.append(record)
            data = b""
    return found


def values_of(records: list[Any]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for key in [key for key in items if not key.startswith("_")]:
                found.setdefault(key, {})[int(items["_step"])] = items[key]
    return found


def test_offline_files_hold_the_table_as_one_run(place: Path, tmp_path: Path):
    out = train_tracked(tmp_path / "run", "wandb", stops=1)
    known = json.loads(next((out / "tracking").glob("*.json")).read_text())["id"]
    folders = sorted((place / "wandb").glob(f"offline-run-*-{known}"))
    assert not [place for place in out.rglob("*") if place.is_symlink()]  # kogen would not write there again
    assert len(folders) == 2  # each time it began; `wandb sync` makes one run of them: they have one id
    records = [read_back(folder) for folder in folders]
    runs = [record.run for each in records for record in each if record.WhichOneof("record_type") == "run"]
    assert {run.run_id for run in runs} == {known}
    assert {(run.project, run.display_name) for run in runs} == {("kogen", "simclr seed 0")}
    found: dict[str, dict[int, float]] = {}
    for each in records:
        for name, values in values_of(each).items():
            assert not set(values) & set(found.get(name, {}))  # no epoch twice
            found[name] = found.get(name, {}) | values
    wanted = wanted_values(out)
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose([found[name][step] for step in sorted(values)], [values[s] for s in sorted(values)])


def test_a_page_becomes_an_artefact_and_runs_of_a_study_a_group(place: Path, tmp_path: Path):
    (tmp_path / "report.html").write_text("<p>")
    with track(TrackTo(("wandb",), tmp_path, is_study=True), "ab", "byol", {"seed": 1}) as session:
        session.log_artefacts([tmp_path / "report.html"])
    known = json.loads((tmp_path / "tracking" / "ab.json").read_text())["id"]
    (folder,) = (place / "wandb").glob(f"offline-run-*-{known}")
    records = read_back(folder)
    (run,) = [record.run for record in records if record.WhichOneof("record_type") == "run"][:1]
    assert run.run_group == json.loads((tmp_path / "tracking" / "study.json").read_text())["id"]
    named = [record.request.log_artifact.artifact.name for record in records if record.request.HasField("log_artifact")]
    named += [record.artifact.name for record in records if record.WhichOneof("record_type") == "artifact"]
    assert [name for name in named if name.endswith("-report.html")]


def test_without_an_account_it_is_refused_at_once_and_nothing_is_asked(tmp_path: Path):
    code = "from pathlib import Path; from kogen.tracking.session import track_to; track_to(['wandb'], Path('x'))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {"HOME": str(tmp_path), "NETRC": str(tmp_path / "none"), "WANDB_CONFIG_DIR": str(tmp_path)}
    pipes: dict[str, Any] = {"capture_output": True, "text": True, "stdin": subprocess.PIPE}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=120, check=False, **pipes)
    assert done.returncode == 1
    assert "ValueError: --tracker wandb has no account to send to: run `wandb login`" in done.stderr
    assert done.stdout == ""
