"""A table of images on disk, csv or parquet, as columns of text; bounded, and refused where it is damaged."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.tables import read_checked
from kogen.common.text import join_names
from kogen.data.listing import MAX_NAME_LETTERS

MAX_BYTES = 1 << 30  # of a csv, or of what is read of a parquet file
MAX_ROWS = 20_000_000
MAX_PATH_LETTERS = 4096  # what systems allow
LINE_BYTES = 1 << 20  # longest line of a csv
TYPES = ("string", "large_string", "string_view", "integer", "floating", "boolean", "null", "decimal", "temporal")


def read_text_columns(path: str, wanted: list[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """The names of a table's columns, and those that are wanted as text, (N,) object, "" where nothing is written.

    Raises ValueError for what is no table, is damaged, or is too large.
    """
    check_regular_file(path, MAX_BYTES)
    with explain_unreadable(f"the table {path}", "save it as csv in UTF-8 with one line a row, or as parquet"):
        read = _read_parquet if path.lower().endswith(".parquet") else _read_csv
        names, table = read(path, wanted)
        columns = {name: _to_texts(table[name], name) for name in wanted if name in table}
    return names, columns


def _read_csv(path: str, wanted: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The names of a csv's columns, and those that are wanted as arrow arrays."""
    _check_lines(path)
    # Text stays as written: 007 is not 7, and NA is a name.
    as_text: dict[str, Any] = {
        "dtype": str,
        "keep_default_na": False,
        "encoding": "utf-8-sig",
        "skipinitialspace": True,
    }
    names = [name.strip() for name in pd.read_csv(path, header=None, nrows=1, **as_text).iloc[0]]
    frame = pd.read_csv(path, **as_text)
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first cell for the row's name
        raise ValueError("its rows have more cells than its first line names")
    _check_rows(len(frame))
    found = {name: frame.iloc[:, place] for place, name in enumerate(names) if name in wanted}
    return names, {name: pa.chunked_array([pa.array(column, pa.large_string())]) for name, column in found.items()}


def _check_lines(path: str) -> None:
    """ValueError where a csv has bytes that no text has, or a line that is too long."""
    open_line = 0  # bytes of the line that the block before ended in
    with open(path, "rb") as file:
        while block := file.read(LINE_BYTES):
            lines = block.splitlines(keepends=True)
            longest = max(open_line + len(lines[0]), *map(len, lines))
            if b"\0" in block:
                raise ValueError("it has NUL bytes: it is no text, or of another encoding (UTF-16)")
            if longest > LINE_BYTES:
                raise ValueError(f"it has a line of over {LINE_BYTES:,} bytes")
            ended = lines[-1].endswith((b"\n", b"\r"))
            open_line = 0 if ended else len(lines[-1]) + (open_line if len(lines) == 1 else 0)


def _read_parquet(path: str, wanted: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The names of a parquet file's columns, and those that are wanted as arrow arrays."""
    with pq.ParquetFile(path) as file:
        schema, about = file.schema_arrow, file.metadata
        names = [name.strip() for name in schema.names]
        _check_rows(about.num_rows)
        found = {name.strip(): name for name in schema.names if name.strip() in wanted}
        for name in found.values():
            kind = schema.field(name).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not any(getattr(pa.types, f"is_{each}")(kind) for each in TYPES):
                raise ValueError(f"the column {name!r} is of the type {str(kind)[:60]}, wanted text or numbers")
        groups = [about.row_group(group) for group in range(about.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in found.values())
        if size > MAX_BYTES:
            raise ValueError(f"its {join_names(list(found))} take {size:,} bytes, at most {MAX_BYTES:,} are read")
    texts = list(found.values())
    table = read_checked(path, texts, texts)
    table.validate(full=True)
    return names, {name: table[column] for name, column in found.items()}


def _check_rows(rows: int) -> None:
    if rows > MAX_ROWS:
        raise ValueError(f"it has {rows:,} rows, at most {MAX_ROWS:,} are read")


def _to_texts(column: Any, name: str) -> np.ndarray:
    """A column (N,) as text; equal cells share one object, so that millions of rows need few."""
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded = column.unify_dictionaries().combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    values, most = coded.dictionary, MAX_PATH_LETTERS if name == "path" else MAX_NAME_LETTERS
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
