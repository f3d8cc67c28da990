"""Stored pixels that are checked: a row that a disk has damaged is noticed when it is first read, and never used."""

import zlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from kogen.data.lazy_pixels import row_numbers

UNREAD, GOOD, DAMAGED = 0, 1, 2  # what is known of a row


class Source(Protocol):
    """What the pixels were stored from, which makes any of them again."""

    def __getitem__(self, index: Any, /) -> np.ndarray: ...


class CheckedPixels:
    """Rows (N, C, H, W) of a pixel cache, each checked at its first read; a damaged one is made again by its source."""

    def __init__(
        self, stored: np.ndarray, checksums: np.ndarray, source: Source, on_damage: Callable[[int], None]
    ) -> None:
        """`checksums` (N,) are those of `row_checksum`, -1 for a row that holds nothing; `on_damage`: called once."""
        self.stored, self.checksums, self.source, self.on_damage = stored, checksums, source, on_damage
        self.shape, self.dtype = stored.shape, stored.dtype
        self.state = np.where(checksums < 0, GOOD, UNREAD).astype(np.uint8)  # (N,)

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = row_numbers(index, self.shape[0])
        self._check_rows(np.atleast_1d(rows))
        damaged = self.state[rows] == DAMAGED
        if not damaged.any():
            return self.stored[index]
        if rows.ndim == 0:
            return self.source[int(rows)]
        out = np.array(self.stored[index])
        out[damaged] = self.source[rows[damaged]]
        return out

    def _check_rows(self, rows: np.ndarray) -> None:
        """Compare the rows that were not read yet with their checksums."""
        for row in rows[self.state[rows] == UNREAD].tolist():
            good = row_checksum(self.stored[row]) == self.checksums[row]
            if not good and not (self.state == DAMAGED).any():
                self.on_damage(row)
            self.state[row] = GOOD if good else DAMAGED


def row_checksum(pixels: np.ndarray) -> int:
    """The checksum of a stored image (C, H, W), which lies in one piece."""
    return zlib.crc32(pixels.data)  # type: ignore[arg-type]
