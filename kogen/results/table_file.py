"""Columns of a table of results with one row an image, and of a parquet file of scores: rows or a ValueError."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as csv
import pyarrow.parquet as pq

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.tables import check_rows, open_checked
from kogen.common.text_tables import LINE_BYTES
from kogen.results.bounds import MAX_NAME_LENGTH, check_row_count
from kogen.results.file_layout import Layout, is_parquet
from kogen.results.lottery_summary import Note
from kogen.results.raw_table import RawTable, table_from_frame

pc: Any = pyarrow.compute  # its functions are made at run time: type checkers do not know them

BATCH_ROWS = 1 << 16  # of a parquet file that are decoded at once
PART_ROWS = 1 << 20  # of a file that are made small at once
NUMBER_TESTS = ("is_integer", "is_floating", "is_boolean", "is_null")
NAMES = ("model", "dataset", "metric", "protocol", "role", "family")
TEXT_TESTS = ("is_string", "is_large_string", "is_string_view")
NAME_TESTS = (*NUMBER_TESTS, *TEXT_TESTS, "is_date", "is_timestamp")  # of models, items, days ...


class Column:
    """A column that grows part by part, with as few bytes a cell as hold it."""

    def __init__(self, field: Any) -> None:
        self.name, self.type, self.rows = field.name, field.type, 0
        self.parts: list[Any] = []
        self.known: Any = None  # the distinct names of a column of codes, in order of appearance

    def add(self, part: Any) -> None:
        """Put the cells of a part, an arrow column, below those that are there."""
        self.rows += len(part)
        if pa.types.is_dictionary(part.type):
            self.parts.append(self._as_codes(part))
            return
        if pa.types.is_decimal(part.type):
            part = part.cast(pa.float64())
        self.parts.append(narrow(part) if pa.types.is_integer(part.type) else part)

    def _as_codes(self, part: Any) -> np.ndarray:
        """Codes (rows,) of a column of names, -1 where there is none; new names are added to those that are known."""
        part = part.unify_dictionaries()
        names = part.chunk(0).dictionary if part.num_chunks else pa.array([], part.type.value_type)
        known = names[:0] if self.known is None else self.known
        place = pc.index_in(names, value_set=known)
        new = pc.is_null(place).to_numpy(zero_copy_only=False)
        code = np.append(place.fill_null(-1).to_numpy(), -1)  # the last for no name
        code[:-1][new] = len(known) + np.arange(new.sum())
        self.known = pa.concat_arrays([known, names.filter(pa.array(new))])
        small = np.min_scalar_type(-len(self.known) - 1)
        within = [each.indices.fill_null(-1).to_numpy() for each in part.chunks]
        return np.concatenate([code.astype(small)[each] for each in within] or [np.empty(0, small)])

    def take(self) -> Any:
        """The column as pandas has it; what was held is let go."""
        parts, self.parts = self.parts, []
        if self.known is not None or (not parts and pa.types.is_dictionary(self.type)):
            names = pa.array([], self.type.value_type) if self.known is None else self.known
            none = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), names)
            codes = np.concatenate(parts or [np.empty(0, np.int8)])
            return pd.Categorical.from_codes(codes, dtype=none.to_pandas().dtype)
        types = {part.type for part in parts}
        if len(types) > 1:  # whole numbers, some parts of which need more bytes
            widest = max(types, key=lambda kind: (kind == self.type, kind.bit_width))
            parts = [part.cast(widest) for part in parts]
        kind = parts[0].type if parts else self.type
        whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind)
        if whole.null_count and kind in (pa.int8(), pa.int16()):
            whole = whole.cast(pa.float32())  # which pandas would make twice as large
        return pa.table({self.name: whole}).to_pandas()[self.name]


def narrow(column: Any) -> Any:
    """A column of whole numbers in the fewest bytes that hold them, as signed ones; as it is where none do."""
    ends = pc.min_max(column).as_py()
    least, most = ends["min"] or 0, ends["max"] or 0
    for kind in (pa.int8(), pa.int16(), pa.int32()):
        if -(1 << kind.bit_width - 1) < least and most < 1 << kind.bit_width - 1:
            return column.cast(kind)
    return column


def read_header(path: Path) -> list[str]:
    """The names of a parquet file's columns. ValueError for what is no file, no table, or too large."""
    with explain_unreadable(f"the table {path}", "give a csv, markdown or parquet file"):
        check_regular_file(path)
        with pq.ParquetFile(path) as file:
            names, rows = list(file.schema_arrow.names), file.metadata.num_rows
    check_row_count(rows, str(path))
    return names


def read_file(path: Path, wanted: list[str], names: Iterable[str], layout: Layout | None = None) -> pd.DataFrame:
    """Some columns of a file; those of `names` hold names, and come as categories in order of appearance.

    `layout`: how a csv is written, by default with commas and in UTF-8. A file is read a part at a time, and each part
    is made small before the next: whole numbers and codes of names have as few bytes as hold them.

    ValueError, with the file's name, for damaged and truncated files and for columns that hold no names or numbers.
    """
    texts = [name for name in wanted if name in set(names)]
    with explain_unreadable(f"the table {path}", "mend that row, or leave the column out"):
        binary = is_parquet(path) or (layout is not None and layout.kind == "parquet")
        how = layout or Layout(path, "separated")
        columns = read_parquet(path, wanted, texts) if binary else read_csv(how, wanted, texts)
        frame = pd.DataFrame({name: columns[name].take() for name in wanted}, copy=False)
        pa.default_memory_pool().release_unused()
        refuse_long_names(frame, texts)
    return frame


