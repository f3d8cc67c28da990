"""Locks between processes: a run, a study or a cache is written by one process at a time."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kogen.common.claims import hold_claim
from kogen.common.files import refuse_link, sweep_temporary
from kogen.common.speech.console import say
from kogen.common.system import NO_LINK, NO_WAIT, try_lock


@contextmanager
def hold_lock(path: Path, *, wait: bool = True, busy: str = "", claim: bool = False) -> Iterator[bool]:
    """Yields True while this process holds the lock of `path`, a file made for it; False where another one does.

    With `wait` it waits for the other, and says `busy` first. Where the file system has no locks, a claim beside the
    file takes its place; with `claim` there is one in any case, since some file systems keep locks to each machine.
    ValueError where `path` is a link or no plain file; its content is never touched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_link(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK | NO_WAIT, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is no plain file, which a lock wants: delete it, or choose another folder")
        locked = _take_lock(descriptor, wait, busy)
        if locked is False or (locked and not claim):
            yield locked
            return
        with hold_claim(path.with_name(f"{path.name}.claim"), wait=wait, busy=busy) as mine:
            yield mine
    finally:
        os.close(descriptor)  # which frees the lock


@contextmanager
def lock_output(folder: Path, name: str = "") -> Iterator[None]:
    """Held while what a whole folder of results shares is written; what killed processes left there is swept.

    With a `name` only those who give the same one wait for each other.
    """
    place = folder / (f".{name}.lock" if name else ".lock")
    with hold_lock(place, busy=f"another process writes {folder}; waiting for it"):
        sweep_temporary(folder)
        yield


def _take_lock(descriptor: int, wait: bool, busy: str) -> bool | None:
    """Whether the lock was taken; None where the file system has no locks."""
    try:
        if try_lock(descriptor, wait=False):
            return True
        if wait:
            if busy:
                say(busy)
            return try_lock(descriptor, wait=True)
        return False
    except OSError:
        return None
