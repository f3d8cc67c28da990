"""A table of scores as it lies in a file or a frame: its columns by name, text as text, and its numbers where asked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from kogen.results.bounds import check_column_count
from kogen.results.cells import find_decimal, is_missing, parse_cells
from kogen.results.lottery_summary import Note

DECIMALS_FROM = 20_000  # distinct texts of a table that its decimal mark is found from
NAMELESS = "column {}"  # of a column whose name is empty, by its place


@dataclass(frozen=True)
class Numbers:
    """A column as numbers (N,): nan where nothing was measured."""

    value: np.ndarray
    lo: np.ndarray | None = None  # ends of the intervals that are written beside the numbers
    hi: np.ndarray | None = None
    percent: float = 0.0  # share of the numbers that have a percent sign
    wrong: tuple[int, str] = (0, "")  # cells that hold other text, and the first of them
    unclear: str = ""  # a cell whose comma may be a decimal one or not

    @property
    def is_text(self) -> bool:
        """Whether most of what is written in the column is no number."""
        return self.wrong[0] > int((~np.isnan(self.value)).sum())


@dataclass
class RawTable:
    """Columns by name, all of one length: numbers, or text as categories."""

    title: str
    columns: dict[str, Any]
    decimal: str = ""
    notes: list[Note] = field(default_factory=list)
    decimals: dict[str, str] = field(default_factory=dict)  # column -> its own decimal mark, where files were joined
    _parsed: dict[str, Numbers] = field(default_factory=dict, init=False, repr=False)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def numbers(self, name: str) -> Numbers:
        """A column as numbers."""
        if name not in self._parsed:
            self._parsed[name] = read_numbers(self.columns[name], self.decimal_of(name))
        return self._parsed[name]

    def decimal_of(self, name: str) -> str:
        """The decimal mark of a column."""
        return self.decimals.get(name, self.decimal)

    def texts(self, name: str) -> Any:
        """A column as text, categories in order of appearance, nan where nothing is written."""
        return text_column(self.columns[name])

    def keep(self, rows: np.ndarray) -> "RawTable":
        """The table with some of its rows, (N,) bool."""
        columns = {name: column[rows].reset_index(drop=True) for name, column in self.columns.items()}
        return replace(self, columns=columns)

    def rename(self, names: Mapping[str, str]) -> "RawTable":
        """The table with other names for all of its columns."""
        decimals = {names[name]: mark for name, mark in self.decimals.items()}
        return replace(self, columns={names[name]: each for name, each in self.columns.items()}, decimals=decimals)


def make_raw_table(title: str, columns: Sequence[tuple[str, Any]], notes: Sequence[Note] = ()) -> RawTable:
    """A table from names and columns; empty columns without a name are left out. ValueError for a name twice."""
    named: list[tuple[str, Any]] = []
    for place, (name, column) in enumerate(columns, 1):
        plain = str(name).strip()
        if not plain and is_empty(column):
            continue
        named.append((plain or NAMELESS.format(place), column))
    check_column_count(len(named))
    refuse_repeated_columns([name for name, _ in named])
    return RawTable(title, dict(named), find_table_decimal([column for _, column in named]), list(notes))


def refuse_repeated_columns(names: Sequence[Any]) -> None:
    """ValueError for a name that two columns have."""
    twice = sorted(str(name) for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"the column {twice[0]!r} is there more than once: rename one of them")


def table_from_frame(frame: pd.DataFrame, title: str = "the table") -> RawTable:
    """The table of a frame; what was text stays so."""
    refuse_repeated_columns(list(frame.columns))
    columns = [(str(name), frame.iloc[:, place].reset_index(drop=True)) for place, name in enumerate(frame.columns)]
    return make_raw_table(title, columns)


def is_number_column(column: Any) -> bool:
    """Whether a column is of numbers already."""
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def text_column(column: Any) -> Any:
    """Any column as categories of text in order of appearance, nan where nothing is written."""
    if isinstance(column.dtype, pd.CategoricalDtype) and all(isinstance(text, str) for text in category_texts(column)):
        return column.cat.remove_unused_categories()
    empty = column.isna().to_numpy()
    if is_number_column(column):
        whole = column.dropna()
        plain = whole.astype(np.int64) if len(whole) and (whole % 1 == 0).all() and whole.abs().max() < 1e15 else whole
        texts = plain.astype(str).reindex(column.index)
    else:
        texts = column.astype(object).where(~empty, None).map(lambda cell: cell if cell is None else str(cell))
    codes, names = pd.factorize(texts)
    return pd.Series(pd.Categorical.from_codes(np.where(empty, -1, codes), list(map(str, names))), index=column.index)


def category_texts(column: Any) -> list[Any]:
    """The distinct cells of a column of categories; a list is faster to go through than what pandas keeps."""
    return column.cat.categories.to_numpy(dtype=object).tolist()


def is_empty(column: Any) -> bool:
    """Whether nothing is written in a column."""
    if is_number_column(column):
        return bool(column.isna().all())
    return all(not text.strip() for text in category_texts(text_column(column)))


def find_table_decimal(columns: Sequence[Any]) -> str:
    """The decimal mark of a table's text, see `find_decimal`."""
    texts: list[str] = []
    for column in columns:
        if not is_number_column(column) and column.dtype.kind not in "mMb" and len(texts) < DECIMALS_FROM:
            texts += list(text_column(column).cat.categories[: DECIMALS_FROM - len(texts)])
    return find_decimal(texts)


