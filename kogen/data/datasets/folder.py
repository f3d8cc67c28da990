"""Data source `folder`: images at any depth, labelled by their class folders or by a table, or not at all."""

import os
import unicodedata
from dataclasses import replace

import numpy as np

from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets.table import TableRows, read_rows
from kogen.data.images import Images
from kogen.data.labels import clean_labels
from kogen.data.layout import Layout, read_layout
from kogen.data.listing import FileList, ImageFiles, scan_folder, spellings
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import UNLABELLED, find_split

__all__ = ["folder"]

RECORDINGS = frozenset(("csv", "parquet", "wav", "mat", "ts"))  # that are read as series
TABLES = (".csv", ".tsv", ".parquet")
BOXES = ("annotations", "labels")  # of COCO and VOC, of YOLO


def folder(
    path: str,
    *,
    labels: str | None = None,
    split: str | None = None,
    columns: str | None = None,
    encoding: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """Every image below a folder, but for masks of other images.

    Folders `train`, `test`, `val` are splits, the names of the other sub-folders the labels, see `read_layout`. With
    `labels`, a table `path,label,cluster,split` whose paths are relative to the folder or to the table, these come from
    there, and images that it does not list stay unlabelled; `columns` and `encoding` say how it is read. With `split`
    only the images of one are taken.
    Raises ValueError for an empty folder and for a table that does not fit it.
    """
    if not os.access(path, os.R_OK | os.X_OK):
        raise ValueError(f"no permission to list the folder {path}")
    if labels is None and (columns or encoding):
        raise ValueError("columns and encoding say how a table is read: give one with --labels")
    storage, found = storage or CacheSettings(), scan_folder(path)
    if not found.names:
        shards = f"; of its shards write wds:{path}" if any(name.endswith(".tar") for name in os.listdir(path)) else ""
        recordings = f"; of recordings of sensors write series:{path}" if scan_folder(path, RECORDINGS).names else ""
        got = f"no images below {path}: it is empty, or holds only hidden files and files of other kinds"
        raise ValueError(got + (shards or recordings))
    layout = read_layout(path, found.names, storage.max_pixels, classes=labels is None)
    if labels is None:
        layout.notes.extend(unread_labels(path, layout))
    clusters = groups = None
    if labels is not None:
        layout, clusters, groups = label_by_table(path, found, layout, read_rows(labels, columns, encoding), labels)
    text, notes = clean_labels(np.array(layout.labels or [""] * len(layout.names), object), labels or path)
    place = {name: number for number, name in enumerate(found.names)}
    rows, splits = np.arange(len(layout.names)), None if layout.splits is None else np.array(layout.splits, object)
    if split is not None:
        if splits is None:
            what = labels or path
            raise ValueError(f"{what} has no splits: give a table with a split column by labels=, or {path}/{split}")
        rows, splits = find_split(split, splits, labels or path), None
    found = found.take([place[layout.names[row]] for row in rows])
    cached = load_or_build(ImageFiles(path, found), storage)
    clusters, groups = (None if of is None else [of[row] for row in rows] for of in (clusters, groups))
    notes = (*layout.notes, *notes)
    images = Images.from_cache(cached, text[rows], None, clusters, name, splits, notes, groups)
    return replace(images, root=os.path.abspath(path))


def unread_labels(path: str, layout: Layout) -> list[str]:
    """Sentences on what lies in a folder and is not read: tables; beside unlabelled images boxes and split lists."""
    there = sorted(entry.name for entry in os.scandir(path) if not entry.name.startswith("."))
    tables = [name for name in there if name.lower().endswith(TABLES) and not name.lower().startswith("readme")]
    boxes = [name for name in there if name.lower() in BOXES and os.path.isdir(os.path.join(path, name))]
    said = [f"a table lies there and is not read: --labels {path.rstrip('/')}/{tables[0]}"] if tables else []
    if layout.labels is not None:
        return said
    said += [f"{name}/ is not read: boxes are no labels of images" for name in boxes]
    lists = "ImageSets/ is not read: all images are trained on, unless a table says path,split (--labels)"
    return [*said, lists] if "ImageSets" in there else said


def label_by_table(
    path: str, found: FileList, layout: Layout, rows: TableRows, table: str, what: str = "images"
) -> tuple[Layout, list[str], list[str] | None]:
    """The layout with the labels and splits of a table, the cluster of each image, and its group (None: no column).

    Files that the table names are images, whatever they look like. Where the table has splits, an image that it does
    not list is trained on without a label. ValueError for a row without a file, and for two rows that disagree.
    """
    places = match_rows(path, found.names, table, rows, what)  # row -> position in the listing
    listed = set(places)
    kept = set(layout.names)
    names = [name for number, name in enumerate(found.names) if name in kept or number in listed]
    by_folders = dict(zip(layout.names, layout.splits or [""] * len(layout.names), strict=True))
    has_splits = bool((rows.splits != "").any())
    cells: dict[str, dict[str, str]] = {"labels": {}, "clusters": {}, "splits": {}, "groups": {}}
    columns = {"labels": rows.labels, "clusters": rows.clusters, "splits": rows.splits, "groups": rows.groups}
    for row, position in enumerate(places):
        name = found.names[position]
        for role, column in columns.items():
            said = cells[role].setdefault(name, column[row])
            if said != column[row]:
                both = f"{said!r} and {column[row]!r}"
                raise ValueError(f"{table} gives {rows.paths[row]} two {role}, {both}: keep one")
    splits = None
    if has_splits:
        splits = [cells["splits"].get(name, by_folders.get(name) or UNLABELLED) for name in names]
    elif layout.splits is not None:
        splits = [by_folders.get(name, "") for name in names]
    notes = [*layout.notes, *rows.notes]
    if unlisted := len(names) - len(listed):
        notes.append(f"{what} that are not in {table} and have no label: {unlisted} of {len(names)}")
    labels = [cells["labels"].get(name, "") for name in names]
    groups = [cells["groups"].get(name, "") for name in names] if (rows.groups != "").any() else None
    return Layout(names, labels, splits, notes), [cells["clusters"].get(name, "") for name in names], groups


def match_rows(root: str, names: list[str], table: str, rows: TableRows, what: str = "images") -> list[int]:
    """For each row of a table its position among the files found; ValueError with examples where some have none."""
    place = {unicodedata.normalize("NFC", name): number for number, name in enumerate(names)}
    place |= {name: number for number, name in enumerate(names)}  # a file of just that name is meant first
    root, beside = os.path.abspath(root), os.path.dirname(os.path.abspath(table))
    places, absent = [], []
    for path in rows.paths:
        found = -1
        for form in spellings(path):
            found = place.get(form, -1)
            if found < 0:  # beside the table, or absolute
                near = os.path.relpath(os.path.join(beside, form), root)
                found = place.get(near, place.get(unicodedata.normalize("NFC", near), -1))
            if found >= 0:
                break
        places.append(found)
        if found < 0:
            absent.append(path)
    if absent:
        raise ValueError(
            f"paths in {table} that are no {what} below {root} ({len(names)}): {len(absent)} of {len(rows.paths)}, "
            f"for example {join_names(absent, 3)}: write them relative to the folder or to the table, with their "
            f"ending, as in {names[0]}"
        )
    return places
