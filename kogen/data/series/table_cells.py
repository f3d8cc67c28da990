"""The cells of a table of series, csv or parquet: texts of some columns, times, and numbers part by part."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kogen.common.files import explain_unreadable
from kogen.data.datasets._table_file import CURE, TableFile, open_table
from kogen.data.series.recording import Refused

MISSING = ["", "nan", "NaN", "NAN", "na", "NA", "N/A", "null", "NULL", "None", "none", "?"]  # cells without a value
NUMBERS = ("integer", "floating", "boolean", "decimal", "null")


@dataclass(frozen=True)
class TableCells:
    """A table that is open, whose columns are read when they are asked for."""

    file: TableFile
    header: bool  # its first line holds names

    @classmethod
    def open(cls, path: str, encoding: str | None) -> "TableCells":
        """A csv or parquet file; a csv whose first line holds numbers alone has no names. ValueError for what is none.

        Names such as `0,1,2` or `1,2,3`, which programs write where there are none, are names.
        """
        file = open_table(path, encoding)
        counted = [[str(first + place) for place in range(len(file.names))] for first in (0, 1)]
        bare = not file.is_parquet and file.names not in counted and all(map(_is_number, file.names))
        return cls(file, not bare)

    @property
    def names(self) -> list[str]:
        """The columns as they are called, or their numbers from 1 where they are not."""
        return self.file.names if self.header else [str(place + 1) for place in range(len(self.file.names))]

    @cached_property
    def rows(self) -> int:
        """Rows of the table."""
        if self.file.is_parquet:
            with self._explain(), pq.ParquetFile(self.file.path) as parquet:
                return parquet.metadata.num_rows
        return len(self._read_csv([0], None))

    def where(self, row: int) -> str:
        """A row as people find it, counted from 1 below the names."""
        return f"{self.file.path}, row {row + 1}"

    def texts(self, place: int) -> np.ndarray:
        """A column (L,) as text, "" where nothing is written."""
        return self.file.read([place], header=self.header)[0]

    def seconds(self, place: int, unit: float) -> np.ndarray:
        """A column of times (L,) in seconds, NaN where there is none; numbers are in `unit`, dates as in ISO 8601.

        Refused for other texts.
        """
        name = self.names[place]
        if self.file.is_parquet:
            with self._explain():
                column = pq.read_table(self.file.path, columns=[self.file.names[place]]).column(0)
                if pa.types.is_temporal(column.type):
                    column = column.cast(pa.timestamp("ns"))
                    return column.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64) * 1e-9
        texts = pd.Series(self.texts(place))
        numbers = _to_numbers(texts)
        odd = np.flatnonzero(np.isnan(numbers) & ~texts.isin(MISSING).to_numpy())
        if not len(odd):
            return numbers * unit
        try:
            moments = pd.to_datetime(texts, format="ISO8601", utc=True)
        except (ValueError, TypeError):
            got = f"{self.where(int(odd[0]))} has the time {str(texts[odd[0]])[:60]!r} in the column {name!r}"
            raise Refused(f"{got}: write seconds as numbers, or dates as 2026-01-31 12:00:00.25") from None
        whole = (moments - moments.iloc[0]).dt.total_seconds().to_numpy(np.float64)  # exact below a microsecond
        return np.where(moments.isna(), np.nan, whole)

    def numbers(self, places: list[int]) -> Iterator[np.ndarray]:
        """Columns (L, C) of numbers part by part, NaN where a cell is empty. ValueError names a cell that is text."""
        if self.file.is_parquet:
            yield from self._parquet_numbers(places)
            return
        try:
            frame = self._read_csv(places, "float64")
        except ValueError:
            frame = self._read_csv(places, None)
            self._refuse_text(frame, places)
            raise
        yield frame.to_numpy(np.float64)

    def _explain(self) -> Any:
        return explain_unreadable(f"the table {self.file.path}", CURE)

    def _read_csv(self, places: list[int], dtype: str | None) -> pd.DataFrame:
        """Columns of a csv in the order of `places`, as numbers, or as text without a `dtype`."""
        file = self.file
        cells: dict[str, Any] = {"dtype": str, "keep_default_na": False}
        if dtype is not None:
            cells = {"dtype": dtype, "na_values": MISSING}
        with self._explain():
            frame = pd.read_csv(
                file.path,
                encoding=file.encoding,
                sep=file.separator,
                skipinitialspace=True,
                skiprows=file.skipped + int(self.header),
                header=None,
                names=list(range(len(file.names))),
                index_col=False,
                usecols=sorted(places),
                **cells,
            )
        return frame[places]

    def _refuse_text(self, frame: pd.DataFrame, places: list[int]) -> None:
        """ValueError for the first cell that is no number."""
        for place in places:
            texts = frame[place].str.strip()
            odd = np.flatnonzero(np.isnan(_to_numbers(texts)) & ~texts.isin(MISSING).to_numpy())
            if len(odd):
                cell, name = texts.iloc[odd[0]], self.names[place]
                raise ValueError(
                    f"{self.where(int(odd[0]))} has {str(cell)[:60]!r} in the column {name!r}, wanted a number: say "
                    "which columns are channels, channels=A,B, and write decimals with a point"
                )

    def _parquet_numbers(self, places: list[int]) -> Iterator[np.ndarray]:
        names = [self.file.names[place] for place in places]
        with self._explain(), pq.ParquetFile(self.file.path) as parquet:
            schema = parquet.schema_arrow
            for name in names:
                kind = schema.field(schema.names.index(name)).type
                if not any(getattr(pa.types, f"is_{each}")(kind) for each in NUMBERS):
                    cure = "say which columns are channels, channels=A,B"
                    raise ValueError(f"the column {name!r} is of the type {str(kind)[:60]}, wanted numbers: {cure}")
            for batch in parquet.iter_batches(columns=names):
                columns = [batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
                yield np.stack(columns, axis=1)


def _to_numbers(texts: pd.Series) -> np.ndarray:
    """Texts (L,) as numbers, NaN for what is none."""
    return np.asarray(pd.to_numeric(texts, errors="coerce"), np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
