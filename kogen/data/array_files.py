"""Array files, .npy and .npz: headers are checked against the file and the memory before anything is allocated."""

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.system import machine_memory

DEFLATE_RATIO = 1032  # what one byte can become at most (zlib's technical notes)
PLAIN = "save numbers and text, not Python objects"  # what to do about a file that cannot be read
HEADER_BYTES = 1 << 16  # of a small member, which the ratio says little about


class ArrayHeader(NamedTuple):
    """What the head of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


def read_header(file: BinaryIO, held: int) -> ArrayHeader:
    """The head of an array in a file of `held` bytes. ValueError for one that claims more than the file holds."""
    if (version := np.lib.format.read_magic(file)) != (1, 0):  # newer ones may be 4 GB long
        raise ValueError(f"an array of format {version}, wanted (1, 0), which plain numbers and text have")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    header = ArrayHeader(shape, dtype)
    if dtype.hasobject or dtype.names or not dtype.itemsize:
        raise ValueError(f"it holds {'Python objects' if dtype.hasobject else dtype}")
    if any(size < 0 for size in shape) or header.nbytes > held - file.tell():
        raise ValueError(f"it claims {header}, {header.nbytes:,} bytes, and holds {held - file.tell():,}")
    return header


def open_npy(path: str) -> np.ndarray:
    """The array of an .npy file, mapped. ValueError for another file."""
    check_regular_file(path)
    with explain_unreadable(f"the arrays of {path}", PLAIN):
        with open(path, "rb") as file:
            header = read_header(file, os.fstat(file.fileno()).st_size)
        if not header.nbytes:  # there is nothing to map
            return np.empty(header.shape, header.dtype)
        return np.load(path, mmap_mode="r", allow_pickle=False)


class NpzFile:
    """The arrays of an .npz file by name; one is read when asked for, after its header was found to be true."""

    def __init__(self, path: str) -> None:
        check_regular_file(path)
        self.path = path
        with explain_unreadable(f"the arrays of {path}", PLAIN), zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.endswith(".npy")]
            self.keys = [name.removesuffix(".npy") for name in found]

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def header(self, key: str) -> ArrayHeader:
        """The head of an array. ValueError where it claims more than its member, or this machine, can hold."""
        with self._open_member(key) as (file, held):
            header = read_header(file, held)
        return header

    def read(self, key: str) -> np.ndarray:
        """An array, as `header` says of it."""
        self.header(key)
        with self._open_member(key) as (file, _):
            return np.lib.format.read_array(file, allow_pickle=False)

    @contextmanager
    def _open_member(self, key: str) -> Iterator[tuple[BinaryIO, int]]:
        """A member as a file, and its bytes. ValueError for a zip bomb and for what does not fit into memory."""
        with explain_unreadable(f"the arrays of {self.path}", PLAIN), zipfile.ZipFile(self.path) as archive:
            member = archive.getinfo(f"{key}.npy")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{key!r} is packed in a way that numpy does not write")
            packed, held, memory = member.compress_size, member.file_size, machine_memory()
            if packed > os.path.getsize(self.path) or held > DEFLATE_RATIO * packed + HEADER_BYTES:
                raise ValueError(f"{key!r} claims {held:,} bytes, more than its {packed:,} packed bytes can hold")
            if held > memory:
                raise ValueError(f"{key!r} has {held:,} bytes, this machine can hold {memory:,}: cut it into parts")
            with archive.open(member) as file:
                yield file, held  # type: ignore[misc]
