"""The verb landscape killed at random instants and shared by two processes: the tables of a calm run, bit by bit."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from jobs import free_port
from small import NARROW, blobs, plan_for

from kogen.training.run import train_run

KILLS = 6
ASKED = "--planes 2 --images 16 --few 8 --batch-size 8 --steps 3 --levels 2 --sharp 8 --map 3 --workers 2"


def work(run: str, data: str, out: str, share: tuple[int, int], port: int) -> None:
    """`kogen landscape`, as a shell or torchrun starts it."""
    torch.set_num_threads(1)
    place = {"RANK": share[0], "WORLD_SIZE": share[1], "LOCAL_RANK": share[0], "LOCAL_WORLD_SIZE": share[1]}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    from kogen import cli

    sys.argv = ["kogen", "landscape", run, "--data", data, "--out", out, *ASKED.split()]
    cli.main()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., multiprocessing.Process]:
    """Starts the verb on a small trained run in a process of its own, without importing everything each time."""
    home, images = tmp_path_factory.mktemp("home"), blobs(32)
    data = home / "blobs.npz"
    np.savez(data, images=images.read(np.arange(32)).numpy().transpose(0, 2, 3, 1), labels=images.labels)
    backbone = "vit_tiny_patch16_224?embed_dim=12&depth=1&num_heads=2"
    plan = plan_for(images, "mae", epochs=1, backbone=backbone, settings=NARROW["mae"])
    train_run(plan, images, home / "run", on_step=lambda *_: None)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["small", "kogen.cli", "kogen.api", "plotly.offline"])

    port = free_port()

    def start(out: Path, share: tuple[int, int] = (0, 1)) -> multiprocessing.Process:
        process = context.Process(target=work, args=(str(home / "run"), str(data), str(out), share, port))
        process.start()
        return process  # type: ignore[return-value]

    return start


@pytest.fixture(scope="module")
def calm(start: Callable[..., multiprocessing.Process], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A landscape that nobody disturbed, and the seconds it took."""
    out = tmp_path_factory.mktemp("calm")
    start(out / "warm").join()  # the first one waits for the server's imports
    began = time.perf_counter()
    process = start(out / "out")
    process.join()
    assert process.exitcode == 0
    return out / "out", time.perf_counter() - began


def assert_same(calm: Path, other: Path) -> None:
    for name in ("surface", "eigenmap", "geometry"):
        one, two = (pd.read_parquet(folder / f"{name}.parquet") for folder in (calm, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert (calm / "landscape.json").read_bytes() == (other / "landscape.json").read_bytes()


def points(out: Path) -> dict[str, list[tuple[float, float]]]:
    """The lines of the journals, whole ones, by folder."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted((out / "landscape").rglob("points-*.jsonl")):
        lines = map(json.loads, path.read_bytes().rpartition(b"\n")[0].splitlines())
        found.setdefault(path.parent.name, []).extend((line["alpha"], line["beta"]) for line in lines)
    return found


@pytest.mark.slow
def test_killed_at_random_instants(
    start: Callable[..., multiprocessing.Process], calm: tuple[Path, float], tmp_path: Path
):
    folder, whole = calm
    rng, killed, rounds = np.random.default_rng(0), 0, 0
    while killed < KILLS:
        out, before = tmp_path / f"killed{rounds}", {}
        while not (out / "landscape.html").exists():
            process = start(out)
            process.join(rng.uniform(0.05, 0.6) * whole if killed < KILLS else None)
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
            process.join()
            after = points(out)
            assert all(after[name][: len(known)] == known for name, known in before.items())  # nothing stored is lost
            before = after
        assert_same(folder, out)
        for name, known in points(out).items():
            assert len(set(known)) == len(known), f"{name}: a stored point was computed twice"
        assert points(out).keys() == points(folder).keys()
        rounds += 1


@pytest.mark.slow
def test_two_processes_give_the_tables_of_one(
    start: Callable[..., multiprocessing.Process], calm: tuple[Path, float], tmp_path: Path
):
    both = [start(tmp_path, (number, 2)) for number in (0, 1)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert_same(calm[0], tmp_path)
    wrote = {path.name for path in (tmp_path / "landscape").rglob("points-*.jsonl") if path.stat().st_size}
    assert wrote == {"points-0.jsonl", "points-1.jsonl"}  # both worked
