"""The files of a pixel cache: sealed records and the array of pixels; whatever lies there, it is ours or damaged."""

import hashlib
import io
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kogen.common.files import check_regular_file, write_atomically
from kogen.common.locks import hold_lock
from kogen.common.system import reserve_space
from kogen.common.tables import read_arrow, write_arrow
from kogen.data.pixel_format import PixelFormat

TEXTS = ("source", "mode", "id", "reason")  # columns of records that hold text
FLOATS = ("low", "high")  # columns of records that hold floats; the others are whole numbers
PARTIAL = re.compile(r"[0-9a-f]{24}\.partial")  # name of a folder in which a cache is built
WEEK = 7 * 24 * 3600.0  # seconds after which one that nobody is at work on is given up
Columns = dict[str, np.ndarray]  # one column, (N,), by name: int64, float64, or object for text


class DamagedCache(Exception):
    """What lies in a cache is not what was written there; the message says what it is."""


def write_record(path: Path, columns: Mapping[str, np.ndarray], identity: str) -> None:
    """Write columns with a seal that says what they are of."""
    if path.is_symlink() or path.is_dir():
        remove_path(path)
    seal = np.full(len(next(iter(columns.values()))), seal_columns(columns, identity), object)
    table = pa.table({**columns, "seal": seal}, schema=record_schema(columns))
    write_arrow(path, table, lasting=False)


def read_record(path: Path, names: list[str], rows: int, identity: str) -> Columns:
    """Read columns as they were written. DamagedCache for anything else."""
    if path.is_symlink():
        raise DamagedCache(f"{path.name} is a link")
    try:
        table = read_arrow(path)
    except ValueError as error:
        raise DamagedCache(str(error)) from error
    if not table.schema.equals(record_schema(names)) or table.num_rows != rows:
        raise DamagedCache(f"{path.name} has other columns or rows than were written")
    if any(column.null_count for column in table.columns):
        raise DamagedCache(f"{path.name} has empty cells")
    columns = {name: table[name].to_numpy().astype(column_type(name)) for name in names}
    if set(table["seal"].unique().to_pylist()) - {seal_columns(columns, identity)}:
        raise DamagedCache(f"{path.name} is not what was written")
    return columns


def record_schema(names: Iterable[str]) -> Any:
    """The columns of a record, and their seal."""
    kinds = {object: pa.string(), np.int64: pa.int64(), np.float64: pa.float64()}
    return pa.schema([*((name, kinds[column_type(name)]) for name in names), ("seal", pa.string())])


def column_type(name: str) -> type:
    """What a column of a record holds: object (text), np.float64 or np.int64."""
    return object if name in TEXTS else np.float64 if name in FLOATS else np.int64


def seal_columns(columns: Mapping[str, np.ndarray], identity: str) -> str:
    """Hash of columns and of what they are of."""
    digest = hashlib.blake2b(identity.encode(), digest_size=12)
    for name, column in columns.items():
        numbers = "<f8" if name in FLOATS else "<i8"
        data = "\0".join(column).encode() if name in TEXTS else column.astype(numbers).tobytes()
        digest.update(f"{name} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()


def open_store(path: Path, count: int, pixel_format: PixelFormat, mode: str) -> np.memmap:
    """The array of pixels (N, C, H, W), mapped to be read ("r") or written ("r+"). DamagedCache for another file."""
    head = store_header(count, pixel_format)
    shape, wanted = (count, *pixel_format[:3]), len(head) + count * pixel_format.bytes_per_image
    try:
        check_regular_file(path)
        held = path.stat().st_size
        with path.open("rb") as file:
            same = file.read(len(head)) == head
    except (OSError, ValueError) as error:
        raise DamagedCache(str(error)) from error
    if path.is_symlink() or held != wanted or not same:
        raise DamagedCache(f"{path.name} has {held:,} bytes, wanted {wanted:,} and the head of {pixel_format}")
    return np.memmap(path, pixel_format.dtype, mode, len(head), shape)  # type: ignore[call-overload]


def make_store(path: Path, count: int, pixel_format: PixelFormat) -> None:
    """Make the array of pixels, all its space reserved. OSError where the disk is full."""
    head = store_header(count, pixel_format)

    def make(place: Path) -> None:
        reserve_space(place, len(head) + count * pixel_format.bytes_per_image)
        with place.open("r+b") as file:
            file.write(head)

    write_atomically(path, make, lasting=False)


def store_header(count: int, pixel_format: PixelFormat) -> bytes:
    """The head of an .npy file of these pixels."""
    head = io.BytesIO()
    kind = {"descr": pixel_format.dtype.str, "fortran_order": False, "shape": (count, *pixel_format[:3])}
    np.lib.format.write_array_header_1_0(head, kind)
    return head.getvalue()


def make_folder(path: Path) -> None:
    """Make a folder, in the place of a file or link that has its name."""
    if path.is_symlink() or not path.is_dir():
        remove_path(path)
    path.mkdir(parents=True, exist_ok=True)


def remove_path(path: Path) -> None:
    """Delete a file, a link (not what it leads to) or a folder, if there is one."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def sweep_partial(folder: Path) -> None:
    """Delete the begun caches in a folder that nobody has worked on for a week."""
    for partial in sorted(folder.glob("*.partial")):
        if not PARTIAL.fullmatch(partial.name) or partial.is_symlink() or not partial.is_dir():
            continue  # not ours
        try:
            newest = max(path.lstat().st_mtime for path in [partial, *partial.rglob("*")])
            if time.time() - newest > WEEK:
                with hold_lock(partial.with_suffix(".lock"), wait=False) as mine:
                    if mine:
                        remove_path(partial)
        except (OSError, ValueError):  # another user's
            continue
