"""A table of scores in a text file: rows of cells, with one row of names or two, as a raw table."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.text import join_names
from kogen.common.text_tables import LINE_BYTES, SEPARATORS
from kogen.results.bounds import MAX_MARKDOWN_BYTES, MAX_NAME_LENGTH, MAX_TEXT_BYTES, check_column_count
from kogen.results.cells import is_missing, parse_cells
from kogen.results.file_layout import Layout, split_spaces
from kogen.results.lottery_summary import Note
from kogen.results.markdown import MarkdownTable, find_markdown_tables
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable, category_texts, make_raw_table

Cells = list[str]
CURE = "mend that row, or leave the column out"


def read_text_table(layout: Layout, number: int | None, asked: Questions) -> RawTable:
    """The table of a text file; `number`: which one of a markdown file. ValueError for damaged ones."""
    notes = [] if layout.encoding.startswith("utf-8") else [Note("read_encoding", {"name": layout.encoding})]
    if number is not None and layout.kind != "markdown":
        raise ValueError(f"--table-number (table_number=) is for markdown, and {layout.path} is none: leave it out")
    if layout.kind == "markdown":
        return read_markdown(layout, number, asked, notes)
    if layout.separator != ",":
        notes.append(Note("read_separator", {"name": SEPARATORS.get(layout.separator, "spaces")}))
    with explain_unreadable(layout.title, CURE):
        if layout.kind == "spaces":
            return read_spaced(layout, notes)
        check_regular_file(layout.path, MAX_TEXT_BYTES)
        check_column_count(len(layout.heads))
        columns = separated_columns(layout)
        refuse_long_cells(columns)
        return name_columns(layout.title, columns, notes)


def separated_columns(layout: Layout) -> list[Any]:
    """Every column of a file with separators as categories of text, its first line a row like others."""
    kinds = {f"f{place}": pa.dictionary(pa.int32(), pa.string()) for place in range(len(layout.heads))}
    table = csv.read_csv(
        layout.path,
        read_options=csv.ReadOptions(
            block_size=LINE_BYTES,
            encoding=layout.encoding.replace("utf-8-sig", "utf8"),
            skip_rows=layout.skipped,
            autogenerate_column_names=True,
        ),
        parse_options=csv.ParseOptions(delimiter=layout.separator, newlines_in_values=True),  # a name may hold one
        convert_options=csv.ConvertOptions(column_types=kinds),
    )
    frame = table.unify_dictionaries().to_pandas(split_blocks=True, self_destruct=True)
    return [frame.iloc[:, place] for place in range(frame.shape[1])]


def read_spaced(layout: Layout, notes: list[Note]) -> RawTable:
    """A table whose columns are parted by spaces."""
    check_regular_file(layout.path, MAX_MARKDOWN_BYTES)
    lines = layout.path.read_text(encoding=layout.encoding).splitlines()[layout.skipped :]
    rows = [split_spaces(line) for line in lines if line.strip()]
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} cells, the first has {len(rows[0])}: write commas between")
    return name_columns(layout.title, columns_of(rows), notes)


def columns_of(rows: Sequence[Cells]) -> list[Any]:
    """Rows of cells (all of one length) as columns of categories."""
    return [pd.Series(list(cells), dtype=object).astype("category") for cells in zip(*rows, strict=True)]


def name_columns(title: str, columns: list[Any], notes: list[Note]) -> RawTable:
    """The table whose first row, or first two, hold the names of its columns."""
    rows = len(columns[0]) if columns else 0
    head = [[str(column.iloc[row]).strip() for column in columns] for row in range(min(rows, 4))]
    first = 0
    if len(head) > 2 and len(columns) > 2 and sum(map(bool, head[0])) == 1 and sum(map(bool, head[1])) > 1:
        first = 1  # a title above the table
    names, body = head[first] if head else [], first + 1
    if len(head) > first + 2 and are_two_headers(*head[first : first + 3]):
        names, body = merge_headers(*head[first : first + 2]), first + 2
        notes = [*notes, Note("read_two_headers", {"names": [name for name in names if " / " in name][:3]})]
    cut = [column.iloc[body:].reset_index(drop=True).cat.remove_unused_categories() for column in columns]
    return make_raw_table(title, list(zip(names, cut, strict=True)), notes)


def are_two_headers(first: Cells, second: Cells, third: Cells) -> bool:
    """Whether names stand in two rows: the first has gaps or repeats, the second no number where the third has some."""
    gaps = any(not name for name in first[1:]) or len(set(first)) < len(first)
    wrong, numbers = parse_cells(second).wrong, ~pd.isna(parse_cells(third).value)
    written = [bool(name) for name in second]
    none = all(odd or is_missing(name) for odd, name in zip(wrong, second, strict=True))
    return gaps and sum(written) > 1 and none and any(a and b for a, b in zip(written, numbers, strict=True))


def merge_headers(first: Cells, second: Cells) -> Cells:
    """`ImageNet / top-1`: the name above, which holds for the gaps to its right, and the name below."""
    names, above = [], ""
    for place, (top, low) in enumerate(zip(first, second, strict=True)):
        above = top or (above if place else "")
        names.append(" / ".join(filter(None, [above if low or top else "", low])))
    return names


def refuse_long_cells(columns: Sequence[Any]) -> None:
    """Refuse names that no page could show."""
    for column in columns:
        longest = max((len(text) for text in category_texts(column)), default=0)
        if longest > MAX_NAME_LENGTH:
            raise ValueError(
                f"the column {str(column.iloc[0])[:60]!r} has a name of {longest:,} letters, at most "
                f"{MAX_NAME_LENGTH:,}"
            )


def read_markdown(layout: Layout, number: int | None, asked: Questions, notes: list[Note]) -> RawTable:
    """The table of a markdown file that is asked for, or the only one that holds models and numbers."""
    with explain_unreadable(layout.title, CURE):
        tables = find_markdown_tables(layout.path.read_text(encoding=layout.encoding))
    useful = [place for place, table in enumerate(tables, 1) if holds_scores(table)]
    if number is None and len(useful) > 1:
        list_ = "; ".join(f"{place}: {describe_table(tables[place - 1])}" for place in useful[:12])
        asked.ask(
            f"{layout.path} holds {len(useful)} tables of numbers: choose one with --table-number (table_number=): "
            f"{list_}",
            table_number=useful[0],
        )
    if number is not None and number > len(tables):
        raise ValueError(f"--table-number {number}: {layout.path} holds {len(tables)} tables; useful: {useful or '-'}")
    if number is None and not useful:
        raise ValueError(f"{layout.path} holds {len(tables)} tables in markdown and none of numbers: give another file")
    chosen = number or useful[0]
    table = tables[chosen - 1]
    if len(tables) > 1:
        notes = [*notes, Note("read_table_number", {"n": chosen, "of": len(tables), "name": table.heading or "-"})]
    with explain_unreadable(layout.title, CURE):
        return name_columns(layout.title, columns_of(table.rows), notes)


def holds_scores(table: MarkdownTable) -> bool:
    """Whether a table has a column of text and one of numbers."""
    columns = list(zip(*table.rows[1:], strict=True))
    cells = [parse_cells(list(column)) for column in columns]
    numbers = [int((~pd.isna(each.value)).sum()) for each in cells]
    return any(each.wrong.sum() > n for each, n in zip(cells, numbers, strict=True)) and any(
        n > max(1, each.wrong.sum()) for each, n in zip(cells, numbers, strict=True)
    )


def describe_table(table: MarkdownTable) -> str:
    """A table in a few words: its heading, its columns and how many rows it has."""
    return f"{table.heading or 'no heading'} ({join_names(table.rows[0], 4)}; {len(table.rows) - 1} rows)"
