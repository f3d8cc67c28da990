"""Recordings: what every reader of series gives, and how it says that a file cannot be used."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kogen.common.text import hint, join_names

GAP, CHANGE = "gap", "change"  # why a piece of a recording ends: samples are missing; the label is another one
MAX_CHANNELS = 1000


class Refused(ValueError):
    """Something about a file that must be settled by a person; any other ValueError makes it a bad file."""


class Block(NamedTuple):
    """Some samples of a recording, in order."""

    values: np.ndarray  # (L, C) numbers, NaN where a value is missing
    cut: str = ""  # why a new piece begins with them: GAP or CHANGE; "": they go on where the last ones end
    label: str = ""


@dataclass(frozen=True)
class Recording:
    """What was measured without a pause that anyone planned: its samples part by part, and what its file says of it."""

    name: str
    blocks: Iterable[Block]  # read when they are asked for, once
    channels: int
    channel_names: tuple[str, ...] = ()  # () where the file names none
    rate: float = 0.0  # samples a second, 0 where the file does not say
    split: str = ""
    cluster: str = ""
    group: str = ""


@dataclass(frozen=True)
class Reading:
    """How files of recordings are read: all that their values depend on beside the files."""

    channels: tuple[str, ...] | None = None  # by name, or by number from 1; None: all
    rate: float | None = None  # samples a second that recordings are brought to
    own_rate: float | None = None  # samples a second of files that do not say it
    columns: str | None = None  # of tables: ROLE=NAME,...
    encoding: str | None = None  # of csv and tsv


def pick_channels(names: tuple[str, ...], count: int, wanted: tuple[str, ...] | None, where: str) -> list[int]:
    """Places of the channels that are wanted, all where none are: by name, or by number where no name is like that.

    Refused for a channel that is not there, or stands there twice.
    """
    if wanted is None:
        return list(range(count))
    places = []
    for name in wanted:
        found = [place for place, own in enumerate(names) if own == name]
        if not found and name.isdecimal() and 1 <= int(name) <= count:
            found = [int(name) - 1]
        if len(found) != 1:
            known = list(names) or [str(number + 1) for number in range(count)]
            got = f"{where} has {len(found) or 'no'} channel{'s' if found else ''} {name!r}"
            raise Refused(f"{got}: {hint(name, known)}")
        places += found
    if len(set(places)) < len(places):
        raise Refused(f"channels = {join_names(wanted)}: a channel of {where} is chosen twice")
    return places