def read_parquet_columns(path: Path) -> RawTable:
    """All columns of a parquet file of scores; those that hold neither text nor numbers are left out, and it is said.

    ValueError, with the file's name, for damaged files and for columns kogen knows by name that hold neither.
    """
    with explain_unreadable(f"the table {path}", "mend that row, or leave the column out"):
        schema: Any = pq.read_schema(path)
    usable, odd = [], []
    for field in schema:
        fits = is_of_type(field.type, (*NUMBER_TESTS, *TEXT_TESTS, "is_decimal"))
        known = field.name in ("model", "dataset", "score", "n", "seed", "item", "correct", "metric")
        (usable if fits or known else odd).append(field.name)
    numbers = [name for name in usable if is_number_type(schema.field(name).type)]
    texts = [name for name in usable if name in NAMES or (name not in numbers and name not in ("score", "n", "seed"))]
    frame = read_file(path, usable, texts, Layout(path, "parquet"))
    notes = [Note("read_odd_columns", {"names": odd})] if odd else []
    raw = table_from_frame(frame, f"the table {path}")
    raw.notes.extend(notes)
    return raw


def is_number_type(kind: Any) -> bool:
    """Whether an arrow type is one of numbers."""
    return is_of_type(kind, ("is_integer", "is_floating", "is_decimal"))


def read_parquet(path: Path, wanted: list[str], texts: list[str]) -> dict[str, Column]:
    """Columns of a parquet file."""
    schema: Any = pq.read_schema(path)
    check_column_types([schema.field(name) for name in wanted], texts)
    with open_checked(path, texts) as file:
        groups = range(file.num_row_groups)  # one at a time: a reader of several keeps what it has read
        batches = (each for g in groups for each in file.iter_batches(BATCH_ROWS, row_groups=[g], columns=wanted))
        found = read_columns(batches, file.schema_arrow, wanted, texts)
        check_rows(file.read_row_groups([], columns=wanted[:1]).schema, found[wanted[0]].rows)
    return found


def read_csv(layout: Layout, wanted: list[str], texts: list[str]) -> dict[str, Column]:
    """Columns of a file with separators; a column is of the type that fits all of its cells."""
    kinds = {name: pa.dictionary(pa.int32(), pa.string()) for name in texts}
    try:
        return read_csv_parts(layout, wanted, texts, kinds)
    except pa.ArrowInvalid:  # how a column begins, as whole numbers, need not be how it goes on
        numbers = [name for name in wanted if name not in texts]
        whole = csv.read_csv(layout.path, **csv_options(layout, numbers or wanted, kinds)).schema
        return read_csv_parts(layout, wanted, texts, kinds | {name: whole.field(name).type for name in numbers})


def read_csv_parts(layout: Layout, wanted: list[str], texts: list[str], kinds: Mapping[str, Any]) -> dict[str, Column]:
    """The same where each column is of its type in `kinds`, or of that of its first part."""
    with csv.open_csv(layout.path, **csv_options(layout, wanted, kinds)) as reader:
        return read_columns(reader, reader.schema, wanted, texts)


def csv_options(layout: Layout, wanted: list[str], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """How arrow reads some columns of a file with separators."""
    encoding = layout.encoding.replace("utf-8-sig", "utf8")
    return {
        "read_options": csv.ReadOptions(block_size=LINE_BYTES, encoding=encoding, skip_rows=layout.skipped),
        "convert_options": csv.ConvertOptions(include_columns=wanted, column_types=kinds),
        "parse_options": csv.ParseOptions(delimiter=layout.separator, newlines_in_values=True),  # a name may hold one
    }


def read_columns(batches: Iterable[Any], schema: Any, wanted: list[str], texts: list[str]) -> dict[str, Column]:
    """The columns of the batches of a file, made small part by part."""
    found = {name: Column(schema.field(name)) for name in wanted}
    waiting, rows, least = [], 0, PART_ROWS

    def keep() -> None:
        table = pa.Table.from_batches(waiting).select(wanted)  # arrow takes a.b for a part of a, too
        table.validate(full=True)
        for name in wanted:
            found[name].add(table[name])

    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= least:
            keep()
            waiting, rows = [], 0
            names = max((len(column.known) for column in found.values() if column.known is not None), default=0)
            least = max(PART_ROWS, names)  # names are looked up among all that are known: not too often
    if waiting:
        keep()
    check_column_types([schema.field(name) for name in wanted], texts)
    return found


def is_of_type(kind: Any, tests: Iterable[str]) -> bool:
    """Whether an arrow type (or that of its dictionary) passes one of these tests."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(getattr(pa.types, test)(plain) for test in tests)


def check_column_types(fields: Iterable[Any], texts: list[str]) -> None:
    """ValueError for a column of names or of numbers that holds neither: lists, structs, bytes, times ..."""
    for field in fields:
        known = NAME_TESTS if field.name in texts else (*NUMBER_TESTS, *TEXT_TESTS, "is_decimal")
        if not is_of_type(field.type, known):
            wanted = "text or whole numbers" if field.name in texts else "numbers"
            raise ValueError(f"the column {field.name[:60]!r} is of the type {str(field.type)[:60]}: write {wanted}")


def refuse_long_names(frame: pd.DataFrame, texts: list[str]) -> None:
    """Refuse names that no page could show."""
    for name in texts:
        column: Any = frame[name]
        labels = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.unique()
        longest = max((len(label) for label in labels if isinstance(label, str)), default=0)
        if longest > MAX_NAME_LENGTH:
            raise ValueError(f"the column {name[:60]!r} has a name of {longest:,} letters, at most {MAX_NAME_LENGTH:,}")
