"""A tape: the samples of all recordings of a source in one mapped file of kogen's cache, written once, never half."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kogen.common.files import read_sealed_json, write_sealed_json
from kogen.common.locks import hold_lock
from kogen.common.speech.progress import progress_bar
from kogen.data.cache_files import make_folder, remove_path, sweep_partial
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import BadFile
from kogen.data.listing import escape_surrogates, hash_parts
from kogen.data.pixel_cache import explain_disk_errors
from kogen.data.series.recording import Reading, Recording, Refused
from kogen.data.series.tape_facts import tape_notes
from kogen.data.series.tape_writer import TapeWriter

TAPE_VERSION = 1  # of what a tape holds; another number makes every older tape unknown
VALUES, RECORD = "values.f32", "recordings.json"


class RecordingFiles(Protocol):
    """Files that hold recordings."""

    @property
    def names(self) -> list[str]: ...

    @property
    def alone(self) -> bool:
        """It is one file that was asked for: what is wrong with it is not a bad file among others."""
        ...

    def key(self) -> str:
        """Changes whenever a file does."""
        ...

    def read(self, item: int, reading: Reading, notes: list[str]) -> Iterable[Recording]:
        """The recordings of a file; `notes` gets what a person must know of how it is read."""
        ...


@dataclass(frozen=True)
class Tape:
    """Recordings one after the other."""

    folder: Path
    record: dict[str, Any]

    @cached_property
    def values(self) -> np.ndarray:
        """Samples (L, C) float32 of all recordings, mapped; NaN where a value is missing."""
        shape = self.record["samples"], self.record["channels"]
        if not shape[0]:
            return np.empty(shape, np.float32)
        return np.asarray(np.memmap(self.folder / VALUES, "<f4", "r", shape=shape))

    @property
    def recordings(self) -> dict[str, list[Any]]:
        """Columns of the recordings (R,): name, file, start, stop, split, cluster, group."""
        return self.record["recordings"]

    @property
    def pieces(self) -> dict[str, np.ndarray]:
        """Columns of the pieces (P,), runs of samples without a gap and of one label: recording, start, stop, ..."""
        kinds = {"label": object, "cut": object}
        return {key: np.array(column, kinds.get(key, np.int64)) for key, column in self.record["pieces"].items()}

    @property
    def bad(self) -> tuple[BadFile, ...]:
        """The files that could not be used."""
        return tuple(BadFile(source, reason) for source, reason in self.record["bad"])

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The channels (C,) as the files name them; () where they do not."""
        return tuple(self.record["channel_names"])


def load_or_record(files: RecordingFiles, reading: Reading, settings: CacheSettings) -> Tape:
    """The tape of some files, read now or found in the cache; a damaged one is written anew.

    Refused for what a person must settle, ValueError for one file that cannot be used and where the disk is full.
    """
    key = hash_parts("series", str(TAPE_VERSION), files.key(), repr(reading))
    folder = settings.cache_folder
    with explain_disk_errors(folder):
        if (found := _open_tape(folder / key, key)) is None:
            busy = "another process is reading these series; waiting for it" if settings.progress else ""
            with hold_lock(folder / f"{key}.lock", busy=busy):
                found = _open_tape(folder / key, key) or _record(files, reading, settings, key)
    return found


@contextmanager
def folder_moved_into(place: Path) -> Iterator[Path]:
    """A folder beside `place` to write into, which takes its name once all is written; only under a lock."""
    partial = place.with_name(f"{place.name}.partial")
    remove_path(partial)
    make_folder(partial)
    try:
        yield partial
        remove_path(place)
        os.rename(partial, place)
    finally:
        remove_path(partial)


def _open_tape(place: Path, key: str) -> Tape | None:
    """A tape that is there and whole; None for any other."""
    try:
        record = read_sealed_json(place / RECORD)
        size = os.stat(place / VALUES).st_size
    except (OSError, ValueError):
        return None
    whole = record.get("key") == key and size == 4 * record["samples"] * record["channels"]
    return Tape(place, record) if whole and not place.is_symlink() else None


def _record(files: RecordingFiles, reading: Reading, settings: CacheSettings, key: str) -> Tape:
    """Read all files onto a new tape."""
    sweep_partial(settings.cache_folder)
    place, bad, notes = settings.cache_folder / key, [], []
    with folder_moved_into(place) as partial:
        writer = TapeWriter(partial / VALUES, reading)
        bar = progress_bar("reading series", show=settings.progress, transient=True)
        try:
            with bar as report:
                for item, name in enumerate(files.names):
                    if (reason := _read_file(files, item, writer, notes)) is not None:
                        bad.append((escape_surrogates(name), reason))
                    report(item + 1, len(files.names))
        finally:
            record = writer.close()
        record |= {"key": key, "bad": bad, "notes": list(dict.fromkeys(notes))}
        tape = Tape(partial, record)
        bounds = list(zip(tape.recordings["start"], tape.recordings["stop"], strict=True))
        names = tape.channel_names or [f"channel {number + 1}" for number in range(record["channels"])]
        record["notes"] += tape_notes(tape.values, bounds, names) if bounds else []
        del tape  # no file is mapped while its folder moves
        write_sealed_json(partial / RECORD, record)
    return Tape(place, record)


def _read_file(files: RecordingFiles, item: int, writer: TapeWriter, notes: list[str]) -> str | None:
    """Put the recordings of a file on the tape; why it cannot be used, None where it can."""
    said: list[str] = []
    try:
        with writer.or_nothing():
            for recording in files.read(item, writer.reading, said):
                writer.add(recording, item)
    except Refused:
        raise
    except (ValueError, OSError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):  # the cache's disk is full, the file is good
            raise
        reason = escape_surrogates(getattr(error, "strerror", None) or str(error))
        if files.alone:
            raise Refused(f"{escape_surrogates(files.names[item])} cannot be used: {reason}") from error
        return reason
    notes += said
    return None
