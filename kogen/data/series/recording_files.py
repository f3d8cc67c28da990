"""Files of recordings: a folder of them, or one; which reader reads which, by what its name ends in."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from kogen.data.listing import FileList, escape_surrogates, hash_parts, scan_folder, stamp_of
from kogen.data.series.array_recordings import read_npy, read_stack
from kogen.data.series.mat_files import read_mat
from kogen.data.series.recording import Reading, Recording
from kogen.data.series.recording_tables import read_table_recordings
from kogen.data.series.ts_files import read_ts
from kogen.data.series.wav_files import read_wav

Reader = Callable[[str, str, Reading, list[str]], Iterable[Recording]]  # of path, name, settings, notes
TS_PART = re.compile(r"(?P<set>.*)_(?P<part>TRAIN|TEST)\.ts", re.IGNORECASE)  # of the archives of UCR and UEA
TABLES = ("csv", "tsv", "parquet")
READERS: dict[str, Reader] = {
    **dict.fromkeys((*TABLES, "txt"), read_table_recordings),
    "npz": read_stack,
    "ts": lambda path, name, reading, notes: read_ts(path, name, reading),
    "npy": lambda path, name, reading, notes: [read_npy(path, name, reading)],
    "wav": lambda path, name, reading, notes: [read_wav(path, name, reading)],
    "mat": lambda path, name, reading, notes: [read_mat(path, name, reading)],
}
IN_FOLDERS = frozenset(READERS) - {"txt"}  # texts that lie in a folder are mostly notes


@dataclass(frozen=True)
class SeriesFiles:
    """Recordings in the files below a folder, or in one file."""

    root: str
    files: FileList
    alone: bool = False

    @property
    def names(self) -> list[str]:
        """The files (F,), relative to the folder."""
        return self.files.names

    def key(self) -> str:
        """Changes whenever a file does."""
        return hash_parts(os.path.realpath(self.root), str(self.alone), *self.names, self.files.stamps.data)

    def read(self, item: int, reading: Reading, notes: list[str]) -> Iterable[Recording]:
        """The recordings of a file; a single .npy file is a stack (N, C, T), one of a folder a recording."""
        name = self.names[item]
        kind = ending_of(name)
        reader = read_stack if self.alone and kind == "npy" else READERS[kind]
        return reader(os.path.join(self.root, name), escape_surrogates(name), reading, notes)


def find_recordings(path: str, labels: str | None = None) -> SeriesFiles:
    """The files of recordings of a folder, without its table of labels, or the one file. ValueError where none is."""
    if not os.path.isdir(path):
        if ending_of(path) not in READERS:
            raise ValueError(f"{path} ends in none of {', '.join(sorted(READERS))}, which series are read from")
        stamps = np.array([stamp_of(os.stat(path))], np.int64)
        return SeriesFiles(os.path.dirname(path) or ".", FileList([os.path.basename(path)], stamps), alone=True)
    if not os.access(path, os.R_OK | os.X_OK):
        raise ValueError(f"no permission to list the folder {path}")
    found = scan_folder(path, IN_FOLDERS)
    table = os.path.realpath(labels) if labels is not None else ""
    kept = [row for row, name in enumerate(found.names) if os.path.realpath(os.path.join(path, name)) != table]
    if not kept:
        raise ValueError(f"no recordings below {path}: wanted files that end in {', '.join(sorted(IN_FOLDERS))}")
    return SeriesFiles(path, found.take(kept))


def holds_archive(folder: str) -> bool:
    """Whether a folder is a set of UCR or UEA: a file NAME_TRAIN.ts lies in it."""
    with suppress(OSError):
        return any(TS_PART.fullmatch(name) for name in os.listdir(folder))
    return False


def ending_of(name: str) -> str:
    """What a file's name ends in, in small letters and without the point."""
    return os.path.splitext(name)[1].lower().removeprefix(".")
