"""Tables as recordings: a table a recording, or a long one with a column that says which recording a row is of."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from kogen.common.text import join_names
from kogen.data.series.column_roles import choose_roles, plain_name, time_unit
from kogen.data.series.recording import CHANGE, GAP, Block, Reading, Recording, Refused, pick_channels
from kogen.data.series.table_cells import TableCells
from kogen.data.series.times import UNEVEN_SHARE, read_clock

OF_RECORDINGS = ("split", "cluster", "group")  # roles that are one thing throughout a recording


def read_table_recordings(path: str, name: str, reading: Reading, notes: list[str]) -> Iterator[Recording]:
    """The recordings of a csv or parquet file, in the order of its rows; `notes` gets how it is read.

    A column of times cuts a recording at gaps, one of labels where the label changes. Refused, with the row, for times
    that do not rise, for a recording that stands in two places, and for one in two splits, clusters or groups.
    ValueError for a table that cannot be read or has text among its numbers.
    """
    table = TableCells(path, reading.encoding)
    notes += table.file.notes
    roles = choose_roles(table.names, reading.columns, path) if table.header else {}
    if "path" in map(plain_name, table.names):
        raise ValueError("it has a column 'path': a table of labels is given by labels=, and is then no recording")
    rest = [place for place in range(len(table.names)) if place not in roles.values() and table.names[place]]
    names = tuple(table.names[place] for place in rest)
    if not rest:
        raise ValueError("it has no column of values: wanted recording,time,CHANNEL,...")
    chosen = [rest[place] for place in pick_channels(names, len(names), reading.channels, name)]
    table.numeric = chosen
    if not table.rows:
        raise ValueError("it has no rows")
    _say_roles(table, roles, [table.names[place] for place in rest if place not in chosen], notes)
    texts = {role: table.texts(place) for role, place in roles.items() if role != "time"}
    which = texts.get("recording", np.full(table.rows, "", object))
    starts = np.r_[0, np.flatnonzero(which[1:] != which[:-1]) + 1]
    _refuse_scattered(which, starts, table)
    seconds = table.seconds(roles["time"], time_unit(table.names[roles["time"]])) if "time" in roles else None
    rows = _Rows(table)
    labels = texts.get("label")
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), table.rows], strict=True):
        if "recording" in roles and not which[start]:
            raise Refused(f"{table.where(start)} names no recording: fill it in")
        title = f"{name}/{which[start]}" if which[start] else name
        said = {role: _one_of(texts[role], start, stop, role, title) for role in OF_RECORDINGS if role in texts}
        cuts, rate = {}, 0.0
        if seconds is not None:
            clock = read_clock(seconds[start:stop], lambda row, start=start: table.where(start + row))
            rate, cuts = clock.rate, dict.fromkeys((clock.gaps + start).tolist(), GAP)
            if clock.counted and not reading.own_rate:
                notes.append(
                    "times of tables count samples, 1 apart, and say no rate: give own_rate=, samples a second"
                )
            if clock.uneven > UNEVEN_SHARE:
                notes.append(f"{title} has uneven times, {clock.uneven:.1%} of its steps: read as if they were even")
        if labels is not None:
            changes = np.flatnonzero(labels[start + 1 : stop] != labels[start : stop - 1]) + start + 1
            cuts |= dict.fromkeys(changes.tolist(), CHANGE)
        channel_names = tuple(table.names[place] for place in chosen) if table.header else ()
        blocks = _cut_blocks(rows, start, stop, cuts, labels)
        yield Recording(title, blocks, len(chosen), channel_names, rate, **said)


class _Rows:
    """Rows of a table in rising order, read part by part."""

    def __init__(self, table: TableCells) -> None:
        self.parts = table.numbers()
        self.start, self.held = 0, np.empty((0, len(table.numeric)))

    def take(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """The rows from `start` to `stop`, which nobody asks for again, part by part."""
        while start < stop:
            while start >= self.start + len(self.held):
                self.start += len(self.held)
                self.held = next(self.parts)
            part = self.held[start - self.start : stop - self.start]
            yield part
            start += len(part)


def _cut_blocks(rows: _Rows, start: int, stop: int, cuts: dict[int, str], labels: np.ndarray | None) -> Iterator[Block]:
    """The blocks of the recording in some rows, a new one at each cut."""
    edges = [start, *sorted(cuts), stop]
    for first, last in pairwise(edges):
        why = cuts.get(first, "")
        for values in rows.take(first, last):
            yield Block(values, why, "" if labels is None else str(labels[first]))
            why = ""


def _refuse_scattered(which: np.ndarray, starts: np.ndarray, table: TableCells) -> None:
    """Refused where the rows of a recording do not lie together."""
    seen: dict[str, int] = {}
    for start in starts.tolist():
        if (name := str(which[start])) in seen:
            got = f"the recording {name} begins in row {seen[name] + 1} and again in row {start + 1}"
            raise Refused(f"{table.file.path}: {got}; sort the rows by recording and time")
        seen[name] = start


def _one_of(column: np.ndarray, start: int, stop: int, role: str, title: str) -> str:
    """What a column says throughout a recording. Refused where it says two things."""
    odd = np.flatnonzero(column[start:stop] != column[start])
    if len(odd):
        both = f"{column[start]!r} and, in row {start + int(odd[0]) + 1}, {column[start + odd[0]]!r}"
        raise Refused(f"the recording {title} is in two {role}s, {both}: its windows are no independent evidence")
    return str(column[start])


def _say_roles(table: TableCells, roles: dict[str, int], left: list[str], notes: list[str]) -> None:
    """How the columns are read, for whoever checks it."""
    if not table.header:
        notes.append("tables without a line of names: their columns are the channels 1, 2 ...")
    else:
        notes.append(f"channels of tables: {join_names([table.names[place] for place in table.numeric])}")
    if roles:
        said = ", ".join(f"{role} from {table.names[place]!r}" for role, place in roles.items())
        notes.append(f"columns of tables: {said}")
    if "" in table.names:
        notes.append("a column of tables without a name is not read: it numbers rows")
    if left:
        notes.append(f"columns of tables that are not read: {join_names(left)}")
    if "time" in roles and time_unit(name := table.names[roles["time"]]) == 1:
        notes.append(f"times of the column {name!r} are read as seconds, or as dates")
