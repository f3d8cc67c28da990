"""Pixels of a packed set, read from its Lance data set by number, wherever it lies; each row is checked once."""

import os
from typing import Any

import numpy as np
import pyarrow as pa

from kogen.data.checked_pixels import row_checksum
from kogen.data.lance_access import explain_lance, open_dataset
from kogen.data.lazy_pixels import row_numbers

PIXELS = "pixels"  # the column that holds them, the bytes of an image (C, H, W) in each row


class PackedPixels:
    """Rows (N, C, H, W) of a Lance data set; nothing of it is kept in memory."""

    def __init__(
        self, dataset: Any, place: str, shape: tuple[int, ...], dtype: np.dtype, checksums: np.ndarray
    ) -> None:
        """`checksums` (N,) int64 are those of `row_checksum`; `dataset` is opened again in another process."""
        self.place, self.shape, self.dtype, self.checksums = place, shape, dtype, checksums
        self.version = dataset.version
        self.checked = np.zeros(shape[0], bool)  # (N,)
        self.opened: tuple[int, Any] | None = (os.getpid(), dataset)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"opened": None}  # a process that is spawned opens it for itself

    def __getitem__(self, index: Any) -> np.ndarray:
        """Rows as they were packed. ValueError names the data set and the row that is damaged or gone."""
        rows = row_numbers(index, self.shape[0])
        found = self._take(np.atleast_1d(rows))
        self._check(np.atleast_1d(rows), found)
        return found[0] if rows.ndim == 0 else found

    def _take(self, rows: np.ndarray) -> np.ndarray:
        """Rows (B, C, H, W), read in one request."""
        if not len(rows):
            return np.empty((0, *self.shape[1:]), self.dtype)
        with explain_lance(self.place):
            table = self._dataset().take(pa.array(rows), columns=[PIXELS])
            column = table[PIXELS].combine_chunks()
            if len(column) != len(rows) or column.null_count:
                raise ValueError(f"{len(rows)} rows were asked for, and {len(column) - column.null_count} are there")
            size = column.type.byte_width
            values = np.frombuffer(column.buffers()[1], np.uint8, len(column) * size, column.offset * size)
            stored = values.view(self.dtype.newbyteorder("<")).reshape(len(rows), *self.shape[1:])
        return stored.astype(self.dtype, copy=False)

    def _dataset(self) -> Any:
        """The data set as this process opened it. ValueError in a process that was forked: Lance would crash there."""
        if self.opened is None:
            self.opened = (os.getpid(), open_dataset(self.place, self.version))
        if self.opened[0] != os.getpid():
            got = "a process that was forked cannot read what its parent has opened"
            raise ValueError(f"{got}: start it with multiprocessing.get_context('spawn')")
        return self.opened[1]

    def _check(self, rows: np.ndarray, found: np.ndarray) -> None:
        """Compare what is read for the first time with its checksums."""
        for place in np.flatnonzero(~self.checked[rows]).tolist():
            row = int(rows[place])
            if row_checksum(np.ascontiguousarray(found[place])) != self.checksums[row]:
                raise ValueError(f"row {row} of {self.place} is damaged (its checksum does not fit): pack it again")
            self.checked[row] = True
