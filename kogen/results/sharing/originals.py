"""Originals: every text of a study that its team chose or that its machine has, none of which a bundle may hold."""

import getpass
import json
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kogen.results.sharing.bundle_format import text_columns
from kogen.results.sharing.leak_scan import HEAD
from kogen.results.sharing.study_facts import StudyFacts

# Options whose values are words of kogen or numbers in words, which a bundle tells.
TOLD_OPTIONS = {
    "backbone",
    "batch_size",
    "budgets",
    "costs",
    "device",
    "draws",
    "judge_on",
    "lang",
    "margin",
    "methods",
}
TOLD_OPTIONS |= {"pools", "precision", "probes", "shots", "starts", "task", "trackers", "tune_steps", "twins", "views"}
TOLD_PLAN = {"backbone", "device", "method", "precision", "pool", "recipe", "settings", "versions", "views"}
WORD = re.compile(r"[^\W_]+")


def originals_of(study: StudyFacts) -> set[str]:
    """Every text that must not be in the bundle, whole and in parts: paths, names, ids, notes, who and where."""
    found = set(map(str, _texts(study)))
    return {part for text in found for part in parts_of(text)}


def parts_of(text: str) -> Iterator[str]:
    """A text, the parts of a path that it is, and its words."""
    yield from (text, text.strip())
    for piece in re.split(r"[\s/\\?=&,:;'\"]+", text):
        yield from (piece.strip(), Path(piece.strip()).stem)
    yield from WORD.findall(text)


def to_bytes(texts: Iterable[str], kept: bytes) -> set[bytes]:
    """The texts that a scan of bytes looks for: those long enough, but for what `kept` says in any bundle."""
    small = kept.lower()
    found = {text.encode("utf-8", "surrogatepass") for text in texts}
    return {text for text in found if len(text) >= HEAD and text.lower() not in small}


def _texts(study: StudyFacts) -> Iterator[str]:
    """The texts as they stand in the study's files, and those of the machine."""
    yield from (str(study.folder), str(study.folder.resolve()))
    yield from (getpass.getuser(), platform.node(), str(Path.home()), str(Path.cwd()))
    for asked in (study.asked, study.first, *study.added):
        yield from _strings({name: value for name, value in asked.items() if name not in TOLD_OPTIONS})
    yield from _strings(study.quality)
    for name, run in study.runs.items():
        yield name
        yield from _strings({key: value for key, value in run.plan.items() if key not in TOLD_PLAN})
        yield from _strings(run.summary)
    schema = study.rows.schema
    for column in text_columns(schema):
        if column not in ("role", "budget", "pool"):
            yield from (text for text in study.rows[column].unique().to_pylist() if text)
    for key, value in (schema.metadata or {}).items():
        yield key.decode()
        yield from _strings(_plain(value))


def _plain(value: bytes) -> Any:
    """A fact in a table's metadata, read where it is JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return value.decode("utf-8", "replace")


def _strings(value: Any) -> Iterator[str]:
    """Every text in plain data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield from _strings(key)
            yield from _strings(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _strings(inside)
