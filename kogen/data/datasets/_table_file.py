"""A table of images on disk, csv or parquet, as columns of text; bounded, and refused where it is damaged."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.tables import read_checked
from kogen.common.text import join_names
from kogen.common.text_tables import (
    EXCEL_LINE,
    LINE_BYTES,
    SEPARATORS,
    check_encoding,
    check_lines,
    find_separator,
    mark_encoding,
    other_format,
)
from kogen.data.listing import MAX_NAME_LETTERS

MAX_BYTES = 1 << 30  # of a csv, or of what is read of a parquet file
MAX_ROWS = 20_000_000
MAX_PATH_LETTERS = 4096  # what systems allow
TYPES = ("string", "large_string", "string_view", "integer", "floating", "boolean", "null", "decimal", "temporal")
CURE = "save it as csv in UTF-8 with one line a row, or as parquet"


@dataclass(frozen=True)
class TableFile:
    """A table that is open: the names in its first line, and how it is written."""

    path: str
    names: list[str]
    is_parquet: bool = False
    encoding: str = "utf-8-sig"
    separator: str = ","
    skipped: int = 0  # lines before the first one
    notes: list[str] = field(default_factory=list)

    def read(self, places: list[int], *, header: bool = True) -> list[np.ndarray]:
        """The columns at these places as text, (N,) object each, "" where nothing is written.

        `header`: the first line holds names. Raises ValueError for what is damaged or too large.
        """
        with explain_unreadable(f"the table {self.path}", CURE):
            columns = _read_parquet(self, places) if self.is_parquet else _read_csv(self, places, header)
            shown = self.names if header else [str(place + 1) for place in range(len(self.names))]
            # The first place is that of the paths, which may be long.
            most = [MAX_PATH_LETTERS, *[MAX_NAME_LETTERS] * len(places)]
            return [_to_texts(columns[k], shown[place], most[k]) for k, place in enumerate(places)]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All cells of a csv whose first line holds names."""
        return _read_frame(self, header=True)

    @cached_property
    def short_texts(self) -> dict[str, set[str]]:
        """Name to the distinct cells of each column that has few: what may hold splits."""
        with explain_unreadable(f"the table {self.path}", CURE):
            return _few_texts_parquet(self) if self.is_parquet else _few_texts_csv(self)


FEW = 8  # distinct cells of a column that may hold splits


def open_table(path: str, encoding: str | None = None) -> TableFile:
    """A table's names and how it is written; what its name ends in says nothing. ValueError for what is no table."""
    check_regular_file(path, MAX_BYTES)
    with open(path, "rb") as file:
        head = file.read(16)
    if head[:4] == b"PAR1":
        with explain_unreadable(f"the table {path}", CURE), pq.ParquetFile(path) as parquet:
            return TableFile(path, [name.strip() for name in parquet.schema_arrow.names], is_parquet=True)
    if what := other_format(head):
        raise ValueError(f"cannot read the table {path}: it is {what}; {CURE}")
    encoding = mark_encoding(head) or encoding
    wide = (encoding or "").lower().replace("_", "-").startswith("utf-16")
    with explain_unreadable(f"the table {path}", CURE):
        check_lines(path, wide=wide)
    encoding = check_encoding(path, encoding)
    with explain_unreadable(f"the table {path}", CURE):
        with open(path, encoding=encoding, newline="") as file:
            first = file.readline(LINE_BYTES)
            asked = EXCEL_LINE.match(first)
            second = file.readline(LINE_BYTES) if asked else first
        separator = asked[1] if asked else find_separator([first])
        names = _split_line(second, separator)
    said = [] if encoding.startswith("utf-8") else [f"the table {path} is read as {encoding}"]
    if separator != ",":
        said.append(f"the columns of {path} are parted by {SEPARATORS.get(separator, 'spaces')}")
    return TableFile(path, names, False, encoding, separator, int(bool(asked)), said)


