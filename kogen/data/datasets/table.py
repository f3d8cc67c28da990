"""Data source `table`: a csv or parquet file of `path,label,cluster,split`, paths relative to the file."""

import os
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kogen.common.files import check_regular_file
from kogen.common.text import hint, join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._table_file import read_text_columns
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, file_stamp, stat_files
from kogen.data.pixel_cache import load_or_build

__all__ = ["table"]

COLUMNS = ["path", "label", "cluster", "split"]


class TableRows(NamedTuple):
    """The rows of a table as text, (N,) object each, "" where nothing is written."""

    paths: np.ndarray
    labels: np.ndarray
    clusters: np.ndarray
    splits: np.ndarray


def table(path: str, *, split: str | None = None, storage: CacheSettings | None = None, name: str = "") -> Images:
    """The images a table names; with `split` only those rows. An empty label is an unknown one.

    Raises ValueError for a table without paths, for paths that do not exist or stand twice, and for an unknown split.
    """
    rows = read_rows(path)
    chosen = select_split(rows, split, path)
    paths: list[str] = rows.paths[chosen].tolist()
    if len(set(paths)) < len(paths):
        twice = Counter(paths).most_common(1)[0][0]
        raise ValueError(f"{path} names {twice} twice: keep one row for each image")
    root = os.path.dirname(path) or "."
    items = ImageFiles(root, stat_files(root, paths))
    labels, clusters = rows.labels[chosen], rows.clusters[chosen]
    return Images.from_cache(load_or_build(items, storage or CacheSettings()), labels, None, clusters, name)


def read_rows(path: str) -> TableRows:
    """A table of images as text. ValueError where it cannot be read or has no rows or no column `path`."""
    check_regular_file(path)
    return _read_rows(path, file_stamp(path))


@lru_cache(maxsize=2)  # a study asks for the same table for its pool, its splits and its output: minutes of parsing
def _read_rows(path: str, stamp: tuple[str, ...]) -> TableRows:
    """The rows of a table whose file has this stamp; nobody changes them."""
    names, columns = read_text_columns(path, COLUMNS)
    if any(names.count(column) != (column in columns) for column in COLUMNS) or "path" not in columns:
        raise ValueError(f"{path} has the columns {join_names(names)}; wanted path, once (and label, cluster, split)")
    count = len(columns["path"])
    if not count:
        raise ValueError(f"{path} has no rows: each row names one image")
    if len(empty := np.flatnonzero(columns["path"] == "")):
        raise ValueError(f"{path} has a row without a path, number {empty[0] + 1}")
    nothing = np.full(count, "", object)
    return TableRows(*(columns.get(column, nothing) for column in COLUMNS))


def select_split(rows: TableRows, split: str | None, path: str) -> np.ndarray:
    """Numbers of the rows of a split, of all rows where none is asked for. ValueError for an unknown split."""
    if split is None:
        return np.arange(len(rows.paths))
    known = sorted(set(rows.splits) - {""})
    if str(split) not in known:
        what = f"no split {split!r}: {hint(str(split), known)}" if known else "no column split"
        raise ValueError(f"{path} has {what}")
    return np.flatnonzero(rows.splits == str(split))
