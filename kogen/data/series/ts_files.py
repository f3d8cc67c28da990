"""Files .ts of the UCR and UEA archives: a case a line, its channels parted by colons, its class at the end."""

from collections.abc import Iterator

import numpy as np

from kogen.common.files import check_regular_file
from kogen.common.text import join_names
from kogen.data.labels import reads_as_number
from kogen.data.series.recording import Block, Reading, Recording, Refused, pick_channels

MAX_BYTES = 1 << 34
YES = ("true", "yes", "1")
NOTHING = ("", "?", "nan")  # a value that is missing


def read_ts(path: str, name: str, reading: Reading, notes: list[str]) -> Iterator[Recording]:
    """The cases of a .ts file, each a recording `NAME[0]`, `NAME[1]` ... of its own length.

    Refused, with its line: a case with another number of channels, channels of several lengths, a value that is no
    number, a class that the file does not list, times beside values. ValueError for a file that is no .ts. A target
    that was measured is no class, and `notes` says so.
    """
    check_regular_file(path, MAX_BYTES)
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = enumerate(file, 1)
        head = _read_head(lines)
        if head is None:
            raise ValueError("it has no line @data: it is no .ts file of UCR or UEA, or it is cut off")
        classes = _class_names(head)
        if _is_yes(head.get("timestamps", [])):
            raise Refused(f"{name} has times beside its values (@timeStamps true), which is not read: save them evenly")
        if measured := _is_yes(head.get("targetlabel", [])):
            notes.append(f"{name} has a measured target, which is no class: it is read without labels")
        channels, case = 0, 0
        for number, line in lines:
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            where, parts = f"{name}, line {number}", text.split(":")
            label = parts.pop().strip() if classes is not None or measured else ""
            label = "" if measured else label
            _check_label(label, classes, where)
            channels = channels or len(parts)
            if len(parts) != channels or not parts:
                raise Refused(f"{where} has {len(parts)} channels, the first case {channels}: the file is damaged")
            places = pick_channels((), channels, reading.channels, name)
            values = _read_values(parts, where)[:, places]
            yield Recording(f"{name}[{case}]", [Block(values, label=label)], len(places))
            case += 1
    if not case:
        raise ValueError("it has no cases below @data")


def _read_head(lines: Iterator[tuple[int, str]]) -> dict[str, list[str]] | None:
    """Key to words of the lines up to @data; None where there is no such line."""
    head: dict[str, list[str]] = {}
    for _, line in lines:
        words = line.split()
        if words and words[0].startswith("@"):
            if words[0].lower() == "@data":
                return head
            head[words[0][1:].lower()] = words[1:]
    return None


def _class_names(head: dict[str, list[str]]) -> set[str] | None:
    """The classes that a file lists, an empty set where it lists none; None where its cases have no class."""
    said = head.get("classlabel", [])
    return set(said[1:]) if _is_yes(said) else None


def _is_yes(words: list[str]) -> bool:
    return bool(words) and words[0].lower() in YES


def _check_label(label: str, classes: set[str] | None, where: str) -> None:
    """Refused for a class that the file does not list: a line that is cut off ends in a value."""
    if classes and label not in classes and not (reads_as_number(label) and float(label) in map(_number, classes)):
        raise Refused(f"{where} ends in the class {label[:60]!r}, the file lists {join_names(sorted(classes))}")


def _read_values(parts: list[str], where: str) -> np.ndarray:
    """The values (L, C) of a case from its channels as text."""
    columns = []
    for number, part in enumerate(parts, 1):
        cells = ["nan" if cell.strip().lower() in NOTHING else cell for cell in part.split(",")]
        try:
            columns.append(np.array(cells, np.float64))
        except ValueError:
            odd = next(cell for cell in cells if not reads_as_number(cell))
            raise Refused(f"{where}, channel {number}: {odd.strip()[:60]!r} is no number") from None
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise Refused(f"{where} has channels of {min(lengths)} to {max(lengths)} samples: bring them to one length")
    return np.stack(columns, axis=1)


def _number(text: str) -> float:
    return float(text) if reads_as_number(text) else float("nan")
