"""Reading a table of results: the columns that are needed, from csv, parquet or a frame."""

import difflib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.answer_columns import (
    ANSWER_NAMES,
    LISTS,
    join_probabilities,
    probability_columns,
    with_stored_probabilities,
)
from kogen.results.bounds import check_column_count, check_table_size
from kogen.results.table_file import is_parquet, read_file, read_header

Table = str | os.PathLike[str] | pd.DataFrame

NAME_COLUMNS = ("model", "dataset", "item", "cluster", "family", "protocol", "role", "metric")
NUMBER_COLUMNS = ("seed", "correct", "score", "n")
ITEM_COLUMNS = ("model", "dataset", "item", "correct")  # a table that has these holds one row an image
RESERVED_COLUMNS = (*ITEM_COLUMNS, "seed", "score", "n", "metric", "protocol", "role")  # no clusters, no families
UNUSED_COLUMNS = ("run", "method", "label", "predicted")  # known, not needed
IMAGE_COLUMNS = ("soft", "path", *ANSWER_NAMES, *LISTS)  # known of single images


def read_columns(table: Table, options: TableOptions) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The columns that are needed, and the names of the others; names are categories, so that a row takes few bytes."""
    heads = list(table.columns) if isinstance(table, pd.DataFrame) else read_header(Path(table))
    check_column_count(len(heads))
    twice = sorted(str(name) for name, count in Counter(heads).items() if count > 1)
    if twice:
        raise ValueError(f"the column {twice[0]!r} is there more than once: rename one of them")
    extra = [name for name in (options.cluster, options.family) if name is not None]
    known = [*NAME_COLUMNS, *NUMBER_COLUMNS, *extra]
    if "model" not in heads:
        raise ValueError(f"a table of results needs a column 'model', got {join_names(heads)}")
    wide = not (set(ITEM_COLUMNS) <= set(heads) or {"dataset", "score"} <= set(heads))
    if wide:
        needed = wide_datasets(heads, options.sets)
        wanted = [name for name in heads if name in {*needed, "model", "family", *extra}]
    else:
        wanted = [name for name in heads if name in known]
        refuse_misspelt(set(heads) - set(known) - set(UNUSED_COLUMNS) - set(IMAGE_COLUMNS))
    images = set(ITEM_COLUMNS) <= set(heads)
    if images:  # what was answered to each image, for metrics other than accuracy
        wanted += [
            name for name in (*ANSWER_NAMES, *probability_columns(heads)) if name in heads and name not in wanted
        ]
    ignored = tuple(str(name) for name in heads if name not in (*wanted, *(LISTS if images else ())))
    if images:
        wanted = [name for name in wanted if name not in ("n", "metric") or name in extra]
    if isinstance(table, pd.DataFrame):
        lists = [name for name in LISTS if images and name in heads]
        return join_probabilities(table.reindex(columns=[*wanted, *lists]).reset_index(drop=True)), ignored
    frame = read_file(Path(table), wanted, {*NAME_COLUMNS, *extra, *ANSWER_NAMES})
    if not images:
        return frame, ignored
    if is_parquet(Path(table)) and not probability_columns(heads):
        return with_stored_probabilities(frame, Path(table)), ignored
    return join_probabilities(frame), ignored


def wide_datasets(heads: list[str], sets: Sequence[str] | None) -> list[str]:
    """The data sets of a wide table. ValueError where it looks like a long one that lacks a column."""
    known = {"dataset", "item", "correct", "score", "n"} & set(heads)
    if known:
        raise ValueError(
            f"the table has the columns {join_names(heads)}: one row an image wants {', '.join(ITEM_COLUMNS)}; "
            "scores want model, dataset, score[, n]; "
            "a wide table wants model and one column a data set, of other names than these"
        )
    named = [name for name in heads if name not in NAME_COLUMNS and name not in ("seed", *UNUSED_COLUMNS)]
    lost = [name for name in sets or () if name not in heads]
    if lost:
        raise ValueError(f"no column for the data set {lost[0]!r}: {hint(lost[0], [str(name) for name in named])}")
    if not named:
        raise ValueError(f"the table has the columns {join_names(heads)} and no scores: give one column a data set")
    chosen = named if sets is None else [name for name in named if name in set(sets)]
    check_table_size(1, len(chosen), images=False)
    return chosen + [name for name in heads if name == "seed"]


def refuse_misspelt(unknown: set[str]) -> None:
    """Refuse a column whose name is nearly one that would change every number."""
    for name in sorted(map(str, unknown)):
        near = difflib.get_close_matches(name.lower(), [*NAME_COLUMNS, *NUMBER_COLUMNS], n=1, cutoff=0.75)
        if near:
            raise ValueError(f"unknown column {name!r}: did you mean {near[0]!r}? Rename it, or leave it out")


def rename_columns(frame: pd.DataFrame, cluster: str | None, family: str | None) -> pd.DataFrame:
    """The frame with the columns that were named for clusters and families under these names."""
    for new, old in (("cluster", cluster), ("family", family)):
        if old in RESERVED_COLUMNS:
            raise ValueError(f"the column {old!r} cannot be the {new} too: name one that says what belongs together")
        if old is not None and old not in frame:
            raise ValueError(f"no column {old!r} for the {new}: {hint(old, [str(name) for name in frame])}")
        if old is not None and old != new:
            frame = frame.drop(columns=[new], errors="ignore").rename(columns={old: new})
    return frame


def refuse_nameless(frame: pd.DataFrame, column: str) -> None:
    """Refuse rows without a name."""
    names: Any = frame[column]
    empty = np.count_nonzero(names.isna()) + np.count_nonzero(names == "")
    if empty:
        raise ValueError(f"the column {column!r} is empty in {empty} rows: fill these cells or leave the rows out")


def to_numbers(column: Any, name: str) -> np.ndarray:
    """The column as numbers, nan where empty. ValueError shows the first text."""
    if column.dtype.kind in "mM":
        raise ValueError(f"the column {name!r} holds times: write plain numbers, or choose the columns with sets=")
    numbers: Any = pd.to_numeric(column.astype(object) if column.dtype == "category" else column, errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(values) & column.notna().to_numpy())
    if len(wrong):
        raise ValueError(
            f"the column {name!r} holds text in {len(wrong)} rows, first {str(column.iloc[wrong[0]])[:60]!r}: write "
            "plain numbers (no %, no thousands commas), leave unknown cells empty, or choose the columns with sets="
        )
    if np.isinf(values).any():
        raise ValueError(f"the column {name!r} holds infinity: leave unknown cells empty")
    return values
