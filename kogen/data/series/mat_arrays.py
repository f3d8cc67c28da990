"""The lists of numbers in a mat file of Matlab 5 to 7.2, read without scipy, whose reader ends the process on damage.

The format: The MathWorks, MAT-File Format. A file is a head of 128 bytes and elements; a variable is an element that
may be packed by zlib, of parts: flags, sizes, name, real numbers.
"""

import math
import zlib
from collections.abc import Iterator

import numpy as np

from kogen.common.system import machine_memory

HEAD = 128
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # by type
MATRIX, COMPRESSED = 14, 15
CLASSES = range(6, 16)  # of matrices that hold numbers; others hold text, cells, objects
COMPLEX = 0x08


def read_vectors(path: str) -> dict[str, np.ndarray | None]:
    """Name to numbers (L,) with L > 1 of each variable; None for one that is no list of real numbers.

    ValueError for a file of another kind, and for a damaged one.
    """
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < HEAD or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("it is no mat file of Matlab 5 to 7.2")
    order = "<" if data[126:128] == b"IM" else ">"
    if int(np.frombuffer(data, f"{order}u2", 1, 124)[0]) != 0x0100:
        raise ValueError("it is of Matlab 7.3 (HDF5): save it with save(..., '-v7')")
    found: dict[str, np.ndarray | None] = {}
    for kind, part in _elements(memoryview(data)[HEAD:], order):
        if kind == COMPRESSED:
            kind, part = next(_elements(memoryview(_unpack(part, order)), order), (0, part))
        if kind == MATRIX:
            name, values = _read_matrix(part, order)
            found[name] = values
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The type and the bytes of each element. ValueError for one that is longer than what is left."""
    place = 0
    while place + 8 <= len(data):
        kind, size = (int(word) for word in np.frombuffer(data, f"{order}u4", 2, place))
        if kind >> 16:  # a small one, in four bytes of its own tag
            kind, size, start, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        else:
            start = place + 8
            end = start + size + (-size % 8 if kind != COMPRESSED else 0)
        if start + size > len(data) or (start == place + 4 and size > 4):
            raise ValueError(
                f"it is damaged or cut off: a part claims {size:,} bytes, and {len(data) - start:,} are left"
            )
        yield kind, data[start : start + size]
        place = end


def _unpack(data: memoryview, order: str) -> bytes:
    """A packed element. ValueError where it is damaged, or claims more than this machine can hold."""
    opener = zlib.decompressobj()
    try:
        tag = opener.decompress(data, 8)
        claimed = int(np.frombuffer(tag, f"{order}u4", 2)[1]) if len(tag) == 8 else 0
        if claimed > (has := machine_memory()):
            raise ValueError(f"a variable claims {claimed:,} bytes, this machine can hold {has:,}")
        rest = opener.decompress(opener.unconsumed_tail, max(claimed, 1))
        opener.decompress(opener.unconsumed_tail, 1)  # the sum at its end
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from error
    if not opener.eof:
        raise ValueError("it is damaged or cut off: a packed variable does not end where it says")
    return tag + rest


def _read_matrix(data: memoryview, order: str) -> tuple[str, np.ndarray | None]:
    """The name of a variable, and its numbers, None where it is no list of real ones."""
    parts = _elements(data, order)
    try:
        flags = int(np.frombuffer(next(parts)[1], f"{order}u4", 1)[0])
        sizes = np.frombuffer(next(parts)[1], f"{order}i4").tolist()
        name = bytes(next(parts)[1]).decode("utf-8", "replace")
        if (
            flags & 0xFF not in CLASSES
            or flags >> 8 & COMPLEX
            or math.prod(sizes) < 2
            or max(sizes) != math.prod(sizes)
        ):
            return name, None
        kind, values = next(parts)
        numbers = np.frombuffer(values, f"{order}{NUMBERS[kind]}")
    except (StopIteration, ValueError, KeyError) as error:
        raise ValueError(f"it is damaged or cut off: a variable is not whole ({str(error)[:200]})") from error
    if len(numbers) != max(sizes):
        raise ValueError(f"it is damaged: {name[:60]} has {len(numbers):,} numbers, and says {max(sizes):,}")
    return name, numbers
