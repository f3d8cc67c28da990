"""Ray: a study on a cluster of two nodes gives the tables of one process, also where a node or a process is killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shared_work import QUICK, same_results

import kogen

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")
from kogen.study.executors import ray as ours  # noqa: E402

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of a head without cores for tasks and two nodes of one core."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(kogen.__file__).parents[1]), *sys.path]))
    small = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    there = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0} | small)
    there.nodes = [there.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(2)]
    there.wait_for_nodes()
    yield there
    ray.shutdown()
    there.shutdown()


def test_a_killed_node_and_a_killed_process_lose_nothing(
    sets: dict[str, str],
    alone: Path,
    tmp_path: Path,
    cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    hear, ended = ours.Tally.hear, list[str]()

    def kill(tally: Any, worker: int, event: Any) -> bool:
        if event.kind == "epoch_ended" and not ended:  # of the first run that comes so far
            ended.append("node")
            cluster.remove_node(cluster.nodes[0], allow_graceful=False)
        return hear(tally, worker, event)

    monkeypatch.setattr(ours.Tally, "hear", kill)
    kogen.pilot(
        sets["a"],
        test=sets["b"],
        engine="ray",
        address=cluster.address,
        out=tmp_path / "study",
        **QUICK | {"epochs": 3},
    )
    assert ended == ["node"]
    same_results(alone, tmp_path / "study")
    assert "4 runs on Ray, 1 cores and 0 GPUs each: 10 of 10" in capsys.readouterr().err


def kogen_runs() -> dict[int, int]:
    """Number and parent of each process at work that does a run."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        words = file.read_bytes().split(b"\0") if file.exists() else []
        if b"run" in words and b"--json" in words:
            found[int(file.parent.name)] = int((file.parent / "stat").read_text().rpartition(")")[2].split()[1])
    return found


@pytest.mark.slow
def test_a_killed_process_is_tried_again_and_ctrl_c_stops_all_saved(sets: dict[str, str], tmp_path: Path):
    out = tmp_path / "study"
    words = ["pilot", sets["a"], "--test", sets["b"], "--out", str(out), "--engine", "ray", "--cpus-per-run", "1"]
    words += ["--epochs", "3000", "--methods", "simclr", "--probe", "knn", "--costs", "none", "--image-size", "16"]
    words += ["--backbone", "tiny?width=8", "--batch-size", "8", "--seeds", "2"]
    with (tmp_path / "said").open("wb") as said:
        begun = subprocess.Popen([sys.executable, "-m", "kogen", *words], stderr=said)

    def wait_for(holds: Any) -> None:
        until = time.monotonic() + 180
        while not holds():
            assert time.monotonic() < until, (tmp_path / "said").read_text()
            assert begun.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.2)

    wait_for(lambda: len(list(out.glob("runs/*/training.parquet"))) == 2)
    killed = min(kogen_runs())
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: killed not in kogen_runs() and len(kogen_runs()) == 2)
    wait_for(lambda: len(list(out.glob("runs/*/checkpoint/state.safetensors"))) == 2)
    begun.send_signal(signal.SIGINT)
    assert begun.wait(120) == 75, (tmp_path / "said").read_text()
    assert "stopped; what was finished is saved" in (tmp_path / "said").read_text()
    assert not kogen_runs()


@pytest.mark.slow
def test_what_ray_cannot_do_is_said(
    sets: dict[str, str], tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
):
    asked: dict[str, Any] = {"test": sets["b"], "engine": "ray", "address": cluster.address} | QUICK
    with pytest.raises(ValueError, match=r"a run is to have 2 cores and 0 GPUs, and no node of Ray has that .*1 cores"):
        kogen.pilot(sets["a"], cpus_per_run=2, out=tmp_path / "large", **asked)
    monkeypatch.setattr(ours, "run_command", lambda *_: ["python", "-c", "raise SystemExit('no luck')"])
    with pytest.raises(ValueError, match=r"all 4 tasks on Ray ended before all was done, the first: no luck\. "):
        kogen.pilot(sets["a"], out=tmp_path / "unlucky", **asked)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", r"--address 127\.0\.0\.1:1: no Ray answers there .*refused.*; start one with `ray start"),
        ("head", "--address 'head': wanted auto or HOST:PORT, as `ray start --head` prints it"),
        ("ray://head:10001", "--address 'ray://head:10001': wanted auto or HOST:PORT"),
        ("127.0.0.1:99999", "no Ray answers there"),
    ],
)
def test_an_address_where_no_ray_is(sets: dict[str, str], tmp_path: Path, address: str, said: str):
    with pytest.raises(ValueError, match=said):
        kogen.pilot(sets["a"], test=sets["b"], engine="ray", address=address, out=tmp_path / "study", **QUICK)
    assert not (tmp_path / "study").exists()


def test_a_port_where_something_else_answers_is_refused_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            there, _ = server.accept()
            with there:
                there.recv(100)
                there.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ValueError, match=r"no Ray answers there \(something else does\); start one with"):
            ours.check_reachable(f"127.0.0.1:{server.getsockname()[1]}")
