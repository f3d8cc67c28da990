"""Claims: who is at work at a place, also where a file system has no locks between machines; one rename makes one.

A claim is a folder that its owner touches now and then. One whose owner is gone is taken away: at once on the machine
of its owner, elsewhere after some time without a sign of life, by the clock of whoever looks.
"""

import json
import os
import platform
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kogen.common.speech.console import say
from kogen.common.system import machine_mark, process_mark

BEAT = 10.0  # seconds between two signs of life
STALE = 120.0  # seconds without one, after which a claim is nobody's; network file systems show times late, by up to 60
LOOK = 0.5  # seconds between two looks of whoever waits
OWNER = "owner.json"

# By place: the claim that was seen there, its last sign of life, and when this process first saw that.
_SEEN: dict[Path, tuple[str, int, float]] = {}


@contextmanager
def hold_claim(place: Path, *, wait: bool = True, busy: str = "") -> Iterator[bool]:
    """Yields True while this process has the claim `place`, False where another one has it.

    With `wait` it waits for the other, and says `busy` first. ValueError where `place` is a link or a file.
    """
    told = not busy
    while not (token := _make_claim(place)) and wait:
        if not told:
            say(busy)
            told = True
        time.sleep(LOOK)
    over = threading.Event()

    def show_life() -> None:
        while not over.wait(BEAT):
            with suppress(OSError):  # a disk that is away for a moment
                os.utime(place / OWNER)

    if token:
        threading.Thread(target=show_life, daemon=True).start()
    try:
        yield bool(token)
    finally:
        over.set()
        if token:
            _take_away(place, token)


def _make_claim(place: Path) -> str:
    """Token of the claim that is this process's now; empty where another one has it."""
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            raise ValueError(
                f"{place} is no folder, where kogen says who is at work: delete it, or choose another --out"
            )
    if (owner := _owner_of(place)) is not None and _is_abandoned(place, owner):
        _take_away(place, str(owner.get("token")))
    token = secrets.token_hex(8)
    made = place.with_name(f"{place.name}-{token}")
    made.mkdir()
    facts = {"token": token, "machine": machine_mark(), "node": platform.node(), "process": os.getpid()}
    (made / OWNER).write_text(json.dumps(facts | {"mark": process_mark(os.getpid())}), encoding="utf-8")
    try:
        made.rename(place)  # fails where a claim is there: its folder is not empty
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        return ""
    _sweep(place)
    return token


def _owner_of(place: Path) -> dict[str, Any] | None:
    """What a claim says of its owner; None where there is no claim, nothing where it cannot be read."""
    try:
        facts = json.loads((place / OWNER).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return {}
    except OSError:
        return {} if place.exists() else None
    return facts if isinstance(facts, dict) else {}


def _is_abandoned(place: Path, owner: dict[str, Any]) -> bool:
    """Whether the owner of a claim is gone, as far as can be seen from here."""
    if owner.get("machine") == machine_mark() and isinstance(number := owner.get("process"), int):
        return process_mark(number) != owner.get("mark")
    try:
        life = (place / OWNER).stat().st_mtime_ns
    except OSError:
        life = 0
    now, token = time.monotonic(), str(owner.get("token"))
    seen = _SEEN.get(place)
    if seen is None or seen[:2] != (token, life):
        _SEEN[place] = (token, life, now)
        return False
    return now - seen[2] > STALE


def _take_away(place: Path, token: str) -> None:
    """Remove the claim that has this token, and no other that took its place meanwhile."""
    aside = place.with_name(f"{place.name}-{secrets.token_hex(8)}")
    if str((_owner_of(place) or {}).get("token")) != token:
        return
    with suppress(OSError):  # somebody else was faster
        place.rename(aside)
        if str((_owner_of(aside) or {}).get("token")) != token:
            aside.rename(place)
            return
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Delete claims that were about to be made, or taken away, when a process was killed."""
    with suppress(OSError):
        now = (place / OWNER).stat().st_mtime
        for left in place.parent.glob(f"{place.name}-*"):
            if now - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
