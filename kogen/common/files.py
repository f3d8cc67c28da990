"""Files: writing that is atomic and lasts, records that notice damage, reading that never waits or floods memory."""

import hashlib
import json
import os
import platform
import secrets
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.system import NO_LINK, process_lives, sync_file, sync_folder

TEMPORARY = ".tmp"  # ending of a file that is being written
MAX_JSON, MAX_TOML = 1 << 30, 1 << 20  # bytes of a file that is read whole
REMAKE = "delete it and run the command again that wrote it"


def write_atomically(path: Path, write: Callable[[Path], Any], *, lasting: bool = True) -> None:
    """Call `write` with a temporary path beside `path`, then move it into place: readers see old or new.

    `lasting`: it is on the disk, through a loss of power too, before this returns. ValueError where `path` is a link.
    """
    refuse_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name[:100]}.{writer}{TEMPORARY}")
    try:
        # Made here, so that nothing else can stand at its place and the user's umask decides who may read it.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, 0o666))
        mode = temporary.stat().st_mode
        write(temporary)
        os.chmod(temporary, mode)  # safetensors puts a file of its own there
        if lasting:
            sync_file(temporary)
        os.replace(temporary, path)
        if lasting:
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sweep_temporary(folder: Path) -> None:
    """Delete what processes of this machine that are gone left half written in a folder."""
    for left in folder.glob(f".*{TEMPORARY}"):
        writer, _, number = left.name.removesuffix(TEMPORARY).rpartition("-")[0].rpartition("-")
        if writer.endswith(f".{platform.node()}") and number.isdecimal() and not process_lives(int(number)):
            left.unlink(missing_ok=True)


def refuse_link(path: Path) -> None:
    """ValueError where a path is a symbolic link: what is written there would land somewhere else."""
    if path.is_symlink():
        raise ValueError(f"{path} is a link to {os.readlink(path)}, and nothing is written through links: name that")


def check_regular_file(path: str | Path, most: int | None = None) -> None:
    """ValueError unless `path` is, links followed, a file with content of its own and of at most `most` bytes.

    A pipe or a device would be waited for without end.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise ValueError(f"{path} is {kind}, wanted a file: save it as one first")
    if most is not None and status.st_size > most:
        raise ValueError(f"{path} has {status.st_size:,} bytes, at most {most:,} are read: give a smaller file")


def write_json(path: Path, data: Any) -> None:
    """Write JSON, sorted and atomically."""
    text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    # A name that is not UTF-8 has lone surrogates: as an escape they are JSON that every reader takes.
    write_atomically(path, lambda place: place.write_text(text, encoding="utf-8", errors="backslashreplace"))


def read_json(path: Path, cure: str = REMAKE) -> Any:
    """Read JSON. ValueError says which file is absent or broken, and the `cure`."""
    check_regular_file(path, MAX_JSON)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot read {path}: {describe(error)}; {cure}") from error


def write_sealed_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON record with a checksum of its content."""
    write_json(path, data | {"checksum": json_digest(data)})


def read_sealed_json(path: Path, cure: str = REMAKE) -> dict[str, Any]:
    """Read what `write_sealed_json` wrote; ValueError where it was changed since. Older versions wrote no sum."""
    data = read_json(path, cure)
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds a {type(data).__name__}, wanted the names and values that kogen wrote; {cure}")
    checksum = data.pop("checksum", None)
    if checksum is not None and checksum != json_digest(data):
        raise ValueError(f"{path} is damaged or was edited (its checksum does not fit its content); {cure}")
    return data


def json_digest(data: Any) -> str:
    """blake2b of the canonical JSON of `data`, hex."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()


def read_toml(path: Path) -> dict[str, Any]:
    """Read a toml file. ValueError says which file is absent or broken."""
    check_regular_file(path, MAX_TOML)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot read {path}: {describe(error)}") from error


@contextmanager
def explain_unreadable(title: str, cure: str) -> Iterator[None]:
    """Whatever goes wrong inside is a ValueError about a file, `title`: mangled bytes raise errors of any kind."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"cannot read {title}: {describe(error)[:500]}; {cure}") from error


def describe(error: BaseException) -> str:
    """What an error says, and its kind where it says nothing."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    return str(error) or type(error).__name__


def jsonable(value: Any) -> Any:
    """The value with plain Python numbers, and None for what is missing (NaN, NaT, NA)."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value is pd.NA or value != value else value
