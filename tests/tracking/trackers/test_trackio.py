"""Trackio: its own reader gets the numbers of training.parquet back from the store on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tracked import wanted_values

pytest.importorskip("trackio", reason="trackio is not installed")

TRAIN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tracked import train_tracked
train_tracked(Path(sys.argv[2]), "trackio", stops=1)
"""
READ = """
import json, trackio
from trackio.sqlite_storage import SQLiteStorage
runs = [[run.name, run.config, SQLiteStorage.get_logs("kogen", run.name)] for run in trackio.Api().runs("kogen")]
print(json.dumps(runs, default=str))
"""


def run_python(code: str, *words: str, store: Path) -> str:
    """What a program prints in which trackio keeps its runs in `store`: it asks where once, when it is imported."""
    environment = os.environ | {"TRACKIO_DIR": str(store), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_reader_gets_the_table_back_as_one_run(tmp_path: Path):
    helpers = str(Path(__file__).parents[2] / "helpers")
    assert run_python(TRAIN, helpers, str(tmp_path / "run"), store=tmp_path / "store") == ""  # it prints nothing
    ((name, config, history),) = json.loads(run_python(READ, store=tmp_path / "store").splitlines()[-1])
    assert name.startswith("simclr seed 0 ")
    assert config["method"] == "simclr"
    found: dict[str, dict[int, float]] = {}
    for row in history:
        for key, value in row.items():
            if key not in ("step", "timestamp"):
                found.setdefault(key, {})[int(row["step"])] = value
    wanted = wanted_values(tmp_path / "run")
    assert {key: pytest.approx(values, rel=1e-12) for key, values in wanted.items()} == found
