"""Data source `table`: a csv or parquet file of `path,label,cluster,split`, paths relative to the file."""

import os
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kogen.common.files import check_regular_file
from kogen.common.text import hint, join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._table_file import TableFile, open_table
from kogen.data.images import Images
from kogen.data.labels import clean_labels
from kogen.data.listing import IMAGE_ENDINGS, ImageFiles, file_stamp, stat_files
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import find_split, names_splits

__all__ = ["table"]

# What the columns may be called, in any case, spaces or hyphens for underscores; the first name is kogen's own.
COLUMNS = {
    "path": (
        *("path", "file_path", "filepath", "filename", "file_name", "file", "image", "image_path", "image_name"),
        *("image_file", "img", "img_path", "img_name", "パス", "ファイル", "ファイル名", "画像"),
    ),
    "label": ("label", "labels", "class", "class_name", "classname", "category", "target", "ラベル", "クラス"),
    "cluster": ("cluster", "group", "lot", "ロット"),
    "split": ("split", "subset", "partition", "分割"),
}
HOLDS_OUT = re.compile(r"(is_?)?(train|training|valid|val|validation|test)$")  # a column of yes and no


class TableRows(NamedTuple):
    """The rows of a table as text, (N,) object each, "" where nothing is written."""

    paths: np.ndarray
    labels: np.ndarray
    clusters: np.ndarray
    splits: np.ndarray
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
    rows = read_rows(path, columns, encoding)
    splits = rows.splits if (rows.splits != "").any() else None
    chosen = np.arange(len(rows.paths))
    if split is not None:
        chosen, splits = chosen_split(rows, split, path), None
    root = os.path.dirname(path) or "."
    refuse_twice(rows.paths[chosen].tolist(), path)
    files, notes = stat_files(root, rows.paths[chosen].tolist())
    refuse_twice(files.names, path)  # a.png and ./a.png
    labels, said = clean_labels(rows.labels[chosen], path)
    return Images.from_cache(
        load_or_build(ImageFiles(root, files), storage or CacheSettings()),
        labels,
        None,
        rows.clusters[chosen],
        name,
        splits=splits,
        notes=(*rows.notes, *notes, *said),
    )


def read_rows(path: str, columns: str | None = None, encoding: str | None = None) -> TableRows:
    """A table of images as text. ValueError where it cannot be read or has no rows or no column of paths."""
    check_regular_file(path)
    return _read_rows(path, columns, encoding, file_stamp(path))


@lru_cache(maxsize=2)  # a study asks for the same table for its pool, its splits and its output: minutes of parsing
def _read_rows(path: str, columns: str | None, encoding: str | None, stamp: tuple[str, ...]) -> TableRows:
    """The rows of a table whose file has this stamp; nobody changes them."""
    file = open_table(path, encoding)
    places, header = (asked_columns if columns else known_columns)(file, columns or "")
    if not columns and "split" not in places:
        refuse_unread_splits(file, places)
    read = dict(zip(places, file.read(list(places.values()), header=header), strict=True))
    count = len(read["path"])
    if not count:
        raise ValueError(f"{path} has no rows: each row names one image")
    if len(empty := np.flatnonzero(read["path"] == "")):
        raise ValueError(f"{path} has a row without a path, number {empty[0] + 1}")
    nothing = np.full(count, "", object)
    named = [f"{role} from {file.names[place]!r}" for role, place in places.items() if file.names[place] != role]
    notes = [*file.notes, *([f"read of {path}: {', '.join(named)}"] if named and header else [])]
    if "label" not in places:
        rest = join_names([name for place, name in enumerate(file.names) if place not in places.values()])
        notes.append(f"{path} has no column of labels{f' (it has {rest}: --columns label=NAME)' if rest else ''}")
    return TableRows(*(read.get(role, nothing) for role in COLUMNS), notes=tuple(notes))


