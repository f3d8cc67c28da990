"""Data source `folder`: images at any depth, labelled by their class folders or by a table, or not at all."""

import os

from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets.table import TableRows, read_rows, select_split
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, escape_surrogates, scan_folder
from kogen.data.pixel_cache import load_or_build

__all__ = ["folder"]


def folder(
    path: str,
    *,
    labels: str | None = None,
    split: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """Every image below a folder.

    With `labels`, a table `path,label,cluster,split` whose paths are relative to the folder or to the table, images it
    does not list stay unlabelled; with `split` only those of that split are taken. Without, the names of the
    sub-folders are the labels if there are at least two and every image lies directly in one.
    Raises ValueError for an empty folder and for a table that does not fit it.
    """
    if not os.access(path, os.R_OK | os.X_OK):
        raise ValueError(f"no permission to list the folder {path}")
    found = scan_folder(path)
    if not found.names:
        raise ValueError(f"no images below {path}: it is empty, or holds only hidden files and files of other kinds")
    if labels is None:
        if split is not None:
            raise ValueError(f"a folder has no splits: give a table with a split column by labels=, or {path}/{split}")
        cached = load_or_build(ImageFiles(path, found), storage or CacheSettings())
        return Images.from_cache(cached, folder_labels(found.names), name=name)
    rows = read_rows(labels)
    places = match_rows(path, found.names, labels, rows)  # row -> position in the listing
    text, clusters = [""] * len(found.names), [""] * len(found.names)
    chosen = select_split(rows, split, labels)
    for row in chosen:
        place = places[row]
        if text[place] and text[place] != rows.labels[row]:
            both = f"{text[place]!r} and {rows.labels[row]!r}"
            raise ValueError(f"{labels} gives {rows.paths[row]} two labels, {both}: keep one")
        text[place], clusters[place] = rows.labels[row], rows.clusters[row]
    if split is not None:
        taken = sorted({places[row] for row in chosen})
        found = found.take(taken)
        text, clusters = [text[i] for i in taken], [clusters[i] for i in taken]
    cached = load_or_build(ImageFiles(path, found), storage or CacheSettings())
    return Images.from_cache(cached, text, None, clusters, name)


def folder_labels(names: list[str]) -> list[str] | None:
    """The class folder of each path, None unless every path is `class/file` and there are two classes or more."""
    if any(name.count("/") != 1 for name in names):
        return None
    classes = [escape_surrogates(name.partition("/")[0]) for name in names]
    return classes if len(set(classes)) > 1 else None


def match_rows(root: str, names: list[str], table: str, rows: TableRows) -> list[int]:
    """For each row of a table its position among the files found; ValueError with examples where some have none."""
    place = {name: number for number, name in enumerate(names)}
    root, beside = os.path.abspath(root), os.path.dirname(os.path.abspath(table))
    places, absent = [], []
    for path in rows.paths:
        found = place.get(os.path.normpath(path), -1)
        if found < 0:  # beside the table, or absolute
            found = place.get(os.path.relpath(os.path.join(beside, path), root), -1)
        places.append(found)
        if found < 0:
            absent.append(path)
    if absent:
        raise ValueError(
            f"{len(absent)} of {len(rows.paths)} paths in {table} are not among the {len(names)} images below {root}, "
            f"for example {join_names(absent, 3)}: write them relative to the folder or to the table"
        )
    return places
