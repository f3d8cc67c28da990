"""Data source `table`: a csv or parquet file of `path,label,cluster,split,group`, paths relative to the file."""

import os
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from kogen.common.files import check_regular_file
from kogen.common.objects import PREFIX, find_object
from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._table_columns import COLUMNS, choose_columns, flags_to_splits, one_hot
from kogen.data.datasets._table_file import TableFile, open_table
from kogen.data.images import Images
from kogen.data.labels import clean_labels
from kogen.data.layout import count_words, find_splits, without_shared
from kogen.data.listing import ImageFiles, file_stamp, stat_files
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import find_split

__all__ = ["table"]


@runtime_checkable
class FramedRows(Protocol):
    """A frame that was given in Python."""

    def rows(self, columns: str | None) -> "TableRows": ...


class TableRows(NamedTuple):
    """The rows of a table as text, (N,) object each, "" where nothing is written."""

    paths: np.ndarray
    labels: np.ndarray
    clusters: np.ndarray
    splits: np.ndarray
    groups: np.ndarray
    notes: tuple[str, ...] = ()


def table(
    path: str,
    *,
    split: str | None = None,
    columns: str | None = None,
    encoding: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """The images a table names; with `split` only those rows. An empty label is an unknown one.

    `columns` (`path=NAME,label=NAME,...`) says which columns are read, those of a table without a first line of names
    by number (`path=1,label=2`), and `encoding` how a csv is written. Raises ValueError for a table without paths, for
    paths that do not exist or stand twice, for an unknown split, and where the table does not say what it means.
    """
    return images_of_rows(read_rows(path, columns, encoding), path, os.path.dirname(path) or ".", split, storage, name)


def images_of_rows(
    rows: TableRows, title: str, root: str, split: str | None, storage: CacheSettings | None, name: str
) -> Images:
    """The images that rows name, with paths relative to `root`; `title`: what the table is called. As `table`."""
    rows = with_split_folders(rows)
    splits = rows.splits if (rows.splits != "").any() else None
    chosen = np.arange(len(rows.paths))
    if split is not None:
        chosen, splits = chosen_split(rows, split, title), None
    refuse_twice(rows.paths[chosen].tolist(), title)
    files, notes = stat_files(root, rows.paths[chosen].tolist())
    refuse_twice(files.names, title)  # a.png and ./a.png
    labels, said = clean_labels(rows.labels[chosen], title)
    images = Images.from_cache(
        load_or_build(ImageFiles(root, files), storage or CacheSettings()),
        labels,
        None,
        rows.clusters[chosen],
        name,
        splits=splits,
        notes=(*rows.notes, *notes, *said),
        groups=rows.groups[chosen] if (rows.groups != "").any() else None,
    )
    return replace(images, root=os.path.abspath(root))


def with_split_folders(rows: TableRows) -> TableRows:
    """The rows with the splits that the folders of their paths name (`train/cat/1.png`), if no column says them."""
    if (rows.splits != "").any():
        return rows
    folders = [path.replace("\\", "/").split("/")[:-1] for path in rows.paths.tolist()]
    found = find_splits(without_shared(folders))
    if found is None:
        return rows
    said = f"folders of the paths are taken as splits: {count_words(found[0])}"
    return rows._replace(splits=np.array(found[0], object), notes=(*rows.notes, said))


def read_rows(path: str, columns: str | None = None, encoding: str | None = None) -> TableRows:
    """A table of images as text. ValueError where it cannot be read or has no rows or no column of paths."""
    if path.startswith(PREFIX):
        if not isinstance(held := find_object(path), FramedRows):
            raise ValueError("labels of files are a list or an array: give a frame with the columns path and label")
        return held.rows(columns)
    check_regular_file(path)
    return _read_rows(path, columns, encoding, file_stamp(path))


@lru_cache(maxsize=2)  # a study asks for the same table for its pool, its splits and its output: minutes of parsing
def _read_rows(path: str, columns: str | None, encoding: str | None, stamp: tuple[str, ...]) -> TableRows:
    """The rows of a table whose file has this stamp; nobody changes them."""
    return rows_of_table(open_table(path, encoding), columns)


def rows_of_table(file: TableFile, columns: str | None) -> TableRows:
    """The rows of a table that is open. ValueError as `read_rows`."""
    path = file.path
    places, header = choose_columns(file, columns)
    wanted = list(dict.fromkeys(places.values()))  # a column may be the cluster and the group
    cells = dict(zip(wanted, file.read(wanted, header=header), strict=True))
    read = {role: cells[place] for role, place in places.items()}
    count = len(read["path"])
    if not count:
        raise ValueError(f"{path} has no rows: each row names one image")
    if len(empty := np.flatnonzero(read["path"] == "")):
        raise ValueError(f"{path} has a row without a path, number {empty[0] + 1}")
    nothing = np.full(count, "", object)
    if "split" in read:
        read["split"] = flags_to_splits(read["split"], file.names[places["split"]])
    named = [f"{role} from {file.names[place]!r}" for role, place in places.items() if file.names[place] != role]
    notes = [*file.notes, *([f"read of {path}: {', '.join(named)}"] if named and header else [])]
    rest = [name for place, name in enumerate(file.names) if place not in places.values() and name] if header else []
    notes += [f"columns of {path} that are not read: {join_names(rest)}"] if rest else []
    notes += one_hot(file, [*rest, *(file.names[places[role]] for role in ("label",) if role in places and rest)])
    if "label" not in places:
        notes.append(f"{path} has no column of labels{': say which with --columns label=NAME' if rest else ''}")
    return TableRows(*(read.get(role, nothing) for role in COLUMNS), notes=tuple(notes))


def refuse_twice(paths: list[str], table: str) -> None:
    """ValueError where a path stands twice in a table."""
    if len(set(paths)) < len(paths):
        twice = Counter(paths).most_common(1)[0][0]
        raise ValueError(f"{table} names {twice} twice: keep one row for each image")


def chosen_split(rows: TableRows, split: str, path: str) -> np.ndarray:
    """Numbers of the rows of a split. ValueError for an unknown one."""
    if not (rows.splits != "").any():
        raise ValueError(f"{path} has no column split, so no split {split!r}")
    return find_split(split, rows.splits, path)