def known_columns(file: TableFile, _: str) -> tuple[dict[str, int], bool]:
    """Role to place of the columns, by their names. ValueError where a name is missing, or two could be meant."""
    plain = [_plain(name) for name in file.names]
    places: dict[str, int] = {}
    for role, words in COLUMNS.items():
        found = [place for place, name in enumerate(plain) if name in words]
        own = [place for place in found if plain[place] == role]
        found = own if len(own) == 1 else found
        if len(found) > 1:
            both = [file.names[place] for place in found]
            cure = f"say which is the {role} with --columns {role}=NAME" if len(set(both)) > 1 else "rename one of them"
            raise ValueError(f"{file.path} has the columns {join_names(both)}: {cure}")
        if found:
            places[role] = found[0]
    if "path" in places:
        return places, True
    first = next((number for number, name in enumerate(file.names, 1) if _is_image(name)), None)
    if first is not None:
        other = f",label={2 if first == 1 else 1}" if len(file.names) > 1 else ""
        got = f"the first line of {file.path} names an image, {file.names[first - 1][:60]}, and no columns"
        raise ValueError(f"{got}: say which column is which by number, for instance --columns path={first}{other}")
    got = f"{file.path} has the columns {join_names(file.names)}; wanted path (and label, cluster, split)"
    raise ValueError(f"{got}: say which they are with --columns path=NAME,label=NAME")


def asked_columns(file: TableFile, asked: str) -> tuple[dict[str, int], bool]:
    """Role to place of the columns as `asked`, by name or by number, and whether the first line holds names."""
    places: dict[str, int] = {}
    numbers = set()
    for part in asked.split(","):
        role, equals, name = (word.strip() for word in part.partition("="))
        if not equals or role not in COLUMNS or not name:
            wanted = f"write ROLE=NAME with the roles {join_names(list(COLUMNS))}, and commas between"
            raise ValueError(f"--columns {asked}: {part!r} is wrong; {wanted}")
        if role in places:
            raise ValueError(f"--columns {asked}: {role} is given twice")
        same = [place for place, column in enumerate(file.names) if column == name]
        same = same or [place for place, column in enumerate(file.names) if _plain(column) == _plain(name)]
        if not same and name.isdecimal():
            if not 1 <= int(name) <= len(file.names):
                raise ValueError(f"--columns {asked}: {file.path} has {len(file.names)} columns, no number {name}")
            same = [int(name) - 1]
            numbers.add(role)
        if len(same) != 1:
            got = f"{file.path} has {'no' if not same else f'{len(same)} columns'} {name!r}"
            raise ValueError(f"--columns {asked}: {got}; {hint(name, file.names)}")
        places[role] = same[0]
    if "path" not in places:
        found = [place for place, name in enumerate(file.names) if _plain(name) in COLUMNS["path"]]
        if len(found) != 1 or numbers:
            raise ValueError(f"--columns {asked}: say which column holds the paths, path=NAME")
        places = {"path": found[0], **places}
    if numbers and len(numbers) < len(places):
        raise ValueError(f"--columns {asked}: give all columns by number (a table without names), or all by name")
    return {role: places[role] for role in COLUMNS if role in places}, not numbers


def refuse_unread_splits(file: TableFile, places: dict[str, int]) -> None:
    """ValueError where a column that is not read seems to say which rows are held out: they would be trained on."""
    rest = {name for place, name in enumerate(file.names) if place not in places.values()}
    odd = next((name for name in sorted(rest) if HOLDS_OUT.match(_plain(name))), None)
    words = file.short_texts() if rest and odd is None else {}
    odd = odd or next((name for name, cells in words.items() if name in rest and names_splits(cells)), None)
    if odd is not None:
        shown = ",".join(f"{role}={file.names[place]}" for role, place in places.items())
        raise ValueError(
            f"{file.path} has a column {odd!r} that seems to say which images are held out: call it 'split', with the "
            f"cells train and test, or choose the columns with --columns {shown},split={odd} (without split= all train)"
        )


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


def _is_image(name: str) -> bool:
    """Whether a cell looks like the path of an image, and not like the name of a column."""
    return "." in name and name.rpartition(".")[2].lower() in IMAGE_ENDINGS


def _plain(name: str) -> str:
    """The name of a column without case, and with underscores for spaces and hyphens."""
    return re.sub(r"[\s-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold())