def _split_line(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    from io import StringIO

    if not line.strip():
        raise ValueError("it is empty")
    frame = pd.read_csv(StringIO(line), header=None, dtype=str, keep_default_na=False, sep=separator, nrows=1)
    return [str(name).strip() for name in frame.iloc[0]]


def _read_frame(file: TableFile, *, header: bool) -> pd.DataFrame:
    """All cells of a csv as text: 007 is not 7, and NA is a name."""
    frame: pd.DataFrame = pd.read_csv(
        file.path,
        dtype=str,
        keep_default_na=False,
        encoding=file.encoding,
        sep=file.separator,
        skipinitialspace=True,
        skiprows=file.skipped,
        header=0 if header else None,
    )
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first cell for the row's name
        raise ValueError("its rows have more cells than its first line names")
    _check_rows(len(frame))
    return frame


def _read_csv(file: TableFile, places: list[int], header: bool) -> list[Any]:
    """The columns of a csv at these places as arrow arrays."""
    frame = file.frame if header else _read_frame(file, header=False)
    return [pa.chunked_array([pa.array(frame.iloc[:, place], pa.large_string())]) for place in places]


def _few_texts_csv(file: TableFile) -> dict[str, set[str]]:
    cells = {name: file.frame.iloc[:, place].unique() for place, name in enumerate(file.names)}
    return {name: {str(cell).strip() for cell in found} for name, found in cells.items() if len(found) <= FEW}


def _read_parquet(table: TableFile, places: list[int]) -> list[Any]:
    """The columns of a parquet file at these places as arrow arrays."""
    with pq.ParquetFile(table.path) as file:
        schema, about = file.schema_arrow, file.metadata
        _check_rows(about.num_rows)
        found = [schema.names[place] for place in places]
        for name in found:
            kind = schema.field(name).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not any(getattr(pa.types, f"is_{each}")(kind) for each in TYPES):
                raise ValueError(f"the column {name!r} is of the type {str(kind)[:60]}, wanted text or numbers")
        groups = [about.row_group(group) for group in range(about.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in found)
        if size > MAX_BYTES:
            raise ValueError(f"its {join_names(found)} take {size:,} bytes, at most {MAX_BYTES:,} are read")
    read = read_checked(table.path, found, found)
    read.validate(full=True)
    return [read[name] for name in found]


def _few_texts_parquet(table: TableFile) -> dict[str, set[str]]:
    with pq.ParquetFile(table.path) as file:
        schema = file.schema_arrow
    kinds = [schema.field(name).type for name in schema.names]
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
    tested = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_integer)
    texts = [place for place, kind in enumerate(plain) if any(test(kind) for test in tested)]
    found = {}
    for place in texts:
        cells = pc.call_function("unique", [_read_parquet(table, [place])[0]])
        cells = cells.dictionary if isinstance(cells, pa.DictionaryArray) else cells
        if len(cells) <= FEW:
            found[table.names[place]] = {_cell_text(cell) for cell in cells.to_pylist()}
    return found


def _check_rows(rows: int) -> None:
    if rows > MAX_ROWS:
        raise ValueError(f"it has {rows:,} rows, at most {MAX_ROWS:,} are read")


def _to_texts(column: Any, name: str, most: int) -> np.ndarray:
    """A column (N,) as text; equal cells share one object, so that millions of rows need few."""
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded = column.unify_dictionaries().combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    values = coded.dictionary
    codes = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    if any(getattr(pa.types, f"is_{each}")(values.type) for each in TYPES[:3]):
        lengths = pc.call_function("utf8_length", [values]).fill_null(0).to_numpy(zero_copy_only=False)
        if len(long := np.flatnonzero(lengths > most)):
            row = int(np.flatnonzero(codes == long[0])[0])
            got = f"row {row + 1} has {lengths[long[0]]:,} letters in the column {name!r}"
            raise ValueError(f"{got}, at most {most:,} are read")
    return np.array([*map(_cell_text, values.to_pylist()), ""], object)[codes]


def _cell_text(value: object) -> str:
    """A cell as text, "" for a missing one; a whole number that parquet holds as a float loses its point."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
