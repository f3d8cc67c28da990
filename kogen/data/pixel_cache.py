"""Pixel cache: a listing decoded once, in parallel, to checked pixels beside a manifest; resumable, locked, healing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.files import write_atomically
from kogen.common.locks import hold_lock
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.data import cache_files
from kogen.data.cache_build import MANIFEST, build_cache
from kogen.data.cache_files import Columns, DamagedCache, remove_path
from kogen.data.cache_settings import CacheRequest, CacheSettings, Listing
from kogen.data.checked_pixels import CheckedPixels
from kogen.data.lazy_pixels import LazyPixels
from kogen.data.levels import Levels
from kogen.data.pixel_format import PixelFormat, choose_format
from kogen.data.set_notes import set_notes

MARK = "damaged"  # file in a cache one of whose rows was found damaged: the next start builds it anew


@dataclass(frozen=True)
class CachedPixels:
    """What a cache holds; row i of pixels and manifest is item i of the listing."""

    pixels: Any  # (N, C, H, W) uint8 or uint16; rows of unusable items hold nothing
    manifest: (
        pd.DataFrame
    )  # source, id, ImageFacts, low, high (least and greatest value), position (-1: unusable), reason, checksum
    levels: Levels | None  # of 16-bit and float images: the values that are 0 and 65535 in `pixels`
    notes: tuple[str, ...]  # what a person must know of how they were read


def load_or_build(items: Listing, cache_settings: CacheSettings) -> CachedPixels:
    """The pixels and the manifest of a listing, decoded now or read from the cache; a damaged cache is built anew.

    Raises ValueError where more than `max_bad` of the items cannot be used, with the list and the reasons, where none
    can, and where the cache cannot be written or the disk is too small for `on_demand=False`.
    """
    request = CacheRequest(items, cache_settings)
    with explain_disk_errors(cache_settings.cache_folder):
        found = _open_finished(request)
        if found is None:
            busy = "another process is decoding this set; waiting for it" if cache_settings.progress else ""
            with hold_lock(request.place(".lock"), busy=busy):
                found = _open_finished(request, remove_damaged=True)
                found = found or _open_cache(build_cache(request), request)
        elif request.place(".partial").exists():  # who built it was killed before it could tidy up
            with hold_lock(request.place(".lock"), wait=False) as mine:
                if mine:
                    remove_path(request.place(".partial"))
    return found


@contextmanager
def explain_disk_errors(folder: Path) -> Iterator[None]:
    """What a disk says that cannot be written, with what to do."""
    try:
        yield
    except (OSError, DamagedCache) as error:  # damaged: it was written just now
        raise ValueError(
            f"cannot write to the cache {folder}: {error}; give another with cache= or KOGEN_CACHE"
        ) from error


def _open_finished(request: CacheRequest, *, remove_damaged: bool = False) -> CachedPixels | None:
    """A cache that is there and whole; a damaged one is none, and is deleted if asked to, under its lock."""
    for place in request.places:
        if not os.path.lexists(place):
            continue
        try:
            return _open_cache(place, request)
        except DamagedCache as damage:
            if remove_damaged:
                say(Caution(f"the pixel cache of this set is damaged ({damage}) and is built anew"))
                remove_path(place)
    return None


def _open_cache(place: Path, request: CacheRequest) -> CachedPixels:
    """The pixels and the manifest of a finished cache. DamagedCache where it is not whole."""
    items, settings = request.items, request.settings
    if place.is_symlink() or os.path.lexists(place / MARK):
        raise DamagedCache("it is a link" if place.is_symlink() else "some of its pixels")
    columns = cache_files.read_record(place / "manifest.parquet", MANIFEST, len(items), request.key)
    pixel_format = _check_bad_share(columns, settings)
    lazy = LazyPixels(items, pixel_format, settings, columns["id"])
    manifest, levels = pd.DataFrame(columns), pixel_format.levels
    notes = set_notes(columns, levels, given=settings.levels is not None)
    if place != request.place():
        return CachedPixels(lazy, manifest, levels, notes)
    stored = np.asarray(cache_files.open_store(place / "pixels.npy", len(items), pixel_format, "r"))

    def mark_damage(row: int) -> None:
        what = f"the stored pixels of {items.source(row)} are damaged"
        say(Caution(f"{what}: they are decoded anew, and all of {place} at the next start"))
        with suppress(OSError, ValueError):  # it cannot be written to: the next start finds the damage itself
            write_atomically(place / MARK, lambda path: path.touch(), lasting=False)

    return CachedPixels(CheckedPixels(stored, columns["checksum"], lazy, mark_damage), manifest, levels, notes)


def _check_bad_share(facts: Columns, settings: CacheSettings) -> PixelFormat:
    """The pixel format of a finished cache; ValueError where too much of it is unusable."""
    bad, count = np.flatnonzero(facts["reason"] != ""), len(facts["reason"])
    pixel_format, _ = choose_format(facts, settings.stored_side, settings.levels)
    if len(bad) > settings.max_bad * count or pixel_format is None:
        shown = "".join(f"\n  {facts['source'][row]}: {facts['reason'][row]}" for row in bad[:10])
        more = f"\n  ... and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise ValueError(
            f"{len(bad)} of {count} images cannot be used, at most {100 * settings.max_bad:.3g} % may be "
            f"(--max-bad):{shown}{more}\nrepair or remove them, or allow more with --max-bad"
        )
    return pixel_format
