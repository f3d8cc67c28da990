"""Listings: the files of a folder or a table, packed JPEGs, stacked arrays; cheap to make, read only when asked."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from kogen.data.decode import ImageFacts, UnreadableImage, as_unreadable, decode, image_facts, read_header, to_hwc

# Files that are plainly something else are not listed; anything unknown is, so that a lost image is at least named.
_OTHER = (
    "txt csv tsv json jsonl ndjson md rst xml yaml yml toml ini cfg conf log html htm css js py ipynb sh bat exe dll "
    "so pdf doc docx xls xlsx ppt pptx zip tar gz tgz bz2 xz 7z rar parquet arrow feather npz pt pth ckpt onnx pkl "
    "safetensors pickle h5 hdf5 db sqlite lnk lock sha256 md5 mp4 avi mov mkv webm wav mp3"
)
OTHER_ENDINGS = frozenset(_OTHER.split())
SYSTEM_FILES = frozenset(["thumbs.db", "desktop.ini"])
IMAGE_ENDINGS = frozenset("png jpg jpeg jpe tif tiff gif bmp webp avif jp2 ppm pgm pbm pnm pcx sgi npy".split())  # noqa: SIM905


class FileList(NamedTuple):
    """The files found under a folder, sorted by path."""

    names: list[str]  # relative to the folder
    sizes: np.ndarray  # (N,) int64 bytes, -1 where it is unknown
    times: np.ndarray  # (N,) int64 modification time, ns


@dataclass(frozen=True)
class ImageFiles:
    """Image files below a folder (or named by a table)."""

    root: str
    files: FileList

    def key(self) -> str:
        return hash_parts(os.path.realpath(self.root), *self.files.names, self.files.sizes.data, self.files.times.data)

    def __len__(self) -> int:
        return len(self.files.names)

    def source(self, item: int) -> str:
        return self.files.names[item].encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(os.path.join(self.root, self.files.names[item]), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, str]:
        return decode(os.path.join(self.root, self.files.names[item]), max_pixels)


@dataclass(frozen=True)
class PackedImages:
    """Encoded images, one after the other in one array of bytes."""

    path: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]  # bytes (L,) uint8, offsets (N + 1,)
    count: int

    def key(self) -> str:
        return hash_parts("packed", *file_stamp(self.path))

    @cached_property
    def _data(self) -> tuple[np.ndarray, np.ndarray]:
        return self.load()

    def __len__(self) -> int:
        return self.count

    def source(self, item: int) -> str:
        return f"{os.path.basename(self.path)}[{item}]"

    def _bytes(self, item: int) -> bytes:
        data, offsets = self._data
        start, stop = int(offsets[item]), int(offsets[item + 1])
        if not 0 <= start <= stop <= len(data):
            raise UnreadableImage(f"offsets {start} to {stop} lie outside the {len(data)} bytes of the file")
        return data[start:stop].tobytes()

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(self._bytes(item), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, str]:
        return decode(self._bytes(item), max_pixels)


@dataclass(frozen=True)
class PixelStack:
    """Images that are pixels already: rows (H, W) or (H, W, C) of something that is loaded at the first read."""

    title: str
    stamp: tuple[str, ...]  # changes whenever the pixels do
    load: Callable[[], Any]  # whose [item] are pixels
    count: int

    def key(self) -> str:
        return hash_parts("stack", *self.stamp)

    @cached_property
    def _rows(self) -> Any:
        return self.load()

    def __len__(self) -> int:
        return self.count

    def source(self, item: int) -> str:
        return f"{self.title}[{item}]"

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return image_facts(self.decode(item, max_pixels)[0], "array")

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, str]:
        with as_unreadable():
            return to_hwc(np.asarray(self._rows[item])), "array"


def scan_folder(root: str) -> FileList:
    """Every file below `root`, at any depth, that may be an image, with its size and time; links are followed, once.

    Hidden files and folders, and files that plainly are something else, are left out. A folder that is named like an
    image or cannot be entered is listed like a file, so that the manifest says what is wrong with it.
    """
    rows: list[tuple[str, int, int]] = []
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            status = os.stat(os.path.join(root, prefix))
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link to a folder that is listed already
            seen.add((status.st_dev, status.st_ino))
            entries = os.scandir(os.path.join(root, prefix))
        except OSError:
            rows.append((prefix.rstrip("/"), -1, 0))
            continue
        with entries:
            for entry in entries:
                _collect_entry(entry, prefix, rows, waiting)
    rows.sort()
    table = np.array([row[1:] for row in rows], np.int64).reshape(-1, 2)
    return FileList([row[0] for row in rows], table[:, 0].copy(), table[:, 1].copy())


def _collect_entry(entry: os.DirEntry[str], prefix: str, rows: list[tuple[str, int, int]], waiting: list[str]) -> None:
    """Put an entry of a folder on the list of files or of folders, unless it is left out."""
    name = entry.name
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if name.startswith(".") or ending in OTHER_ENDINGS or name.lower() in SYSTEM_FILES:
        return
    try:
        if entry.is_dir() and ending not in IMAGE_ENDINGS:
            waiting.append(f"{prefix}{name}/")
            return
        status = entry.stat()
        rows.append((prefix + name, status.st_size, status.st_mtime_ns))
    except OSError:  # a dangling link
        rows.append((prefix + name, -1, 0))


def stat_files(root: str, names: list[str]) -> FileList:
    """The files a table names, in its order, with size and time. ValueError where some are absent, with examples."""
    sizes, times = np.full(len(names), -1, np.int64), np.zeros(len(names), np.int64)
    absent = []
    for place, name in enumerate(names):
        try:
            status = os.stat(os.path.join(root, name))
            sizes[place], times[place] = status.st_size, status.st_mtime_ns
        except OSError:
            if not os.path.lexists(os.path.join(root, name)):
                absent.append(name)
    if absent:
        raise ValueError(
            f"{len(absent)} of {len(names)} paths in the table do not exist below {root}, for example "
            f"{', '.join(absent[:3])}: paths are relative to the table's own folder"
        )
    return FileList(names, sizes, times)


def file_stamp(path: str) -> tuple[str, str, str]:
    """Path, size and time of a file, as text: what changes when it does."""
    status = os.stat(path)
    return os.path.realpath(path), str(status.st_size), str(status.st_mtime_ns)


def hash_parts(*parts: str | memoryview) -> str:
    """Hash of parts, each with its length, so that different lists of parts differ."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else bytes(part)
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
