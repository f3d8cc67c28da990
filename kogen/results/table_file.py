"""A table of results on disk, csv or parquet: header and columns; of whatever bytes, rows or a ValueError."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.tables import read_checked
from kogen.results.bounds import MAX_CSV_BYTES, MAX_NAME_LENGTH, check_row_count

CSV_ROW_BYTES = 1 << 20  # longest row of a csv; its parser wants a bound
NUMBER_TESTS = ("is_integer", "is_floating", "is_boolean", "is_null")
TEXT_TESTS = ("is_string", "is_large_string", "is_string_view")
NAME_TESTS = (*NUMBER_TESTS, *TEXT_TESTS, "is_date", "is_timestamp")  # of models, items, days ...


def read_header(path: Path) -> list[str]:
    """The names of a file's columns. ValueError for what is no file, no table, or too large."""
    with explain_unreadable(f"the table {path}", "give a csv or parquet file"):
        check_regular_file(path, None if is_parquet(path) else MAX_CSV_BYTES)
        if not is_parquet(path):
            with csv.open_csv(path, read_options=csv.ReadOptions(block_size=CSV_ROW_BYTES)) as reader:
                return list(reader.schema.names)
        with pq.ParquetFile(path) as file:
            names, rows = list(file.schema_arrow.names), file.metadata.num_rows
    check_row_count(rows, str(path))
    return names


def read_file(path: Path, wanted: list[str], names: Iterable[str]) -> pd.DataFrame:
    """Some columns of a file; those of `names` hold names, and come as categories in order of appearance.

    ValueError, with the file's name, for damaged and truncated files and for columns that hold no names or numbers.
    """
    texts = [name for name in wanted if name in set(names)]
    with explain_unreadable(f"the table {path}", "mend that row, or leave the column out"):
        table = read_parquet(path, wanted, texts) if is_parquet(path) else read_csv(path, wanted, texts)
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


def is_parquet(path: Path) -> bool:
    """Whether a file's name says parquet; any other is csv."""
    return path.suffix.lower() in (".parquet", ".pq")


def read_parquet(path: Path, wanted: list[str], texts: list[str]) -> Any:
    """Columns of a parquet file as an arrow table."""
    schema: Any = pq.read_schema(path)
    check_column_types([schema.field(name) for name in wanted], texts)
    return read_checked(path, wanted, texts).select(wanted)  # arrow takes a.b for a part of a, too


def read_csv(path: Path, wanted: list[str], texts: list[str]) -> Any:
    """Columns of a csv file as an arrow table."""
    kinds = {name: pa.dictionary(pa.int32(), pa.string()) for name in texts}
    kinds |= {name: pa.float64() for name in wanted if name in ("score", "n")}
    return csv.read_csv(
        path,
        read_options=csv.ReadOptions(block_size=CSV_ROW_BYTES),
        convert_options=csv.ConvertOptions(include_columns=wanted, column_types=kinds),
        parse_options=csv.ParseOptions(newlines_in_values=True),  # a name may hold one
    )


def check_column_types(fields: Iterable[Any], texts: list[str]) -> None:
    """ValueError for a column of names or of numbers that holds neither: lists, structs, bytes, times ..."""
    for field in fields:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        known = NAME_TESTS if field.name in texts else (*NUMBER_TESTS, *TEXT_TESTS, "is_decimal")
        if not any(getattr(pa.types, test)(kind) for test in known):
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
