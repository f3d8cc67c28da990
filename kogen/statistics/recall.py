"""Recall: the share of right answers in each class and each group, with intervals, and where it is worst."""

from typing import Any

import numpy as np
import pandas as pd

from kogen.statistics._item_matrix import REQUIRED_COLUMNS, make_item_matrix, split_sets
from kogen.statistics.values import rows as value_rows

__all__ = ["recall"]

COLUMNS = ["dataset", "by", "name", "model", "n", "value", "lo", "hi", "worst"]
NAMES = {"class": "label", "group": "group"}  # by what -> the column
MAX_NAMES = 50  # classes or groups of a set that are shown, those with the most images
MIN_IMAGES = 5  # of a class or group, below which no interval is given


def recall(predictions: pd.DataFrame) -> pd.DataFrame:
    """The share of right answers of each model among the images of each class (its recall) and of each group.

    Input: predictions of one protocol with a column `label`, or `group` (line, lot, camera, day), or both.
    Output: dataset, by (class | group), name, model, n, value, lo, hi (95 %, as `values`), in points; worst: the class
    or group with the lowest value among those with an interval, for each model. Null intervals: fewer than 5 images,
    or all of them in one cluster. At most the 50 largest classes and groups of a set; images without a group are left
    out. The worst of many is low by chance too: with 20 groups one interval is expected to miss.
    """
    found = []
    columns = [name for name in (*REQUIRED_COLUMNS, "cluster", *NAMES.values()) if name in predictions]
    for dataset, part in split_sets(predictions[columns]) if {*NAMES.values()} & {*columns} else ():
        for by, column in NAMES.items():
            if column in part and part[column].notna().to_numpy().any():
                found += rows_of_names(dataset, by, part, part[column])
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
    return pd.DataFrame(mark_worst(table)[COLUMNS])


def rows_of_names(dataset: str, by: str, part: pd.DataFrame, names: Any) -> list[pd.DataFrame]:
    """The rows of each class or group of one set, sorted by its name."""
    images = part.loc[names.notna(), ["item"]].assign(name=names[names.notna()]).drop_duplicates()
    sizes: Any = images["name"].value_counts()
    sizes = sizes[sizes > 0]
    kept = sorted(sorted(sizes.index, key=lambda name: (-sizes[name], str(name)))[:MAX_NAMES], key=str)
    if by == "group" and len(kept) < 2:
        return []
    found = []
    for name in kept:
        rows: Any = part[(names == name).to_numpy()]
        several = "cluster" not in rows or rows["cluster"].isna().any() or rows["cluster"].nunique() > 1
        table = value_rows(make_item_matrix(dataset, rows if several else rows.drop(columns="cluster")))
        table = table.assign(by=by, name=str(name))
        if int(sizes[name]) < MIN_IMAGES or not several:
            table = table.assign(lo=np.nan, hi=np.nan)
        found.append(table)
    return found


def mark_worst(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the column `worst`: the first of the lowest values with an interval, of each set, by and model."""
    worst = pd.Series(False, index=table.index)
    known: Any = table[table["lo"].notna()]
    for _, part in known.groupby(["dataset", "by", "model"], sort=False):
        if len(part) > 1:
            worst[part["value"].idxmin()] = True
    return table.assign(worst=worst)
