"""Ray: the runs of a study as tasks of a cluster, or of this machine's cores and GPUs.

Ray decides where and when a task works, and gives it to another node where one is lost; its run goes on from the
checkpoint. There are as many tasks as runs. Each is `kogen run` in a process of its own, which takes runs as long as
any is left, so that starting is paid once for each place and not for each run; the first task that finds nothing left
ends the others. All nodes see the study's folder and its images.
"""

import logging
import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kogen.common.devices import default_device
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution, Failed
from kogen.common.speech.progress import progress_bar
from kogen.results.asked import FIRST
from kogen.study.cost_estimate import Work
from kogen.study.executors.children import (
    PATIENCE,
    child_environment,
    let_go,
    run_command,
    start_child,
    stop_children,
)
from kogen.study.executors.tally import Tally, event_of
from kogen.study.study_runs import StudyRuns

RETRIES = 2  # of a task whose process, worker or node is killed
LOOK = 0.3  # seconds between two looks at what tasks say
WAIT = 10.0  # seconds for an address to answer
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # the first frame of HTTP/2, which Ray's servers speak; 4 is its kind
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS
START = "start one with `ray start --head`, or leave --address out"
STORE = 100 * 2**20  # bytes of Ray's own memory on this machine: hardly anything goes through it


@dataclass(frozen=True)
class RayWork:
    """What is asked of Ray."""

    address: str | None  # of a cluster that is there; None: this machine alone
    gpus: float | None  # of a run; None: 1 where the head has one, else 0
    cpus: int | None  # of a run; None: what the largest node has, shared by the runs, at least 1
    trackers: tuple[str, ...] = ()


class Killed(Exception):
    """The process of a run was killed; Ray tries again."""


