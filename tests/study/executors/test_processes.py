"""Jobs: several processes give the tables of one, also where they are killed or stopped; what they say is told once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from shared_work import QUICK, children_of, is_at_work, same_results

import kogen
from kogen.common import system
from kogen.common.speech.events import EpochEnded
from kogen.study.executors import processes
from kogen.study.executors.children import HEAD
from kogen.study.executors.processes import Jobs, job_environment

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums of several threads differ in the last bits


def test_two_jobs_give_what_one_process_gives(
    sets: dict[str, str],
    alone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level("INFO", logger="kogen")
    kogen.pilot(sets["a"], test=sets["b"], jobs=2, out=tmp_path / "study", **QUICK)
    same_results(alone, tmp_path / "study")
    assert "4 runs, 2 at a time: 10 of 10" in capsys.readouterr().err
    started = [said.split()[0] for said in caplog.messages if "training for" in said]
    assert started == ["simclr", "simclr", "random", "random"]  # the longest first, of all seeds


def test_a_job_that_is_killed_is_started_again(
    sets: dict[str, str],
    alone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    hear, start, killed, started = processes.Tally.hear, processes.Jobs.start_job, list[int](), dict[int, int]()

    def start_known(jobs: processes.Jobs, number: int, *given: Any) -> Any:
        job = start(jobs, number, *given)
        started[number] = job.child.process.pid
        return job

    def kill_first(tally: Any, job: int, event: Any) -> bool:
        heard = hear(tally, job, event)
        if isinstance(event, EpochEnded) and event.epoch == 1 and not killed:
            killed.append(started[job])  # this process may have other children, of other tests
            os.kill(killed[0], signal.SIGKILL)
        return heard

    monkeypatch.setattr(processes.Jobs, "start_job", start_known)
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
    monkeypatch.setattr(processes, "run_command", lambda *_: [sys.executable, "-c", "raise SystemExit('no luck')"])
    kogen.pilot(sets["a"], test=sets["b"], jobs=2, out=tmp_path / "study", **QUICK)
    said = capsys.readouterr().err
    assert "job 1 ended: no luck; what is left of it is done by the others, or at the end" in said
    same_results(alone, tmp_path / "study")


def test_each_job_has_its_share_of_cores_and_its_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(system, "usable_cores", lambda: 7)
    assert [Jobs(Path("s"), count, []).threads for count in (2, 3, 9)] == [3, 2, 1]
    assert job_environment(1, 2, {})["MKL_NUM_THREADS"] == "2"
    assert job_environment(1, 3, {"OMP_NUM_THREADS": "5"})["MKL_NUM_THREADS"] == "5"
    assert "CUDA_VISIBLE_DEVICES" not in job_environment(1, 3, {})
    assert job_environment(1, 3, {})[HEAD] == str(os.getpid())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [job_environment(n, 3, {})["CUDA_VISIBLE_DEVICES"] for n in (1, 2, 3)] == ["0", "1", "0"]
    assert job_environment(2, 3, {"CUDA_VISIBLE_DEVICES": "5,GPU-7"})["CUDA_VISIBLE_DEVICES"] == "GPU-7"
