"""Columns of a table of results with one row an image, and of a parquet file of scores: rows or a ValueError."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.tables import read_checked
from kogen.common.text_tables import LINE_BYTES
from kogen.results.bounds import MAX_NAME_LENGTH, check_row_count
from kogen.results.file_layout import Layout, is_parquet
from kogen.results.lottery_summary import Note
from kogen.results.raw_table import RawTable, table_from_frame

NUMBER_TESTS = ("is_integer", "is_floating", "is_boolean", "is_null")
NAMES = ("model", "dataset", "metric", "protocol", "role", "family")
TEXT_TESTS = ("is_string", "is_large_string", "is_string_view")
NAME_TESTS = (*NUMBER_TESTS, *TEXT_TESTS, "is_date", "is_timestamp")  # of models, items, days ...


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

    `layout`: how a csv is written, by default with commas and in UTF-8.

    ValueError, with the file's name, for damaged and truncated files and for columns that hold no names or numbers.
    """
    texts = [name for name in wanted if name in set(names)]
    with explain_unreadable(f"the table {path}", "mend that row, or leave the column out"):
        binary = is_parquet(path) or (layout is not None and layout.kind == "parquet")
        how = layout or Layout(path, "separated")
        table = read_parquet(path, wanted, texts) if binary else read_csv(how, wanted, texts)
        table.validate(full=True)
        check_column_types(table.schema, texts)
        for place, field in enumerate(table.schema):
            if pa.types.is_decimal(field.type):
                table = table.set_column(place, field.name, table[field.name].cast(pa.float64()))
        table = table.unify_dictionaries().replace_schema_metadata()  # what pandas noted there may hide a column
        frame = table.to_pandas(split_blocks=True, self_destruct=True)
        del table
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


def read_parquet(path: Path, wanted: list[str], texts: list[str]) -> Any:
    """Columns of a parquet file as an arrow table."""
    schema: Any = pq.read_schema(path)
    check_column_types([schema.field(name) for name in wanted], texts)
    return read_checked(path, wanted, texts).select(wanted)  # arrow takes a.b for a part of a, too


def read_csv(layout: Layout, wanted: list[str], texts: list[str]) -> Any:
    """Columns of a file with separators as an arrow table."""
    kinds = {name: pa.dictionary(pa.int32(), pa.string()) for name in texts}
    encoding = layout.encoding.replace("utf-8-sig", "utf8")
    return csv.read_csv(
        layout.path,
        read_options=csv.ReadOptions(block_size=LINE_BYTES, encoding=encoding, skip_rows=layout.skipped),
        convert_options=csv.ConvertOptions(include_columns=wanted, column_types=kinds),
        parse_options=csv.ParseOptions(delimiter=layout.separator, newlines_in_values=True),  # a name may hold one
    )


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
