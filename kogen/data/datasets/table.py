"""Data source `table`: a csv or parquet file of `path,label,cluster,split`, paths relative to the file."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kogen.common.files import check_regular_file
from kogen.common.text import hint, join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._table_file import TableFile, open_table
from kogen.data.images import Images
from kogen.data.labels import clean_labels
from kogen.data.layout import count_words, find_splits, without_shared
from kogen.data.listing import IMAGE_ENDINGS, ImageFiles, file_stamp, stat_files
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import TEST, TRAIN, WORDS, find_split, names_splits, says_splits, split_name

__all__ = ["table"]

# What the columns may be called, in any case, spaces or hyphens for underscores; the first name is kogen's own.
COLUMNS = {
    "path": (
        *("path", "file_path", "filepath", "filename", "file_name", "file", "image", "image_path", "image_name"),
        *("image_file", "img", "img_path", "img_name", "パス", "ファイル", "ファイル名", "画像"),
    ),
    "label": ("label", "labels", "class", "class_name", "classname", "category", "target", "ラベル", "クラス"),
    "cluster": (
        *("cluster", "cluster_id", "group", "group_id", "lot", "lot_id", "lot_no", "lot_number", "batch", "batch_id"),
        *(
            "wafer",
            "wafer_id",
            "board",
            "board_id",
            "patient",
            "patient_id",
            "subject",
            "subject_id",
            "video",
            "video_id",
        ),
        *("ロット", "ロット番号", "患者"),
    ),
    "split": ("split", "subset", "partition", "分割"),
}
NOTHING = "none"  # what --columns says of a role that no column has
YES, NO = frozenset(("1", "1.0", "true", "yes")), frozenset(("0", "0.0", "false", "no"))  # of a column is_valid


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
    rows = with_split_folders(read_rows(path, columns, encoding))
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
    check_regular_file(path)
    return _read_rows(path, columns, encoding, file_stamp(path))


@lru_cache(maxsize=2)  # a study asks for the same table for its pool, its splits and its output: minutes of parsing
def _read_rows(path: str, columns: str | None, encoding: str | None, stamp: tuple[str, ...]) -> TableRows:
    """The rows of a table whose file has this stamp; nobody changes them."""
    file = open_table(path, encoding)
    places, header = asked_columns(file, columns) if columns else (known_columns(file), True)
    if header and "split" not in places and not re.search(r"\bsplit\s*=", columns or ""):
        places |= unread_split(file, places)
    read = dict(zip(places, file.read(list(places.values()), header=header), strict=True))
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
    if "label" not in places:
        notes.append(f"{path} has no column of labels{': say which with --columns label=NAME' if rest else ''}")
    return TableRows(*(read.get(role, nothing) for role in COLUMNS), notes=tuple(notes))


def known_columns(file: TableFile, asked: Collection[str] = ()) -> dict[str, int]:
    """Role to place of the columns, by their names, but for the roles that are `asked` by the user.

    ValueError where the column of paths is missing, or two could be meant.
    """
    plain = [_plain(name) for name in file.names]
    places: dict[str, int] = {}
    for role, words in COLUMNS.items():
        if role in asked:
            continue
        found = [place for place, name in enumerate(plain) if name in words]
        own = [place for place in found if plain[place] == role]
        found = own if len(own) == 1 else found
        if len(found) > 1:
            both = [file.names[place] for place in found]
            cure = f"say which is the {role} with --columns {role}=NAME" if len(set(both)) > 1 else "rename one of them"
            raise ValueError(f"{file.path} has the columns {join_names(both)}: {cure}")
        if found:
            places[role] = found[0]
    if "path" in places or "path" in asked:
        return places
    first = next((number for number, name in enumerate(file.names, 1) if _is_image(name)), None)
    if first is not None:
        other = f",label={2 if first == 1 else 1}" if len(file.names) > 1 else ""
        got = f"the first line of {file.path} names an image, {file.names[first - 1][:60]}, and no columns"
        raise ValueError(f"{got}: say which column is which by number, for instance --columns path={first}{other}")
    got = f"{file.path} has the columns {join_names(file.names)}; wanted path (and label, cluster, split)"
    raise ValueError(f"{got}: say which they are with --columns path=NAME,label=NAME")


def asked_columns(file: TableFile, asked: str) -> tuple[dict[str, int], bool]:
    """Role to place of the columns as `asked`, by name or by number, and whether the first line holds names.

    Roles that are not asked for keep the column that is called so, if the first line holds names.
    """
    places: dict[str, int] = {}
    numbers, given = set(), set()
    for part in asked.split(","):
        role, equals, name = (word.strip() for word in part.partition("="))
        if not equals or role not in COLUMNS or not name:
            wanted = f"write ROLE=NAME with the roles {join_names(list(COLUMNS))}, and commas between"
            raise ValueError(f"--columns {asked}: {part!r} is wrong; {wanted}")
        if role in given:
            raise ValueError(f"--columns {asked}: {role} is given twice")
        given.add(role)
        if name == NOTHING and NOTHING not in file.names:
            continue
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
    if "path" not in places and numbers:
        raise ValueError(f"--columns {asked}: say which column holds the paths, path=NUMBER")
    if not numbers:
        free = {role: place for role, place in known_columns(file, given).items() if place not in places.values()}
        places |= free
    if numbers and len(numbers) < len(places):
        raise ValueError(f"--columns {asked}: give all columns by number (a table without names), or all by name")
    return {role: places[role] for role in COLUMNS if role in places}, not numbers


def unread_split(file: TableFile, places: dict[str, int]) -> dict[str, int]:
    """The place of a column that says who is held out, by its cells or as yes and no (`is_valid`), {} for none.

    ValueError where columns seem to, and do not say how: their images would be trained on.
    """
    rest = {name: place for place, name in enumerate(file.names) if place not in places.values()}
    if not rest:
        return {}
    cells = {name: found for name, found in file.short_texts().items() if name in rest}
    named = [name for name in rest if split_name(name) in WORDS]
    flags = [name for name in named if {cell.casefold() for cell in cells.get(name, {""})} <= YES | NO]
    said = [name for name, found in cells.items() if names_splits(found)]
    if len(clear := {*said, *flags}) == 1 and clear >= set(named):
        return {"split": rest[clear.pop()]}
    odd = next((name for name, found in cells.items() if says_splits(found - {""})), None)
    odd = next(iter([*said, *named]), odd)
    if odd is None:
        return {}
    raise ValueError(
        f"{file.path} has a column {odd!r} that seems to say which images are held out: write the cells train and test "
        f"and say --columns split={odd}, or train on all with --columns split={NOTHING}"
    )


def flags_to_splits(cells: np.ndarray, column: str) -> np.ndarray:
    """The splits that a column of yes and no means by its name, `is_valid`; other cells as they are."""
    meant, plain = split_name(column), {cell: cell.casefold() for cell in set(cells.tolist())}
    if meant not in WORDS or not set(plain.values()) <= YES | NO | {""}:
        return cells
    other = TEST if meant == TRAIN else TRAIN
    named = {cell: "" if not low else meant if low in YES else other for cell, low in plain.items()}
    return np.array([named[cell] for cell in cells.tolist()], object)


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
    return re.sub(r"[\s.-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold()).strip("_")
