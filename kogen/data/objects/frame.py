"""Frames of pandas as tables of images: a column of paths, and those of labels, clusters, splits as in files."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.objects import PREFIX
from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._table_file import FEW, MAX_PATH_LETTERS, MAX_ROWS, TableFile
from kogen.data.datasets.table import TableRows, images_of_rows, rows_of_table
from kogen.data.images import Images
from kogen.data.listing import MAX_NAME_LETTERS, hash_parts
from kogen.data.objects.label_column import column_texts

TITLE = "the frame"


@dataclass(frozen=True)
class FrameTable(TableFile):
    """A frame as a table of text; only columns that are asked for have to be text or numbers."""

    frame_columns: dict[str, Any] = field(default_factory=dict)  # name to series

    def read(self, places: list[int], *, header: bool = True) -> list[np.ndarray]:
        longest = [MAX_PATH_LETTERS, *[MAX_NAME_LETTERS] * len(places)]  # the first place is that of the paths
        names = [self.names[place] for place in places]
        return [
            column_texts(_plain_cells(self.frame_columns[name]), f"the column {name!r} of the frame", most)
            for name, most in zip(names, longest, strict=False)
        ]

    @cached_property
    def short_texts(self) -> dict[str, set[str]]:
        found = {name: {*map(str, _plain_cells(column))} for name, column in self.frame_columns.items()}
        return {name: {text.strip() for text in texts} for name, texts in found.items() if len(texts) <= FEW}


@dataclass(frozen=True)
class HeldFrame:
    """A frame, which names files: they are read, and watched, as those of a table in a file are."""

    table: FrameTable
    _read: dict[str | None, TableRows] = field(default_factory=dict, repr=False)  # by what says the columns

    @cached_property
    def text(self) -> str:
        """The name of the content of the cells; that of the images is looked at when they are opened."""
        columns = [map(str, _plain_cells(column)) for column in self.table.frame_columns.values()]
        digest = hash_parts(*self.table.names, *map("\0".join, columns))
        rows = len(next(iter(self.table.frame_columns.values())))
        return f"{PREFIX}frame-{rows}x{len(self.table.names)}-{digest[:16]}"

    def rows(self, columns: str | None) -> TableRows:
        """The rows as those of a file are read, once. ValueError where the columns do not say which holds what."""
        if columns not in self._read:  # a study asks for its pool, its splits and its output: seconds for a million
            self._read[columns] = rows_of_table(self.table, columns)
        return self._read[columns]

    def open(self, storage: CacheSettings, name: str, split: str | None, columns: str | None) -> Images:
        """The images that the rows name, relative paths from the current folder."""
        rows, here = self.rows(columns), os.getcwd()
        if any(not os.path.isabs(path) for path in rows.paths.tolist()):
            rows = rows._replace(notes=(*rows.notes, f"paths of the frame are read from the current folder, {here}"))
        return images_of_rows(rows, TITLE, here, split, storage, name or "frame")


def hold_frame(value: Any, where: str) -> HeldFrame | None:
    """What is held of a frame of pandas, or of polars and others that become one; None for other objects.

    ValueError for a frame without rows, and for two columns of one name.
    """
    if type(value).__module__.partition(".")[0] in ("polars", "pyarrow") and hasattr(value, "to_pandas"):
        value = value.to_pandas()
    if not isinstance(value, pd.DataFrame):
        return None
    if not len(value) or len(value) > MAX_ROWS:
        raise ValueError(f"{where} is a frame of {len(value):,} rows: wanted 1 to {MAX_ROWS:,}, each names one image")
    names = [str(name).strip() for name in value.columns]
    if len({*names}) < len(names):
        raise ValueError(f"{where} is a frame with two columns of one name among {join_names(names)}: rename one")
    columns = [value.iloc[:, place] for place in range(len(names))]
    return HeldFrame(FrameTable(TITLE, names, frame_columns=dict(zip(names, columns, strict=True))))


def _plain_cells(column: Any) -> list[Any]:
    """The cells of a column as Python holds them; those of paths and of times are written out."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.astype(str)
    return [os.fspath(cell) if isinstance(cell, os.PathLike) else cell for cell in column.tolist()]
