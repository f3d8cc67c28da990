"""What a pixel cache is made from: a listing of items, and the settings that every source shares."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from kogen.data.decode import MAX_PIXELS, ImageFacts


class Listing(Protocol):
    """A listing of what can be decoded; nothing is read until asked for."""

    def key(self) -> str:
        """Changes whenever anything listed changes."""
        ...

    def __len__(self) -> int: ...

    def source(self, item: int) -> str: ...

    def read_header(self, item: int, max_pixels: int) -> ImageFacts: ...

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, str]: ...


@dataclass(frozen=True)
class CacheSettings:
    """How pixels are stored: settings that every source shares."""

    stored_side: int = 256  # side of the square that images of many sizes, or large ones, are squeezed to
    cache: Path | None = None  # $KOGEN_CACHE, or $XDG_CACHE_HOME/kogen, or ~/.cache/kogen
    max_bad: float = 0.05  # share of unusable images above which it stops
    workers: int | None = None  # decoding threads; as many as there are cores
    on_demand: bool | None = None  # True: no cache, decode at every read; None: only where the disk is too small
    progress: bool = True
    max_pixels: int = MAX_PIXELS  # an image with more is a decompression bomb

    @property
    def cache_folder(self) -> Path:
        """The folder of all pixel caches."""
        chosen = self.cache or os.environ.get("KOGEN_CACHE")
        return Path(chosen or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kogen")

    @property
    def thread_count(self) -> int:
        """Number of decoding threads, at least 1."""
        return max(1, self.workers or usable_cores())


def usable_cores() -> int:
    """Cores this process may use (systems without affinity: all there are)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
