"""The points of a surface that are known: in memory, and on disk as soon as each is, shared by all processes."""

import json
import os
import time
from pathlib import Path
from typing import Any

from kogen.common.files import read_json, write_json

TAKEOVER_SECONDS = 5.0  # seconds without news after which a process takes over a point that others have not brought
Coordinates = tuple[float, float]


class PointLog:
    """The points of one plane that are known: in memory, and in a folder where one is given.

    Each process appends to a file of its own, a line a point, which is whole or, if the process was killed while it
    wrote, has no end and is not read: a kill costs the point under way and nothing else.
    """

    def __init__(self, folder: Path | None, facts: dict[str, Any], share: tuple[int, int] = (0, 1)) -> None:
        self.folder, self.number, self.of = folder, *share
        self.known: dict[Coordinates, dict[str, Any]] = {}
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        about = folder / "facts.json"
        facts = json.loads(json.dumps(facts))
        if not about.exists() and not any(folder.glob("points-*.jsonl")):
            write_json(about, facts)
        was = read_json(about)
        if was != facts:
            odd = sorted(key for key in was.keys() | facts.keys() if was.get(key) != facts.get(key))
            raise ValueError(
                f"{folder} holds points of another surface (it differs in {', '.join(odd)}): choose another folder, "
                "or delete it"
            )
        self.read()
        self.own = folder / f"points-{self.number}.jsonl"
        self.own.touch()
        whole = self.own.read_bytes().rpartition(b"\n")
        if whole[2]:  # what a kill left half written
            os.truncate(self.own, len(whole[0]) + len(whole[1]))

    def add(self, place: Coordinates, record: dict[str, Any]) -> None:
        """Keep a point; on disk before this returns."""
        self.known[place] = record
        if self.folder is not None:
            line = json.dumps({"alpha": place[0], "beta": place[1], **record})  # floats as repr: every bit comes back
            with open(self.own, "ab", buffering=0) as file:
                file.write(line.encode() + b"\n")

    def read(self) -> None:
        """Take in what all processes have written by now."""
        for path in sorted(self.folder.glob("points-*.jsonl")) if self.folder else []:
            for line in path.read_bytes().rpartition(b"\n")[0].splitlines():
                record = json.loads(line)
                self.known.setdefault((record.pop("alpha"), record.pop("beta")), record)

    def pending(self, places: list[Coordinates]) -> list[Coordinates]:
        """What this process should compute: its share of the places that nobody has brought."""
        return [place for place in places[self.number :: self.of] if place not in self.known]

    def wait_for(self, places: list[Coordinates]) -> list[Coordinates]:
        """Nothing once all places are known; else, when no news has come for a while, one that is missing."""
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
