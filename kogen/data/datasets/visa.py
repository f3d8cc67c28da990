"""Data source `visa`: the layouts of VisA, `visa:FOLDER?object=NAME` with its split csv, or an object's Data/Images."""

import os
from dataclasses import replace

import numpy as np

from kogen.common.text import hint, join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._table_file import open_table
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, scan_folder, stat_files
from kogen.data.masks.attach_masks import attach_masks
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import choose_split

__all__ = ["visa"]

NORMAL, ANOMALY = "normal", "anomaly"  # as VisA calls them
COLUMNS = ("object", "split", "label", "image", "mask")
TABLES = ("split_csv/1cls.csv", "1cls.csv")  # of a whole copy of VisA
LOOKED = ("Data/Images/Normal", "Data/Images/Anomaly", "Data/Masks/Anomaly")  # of one object


def visa(
    path: str = "",
    *,
    object: str | None = None,
    split: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """The images of one object: labels are normal and anomaly, masks where the table or the folders have them.

    `path` is VisA's folder or a csv with the columns object,split,label,image,mask, whose paths start at the folder
    (that of the csv, or the one above `split_csv`); or the folder of one object with Data/Images/Normal, Anomaly and
    Data/Masks, which has no splits.
    Raises ValueError for another layout, for several objects of which none is named, no normal images to train on, and
    masks that are wrong, see `attach_masks`. Source: Zou et al. 2022 (ECCV), VisA.
    """
    storage = storage or CacheSettings()
    tables = [path] if os.path.isfile(path) else [os.path.join(path, table) for table in TABLES]
    table = next((table for table in tables if os.path.isfile(table)), None)
    if path and table is not None:
        return choose_split(read_split_table(table, object, storage, name), split, path)
    if path and os.path.isdir(os.path.join(path, LOOKED[0])):
        if object is not None:
            raise ValueError(f"{path} is the folder of one object: leave object={object} out")
        return choose_split(read_object(path, storage, name), split, path)
    wanted = f"a csv ({','.join(COLUMNS)}), a folder with {TABLES[0]}, or one with {LOOKED[0]}"
    raise ValueError(f"visa needs {wanted}, got {path!r}: write visa:FOLDER?object=NAME")


def read_split_table(table: str, wanted: str | None, storage: CacheSettings, name: str) -> Images:
    """The images that a split csv names of one object."""
    file = open_table(table)
    if absent := [column for column in COLUMNS if column not in file.names]:
        raise ValueError(f"{table} has no column {absent[0]!r}: wanted {','.join(COLUMNS)}, as VisA's 1cls.csv has")
    place = {column: file.names.index(column) for column in COLUMNS}
    paths, objects, splits, labels = file.read([place[column] for column in ("image", "object", "split", "label")])
    (masks,) = file.read([place["mask"]])
    known = sorted(set(objects.tolist()))
    if wanted is None and len(known) > 1:
        raise ValueError(f"{table} has the objects {join_names(known)}: choose one, visa:FOLDER?object={known[0]}")
    chosen = known[0] if wanted is None else wanted
    if chosen not in known:
        raise ValueError(f"{table} has no object {chosen!r}: {hint(chosen, known)}")
    rows = objects == chosen
    paths, splits, labels, masks = paths[rows], splits[rows], labels[rows], masks[rows]
    if odd := sorted(set(labels.tolist()) - {NORMAL, ANOMALY}):
        raise ValueError(f"{table} has the label {odd[0]!r} of {chosen}: wanted {NORMAL} or {ANOMALY}")
    if not ((labels == NORMAL) & (splits == "train")).any():
        raise ValueError(f"{table} has no normal images of {chosen} in the split train: nothing says what is normal")
    folder = os.path.dirname(table) or "."
    root = os.path.dirname(folder) or "." if os.path.basename(folder) == "split_csv" else folder
    files, notes = stat_files(root, paths.tolist())
    cached = load_or_build(ImageFiles(root, files), storage)
    images = Images.from_cache(cached, labels, None, None, name or chosen, splits, notes)
    images = replace(images, root=os.path.abspath(root))
    of = {file: os.path.join(root, mask) for file, mask in zip(files.names, masks.tolist(), strict=True) if mask}
    good = np.array([images.classes[label] == NORMAL for label in images.labels], bool)
    return attach_masks(images, of, good, storage)


def read_object(path: str, storage: CacheSettings, name: str) -> Images:
    """The images of one object by its folders."""
    found = scan_folder(path)
    rows = [row for row, file in enumerate(found.names) if file.startswith(tuple(f"{part}/" for part in LOOKED[:2]))]
    labels = [NORMAL if found.names[row].startswith(f"{LOOKED[0]}/") else ANOMALY for row in rows]
    if NORMAL not in labels:
        raise ValueError(f"{path} has no normal images: nothing below {LOOKED[0]}")
    cached = load_or_build(ImageFiles(path, found.take(rows)), storage)
    images = Images.from_cache(cached, labels, None, None, name or os.path.basename(os.path.abspath(path)))
    images = replace(images, root=os.path.abspath(path))
    stems = {file.rpartition(".")[0].rpartition("/")[2]: file for file in found.names if file.startswith(LOOKED[1])}
    masks = {}
    for file in found.names:
        if file.startswith(f"{LOOKED[2]}/"):
            stem = file.rpartition(".")[0].rpartition("/")[2]
            masks[stems.get(stem, file)] = os.path.join(path, file)
    good = np.array([images.classes[label] == NORMAL for label in images.labels], bool)
    return attach_masks(images, masks, good, storage)
