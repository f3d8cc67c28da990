"""A run killed at twenty random instants ends with the weights of a run that nobody disturbed, bit by bit."""

import logging
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from small import blobs, plan_for

from kogen.common.speech.events import EpochEnded, RunStarted
from kogen.training.run import runs_as_free, train_run

EPOCHS = 10


def work(folder: str) -> None:
    torch.set_num_threads(1)
    images = blobs(96)
    train_run(plan_for(images, "byol", epochs=EPOCHS), images, Path(folder))


@pytest.fixture(scope="module")
def start():
    """Starts `work(folder)` in a process of its own, without importing everything each time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["small", "kogen.training.run"])

    def start(folder: Path):
        process = context.Process(target=work, args=(str(folder),))
        process.start()
        return process

    return start


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_instants(tmp_path, start, kills):
    calm = start(tmp_path / "warm")  # the first one waits for the server's imports
    calm.join()
    began = time.perf_counter()
    calm = start(tmp_path / "calm")
    calm.join()
    whole = time.perf_counter() - began
    assert calm.exitcode == 0

    rng, killed, runs = np.random.default_rng(0), 0, 0
    while killed < kills:  # as many runs as it takes
        folder = tmp_path / f"killed{runs}"
        while not (folder / "summary.json").exists():
            process = start(folder)
            process.join(rng.uniform(0.02, 0.6) * whole if killed < kills else None)
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
            process.join()
            if (folder / "training.parquet").exists():
                pd.read_parquet(folder / "training.parquet")  # never half written
        assert_same(tmp_path / "calm", folder)
        runs += 1


HOLDER = """
import sys, time
from pathlib import Path
from kogen.training.run import take_run
with take_run(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_runs_that_another_process_is_at_work_on_come_last(tmp_path, capsys):
    runs = [tmp_path / name for name in "abc"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(runs[1])], text=True, **pipes) as other:
        assert other.stdout.readline() == "True\n"
        left = runs[1] / f".weights.safetensors.{platform.node()}-{2**22 + 1}-00000000.tmp"
        left.touch()
        order = []
        for number in runs_as_free(runs):
            order.append(number)
            if number == 2:
                other.stdin.close()  # ends the other process
        assert order == [0, 2, 1]
        assert not left.exists()
    assert "another process is at work on" in capsys.readouterr().err


def assert_same(calm: Path, killed: Path) -> None:
    """Two finished runs are equal, bit by bit, in everything but their speed."""
    for name in ("weights.safetensors", "checkpoint/state.safetensors"):
        calm_state, killed_state = load_file(calm / name), load_file(killed / name)
        assert calm_state.keys() == killed_state.keys()
        assert all(torch.equal(calm_state[key], killed_state[key]) for key in calm_state)
    told = [pd.read_parquet(folder / "training.parquet") for folder in (calm, killed)]
    same = ["epoch", "term", "value", "rate", "rank_me", "feature_std"]
    pd.testing.assert_frame_equal(told[0][same], told[1][same])


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "kogen", "pretrain", "byol", "digits", "--epochs", "400", "--image-size", "8"]
    command += ["--backbone", "tiny?width=8", "--batch-size", "64", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    place = tmp_path / "run" / "checkpoint" / "state.safetensors"
    deadline = time.time() + 120
    while not place.exists() and time.time() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "saved. Go on with the same command:" in told
    assert "kogen pretrain byol digits" in told


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["importing", "reading images"])
def test_a_signal_outside_a_training_ends_in_75_too(tmp_path, signum, moment):
    waits = {"importing": "kogen.api", "reading images": "kogen.data.datasets.digits"}[moment]
    program = f"""
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
class Slow:
    def find_spec(self, name, *rest):
        if name == {waits!r}:
            print("here", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from kogen.__main__ import main
sys.argv = ["kogen", "views", "digits", "--out", {str(tmp_path / "v.png")!r}]
main()
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signum)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 75
    assert told.endswith("kogen: stopped; what was finished is saved, and the same command goes on there\n")
    assert "Traceback" not in told


def test_a_run_whose_checkpoint_was_deleted_tells_that_it_starts_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    images, folder = blobs(), tmp_path / "run"
    plan = plan_for(images, "simclr", epochs=2)
    train_run(plan, images, folder)
    (folder / "summary.json").unlink()
    for deleted, epochs in ((False, []), (True, [0, 1, 2])):
        caplog.clear()
        if deleted:
            (folder / "checkpoint" / "state.safetensors").unlink()
            (folder / "summary.json").unlink()
        with caplog.at_level(logging.INFO, "kogen"):
            train_run(plan, images, folder)
        events = [record.event for record in caplog.records if hasattr(record, "event")]
        assert [event.done for event in events if isinstance(event, RunStarted)] == [0 if deleted else 2]
        assert [event.epoch for event in events if isinstance(event, EpochEnded)] == epochs
