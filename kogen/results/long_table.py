"""A long table of scores, a row a model and data set: its columns, and which of its sets are none."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kogen.options.lottery import TableOptions
from kogen.results.column_kinds import Kind, kind_of_column, kind_of_name
from kogen.results.lottery_summary import Note
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable, refuse_wrong_cells
from kogen.results.wide_table import CARRIED, Sorted, sort_columns


def find_score_column(raw: RawTable) -> str | None:
    """The column of scores of a table with a column `dataset`; None where it is no table of scores."""
    if "dataset" not in raw.columns or {"item", "correct"} & set(raw.columns):
        return None
    if "score" in raw.columns:
        return "score"
    kinds = {}
    for name in raw.columns:
        if name not in ("model", "dataset", "seed", "n", "metric", "protocol", "role", "family", "cluster"):
            numbers = raw.numbers(name)
            kinds[name] = kind_of_column(name, None if numbers.is_text else numbers.value)
    scores = [name for name, kind in kinds.items() if kind is Kind.SCORE] or [
        name for name, kind in kinds.items() if kind is Kind.ERROR
    ]
    return scores[0] if len(scores) == 1 else None


def read_long(
    raw: RawTable, names: Any, score: str, options: TableOptions, asked: Questions
) -> tuple[pd.DataFrame, Sorted, dict[str, float]]:
    """Scores of a long table (model, dataset, score, metric, n, lo, hi[, seed ...]), and its sets, sorted.

    Where there are several metrics a set is named by both. The third: what share of a set's cells has percent signs.
    """
    numbers = raw.numbers(score)
    refuse_wrong_cells(score, numbers)
    long: Any = pd.DataFrame({"model": names, "dataset": raw.texts("dataset"), "score": numbers.value})
    for end, values in (("lo", numbers.lo), ("hi", numbers.hi)):
        if values is not None:
            long[end] = values
    if "n" in raw.columns:
        refuse_wrong_cells("n", raw.numbers("n"))
        long["n"] = raw.numbers("n").value
    for name in (*CARRIED, "metric"):
        if name in raw.columns:
            long[name] = raw.columns[name]
    metric = raw.texts("metric") if "metric" in raw.columns else None
    long["metric"] = "" if metric is None else metric
    long["base"] = long["dataset"]
    if metric is not None and metric.nunique() > 1:
        whole = long["base"].astype(object).str.cat(metric.astype(object), sep=" ")
        long["dataset"] = whole.astype("category")
    elif metric is None and score != "score":
        long["metric"] = score
        raw.notes.append(Note("read_score_column", {"name": score}))
    found = sort_sets(long, options, asked)
    lost = sorted(set(found.excluded))
    kept = ~long["dataset"].isin(lost).to_numpy() if lost else np.ones(len(long), dtype=bool)
    percent = dict.fromkeys(map(str, long["dataset"].unique()), numbers.percent) if numbers.percent else {}
    return long[kept].reset_index(drop=True), found, percent


def sort_sets(long: Any, options: TableOptions, asked: Questions) -> Sorted:
    """The sets of a long table, sorted by what they are: as the columns of a wide one."""
    groups = long.groupby("dataset", observed=True, sort=False)
    about = groups.agg(base=("base", "first"), metric=("metric", "first"))
    kinds, direction = {}, options.higher_is_better
    said = {}
    values = {str(name): part.to_numpy() for name, part in groups["score"]}
    for name, base, metric in zip(map(str, about.index), about["base"], about["metric"], strict=True):
        named = kind_of_name(str(metric)) or kind_of_name(name)
        kinds[name] = named or kind_of_column(name, values[name])
        if isinstance(direction, Mapping):
            more = [direction[each] for each in (metric, base, name) if each in direction]
            said |= {name: more[0]} if more else {}
    if any(kind is Kind.ERROR for kind in kinds.values()):
        values = aligned_values(long)
    wanted = [name for name in options.sets or () if name in kinds] if options.sets is not None else None
    found = sort_columns(kinds, values, wanted, said if isinstance(direction, Mapping) else direction, asked)
    unread = {name: key for name, key in found.excluded.items() if key != "excluded_choice"}
    return Sorted(found.sets, unread, [], found.errors)


def aligned_values(long: Any) -> dict[str, np.ndarray]:
    """Set -> its scores in one order of the models, nan where there is none; means where there are several."""
    table = long.groupby(["model", "dataset"], observed=True)["score"].mean().unstack()
    return {str(name): table[name].to_numpy() for name in table}
