"""The known points of a surface: in memory and, each at once, on disk, shared by all processes."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from kogen.common.files import read_json, write_json

TAKEOVER_SECONDS = 5.0  # seconds without a new point after which a process takes over a missing one
Coordinates = tuple[float, float]


@dataclass(frozen=True)
class Sharing:
    """Who computes the points of a plane, and where they are kept: each is written when it is known.

    Processes share the points through the folder. The values are the same, bit for bit, however points are shared.
    """

    folder: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # what the points belong to; a folder of others is refused
    workers: int = 1  # threads, each with a copy of the loss and one thread of torch
    process: tuple[int, int] = (0, 1)  # number of this process, and number of processes


ALONE = Sharing()


class PointLog:
    """The known points of one plane: in memory, and in a folder where one is given.

    Each process appends to a file of its own, a line a point. A line that a killed process left without its end is not
    read: a kill costs one point and nothing else.
    """

    def __init__(self, sharing: Sharing) -> None:
        folder, (self.number, self.of) = sharing.folder, sharing.process
        self.folder, self.known = folder, dict[Coordinates, dict[str, Any]]()
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        about, facts = folder / "facts.json", json.loads(json.dumps(sharing.facts))
        if not about.exists() and not any(folder.glob("points-*.jsonl")):
            write_json(about, facts)
        if odd := differing_keys(read_json(about), facts):
            raise ValueError(
                f"{folder} holds points of another surface (it differs in {odd}): choose another folder, or delete it"
            )
        self.read()
        self.own = folder / f"points-{self.number}.jsonl"
        self.own.touch()
        whole = self.own.read_bytes().rpartition(b"\n")
        if whole[2]:  # a line that a kill left half written
            os.truncate(self.own, len(whole[0]) + len(whole[1]))

    def add(self, place: Coordinates, record: dict[str, Any]) -> None:
        """Add a point; it is on disk before this returns."""
        self.known[place] = record
        if self.folder is not None:
            point = {"alpha": place[0], "beta": place[1], **record}
            line = json.dumps(point | {"crc": point_sum(point)})  # floats as repr: every bit comes back
            with open(self.own, "ab", buffering=0) as file:
                file.write(line.encode() + b"\n")

    def read(self) -> None:
        """Read the points that all processes have written so far."""
        for path in sorted(self.folder.glob("points-*.jsonl")) if self.folder else []:
            for number, line in enumerate(path.read_bytes().rpartition(b"\n")[0].splitlines(), 1):
                record = read_point(line, f"{path}, line {number}")
                self.known.setdefault((record.pop("alpha"), record.pop("beta")), record)

    def pending(self, places: list[Coordinates]) -> list[Coordinates]:
        """The places that this process should compute: those of its share that are not known."""
        return [place for place in places[self.number :: self.of] if place not in self.known]

    def wait_for(self, places: list[Coordinates]) -> list[Coordinates]:
        """[] once all places are known, or one missing place after TAKEOVER_SECONDS without a new point."""
        heard = time.monotonic()
        while missing := [place for place in places if place not in self.known]:
            before = len(self.known)
            self.read()
            if len(self.known) > before:
                heard = time.monotonic()
            elif time.monotonic() - heard > TAKEOVER_SECONDS:
                return missing[self.number % len(missing) :][:1]
            else:
                time.sleep(0.02)
        return []


def read_point(line: bytes, where: str) -> dict[str, Any]:
    """The record of a line, which has its sum (older versions wrote none). ValueError where it was changed."""
    try:
        record = json.loads(line)
        checksum = record.pop("crc", None)
        if checksum is not None and checksum != point_sum(record):
            raise ValueError("its checksum does not fit")
        return {name: record[name] for name in ("alpha", "beta")} | record
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{where} is damaged: {error}; delete the file, its points are computed again") from error


def point_sum(point: dict[str, Any]) -> str:
    """CRC-32 of a point's record, hex."""
    return f"{crc32(json.dumps(point).encode()):08x}"


def differing_keys(was: dict[str, Any], facts: dict[str, Any]) -> str:
    """The names of the facts that are not the same, with commas."""
    return ", ".join(sorted(key for key in was.keys() | facts.keys() if was.get(key) != facts.get(key)))
