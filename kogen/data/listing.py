"""Listings: the files of a folder or a table, packed JPEGs, stacked arrays; cheap to make, read only when asked."""

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from kogen.common.speech.progress import progress_bar
from kogen.common.text import LARGEST_WHOLE, join_names
from kogen.data.decode import decode, read_header
from kogen.data.image_facts import ImageFacts, UnreadableImage, as_unreadable, image_facts, to_hwc

# Files that are plainly something else are not listed; anything unknown is, so that a lost image is at least named.
_OTHER = (
    "txt csv tsv json jsonl ndjson md rst xml yaml yml toml ini cfg conf log html htm css js py ipynb sh bat exe dll "
    "so pdf doc docx xls xlsx ppt pptx zip tar gz tgz bz2 xz 7z rar parquet arrow feather npz pt pth ckpt onnx pkl "
    "safetensors pickle h5 hdf5 db sqlite lnk lock sha256 md5 mp4 avi mov mkv webm wav mp3"
)
OTHER_ENDINGS = frozenset(_OTHER.split())
SYSTEM_FILES = frozenset(["thumbs.db", "desktop.ini", "license", "licence", "readme", "copying", "notice", "makefile"])
SYSTEM_FOLDERS = frozenset(["@eadir", "__macosx", "$recycle.bin"])  # @eaDir: small copies of the images (Synology)
MAX_CLASSES = 1_000_000
MAX_NAME_LETTERS = 250  # of a class, cluster or split
REPORTED_FILES = 10_000  # looked at between two reports of progress
IMAGE_ENDINGS = frozenset("png jpg jpeg jpe tif tiff gif bmp webp avif jp2 ppm pgm pbm pnm pcx sgi npy".split())  # noqa: SIM905


Stamp = tuple[int, int, int, int]  # of a file: see stamp_of
UNKNOWN: Stamp = (-1, 0, 0, 0)  # the stamp of what cannot be looked at


class FileList(NamedTuple):
    """The files found under a folder, sorted by path, or in the order of a table."""

    names: list[str]  # relative to the folder
    stamps: np.ndarray  # (N, 4) int64, what changes when a file does

    def take(self, rows: list[int]) -> "FileList":
        """Some of the files."""
        return FileList([self.names[row] for row in rows], self.stamps[rows])


@dataclass(frozen=True)
class ImageFiles:
    """Image files below a folder (or named by a table)."""

    root: str
    files: FileList

    def key(self) -> str:
        return hash_parts(os.path.realpath(self.root), *self.files.names, self.files.stamps.data)

    def __len__(self) -> int:
        return len(self.files.names)

    def source(self, item: int) -> str:
        return escape_surrogates(self.files.names[item])

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(os.path.join(self.root, self.files.names[item]), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
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
        return f"{escape_surrogates(os.path.basename(self.path))}[{item}]"

    def _bytes(self, item: int) -> bytes:
        data, offsets = self._data
        start, stop = int(offsets[item]), int(offsets[item + 1])
        if not 0 <= start <= stop <= len(data):
            raise UnreadableImage(f"offsets {start} to {stop} lie outside the {len(data)} bytes of the file")
        return data[start:stop].tobytes()

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(self._bytes(item), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
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
        return f"{escape_surrogates(self.title)}[{item}]"

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return self.decode(item, max_pixels)[1]

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
        with as_unreadable():
            pixels = to_hwc(np.asarray(self._rows[item]))
            return pixels, image_facts(pixels, "array")


def scan_folder(root: str, endings: frozenset[str] | None = None) -> FileList:
    """Every file below `root`, at any depth, that may be an image, with its size and time; links are followed, once.

    With `endings`, in small letters and without their point, every file that ends so instead.

    Hidden files and folders, and files that plainly are something else, are left out; the ending of a folder's name
    says nothing. A folder that cannot be entered is listed like a file, and the manifest says what is wrong with it.
    """
    rows: list[tuple[str, Stamp]] = []
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
            rows.append((prefix.rstrip("/"), UNKNOWN))
            continue
        with entries:
            for entry in entries:
                _collect_entry(entry, prefix, rows, waiting, endings)
    rows.sort()
    return FileList([row[0] for row in rows], np.array([row[1] for row in rows], np.int64).reshape(-1, 4))


def _collect_entry(
    entry: os.DirEntry[str],
    prefix: str,
    rows: list[tuple[str, Stamp]],
    waiting: list[str],
    endings: frozenset[str] | None,
) -> None:
    """Put an entry of a folder on the list of files or of folders, unless it is left out."""
    name = entry.name
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if name.startswith("."):
        return
    try:
        if entry.is_dir():
            waiting += [] if name.lower() in SYSTEM_FOLDERS else [f"{prefix}{name}/"]
        elif (
            ending not in OTHER_ENDINGS if endings is None else ending in endings
        ) and name.lower() not in SYSTEM_FILES:
            rows.append((prefix + name, stamp_of(entry.stat())))
    except OSError:  # a dangling link
        rows.append((prefix + name, UNKNOWN))


def stat_files(root: str, names: list[str]) -> tuple[FileList, list[str]]:
    """The files a table names, in its order, with their stamps, and a sentence where names were read another way.

    ValueError where some are absent, with examples.
    """
    stamps, absent, found, other = np.tile(np.array(UNKNOWN, np.int64), (len(names), 1)), [], [], 0
    with progress_bar("looking for the files of the table", transient=True) as report:
        for place, name in enumerate(names):
            there = next((form for form in spellings(name) if _exists(os.path.join(root, form))), None)
            if there is None:
                absent.append(name)
            else:
                other += there != os.path.normpath(name)
                with suppress(OSError):  # a dangling link
                    stamps[place] = stamp_of(os.stat(os.path.join(root, there)))
                found.append(there)
            if place % REPORTED_FILES == 0:
                report(place, len(names))
    if absent:
        ending = next((ending for ending in sorted(IMAGE_ENDINGS) if _exists(f"{root}/{absent[0]}.{ending}")), None)
        raise ValueError(
            f"paths in the table that do not exist below {root}: {len(absent)} of {len(names)}, for example "
            f"{join_names(absent, 3)}: paths are relative to the table's own folder"
            f"{f' and end in .{ending}' if ending else '; for another folder, give it and the table by --labels'}"
        )
    notes = [f"paths written with \\ or in another Unicode form than the files: {other}"] if other else []
    return FileList(found, stamps), notes


def spellings(name: str) -> Iterator[str]:
    """A path as it is written, then with / for \\, then in other Unicode forms: files of Windows and of macOS."""
    for path in dict.fromkeys((name, name.replace("\\", "/"))):
        for form in dict.fromkeys((path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path))):
            yield os.path.normpath(form)


def _exists(path: str) -> bool:
    """Whether a file or a link is there; a name that no file can have is not."""
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def stamp_of(status: os.stat_result) -> Stamp:
    """Size, times of content and of the entry (ns), and number of a file.

    Size and time of the content alone stay when archives and builds put another file in its place.
    """
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & LARGEST_WHOLE


def file_stamp(path: str) -> tuple[str, ...]:
    """Path and stamp of a file, as text: what changes when it does."""
    return os.path.realpath(path), *map(str, stamp_of(os.stat(path)))


def escape_surrogates(name: str) -> str:
    """A name with the bytes in it that are not UTF-8 as escapes (`\\udce9`): every file and encoding takes it."""
    return name.encode("utf-8", "backslashreplace").decode()


def hash_parts(*parts: str | memoryview) -> str:
    """Hash of parts, each with its length, so that different lists of parts differ."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else bytes(part)
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
