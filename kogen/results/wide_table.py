"""A wide table of scores, a row a model: which columns are data sets, and why the others are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.bounds import check_table_size
from kogen.results.column_kinds import AXES, Kind, find_mirrors, kind_of_column, kind_of_name, second_metrics
from kogen.results.questions import Questions, flag
from kogen.results.raw_table import RawTable, refuse_wrong_cells

RESERVED = ("model", "dataset", "item", "cluster", "family", "protocol", "role", "metric", "seed")
CARRIED = ("seed", "family", "role")  # columns that describe a row, not a set
UNUSED_COLUMNS = ("run", "label", "predicted")  # known, not needed


@dataclass(frozen=True)
class Sorted:
    """The columns of a table, sorted by what they are."""

    sets: list[str]
    excluded: dict[str, str] = field(default_factory=dict)  # name -> why: a key of words.toml
    axes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # of the sets: those in which less is better, as asked


def sort_columns(
    kinds: Mapping[str, Kind],
    values: Mapping[str, np.ndarray],
    wanted: Sequence[str] | None,
    direction: bool | Mapping[str, bool],
    asked: Questions,
) -> Sorted:
    """What each column is for; `values`: the numbers of those that hold some, in rows that belong together.

    `wanted`: the data sets that are asked for; `direction`: whether more is better, of all or by name. What these name
    is a data set, whatever it is called. Errors whose direction nobody said are asked about.
    """
    kinds = dict(kinds)
    said = direction if isinstance(direction, Mapping) else {}
    named = [name for name in (*(wanted or ()), *said) if name in kinds]
    free = {name for name in kinds if name not in named}
    scores = [name for name in kinds if kinds[name] is Kind.SCORE]
    mirrors = find_mirrors(
        {name: values[name] for name in free if kinds[name] is Kind.ERROR}, {name: values[name] for name in scores}
    )
    seconds = {name: first for name, first in second_metrics([*scores, *mirrors]).items() if name in free}
    kinds |= dict.fromkeys(mirrors, Kind.MIRROR) | dict.fromkeys(seconds, Kind.SECOND)
    if wanted is not None:
        sets = list(dict.fromkeys(wanted))
    else:
        sets = [name for name in kinds if kinds[name] in (Kind.SCORE, Kind.ERROR) or name in named]
    errors = [name for name in sets if kinds[name] is Kind.ERROR and direction is not False and name not in said]
    if errors:
        one = len(errors) == 1
        asked.ask(
            f"the {'column' if one else 'columns'} {join_names(errors)} {'seems' if one else 'seem'} to hold errors "
            f"(less is better): say {flag('higher_is_better')} for each, or choose other data sets with "
            f"{flag('sets')}",
            higher_is_better=dict.fromkeys(errors, False),
        )
    excluded = {name: f"excluded_{kind.value}" for name, kind in kinds.items() if name not in sets}
    for name, key in excluded.items():
        if key in ("excluded_score", "excluded_error"):
            excluded[name] = "excluded_choice"
    axes = [name for name in kinds if kinds[name] in AXES and name not in sets]
    return Sorted(sets, excluded, axes, errors)


def read_wide(
    raw: RawTable, names: Any, used: Sequence[str], options: TableOptions, asked: Questions
) -> tuple[pd.DataFrame, Sorted, dict[str, float]]:
    """Scores of a wide table in long form (model, dataset, score, lo, hi, percent[, seed]), its columns sorted.

    The third: what share of a set's cells has percent signs. ValueError where it looks like a long table that lacks a
    column, and for columns of scores that hold text.
    """
    refuse_torn_long_table(raw)
    taken = {*used, *RESERVED, *UNUSED_COLUMNS, options.family}
    free = [name for name in raw.columns if name not in taken or name in (options.sets or ())]
    lost = [name for name in options.sets or () if name not in raw.columns]
    if lost:
        raise ValueError(f"no column for the data set {lost[0]!r}: {hint(lost[0], free)}")
    numbers = {name: raw.numbers(name) for name in free}
    values = {name: each.value for name, each in numbers.items()}
    kinds = {name: kind_of_column(name, None if each.is_text else each.value) for name, each in numbers.items()}
    for name in free:
        if kinds[name] in (Kind.LARGE, Kind.ORDER) and numbers[name].unclear and kind_of_name(name) is None:
            kinds[name] = Kind.SCORE  # 80,123 may be 80.123: refused, with what to do
    empty = [name for name in free if kinds[name] is Kind.SCORE and np.isnan(values[name]).all() and len(free) > 1]
    for name in empty:
        if name not in (options.sets or ()):
            del kinds[name]
    found = sort_columns(kinds, values, options.sets, options.higher_is_better, asked)
    if not found.sets:
        if empty:
            raise ValueError("every score is empty: nothing was measured")
        got = f"the table has the columns {join_names(list(raw.columns))} and no scores"
        raise ValueError(f"{got}: give one column a data set, or name the data sets with {flag('sets')}")
    check_table_size(1, len(found.sets), images=False)
    for name in found.sets:
        refuse_wrong_cells(name, numbers[name])
    long = melt_columns(raw, names, found.sets)
    found.excluded.update(dict.fromkeys(empty, "excluded_empty"))
    found.excluded.update({name: "excluded_unused" for name in raw.columns if name in UNUSED_COLUMNS})
    return long, found, {name: numbers[name].percent for name in found.sets if numbers[name].percent}


def melt_columns(raw: RawTable, names: Any, sets: Sequence[str]) -> pd.DataFrame:
    """Columns of scores below one another."""
    count, numbers = raw.rows, [raw.numbers(name) for name in sets]
    place = np.tile(np.arange(count), len(sets))
    dataset = pd.Categorical.from_codes(np.repeat(np.arange(len(sets)), count), list(sets))
    long = pd.DataFrame({"model": names.iloc[place].reset_index(drop=True), "dataset": dataset})
    long["score"] = np.concatenate([each.value for each in numbers])
    for end, ends in (("lo", [each.lo for each in numbers]), ("hi", [each.hi for each in numbers])):
        if any(each is not None for each in ends):
            long[end] = np.concatenate([np.full(count, np.nan) if each is None else each for each in ends])
    for name in CARRIED:
        if name in raw.columns:
            long[name] = raw.columns[name].iloc[place].reset_index(drop=True)
    return long


def refuse_torn_long_table(raw: RawTable) -> None:
    """ValueError where a table looks like a long one that lacks a column."""
    if {"dataset", "item", "correct", "score", "n"} & set(raw.columns):
        raise ValueError(
            f"the table has the columns {join_names(list(raw.columns))}: one row an image wants model, dataset, item, "
            "correct; scores want model, dataset, score[, n]; "
            "a wide table wants model and one column a data set, of other names than these"
        )


def read_axes(raw: RawTable, names: Any, axes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Axis -> model -> its number, of models that have one number there."""
    found = {}
    for axis in axes:
        pairs = pd.DataFrame({"model": names, "value": raw.numbers(axis).value}).dropna().drop_duplicates()
        pairs = pairs[~pairs["model"].duplicated(keep=False) & np.isfinite(pairs["value"])]
        if len(pairs):
            found[axis] = dict(zip(pairs["model"].astype(str), pairs["value"].astype(float), strict=True))
    return found
