"""Data source `table`: a csv or parquet file of `path,label,cluster,split`, paths relative to the file."""

import os
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from kogen.common.text import hint
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, stat_files
from kogen.data.pixel_cache import load_or_build

__all__ = ["table"]

COLUMNS = ["path", "label", "cluster", "split"]


class TableRows(NamedTuple):
    """The rows of a table as text, "" where nothing is written."""

    paths: list[str]
    labels: list[str]
    clusters: list[str]
    splits: list[str]


def table(path: str, *, split: str | None = None, storage: CacheSettings | None = None, name: str = "") -> Images:
    """The images a table names; with `split` only those rows. An empty label is an unknown one.

    Raises ValueError for a table without paths, for paths that do not exist or stand twice, and for an unknown split.
    """
    rows = read_rows(path)
    chosen = select_split(rows, split, path)
    paths = [rows.paths[row] for row in chosen]
    if len(set(paths)) < len(paths):
        twice = next(p for i, p in enumerate(paths) if p in paths[:i])
        raise ValueError(f"{path} names {twice} twice: keep one row for each image")
    items = ImageFiles(os.path.dirname(path) or ".", stat_files(os.path.dirname(path) or ".", paths))
    labels, clusters = [rows.labels[row] for row in chosen], [rows.clusters[row] for row in chosen]
    return Images.from_cache(load_or_build(items, storage or CacheSettings()), labels, None, clusters, name)


def read_rows(path: str) -> TableRows:
    """A table of images as text. ValueError where it cannot be read or has no rows or no column `path`."""
    try:
        if path.lower().endswith(".parquet"):
            frame = pd.read_parquet(path)
        else:  # text stays as written: 007 is not 7, and NA is a name
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ValueError(f"cannot read the table {path}: {error}") from error
    frame.columns = [str(column).strip() for column in frame.columns]
    if "path" not in frame or frame.columns.duplicated().any():
        got = ", ".join(frame.columns)
        raise ValueError(f"{path} has the columns {got}; wanted path, once (and label, cluster, split)")
    if not len(frame):
        raise ValueError(f"{path} has no rows: each row names one image")
    columns = {column: [_cell_text(value) for value in frame[column]] for column in COLUMNS if column in frame}
    if "" in columns["path"]:
        raise ValueError(f"{path} has a row without a path, number {columns['path'].index('') + 1}")
    return TableRows(*(columns.get(column, [""] * len(frame)) for column in COLUMNS))


def select_split(rows: TableRows, split: str | None, path: str) -> list[int]:
    """Numbers of the rows of a split, of all rows where none is asked for. ValueError for an unknown split."""
    if split is None:
        return list(range(len(rows.paths)))
    known = sorted(set(rows.splits) - {""})
    if str(split) not in known:
        what = f"no split {split!r}: {hint(str(split), known)}" if known else "no column split"
        raise ValueError(f"{path} has {what}")
    return [row for row, value in enumerate(rows.splits) if value == str(split)]


def _cell_text(value: object) -> str:
    """A cell as text, "" for a missing one; a whole number that parquet holds as a float loses its point."""
    if value is None or value is pd.NA or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
