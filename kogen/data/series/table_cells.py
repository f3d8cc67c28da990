"""The cells of a table of series, csv or parquet: texts of some columns, times, and numbers part by part."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kogen.common.files import explain_unreadable
from kogen.data.datasets._table_file import CURE, open_table
from kogen.data.labels import reads_as_number
from kogen.data.listing import MAX_NAME_LETTERS
from kogen.data.series.recording import Refused

MISSING = ["", "nan", "NaN", "NAN", "na", "NA", "N/A", "null", "NULL", "None", "none", "?"]  # cells without a value
NUMBERS = ("integer", "floating", "boolean", "decimal", "null")  # types of arrow


class TableCells:
    """A table that is open; a csv is read whole when the first cells are asked for, parquet part by part."""

    def __init__(self, path: str, encoding: str | None) -> None:
        """A csv or parquet file; a csv whose first line holds numbers alone has no names. ValueError for what is none.

        Names such as `0,1,2` or `1,2,3`, which programs write where there are none, are names.
        """
        self.file = open_table(path, encoding)
        names = self.file.names
        counted = [[str(first + place) for place in range(len(names))] for first in (0, 1)]
        self.header = self.file.is_parquet or names in counted or not all(map(reads_as_number, names))
        self.names = names if self.header else [str(place + 1) for place in range(len(names))]
        self.numeric: list[int] = []  # places of the columns that are numbers; set before cells are asked for

    @cached_property
    def rows(self) -> int:
        """Rows of the table."""
        if self.file.is_parquet:
            with self._explain(), pq.ParquetFile(self.file.path) as parquet:
                return parquet.metadata.num_rows
        return len(self._frame)

    def where(self, row: int) -> str:
        """A row as people find it, counted from 1 below the names."""
        return f"{self.file.path}, row {row + 1}"

    def texts(self, place: int) -> np.ndarray:
        """A column (L,) as text, "" where nothing is written."""
        if self.file.is_parquet:
            return self.file.read([place], header=self.header)[0]
        texts = self._frame[place].str.strip()
        if len(texts) and (long := int(texts.str.len().max())) > MAX_NAME_LETTERS:
            got = f"the column {self.names[place]!r} of {self.file.path} has a text of {long:,} letters"
            raise ValueError(f"{got}, at most {MAX_NAME_LETTERS} are read")
        return texts.to_numpy(object)

    def seconds(self, place: int, unit: float) -> np.ndarray:
        """A column of times (L,) in seconds, NaN where there is none; numbers are in `unit`, dates as in ISO 8601.

        Refused for other texts.
        """
        if self.file.is_parquet:
            with self._explain():
                column = pq.read_table(self.file.path, columns=[self.file.names[place]]).column(0)
                if pa.types.is_temporal(column.type):
                    column = column.cast(pa.timestamp("ns"))
                    moments = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
                    return (moments - moments[:1]).astype(np.float64) * 1e-9  # since 1970 floats are too coarse
                if _holds_numbers(column.type):
                    return column.cast(pa.float64()).to_numpy(zero_copy_only=False) * unit
        texts = pd.Series(self.texts(place))
        numbers = _to_numbers(texts)
        odd = np.flatnonzero(np.isnan(numbers) & ~texts.isin(MISSING).to_numpy())
        if not len(odd):
            return numbers * unit
        try:
            moments = pd.to_datetime(texts, format="ISO8601", utc=True)
        except (ValueError, TypeError):
            cell = f"{str(texts[odd[0]])[:60]!r} in the column {self.names[place]!r}"
            got = f"{self.where(int(odd[0]))} has the time {cell}"
            raise Refused(f"{got}: write seconds as numbers, or dates as 2026-01-31 12:00:00.25") from None
        whole = (moments - moments.iloc[0]).dt.total_seconds().to_numpy(np.float64)  # exact below a microsecond
        return np.where(moments.isna(), np.nan, whole)

    def numbers(self) -> Iterator[np.ndarray]:
        """The columns that are numbers (L, C), part by part, NaN where a cell is empty. ValueError names a text."""
        if self.file.is_parquet:
            yield from self._parquet_numbers()
        else:
            yield self._frame[self.numeric].to_numpy(np.float64)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        """All cells of a csv, by place: numbers where they are said to be, else text."""
        missing = {place: MISSING for place in self.numeric}
        try:
            return self._read_csv({place: "float64" for place in self.numeric}, missing)
        except ValueError:  # damage, of which the second reading says the same, or a text among the numbers
            self._refuse_text(self._read_csv({}, {}))
            raise

    def _read_csv(self, kinds: dict[int, str], missing: dict[int, list[str]]) -> pd.DataFrame:
        """All columns of a csv, text but for `kinds`. A row with more cells than there are names is never cut off."""
        file, count = self.file, len(self.file.names)
        with self._explain():
            try:
                frame: pd.DataFrame = pd.read_csv(
                    file.path,
                    encoding=file.encoding,
                    sep=file.separator,
                    skipinitialspace=True,
                    skiprows=file.skipped + int(self.header),
                    header=None,
                    names=list(range(count)),
                    dtype={place: kinds.get(place, "str") for place in range(count)},  # type: ignore[arg-type]
                    keep_default_na=False,
                    na_values=missing,
                    skip_blank_lines=count > 1,  # of one column, a blank line is a value that is missing
                )
            except pd.errors.EmptyDataError:
                return pd.DataFrame({place: pd.Series(dtype=kinds.get(place, "str")) for place in range(count)})
            if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first cell for the row's name
                raise ValueError("its rows have more cells than its first line names")
        return frame

    def _explain(self) -> Any:
        return explain_unreadable(f"the table {self.file.path}", CURE)

    def _refuse_text(self, frame: pd.DataFrame) -> None:
        """ValueError for the first cell that is no number."""
        for place in self.numeric:
            texts = frame[place].str.strip()
            odd = np.flatnonzero(np.isnan(_to_numbers(texts)) & ~texts.isin(MISSING).to_numpy())
            if len(odd):
                cell, name = texts.iloc[odd[0]], self.names[place]
                raise ValueError(
                    f"{self.where(int(odd[0]))} has {str(cell)[:60]!r} in the column {name!r}, wanted a number: say "
                    "which columns are channels, channels=A,B, and write decimals with a point"
                )

    def _parquet_numbers(self) -> Iterator[np.ndarray]:
        names = [self.file.names[place] for place in self.numeric]
        with self._explain(), pq.ParquetFile(self.file.path) as parquet:
            schema = parquet.schema_arrow
            for name in names:
                kind = schema.field(schema.names.index(name)).type
                if not _holds_numbers(kind):
                    cure = "say which columns are channels, channels=A,B"
                    raise ValueError(f"the column {name!r} is of the type {str(kind)[:60]}, wanted numbers: {cure}")
            for batch in parquet.iter_batches(columns=names):
                columns = [batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
                yield np.stack(columns, axis=1)


def _holds_numbers(kind: Any) -> bool:
    """Whether a column of this type of arrow holds numbers."""
    return any(getattr(pa.types, f"is_{name}")(kind) for name in NUMBERS)


def _to_numbers(texts: pd.Series) -> np.ndarray:
    """Texts (L,) as numbers, NaN for what is none."""
    return np.asarray(pd.to_numeric(texts, errors="coerce"), np.float64)
