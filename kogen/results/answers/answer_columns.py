"""The columns that say what was answered to each image: labels, answers and probabilities, in one form."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from kogen.common.tables import CLASSES, open_checked
from kogen.common.text import join_names

pc: Any = pyarrow.compute  # its functions are made at run time: type checkers do not know them

ANSWER_NAMES = ("label", "predicted", "group")  # columns of names, beside those that every statistic needs
PROBABILITIES, PREFIX = "probabilities", "prob_"  # a list a row, or a column a class
FALSE_ALARM = "false_alarm"  # see common/tables.py
LISTS = (PROBABILITIES, FALSE_ALARM)
MAX_VALUES = 2**28  # probabilities held at once, 1 GiB in float32


def sort_classes(names: Sequence[str]) -> list[str]:
    """Names of classes in order: whole numbers by value, else alphabetically."""
    return sorted(names, key=int) if all(name.isascii() and name.isdecimal() for name in names) else sorted(names)


def share_classes(frame: pd.DataFrame, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """The frame with `label` and `predicted` as categories of the same classes; as it is where one is missing.

    `classes` in the order of the probabilities; by default those that are there, sorted. ValueError for a label or an
    answer that is not among them.
    """
    if any(name not in frame or frame[name].isna().any() for name in ("label", "predicted")):
        return frame
    texts = {name: as_text_categories(frame[name]) for name in ("label", "predicted")}
    there = {str(name) for column in texts.values() for name in column.cat.categories}
    known = sort_classes(list(there)) if classes is None else list(classes)
    if lost := sorted(there - set(known)):
        raise ValueError(
            f"the table names the class {lost[0]!r}, and its probabilities are of {join_names(known)}: give one column "
            f"{PREFIX}CLASS for each class"
        )
    return frame.assign(**{name: column.cat.set_categories(known) for name, column in texts.items()})


def as_text_categories(column: Any) -> Any:
    """A column without gaps as categories of text that all occur."""
    if isinstance(column.dtype, pd.CategoricalDtype):  # the distinct ones alone are looked at
        column = column.cat.remove_unused_categories()
        texts = list(map(str, column.cat.categories))
        if len({*texts}) == len(texts):
            return column.cat.rename_categories(texts)
    return column.astype(object).astype(str).astype("category")


def has_classes(frame: pd.DataFrame) -> bool:
    """Whether labels and answers are classes, as `share_classes` makes them."""
    return "label" in frame and isinstance(frame["label"].dtype, pd.CategoricalDtype)


def probability_columns(heads: Sequence[Any]) -> list[str]:
    """The columns that hold the probability of a class each, `prob_CLASS`."""
    return [name for name in heads if isinstance(name, str) and name.startswith(PREFIX) and len(name) > len(PREFIX)]


def join_probabilities(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its columns `prob_CLASS` as one list a row, and its classes in their order.

    ValueError for columns that are no probabilities.
    """
    columns = probability_columns(list(frame))
    if not columns:
        return share_classes(frame)
    values = frame[columns].to_numpy(dtype=np.float32)  # (rows, K)
    check_probabilities(values, columns)
    joined = frame.drop(columns=columns).assign(**{PROBABILITIES: to_lists(values)})
    return share_classes(joined, [name.removeprefix(PREFIX) for name in columns])


def check_probabilities(values: np.ndarray, columns: Sequence[str]) -> None:
    """ValueError unless each row (K,) holds numbers of 0 or more that sum to 1."""
    wrong = np.flatnonzero(~((values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) < 0.02)))
    if len(wrong):
        raise ValueError(
            f"the columns {join_names(list(columns))} hold no probabilities in some rows ({len(wrong)}), first "
            f"{values[wrong[0]].tolist()}: wanted numbers from 0 to 1 that sum to 1, one column a class"
        )


def to_lists(values: np.ndarray) -> Any:
    """Rows (n, K) as a column of lists, which pandas filters without looking into them."""
    flat = pa.array(values.ravel())
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.FixedSizeListArray.from_arrays(flat, values.shape[1])]))


def number_rows(lists: Any) -> Any:
    """An array of lists as a column of the numbers of its rows: some rows of it, and copies, hold these alone."""
    number = pa.array(np.arange(len(lists), dtype=np.int32), mask=lists.is_null().to_numpy(zero_copy_only=False))
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.DictionaryArray.from_arrays(number, lists)]))


def probability_rows(column: Any, rows: np.ndarray) -> np.ndarray | None:
    """Some rows of a column of lists as an array (n, K) float; None where some have none."""
    chosen = column.array[rows].__arrow_array__()
    chosen = chosen.combine_chunks() if isinstance(chosen, pa.ChunkedArray) else chosen
    if chosen.null_count or not len(rows):
        return None
    chosen = chosen.dictionary.take(chosen.indices) if pa.types.is_dictionary(chosen.type) else chosen
    flat = chosen.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(rows), -1).astype(np.float64) if len(flat) % len(rows) == 0 else None


def with_stored_probabilities(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The frame of a parquet file with the probabilities that stand in it, in the order of classes it records.

    As it is where the file has none, does not say of which classes, or has more than fit into memory.
    """
    schema: Any = pq.read_schema(path)
    if PROBABILITIES not in schema.names:
        return share_classes(frame)
    classes = json.loads((schema.metadata or {}).get(CLASSES.encode(), b"[]"))
    if not classes or len(frame) * len(classes) > MAX_VALUES:
        return share_classes(frame)
    lists = read_lists(path, [name for name in LISTS if name in schema.names])
    return share_classes(frame.assign(**{name: number_rows(column) for name, column in lists.items()}), classes)


def read_lists(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Columns of lists of a parquet file, a row group at a time; lists of one length are held without their ends."""
    with open_checked(path) as file:
        parts: dict[str, list[Any]] = {name: [] for name in names}
        for g in range(file.num_row_groups):
            table = file.read_row_group(g, columns=list(names))
            for name in names:
                parts[name].append(drop_ends(pa.concat_arrays(table[name].chunks)))
    for name, column in parts.items():
        if len({part.type for part in column}) > 1:
            parts[name] = [part.cast(pa.list_(pa.float32())) for part in column]
    return {name: pa.concat_arrays(column) for name, column in parts.items()}


def drop_ends(lists: Any) -> Any:
    """Lists of one length as such; as they are where they have several, or some are missing."""
    length = len(lists.flatten()) // max(len(lists), 1)
    if lists.null_count or not length or not pc.all(pc.equal(pc.list_value_length(lists), length)).as_py():
        return lists
    return pa.FixedSizeListArray.from_arrays(lists.flatten(), length)
