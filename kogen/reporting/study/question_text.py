"""What a study was asked, as its page shows it: study.toml and options that were added; no place of a private one."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from kogen.common.files import read_toml
from kogen.options.study import PLACES
from kogen.results.asked import Asked, extension_lines

LONGEST_TEXT = 20_000  # letters of the study file that are shown
HIDDEN = "(private)"
FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/]+/)*")  # before the name of a file, from the root


def study_text(path: Path, *, private: bool) -> str | None:
    """The text of the study file, cut when it is very long; None where the study has none."""
    if not path.is_file():
        return None
    text = tomli_w.dumps(without_places(read_toml(path))) if private else path.read_text("utf-8", errors="replace")
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n…"


def addition_lines(asked: Asked, *, private: bool) -> list[str]:
    """A line for each time that a study was asked for more, as the command line writes it."""
    if private:
        parts = ("added", "changed", "before")
        hidden = [{part: without_places(getattr(one, part)) for part in parts} for one in asked.extensions]
        asked = replace(
            asked, extensions=tuple(replace(one, **new) for one, new in zip(asked.extensions, hidden, strict=True))
        )
    return extension_lines(asked)


def without_places(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose values name places are kept without these; names of sets and candidates stay."""
    return {name: hide(value) if name in PLACES else value for name, value in options.items()}


def hide(value: Any) -> Any:
    """HIDDEN for a place, for each of several, and behind each name of named ones."""
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    if isinstance(value, list | tuple):
        return [[one[0], HIDDEN] if isinstance(one, list | tuple) else HIDDEN for one in value]
    return value if value is None else HIDDEN


def private_quality(quality: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What was read of each set, without where it was read from; notes keep the last part of a place."""
    folders = {os.path.dirname(place.rstrip("/")) for name in PLACES for place in texts_of(options.get(name))}
    known = sorted(folders - {""}, key=len, reverse=True)

    def tell(note: str) -> str:
        for folder in known:
            note = note.replace(f"{folder}/", "")
        return FOLDERS.sub("", note)

    sets = [row | {"source": HIDDEN, "notes": [tell(note) for note in row.get("notes", ())]} for row in quality["sets"]]
    return {**quality, "sets": sets, "note": tell(quality.get("note") or "")}


def texts_of(value: Any) -> Iterator[str]:
    """Every text in the value of an option, of NAME=SOURCE the source too."""
    if isinstance(value, str):
        yield value
        yield value.partition("=")[2]
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from texts_of(one)
