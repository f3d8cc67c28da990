"""Children: processes, each `kogen run` on a study, which end, saved, soon after the one that started them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kogen.common.plugins import opened_listings
from kogen.common.system import process_lives

HEAD = "KOGEN_HEAD"  # variable with the number of the process that started a child
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PATIENCE = 120.0  # seconds that children have to save what they do
LOOK = 2.0  # seconds between two looks at the process that started a child
GO = "go\n"  # what the one that started a child writes to it, once the study is ready


@dataclass(eq=False)
class Child:
    """A process at work."""

    process: subprocess.Popen[str]
    last_words: list[str] = field(default_factory=list)  # of its stderr
    failure: str = ""  # what it said of it

    @property
    def end(self) -> str:
        """Why it ended, in words."""
        code = self.process.returncode
        told = f"signal {-code}" if code < 0 else " ".join(self.last_words[-1:]) or f"exit code {code}"
        return self.failure or told


def run_command(folder: Path, trackers: Sequence[str]) -> list[str]:
    """The command of a child. Of the user's own code that runs there which this process was told to run, no other."""
    more = [word for name in trackers for word in ("--tracker", name)]
    more += [word for code in opened_listings() for word in ("--plugins", code)]
    return [sys.executable, "-m", "kogen", "--json", "run", str(folder), *more]


def child_environment(threads: int, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a child: so many threads, unless the user says how many."""
    return {**dict.fromkeys(THREADS, env.get(THREADS[0], str(threads))), **env, HEAD: str(os.getpid())}


def start_child(
    command: Sequence[str], env: Mapping[str, str], hear: Callable[[str | None], None], folder: Path | None = None
) -> Child:
    """Start a child, in a working folder; `hear` is called with each line of its stdout, and with None at its end.

    It loads what it needs, and waits for `let_go`.
    """
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
    how |= {"text": True, "encoding": "utf-8", "errors": "replace", "env": dict(env), "cwd": folder}
    # A session of its own: Ctrl-C on a terminal reaches this process alone, which tells the children once.
    child = Child(subprocess.Popen(list(command), start_new_session=True, **how))

    def listen() -> None:
        quiet = threading.Thread(target=keep_last_words, args=(child,), daemon=True)
        quiet.start()
        assert child.process.stdout is not None
        try:
            for line in child.process.stdout:
                hear(line)
            child.process.wait()
            quiet.join()
        finally:
            hear(None)  # whatever happens: somebody waits for it

    threading.Thread(target=listen, daemon=True).start()
    return child


def let_go(child: Child) -> None:
    """Let a child begin."""
    assert child.process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended, which is seen by its end
        child.process.stdin.write(GO)
        child.process.stdin.close()


def keep_last_words(child: Child) -> None:
    """Read what a child writes to stderr, and keep its last lines."""
    assert child.process.stderr is not None
    for line in child.process.stderr:
        child.last_words = [*child.last_words[-9:], line.rstrip()]


def stop_children(children: Sequence[Child]) -> None:
    """End children that are at work: each saves what it does."""
    for child in children:
        child.process.terminate()
    until = time.monotonic() + PATIENCE
    for child in children:
        try:
            child.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()


@contextmanager
def end_with_head() -> Iterator[None]:
    """A child waits to be let go; while inside, it ends, saved, soon after the process that started it is gone.

    For others nothing. KeyboardInterrupt where the one that started it has nothing for it to do, or is gone.
    """
    head, over = os.environ.get(HEAD, ""), threading.Event()
    if head.isdecimal() and sys.stdin.readline() != GO:
        raise KeyboardInterrupt

    def watch() -> None:
        while not over.wait(LOOK):
            if not process_lives(int(head)):
                signal.raise_signal(signal.SIGTERM)
                return

    if head.isdecimal():
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
