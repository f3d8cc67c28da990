"""What a pixel cache is made from: a listing of items, and the settings that every source shares."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from kogen.common.system import usable_cores
from kogen.data.extra_formats import installed_extras
from kogen.data.image_facts import MAX_PIXELS, ImageFacts
from kogen.data.levels import Levels

CACHE_VERSION = 3  # of what a cache holds; another number makes every older cache unknown


class Listing(Protocol):
    """A listing of what can be decoded; nothing is read until asked for."""

    def key(self) -> str:
        """Changes whenever anything listed changes."""
        ...

    def __len__(self) -> int: ...

    def source(self, item: int) -> str: ...

    def read_header(self, item: int, max_pixels: int) -> ImageFacts: ...

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]: ...


@dataclass(frozen=True)
class CacheSettings:
    """How pixels are stored: settings that every source shares."""

    stored_side: int = 256  # side of the square that images of many sizes, or large ones, are squeezed to
    cache: Path | None = None  # $KOGEN_CACHE, or $XDG_CACHE_HOME/kogen, or ~/.cache/kogen
    max_bad: float = 0.05  # share of unusable images above which it stops
    workers: int | None = None  # decoding threads; as many as there are cores
    on_demand: bool | None = None  # True: no cache, decode at every read; None: only where the disk is too small
    progress: bool = True
    levels: Levels | None = None  # of 16-bit and float images; None: found over the set
    max_pixels: int = MAX_PIXELS  # an image with more is a decompression bomb

    @property
    def cache_folder(self) -> Path:
        """The folder of all pixel caches. ValueError where none is given and there is no home."""
        if chosen := self.cache or os.environ.get("KOGEN_CACHE"):
            return Path(chosen)
        try:
            return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kogen"
        except RuntimeError as error:  # a container's user without a name
            raise ValueError("no home folder is known for the pixel cache: set KOGEN_CACHE to a folder") from error

    @property
    def thread_count(self) -> int:
        """Number of decoding threads, at least 1."""
        return max(1, self.workers or usable_cores())


@dataclass(frozen=True)
class CacheRequest:
    """A listing, how its pixels are to be stored, and where."""

    items: Listing
    settings: CacheSettings

    @cached_property
    def key(self) -> str:
        """Names everything that the pixels depend on."""
        levels = "" if self.settings.levels is None else repr(tuple(self.settings.levels))
        chosen = f"{CACHE_VERSION} {self.settings.stored_side} {self.settings.max_pixels} {self.items.key()} {levels}"
        chosen += f" {installed_extras()}"  # what cannot be read today can be once its library is installed
        return hashlib.blake2b(chosen.encode(), digest_size=12).hexdigest()

    def place(self, ending: str = "") -> Path:
        """A folder or file of this request."""
        return self.settings.cache_folder / f"{self.key}{ending}"

    @property
    def places(self) -> list[Path]:
        """Where a finished cache may be, the better one first."""
        stored, demanded = self.place(), self.place("-on-demand")
        return {True: [demanded], False: [stored], None: [stored, demanded]}[self.settings.on_demand]
