"""Processes of one job: what is lost, silent, late or different ends in a sentence; long work of the first does not."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from jobs import JobProcesses, free_port, say_at_work

import kogen
from kogen.common import distributed, peers
from kogen.common.launch import Launch
from kogen.common.peers import Peers, meet
from kogen.training.loop import Stopped

LOST = "kogen: another process of this job was lost or is silent: "


@pytest.fixture
def start(tmp_path):
    """Starts a scene in processes of its own, and leaves none behind."""
    started: list[JobProcesses] = []

    def begin(scene, **given) -> JobProcesses:
        started.append(JobProcesses(tmp_path, scene, **given))
        return started[-1]

    yield begin
    for job in started:
        job.end()


def work_long(rank: int) -> None:
    distributed.join_processes()
    for _ in range(2):
        with distributed.first_process_only() as mine:
            assert mine == (rank == 0)
            if mine:
                time.sleep(2 * peers.SILENCE)
                Path("done").touch()
        assert Path("done").exists()
    assert distributed.from_first([rank, "ä"]) == [0, "ä"]
    assert distributed.any_process(rank == 1, False) == [True, False]
    distributed.check_agreement({"same": [1, None]}, "nothing")


def test_the_first_may_work_longer_than_another_may_be_silent(start):
    assert [code for code, _ in start(work_long).finish()] == [0, 0]


def step_forever(rank: int) -> None:
    distributed.join_processes()
    say_at_work(rank)
    with distributed.explain_lost_peer():
        while True:
            distributed.any_process(False)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "onnection"),
        (signal.SIGSTOP, r"process 1 of 2, counted from 0 (nothing was heard of it for 2 sec"),
    ],
)
def test_a_process_that_is_lost_ends_the_others_with_a_sentence(start, number, words):
    job = start(step_forever)
    job.send(1, number)
    began = time.monotonic()
    [(code, said)] = job.finish(0)
    assert code == 1
    assert said.startswith(LOST)
    assert words in said
    assert time.monotonic() - began < 15


def work_and_wait(rank: int) -> None:
    distributed.join_processes()
    with distributed.first_process_only() as mine:
        say_at_work(rank)
        if mine:
            time.sleep(60)


def test_who_waits_for_a_first_process_that_is_frozen_with_the_store_ends_too(start):
    job = start(work_and_wait)
    job.send(0, signal.SIGSTOP)
    [(code, said)] = job.finish(1)
    assert code == 1
    assert said.startswith(LOST + "process 0 of 2")


def fail_first(rank: int) -> None:
    distributed.join_processes()
    with distributed.first_process_only() as mine:
        if mine:
            raise ValueError("no space left")
    raise AssertionError("went on without the first")


def test_an_error_of_the_first_ends_those_that_wait(start):
    (_, first), (code, second) = start(fail_first).finish()
    assert first == "kogen: no space left"
    assert code == 1
    assert second.startswith(LOST + "process 0 of 2, counted from 0 (it has ended)")


def train(rank: int, seeds: int = 1, epochs: int = 1) -> None:
    source = f"surfaces?n=32&seed={rank % seeds}"
    options = {"image_size": 16, "backbone": "tiny?width=8", "epochs": epochs, "batch_size": 16}
    try:
        kogen.pretrain(source, method="byol", out=Path("run"), **options)
    except Stopped as stopped:
        raise ValueError(str(stopped)) from stopped


def test_other_images_are_named_before_the_first_step(start, tmp_path):
    for code, said in start(train, seeds=2).finish():
        assert code == 1
        assert "do not agree on the run in run: process 1 has other" in said
        assert "data than process 0; give all processes the same command, files and versions" in said
    assert not (tmp_path / "run" / "plan.json").exists()


def test_one_process_asked_to_stop_stops_all_at_the_same_step(start, tmp_path):
    job = start(train, epochs=100_000)
    until = time.monotonic() + 60
    while not (tmp_path / "run" / "training.parquet").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(job.processes[1].pid or 0, signal.SIGTERM)
    (one, first), (two, second) = job.finish()
    assert (one, two) == (1, 1)
    assert first == second
    assert "stopped at step" in first


def stale(monkeypatch, **changes: int) -> Launch:
    monkeypatch.setattr(peers, "RENDEZVOUS", 1.0)
    variables = tuple(f"{name}={value}" for name, value in {"RANK": 1, "WORLD_SIZE": 2, "MASTER_PORT": 1}.items())
    return Launch(
        "torchrun", **{"rank": 1, "size": 2, "address": "127.0.0.1", "port": free_port()} | changes, variables=variables
    )


@pytest.mark.parametrize("rank", [0, 1])
def test_stale_variables_end_in_a_sentence(monkeypatch, rank):
    words = r"not all 2 processes of this job have come within 1 seconds .*: this one has RANK=1, WORLD_SIZE=2, "
    cure = r"MASTER_PORT=1 \(as torchrun sets them\); start all .*, or give --processes 1 to work"
    with pytest.raises(ValueError, match=words + cure):
        meet(stale(monkeypatch, rank=rank))


def test_a_server_that_never_answers_and_a_port_that_is_taken(monkeypatch):
    monkeypatch.setattr(peers, "PATIENCE", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(ValueError, match="what listens there does not answer"):
            meet(stale(monkeypatch, port=port))
        with pytest.raises(ValueError, match=r"not all 2 processes .*address already in use"):
            meet(stale(monkeypatch, rank=0, port=port))


def test_apples_gpu_takes_one_process(monkeypatch):
    monkeypatch.setattr(distributed, "default_device", lambda: "mps")
    monkeypatch.setattr(distributed, "find_processes", lambda _: Launch("torchrun", size=2))
    monkeypatch.setattr(distributed.Job, "peers", object())
    with pytest.raises(ValueError, match="torchrun started 2 processes, and Apple's GPU takes one: --processes 1"):
        distributed.join_processes()


def test_a_process_that_was_stopped_itself_does_not_take_the_others_for_lost(monkeypatch):
    found = object.__new__(Peers)
    found.launch, found.gone, found.ended, found.watched, found.lost = Launch(size=2), [False] * 2, False, True, ""
    found.heard = [0.0, 0.0]  # long ago, by a clock that went on
    monkeypatch.setattr(peers, "SILENCE", 0.2)
    pauses = iter([0.1])

    def sleep(_: float) -> None:
        if next(pauses, None) is None:
            found.ended = True
        else:
            time.sleep = real
            real(0.1)
            time.sleep = sleep

    real = time.sleep
    monkeypatch.setattr(time, "sleep", sleep)
    found.watch()
    assert found.lost == ""


def test_verbs_of_one_process_refuse_several(monkeypatch):
    monkeypatch.setattr(distributed, "read_launch", lambda _: Launch("srun", size=3, variables=("SLURM_PROCID=0",)))
    with pytest.raises(ValueError, match=r"evaluate works in one process, and srun started 3: .*SLURM_PROCID=0"):
        distributed.refuse_processes(None, "evaluate")


def test_a_process_keeps_the_others_that_it_has_found(monkeypatch):
    monkeypatch.setattr(distributed.Job, "peers", object())
    monkeypatch.setattr(distributed.Job, "launch", Launch("torchrun", size=2))
    assert distributed.find_processes(2).size == distributed.find_processes().size == 2
    with pytest.raises(ValueError, match="--processes 1, but this process already works with 1 others: start another"):
        distributed.find_processes(1)


def test_tasks_without_srun_are_said_once_and_ignored_variables_are_not_read(monkeypatch, capsys):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setattr(distributed.Job, "warned", False)
    distributed.join_processes()
    distributed.find_processes()
    said = capsys.readouterr().err
    assert said.count("SLURM_NTASKS=4, but this process was not started by srun: it works alone") == 1
    monkeypatch.setenv("RANK", "7")
    distributed.join_processes(1)
    assert capsys.readouterr().err == ""
    assert distributed.from_first("mine") == "mine"
    assert distributed.any_process(True, False) == [True, False]
    with distributed.first_process_only() as mine:
        assert mine
