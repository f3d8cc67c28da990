"""The proof on a GPU, rehearsed: every part at tiny sizes on a CPU, what fails, and the limit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def proof(*words: str) -> subprocess.CompletedProcess:
    here = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # also where there is a card
    return subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True, timeout=600, env=here)


@pytest.mark.slow
def test_every_part_is_rehearsed(tmp_path):
    done = proof("--device", "cpu", "--minutes", "5", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["machine"]["device"] == "cpu"
    assert set(found["parts"]) == set("abcdefghks")
    for part in found["parts"].values():
        assert part["error"] is None
        assert part["rows"]
        assert all(row["fine"] for row in part["rows"] if row["wanted"])
    told = [row["what"] for row in found["parts"]["a"]["rows"]]
    assert {"byol: gradient, float64", "rc_mae: gradient, bf16", "vicreg: loss, float32"} <= set(told)
    assert "in 4 parts" in done.stdout or "Use --accumulate" in done.stdout
    table = proof("--markdown", str(tmp_path / "gpu.json")).stdout
    assert "| byol: gradient, float64 | 0 relative | at most 0.0001 |" in table


@pytest.mark.slow
def test_it_stops_at_the_limit_and_keeps_what_it_has(tmp_path):
    done = proof("--device", "cpu", "--minutes", "0.03", "--only", "a", "--out", str(tmp_path))
    assert done.returncode == 1
    assert "stopped after 0.03 minutes, in part a" in done.stdout
    part = json.loads((tmp_path / "gpu.json").read_text())["parts"]["a"]
    assert part["error"] == "cut off: the minutes were over"


@pytest.mark.slow
def test_a_part_that_fails_is_told_and_the_next_one_goes_on(tmp_path):
    done = proof("--device", "cpu", "--only", "f,e", "--cifar", str(tmp_path / "nothing.npz"), "--out", str(tmp_path))
    assert done.returncode == 1
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert parts["f"]["error"].startswith("FileNotFoundError")
    assert parts["e"]["error"] is None
    assert "Traceback" in done.stderr
    assert "broken: ['f']" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"), [(["--only", "a,z"], "there is no part z: choose from a, b"), ([], "no GPU")]
)
def test_what_cannot_be_done_is_said(words, said):
    done = proof(*words)
    assert done.returncode == 1
    assert said in done.stderr
