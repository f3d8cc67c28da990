"""Jobs: several processes give the tables of one, also where they are killed or stopped; what they say is told once."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from pictures import write_set

import kogen
from kogen.common import distributed, plugins
from kogen.common.plugins import Plugin
from kogen.common.speech.events import Caution, EpochEnded, Failed, RunEnded, RunStarted
from kogen.config.study import make_study
from kogen.study.executors import processes
from kogen.study.executors.processes import HEAD, count_jobs, event_of, job_environment

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")

QUICK: dict[str, Any] = {"epochs": 3, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 8, "precision": "32"}
QUICK |= {"methods": ("simclr", "random"), "probes": ("knn",), "costs": "none", "seeds": 2}
KEY = ["run", "dataset", "protocol", "item"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("sets")
    return {name: write_set(root / name, n, seed) for seed, (name, n) in enumerate((("a", 12), ("b", 6)))}


@pytest.fixture(scope="module")
def alone(sets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "study"
    kogen.pilot(sets["a"], test=sets["b"], out=out, **QUICK)
    return out


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums of several threads differ in the last bits


def children_of(parent: int) -> list[int]:
    """Numbers of the processes that a process has started and that are at work."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            state, above = file.read_text().rpartition(")")[2].split()[:2]
            found += [int(file.parent.name)] if int(above) == parent and state != "Z" else []
    return found


