"""Columns of a table of images: which is read as what, by its name, by its cells, or as the user says."""

import re
import unicodedata
from collections.abc import Collection

import numpy as np

from kogen.common.text import hint, join_names
from kogen.data.datasets._table_file import TableFile
from kogen.data.listing import IMAGE_ENDINGS
from kogen.data.split_names import TEST, TRAIN, WORDS, names_splits, says_splits, split_name

# What the columns may be called, in any case, spaces or hyphens for underscores; the first name is kogen's own.
COLUMNS = {
    "path": (
        *("path", "file_path", "filepath", "filename", "file_name", "file", "image", "image_path", "image_name"),
        *("image_file", "img", "img_path", "img_name", "パス", "ファイル", "ファイル名", "画像"),
    ),
    "label": ("label", "labels", "class", "class_name", "classname", "category", "target", "ラベル", "クラス"),
    "cluster": (
        *("cluster", "cluster_id", "group", "group_id", "lot", "lot_id", "lot_no", "lot_number", "batch", "batch_id"),
        *("wafer", "wafer_id", "board", "board_id", "patient", "patient_id", "subject", "subject_id"),
        *("video", "video_id"),
        *("ロット", "ロット番号", "患者"),
    ),
    "split": ("split", "subset", "partition", "分割"),
    "group": (
        *("group", "line", "line_id", "camera", "camera_id", "day", "station", "machine", "machine_id", "site"),
        *("ライン", "カメラ", "装置", "設備"),
    ),
}
NOTHING = "none"  # what --columns says of a role that no column has
YES, NO = frozenset(("1", "1.0", "true", "yes")), frozenset(("0", "0.0", "false", "no"))  # of a column is_valid


def choose_columns(file: TableFile, asked: str | None) -> tuple[dict[str, int], bool]:
    """Role to place of the columns that are read, and whether the first line holds names.

    As `asked` (`path=NAME,label=NAME`, or by number where the first line is a row); roles that are not asked for keep
    the column that is called so, or the split that which says who is held out. ValueError where that is not clear.
    """
    places, given, by_number = asked_columns(file, asked) if asked else ({}, set(), False)
    if not by_number:
        known = known_columns(file, given)
        places |= {role: place for role, place in known.items() if place not in places.values()}
        if "split" in {*places} - given and file.short_texts.get(file.names[places["split"]]) == {""}:
            del places["split"]  # an empty column says nothing, and must not hide one that does
        if "split" not in {*places, *given}:
            places |= unread_split(file, places)
    return {role: places[role] for role in COLUMNS if role in places}, not by_number


def known_columns(file: TableFile, asked: Collection[str]) -> dict[str, int]:
    """Role to place of the columns, by their names, but for the roles that are `asked` by the user.

    ValueError where the column of paths is missing, or two could be meant.
    """
    plain = [_plain(name) for name in file.names]
    places: dict[str, int] = {}
    for role, words in COLUMNS.items():
        if role in asked:
            continue
        found = [place for place, name in enumerate(plain) if name in words]
        if role == "cluster" and len(found) > 1:  # what is called group, beside another, says where errors gather
            found = [place for place in found if plain[place] != "group"] or found
        if role == "group":
            found = [place for place in found if plain[place] == "group"] or found[:1]
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


def asked_columns(file: TableFile, asked: str) -> tuple[dict[str, int], set[str], bool]:
    """Role to place of the columns as `asked`, the roles that it names, and whether it does so by number.

    ValueError for a role or a column that does not exist, and for numbers among names.
    """
    places: dict[str, int] = {}
    numbers, given = set[str](), set[str]()
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
    if numbers and len(numbers) < len(places):
        raise ValueError(f"--columns {asked}: give all columns by number (a table without names), or all by name")
    return places, given, bool(numbers)


def unread_split(file: TableFile, places: dict[str, int]) -> dict[str, int]:
    """The place of a column that says who is held out, by its cells or as yes and no (`is_valid`), {} for none.

    ValueError where columns seem to, and do not say how: their images would be trained on.
    """
    rest = {name: place for place, name in enumerate(file.names) if place not in places.values()}
    if not rest:
        return {}
    cells = {name: found for name, found in file.short_texts.items() if name in rest}
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


def one_hot(file: TableFile, names: list[str]) -> list[str]:
    """A sentence on columns (of these names) of 0 and 1 alone, which may be a class each."""
    cells = file.short_texts if len(names) > 1 else {}
    found = [name for name in file.names if name in names and cells.get(name, {""}) == {"0", "1"}]
    said = "if each is a class, write one column of labels"
    return [f"{join_names(found)} of {file.path} hold 0 and 1 alone: {said}"] if len(found) > 1 else []


def flags_to_splits(cells: np.ndarray, column: str) -> np.ndarray:
    """The splits that a column of yes and no means by its name, `is_valid`; other cells as they are."""
    meant, plain = split_name(column), {cell: cell.casefold() for cell in set(cells.tolist())}
    if meant not in WORDS or not set(plain.values()) <= YES | NO | {""}:
        return cells
    other = TEST if meant == TRAIN else TRAIN
    named = {cell: "" if not low else meant if low in YES else other for cell, low in plain.items()}
    return np.array([named[cell] for cell in cells.tolist()], object)


def _is_image(name: str) -> bool:
    """Whether a cell looks like the path of an image, and not like the name of a column."""
    return "." in name and name.rpartition(".")[2].lower() in IMAGE_ENDINGS


def _plain(name: str) -> str:
    """The name of a column without case, and with underscores for spaces and hyphens."""
    return re.sub(r"[\s.-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold()).strip("_")