class Mailbox:
    """What the tasks say, until the head fetches it."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def put(self, number: int, line: str) -> None:
        """A line of the task of this number."""
        self.lines.append((number, line))

    def fetch(self) -> list[tuple[int, str]]:
        """All lines since the last time."""
        lines, self.lines = self.lines, []
        return lines


def do_task(folder: str, number: int, words: Sequence[str], cpus: int, mailbox: Any, place: str) -> str:
    """Do what is left of a study in a child, and tell the mailbox of it; what went wrong, or nothing.

    `words`: the child's command behind the name of Python; `place`: the head's working folder. Killed where the child
    was, so that Ray tries again.
    """
    if not (Path(folder) / FIRST).exists():
        return f"{folder} is not to be seen on {platform.node()}: all nodes need it, on a file system that they share"
    over, failures = threading.Event(), list[str]()

    def hear(line: str | None) -> None:
        event = None if line is None else event_of(line)
        if line is None:
            over.set()
        elif isinstance(event, Failed):
            failures.append(event.text)
        elif event is not None:
            mailbox.put.remote(number, line)

    # Ray has set the number of threads of its worker, which is no wish of the user.
    env = child_environment(cpus, {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"})
    child = start_child([sys.executable, *words], env, hear, Path(place) if Path(place).is_dir() else None)
    let_go(child)
    try:
        while not over.wait(LOOK):  # short waits: what cancels a task reaches it between two of them
            pass
    finally:
        if not over.is_set():
            stop_children([child])
    child.failure = " ".join(failures)
    if child.process.returncode < 0:
        raise Killed(child.end)
    return child.end if child.process.returncode else ""


class OnRay:
    """Tasks of Ray, which starts while the study is prepared. ValueError where Ray could not do all of it.

    A task whose process, worker or node is lost is tried again. Ctrl-C stops all of them, and what they do is saved.
    """

    count = 1  # nobody knows before Ray answers

    def __init__(self, asked: RayWork) -> None:
        self.asked, self.over = asked, ExitStack()

    def __enter__(self) -> Self:
        aside = self.over.enter_context(ThreadPoolExecutor(1))
        self.there = aside.submit(self.over.enter_context, connect(self.asked.address))
        return self

    def __exit__(self, *_: object) -> None:
        self.there.exception()  # it has started, or could not
        self.over.close()

    def work(self, ready: StudyRuns, left: Sequence[Work]) -> None:
        """Do what is left of a study; returns when all is done."""
        self.there.result()
        if left:
            work_on_ray(ready, left, self.asked)


def work_on_ray(ready: StudyRuns, left: Sequence[Work], asked: RayWork) -> None:
    """Do what is left of a study as tasks of Ray, which is there."""
    cpus, gpus = size_of_task(asked, len(left))
    tally, failed, done = Tally(ready, left), list[str](), False
    # With the head, so that it is not lost while this process is there.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote
    mailbox = remote(num_cpus=0, scheduling_strategy=here)(Mailbox).remote()
    how: dict[str, Any] = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": RETRIES, "retry_exceptions": [Killed]}
    task, words = remote(**how)(do_task), run_command(ready.folder.absolute(), asked.trackers)[1:]
    folder, place = str(ready.folder.absolute()), os.getcwd()
    at_work = {task.remote(folder, number, words, cpus, mailbox, place): number for number in range(len(left))}

    def tell() -> None:
        for number, line in ray.get(mailbox.fetch.remote()):
            if event := event_of(line):
                tally.tell(number, event, report)

    try:
        with progress_bar(f"{len(left)} runs on Ray, {cpus} cores and {gpus:g} GPUs each") as report:
            while at_work and not done:
                ended, _ = ray.wait(list(at_work), num_returns=1, timeout=LOOK)
                tell()
                for one in ended:
                    number = at_work.pop(one)
                    tally.leave(number)
                    if told := failure_of(one):
                        failed.append(told)
                        say(Caution(f"task {number} on Ray ended: {told}; what is left of it is done by the others"))
                    done = done or not told  # a task that ends well has seen the end of every run
    finally:
        stop_tasks(list(at_work))
    if not done:
        raise ValueError(
            f"all {len(failed)} tasks on Ray ended before all was done, the first: {failed[0]}. What is finished is "
            "kept; put that right, and give the same command again"
        )


def failure_of(task: Any) -> str:
    """Why a task that ended did not do its run, or nothing."""
    try:
        return ray.get(task)
    except (RayError, Killed) as error:  # also after its last retry
        return f"{str(error).strip().splitlines()[-1]} ({RETRIES} retries)"


def stop_tasks(tasks: Sequence[Any]) -> None:
    """Cancel tasks that are at work or wait; each saves what it does."""
    if not tasks:
        return
    for one in tasks:
        ray.cancel(one, force=False)
    ray.wait(list(tasks), num_returns=len(tasks), timeout=PATIENCE)


@contextmanager
def connect(address: str | None) -> Iterator[None]:
    """While inside, Ray is there: the cluster of an address, or this machine. ValueError where none answers."""
    if ray.is_initialized():  # the user's own session
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report home
    how: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE} if address is None else {}
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **how)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        told = str(error).strip().splitlines()[0]
        raise ValueError(f"--address {address}: no Ray answers there ({told}); {START}") from error
    for kind, handler in handlers.items():  # Ray's own would end this process without a word
        with suppress(ValueError):  # outside the main thread nobody may
            signal.signal(kind, handler)
    try:
        yield
    finally:
        ray.shutdown()


def check_reachable(address: str) -> None:
    """ValueError unless something at HOST:PORT answers as Ray's servers do; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ValueError(f"--address {address!r}: wanted auto or HOST:PORT, as `ray start --head` prints it")
    try:
        with socket.create_connection((host, int(port)), timeout=WAIT) as there:
            there.sendall(HELLO)
            answer = there.recv(len(SETTINGS))
        if answer[3:4] != SETTINGS[3:4] and os.environ.get("RAY_USE_TLS", "0") == "0":
            raise OSError("something else does")
    except (OSError, OverflowError) as error:
        raise ValueError(f"--address {address}: no Ray answers there ({error}); {START}") from error


def size_of_task(asked: RayWork, count: int) -> tuple[int, float]:
    """Cores and GPUs of a run. ValueError where no node has as many.

    By default a GPU where the head has one, and of its node's cores the share of as many runs as it takes.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = asked.gpus if asked.gpus is not None else float(default_device() == "cuda")
    most = max(node.get("CPU", 0) for node in nodes)
    beside = min(count, most) if gpus == 0 else max(1, max(node.get("GPU", 0) for node in nodes) / gpus)
    cpus = asked.cpus or max(1, int(most // max(1, beside)))
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        there = "; ".join(f"{node.get('CPU', 0):g} cores, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise ValueError(
            f"a run is to have {cpus} cores and {gpus:g} GPUs, and no node of Ray has that ({there}): use a smaller "
            "--cpus-per-run or --gpus-per-run"
        )
    return cpus, gpus