def is_at_work(number: int) -> bool:
    """Whether a process lives, and is no zombie that nobody has buried yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def same_results(one: Path, other: Path) -> None:
    weights = [
        {file.parent.name: file.read_bytes() for file in at.glob("runs/*/weights.safetensors")} for at in (one, other)
    ]
    assert weights[0] == weights[1]
    tables = [pd.read_parquet(at / "predictions.parquet").set_index(KEY).sort_index() for at in (one, other)]
    pd.testing.assert_frame_equal(*tables)


def test_two_jobs_give_what_one_process_gives(
    sets: dict[str, str], alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kogen.pilot(sets["a"], test=sets["b"], jobs=2, out=tmp_path / "study", **QUICK)
    same_results(alone, tmp_path / "study")
    assert "4 runs, 2 at a time: 10 of 10" in capsys.readouterr().err


def test_a_job_that_is_killed_is_started_again(
    sets: dict[str, str],
    alone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    hear, start, killed, started = processes.Tally.hear, processes.start_job, list[int](), dict[int, int]()

    def start_known(number: int, *given: Any) -> Any:
        job = start(number, *given)
        started[number] = job.process.pid
        return job

    def kill_first(tally: Any, job: int, event: Any) -> bool:
        heard = hear(tally, job, event)
        if isinstance(event, EpochEnded) and event.epoch == 1 and not killed:
            killed.append(started[job])  # this process may have other children, of other tests
            os.kill(killed[0], signal.SIGKILL)
        return heard

    monkeypatch.setattr(processes, "start_job", start_known)
    monkeypatch.setattr(processes.Tally, "hear", kill_first)
    kogen.pilot(sets["a"], test=sets["b"], jobs=2, out=tmp_path / "study", **QUICK)
    assert killed
    assert "was killed by signal 9: it is started again, and its run goes on" in capsys.readouterr().err
    same_results(alone, tmp_path / "study")


def start_pilot(sets: dict[str, str], out: Path) -> subprocess.Popen[bytes]:
    words = ["pilot", sets["a"], "--test", sets["b"], "--out", str(out), "--jobs", "2", "--epochs", "400"]
    words += ["--methods", "simclr,random", "--probe", "knn", "--costs", "none", "--image-size", "16"]
    words += ["--backbone", "tiny?width=8", "--batch-size", "8", "--seeds", "2"]
    begun = subprocess.Popen([sys.executable, "-m", "kogen", *words], stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while len(list(out.glob("runs/*/training.parquet"))) < 2:
        assert time.monotonic() < until
        assert begun.poll() is None, begun.stderr.read() if begun.stderr else ""
        time.sleep(0.2)
    return begun


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_jobs_end_with_the_process_that_started_them(sets: dict[str, str], tmp_path: Path, number: signal.Signals):
    begun = start_pilot(sets, tmp_path / "study")
    jobs = children_of(begun.pid)
    assert len(jobs) == 2
    begun.send_signal(number)
    said = begun.communicate(timeout=120)[1].decode()
    if number == signal.SIGINT:
        assert begun.returncode == 75, said
        assert "stopped; what was finished is saved" in said
    until = time.monotonic() + 60
    while any(map(is_at_work, jobs)):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert len(list((tmp_path / "study").glob("runs/*/checkpoint/state.safetensors"))) == 2


def test_a_job_that_cannot_work_is_told_and_its_runs_are_done_at_the_end(
    sets: dict[str, str],
    alone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(processes, "job_command", lambda *_: [sys.executable, "-c", "raise SystemExit('no luck')"])
    kogen.pilot(sets["a"], test=sets["b"], jobs=2, out=tmp_path / "study", **QUICK)
    said = capsys.readouterr().err
    assert "job 1 ended: no luck; what is left of it is done by the others, or at the end" in said
    same_results(alone, tmp_path / "study")


def test_how_many_jobs(monkeypatch: pytest.MonkeyPatch):
    study, held = make_study({"source": "a"}, "x"), make_study({"source": "object:array-1-abc"}, "x")
    assert (count_jobs(None, study), count_jobs(3, study), count_jobs(1, held)) == (1, 3, 1)
    with pytest.raises(ValueError, match="--jobs 2: object:array-1-abc lies in this process alone: write it to files"):
        count_jobs(2, held)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert (count_jobs(None, study), count_jobs(None, held), count_jobs(2, study)) == (4, 1, 2)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    assert count_jobs(None, study) == 1
    with pytest.raises(
        ValueError, match="--jobs 2: 2 processes work together on each run here: start one, or leave it out"
    ):
        count_jobs(2, study)


def test_each_job_has_its_share_of_cores_and_its_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "usable_cores", lambda: 7)
    assert job_environment(1, 3, {})["OMP_NUM_THREADS"] == "2"
    assert job_environment(1, 9, {})["MKL_NUM_THREADS"] == "1"
    assert job_environment(1, 3, {"OMP_NUM_THREADS": "5"})["MKL_NUM_THREADS"] == "5"
    assert "CUDA_VISIBLE_DEVICES" not in job_environment(1, 3, {})
    assert job_environment(1, 3, {})[HEAD] == str(os.getpid())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [job_environment(n, 3, {})["CUDA_VISIBLE_DEVICES"] for n in (1, 2, 3)] == ["0", "1", "0"]
    assert job_environment(2, 3, {"CUDA_VISIBLE_DEVICES": "5,GPU-7"})["CUDA_VISIBLE_DEVICES"] == "GPU-7"


FOLDER = {"alarms": 0, "folder": "f"}


def test_jobs_run_the_code_that_this_command_named_and_no_other(monkeypatch: pytest.MonkeyPatch):
    mine = Plugin("methods", "Mine", "mine.py", "0123", None)
    typed = Plugin("views", "typed", plugins.INTERACTIVE, "4567", None)
    monkeypatch.setattr(plugins, "OPENED", {("methods", "Mine"): mine, ("views", "typed"): typed})
    study = make_study({"source": "a"}, "x").model_copy(update={"plugins": ("methods=evil.py:Evil sha256:89",)})
    ready: Any = SimpleNamespace(folder=Path("s"), study=study)
    words = processes.job_command(ready, ["mlflow"])[4:]
    assert words == ["run", "s", "--tracker", "mlflow", "--plugins", "methods=mine.py:Mine sha256:0123"]


def test_lines_of_a_job_are_events_again():
    fields = {"run": "ab", "status": "done", "minutes": 1.5, "images_seen": 3, "images_per_second": None, "kwh": 0.1}
    line = json.dumps({"event": "run_ended", "time": "t", "level": "info", "text": "x", "later": 1, **fields} | FOLDER)
    assert event_of(line) == RunEnded("ab", "done", 1.5, 3, None, 0.1, 0, "f")
    assert event_of('{"event": "warning", "text": "careful", "about": "x"}') == Caution("careful", "x")
    assert event_of('{"event": "error", "exit_code": 1, "text": "oh"}') == Failed(1, "oh")
    for other in ("", "no json", "[1]", '{"event": "note", "text": "a"}', '{"text": "a"}'):
        assert event_of(other) is None


def test_a_tally_knows_how_far_runs_are(alone: Path):
    class Plan:
        epochs, title, seed = 10, "byol", 1

    tally = processes.Tally.__new__(processes.Tally)
    tally.runs, tally.done, tally.at_work, tally.steps = {"a": Plan()}, {"a": 0}, {}, 11  # type: ignore[assignment]
    start = RunStarted("a", "byol", "byol", 1, "", 8, 10, 4, "f")
    tally.hear(1, start)
    assert (tally.done, tally.words) == ({"a": 4}, "byol seed 1 4/10")
    tally.hear(1, EpochEnded("a", 7, 10, {}, 0.1, 1.0, 1.0, 1.0, 1.0))
    assert tally.words == "byol seed 1 7/10"
    tally.hear(2, EpochEnded("of another study", 7, 10, {}, 0.1, 1.0, 1.0, 1.0, 1.0))
    tally.hear(1, RunEnded("a", "done", 1.0, 8, 1.0, 0.0, 0, "f"))
    assert (tally.done, tally.words) == ({"a": 11}, "byol seed 1 10/10")