def read_numbers(column: Any, decimal: str) -> Numbers:
    """A column as numbers; of text each distinct cell is read once."""
    if is_number_column(column):
        return Numbers(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.dtype.kind in "mMb":
        count = int(column.notna().sum())
        first = str(column.dropna().iloc[0]) if count else ""
        return Numbers(np.full(len(column), np.nan), wrong=(count, first))
    texts = text_column(column)
    cells = parse_cells(category_texts(texts), decimal)
    codes = texts.cat.codes.to_numpy()

    def spread(values: np.ndarray, empty: Any) -> np.ndarray:
        return np.append(values, empty)[codes]  # code -1 is the last

    wrong = spread(cells.wrong, False)
    first = str(texts.iloc[int(np.flatnonzero(wrong)[0])]) if wrong.any() else ""
    ends = [spread(end, np.nan) if not np.isnan(end).all() else None for end in (cells.lo, cells.hi)]
    unclear = next((text for text, odd in zip(category_texts(texts), cells.unclear, strict=True) if odd), "")
    value = spread(cells.value, np.nan)
    signs, count = spread(cells.percent, False).sum(), (~np.isnan(value)).sum()
    return Numbers(
        value, *ends, percent=float(signs / count) if count else 0.0, wrong=(int(wrong.sum()), first), unclear=unclear
    )


def refuse_wrong_cells(name: str, numbers: Numbers) -> None:
    """ValueError for text in a column of scores, for infinity, and for commas that may mean two things."""
    count, first = numbers.wrong
    if count:
        raise ValueError(
            f"the column {name[:60]!r} holds text in some cells ({count}), first {first[:60]!r}: write numbers, "
            "leave unknown cells empty, or choose the columns with --sets (sets=)"
        )
    if np.isinf(numbers.value).any():
        raise ValueError(f"the column {name[:60]!r} holds infinity: leave unknown cells empty")
    if numbers.unclear:
        raise ValueError(
            f"the column {name[:60]!r} holds {numbers.unclear!r}, which may be {numbers.unclear.replace(',', '.')} or "
            "a number of thousands: write a point for decimals and nothing between thousands"
        )


def fill_missing_names(column: Any) -> Any:
    """Text where a dash or n/a counts as nothing written: of labels, never of the names of models."""
    empty = [text for text in column.cat.categories if is_missing(text)]
    return column.cat.remove_categories(empty)
