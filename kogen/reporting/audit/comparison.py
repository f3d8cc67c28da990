"""Comparing what a study holds with what was made again from its tables, field by field."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kogen.common.files import jsonable
from kogen.common.tables import read_arrow

# Of floats, whose sums another machine may form in another order. All else is compared exactly.
RELATIVE, ABSOLUTE = 1e-9, 1e-12
ABSENT = "(absent)"
LISTED = 200  # fields of a file that are listed; the others are counted


@dataclass(frozen=True)
class Difference:
    """A field that a file of the study holds otherwise than it was made again."""

    file: str
    field: str  # as judgement.lead.difference, or pairs[3].p
    was: Any  # in the study
    now: Any  # made again from the tables


@dataclass
class Comparison:
    """What was compared, and what differs."""

    fields: int = 0
    near: int = 0  # floats that are not equal to the last bit, and equal to 1e-9
    largest: float = 0.0  # difference of these
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, file: str, was: Any, now: Any) -> None:
        """Compare two plain values of a file."""
        listed = 0
        for place, old, new in pairs_of_leaves(was, now, ""):
            self.fields += 1
            if type(old) is type(new) and old == new:
                continue
            if isinstance(old, float) and isinstance(new, float) and is_close(old, new):
                self.near += 1
                self.largest = max(self.largest, abs(old - new))
                continue
            self.differing += 1
            if listed < LISTED:
                self.differences.append(Difference(file, place, old, new))
                listed += 1


def is_close(first: float, second: float) -> bool:
    """Whether two floats differ in no more than the order of a sum explains."""
    return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def pairs_of_leaves(was: Any, now: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Every plain value in two trees of dicts and lists, with its place; `ABSENT` where only one has it."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted({*was, *now}):
            inner = f"{place}.{name}" if place else name
            yield from pairs_of_leaves(was.get(name, ABSENT), now.get(name, ABSENT), inner)
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            old, new = (one[number] if number < len(one) else ABSENT for one in (was, now))
            yield from pairs_of_leaves(old, new, f"{place}[{number}]")
    else:
        yield place, was, now


def read_columns(place: Path) -> dict[str, list[Any]]:
    """A table as plain lists by the names of its columns."""
    return jsonable(read_arrow(place).to_pydict())
