"""Locks between processes: a run, a study or a cache is written by one process at a time."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kogen.common.files import refuse_link, sweep_temporary
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.common.system import NO_LINK, NO_WAIT, try_lock


@contextmanager
def hold_lock(path: Path, *, wait: bool = True, busy: str = "") -> Iterator[bool]:
    """Yields True while this process holds the lock of `path`, a file made for it; False where another one does.

    With `wait` it waits for the other, and says `busy` first. A file system without locks is said, and True: the
    processes there must not meet. ValueError where `path` is a link or no plain file; its content is never touched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_link(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK | NO_WAIT, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is no plain file, which a lock wants: delete it, or choose another folder")
        yield _take_lock(descriptor, path, wait, busy)
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


def _take_lock(descriptor: int, path: Path, wait: bool, busy: str) -> bool:
    """Whether the lock was taken."""
    try:
        if try_lock(descriptor, wait=False):
            return True
        if wait:
            if busy:
                say(busy)
            return try_lock(descriptor, wait=True)
        return False
    except OSError:
        say(Caution(f"the file system of {path.parent} has no locks: let no second kogen write there at the same time"))
        return True
