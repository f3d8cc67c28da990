"""Lance, the format of packed sets: its package where it is installed, and what it says when something is wrong."""

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kogen.common.files import describe

ENDING = ".lance"
STORES = ("s3", "gs", "az")  # what Lance reads beside this machine's disks, with the keys of its environment
VERSIONS, MANIFEST = "_versions", ".manifest"  # the folder and the files by which a Lance data set is known
REPACK = "pack the images again, kogen pack SOURCE --out NAME.lance"
_STORE = re.compile(rf"({'|'.join(STORES)}):/+(.+)")


def import_lance() -> Any:
    """The package lance. ValueError where it is not installed."""
    try:
        return importlib.import_module("lance")
    except ImportError as error:
        raise ValueError("packed sets want the package lance: pip install 'kogen[lance]'") from error


def lance_place(text: str) -> str:
    """A path, or an address in a store as it is meant: `s3:/a/b`, which is what a Path makes of it, is `s3://a/b`."""
    found = _STORE.fullmatch(text)
    return f"{found[1]}://{found[2]}" if found else text


def in_store(text: str) -> bool:
    """Whether a text is an address in a store, and no path."""
    return _STORE.fullmatch(text) is not None


def is_lance(text: str) -> bool:
    """Whether a source is a Lance data set: an address in a store, or a folder that is called or built like one."""
    if in_store(text):
        return True
    if not os.path.isdir(text):
        return False
    versions = os.path.join(text, VERSIONS)
    if os.path.isdir(versions):
        return any(name.endswith(MANIFEST) for name in os.listdir(versions)) or text.rstrip("/").endswith(ENDING)
    return text.rstrip("/").endswith(ENDING)


@contextmanager
def explain_lance(place: str) -> Iterator[None]:
    """Whatever Lance says of a data set, as a ValueError that names it; a panic of its own too."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # damaged bytes raise errors of any kind
        raise ValueError(f"{place} cannot be read ({first_sentence(error)}): {REPACK}") from error


def first_sentence(error: BaseException) -> str:
    """What an error of Lance says, without the places in its own code."""
    return re.split(r", /\S+\.rs|\n", describe(error))[0][:300]


def open_dataset(place: str, version: int | None = None) -> Any:
    """A Lance data set, its newest version or the one that is asked for.

    ValueError where there is none, and where its rows lie in files outside of it.
    """
    lance = import_lance()
    with explain_lance(place):
        dataset = lance.dataset(place, version=version)
        for fragment in dataset.get_fragments():
            for file in fragment.metadata.files:
                if getattr(file, "base_id", None) is not None or not re.fullmatch(r"[\w-]+\.lance", file.path):
                    raise ValueError(f"its rows lie in {file.path[:100]!r}, outside of it")
    return dataset
