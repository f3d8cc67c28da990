"""Jobs of several real processes, with short limits: each process runs one scene of test_peers.py."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")  # what is imported once need not be imported by each process
CONTEXT.set_forkserver_preload(["jobs", "small", "kogen.api"])


class JobProcesses:
    """The processes of a job that were started, each with its stderr in a file."""

    def __init__(self, folder: Path, scene: Callable[..., Any], size: int = 2, **given: Any) -> None:
        self.folder, port = folder, free_port()
        self.processes = [
            CONTEXT.Process(target=play, args=(folder, scene, rank, size, port, given)) for rank in range(size)
        ]
        for process in self.processes:
            process.start()

    def finish(self, *ranks: int, limit: float = 60) -> list[tuple[int | None, str]]:
        """Exit code and last line of stderr of these processes (by default all), once they have ended."""
        found = []
        for rank in ranks or range(len(self.processes)):
            self.processes[rank].join(limit)
            lines = (self.folder / f"stderr{rank}").read_text().strip().splitlines()
            found.append((self.processes[rank].exitcode, lines[-1] if lines else ""))
        return found

    def send(self, rank: int, number: signal.Signals) -> None:
        """Send a signal to a process once it has said that it is at work (`say_at_work`)."""
        until = time.monotonic() + 60
        while not (self.folder / f"at work {rank}").exists():
            assert time.monotonic() < until, "never at work"
            time.sleep(0.02)
        os.kill(self.processes[rank].pid or 0, number)

    def end(self) -> None:
        """Kill what still lives."""
        for process in self.processes:
            process.kill()


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def play(folder: Path, scene: Callable[..., Any], rank: int, size: int, port: int, given: dict[str, Any]) -> None:
    """Run a scene as the command line would run a verb: an error is one line on stderr and the exit code 1."""
    from kogen.common import distributed, peers

    peers.SILENCE, peers.RENDEZVOUS, peers.BEAT, peers.GRACE, peers.LAST_WORDS = 1.5, 20.0, 0.1, 0.5, 1.0
    distributed.COLLECTIVE = timedelta(seconds=20)
    place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()} | {"MASTER_ADDR": "127.0.0.1"}
    os.dup2(os.open(folder / f"stderr{rank}", os.O_WRONLY | os.O_CREAT), 2)
    os.chdir(folder)
    try:
        scene(rank, **given)
    except ValueError as error:
        sys.exit(f"kogen: {error}")
    finally:
        if distributed.Job.peers:
            distributed.Job.peers.leave()  # at the end of a program, which a process of multiprocessing has not


def say_at_work(rank: int) -> None:
    Path(f"at work {rank}").touch()
