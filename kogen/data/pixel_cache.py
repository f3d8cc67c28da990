"""Pixel cache: a listing decoded once, in parallel, to a mapped array beside a manifest; resumable, locked, atomic."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.files import write_atomically
from kogen.common.progress import progress_bar
from kogen.data.cache_settings import CacheSettings, Listing
from kogen.data.decode import UnreadableImage, content_id, image_facts
from kogen.data.lazy_pixels import LazyPixels
from kogen.data.pixel_format import FACTS, PixelFormat, choose_format, to_format

CACHE_VERSION = 1  # of what a cache holds; another number makes every older cache unknown
CHUNK_BYTES = 64 << 20  # pixels decoded between two records of progress: what a kill can cost
CHUNK_IMAGES = 4096
FactColumns = dict[str, np.ndarray]  # one column, (N,), for each name in FACTS
MAX_DISK_SHARE = 0.8  # of the free disk that a cache may fill; above it images are decoded on demand


@dataclass(frozen=True)
class CachedPixels:
    """What a cache holds; row i of pixels and manifest is item i of the listing."""

    pixels: Any  # (N, C, H, W) uint8 or uint16; rows of unusable items hold nothing
    manifest: pd.DataFrame  # source, id, width, height, channels, depth, mode, position (-1: unusable), reason


def load_or_build(items: Listing, cache_settings: CacheSettings) -> CachedPixels:
    """The pixels and the manifest of a listing, decoded now or read from the cache.

    Raises ValueError where more than `max_bad` of the items cannot be used, with the list and the reasons, where none
    can, and where the cache cannot be written or the disk is too small for `on_demand=False`.
    """
    settings = f"{CACHE_VERSION} {cache_settings.stored_side} {cache_settings.max_pixels} {items.key()}"
    stored = cache_settings.cache_folder / hashlib.blake2b(settings.encode(), digest_size=12).hexdigest()
    demanded = stored.with_name(stored.name + "-on-demand")
    places = {True: [demanded], False: [stored], None: [stored, demanded]}[cache_settings.on_demand]
    place = next((place for place in places if (place / "manifest.parquet").exists()), None)
    if place is None:
        try:
            cache_settings.cache_folder.mkdir(parents=True, exist_ok=True)
            with _hold_lock(stored.with_suffix(".lock"), cache_settings.progress):
                place = next((place for place in places if (place / "manifest.parquet").exists()), None)
                place = place or _build_cache(items, cache_settings, stored, demanded)
        except PermissionError as error:
            raise ValueError(
                f"cannot write to the cache {cache_settings.cache_folder}: {error}; "
                "give another with cache= or KOGEN_CACHE"
            ) from error
    manifest = pd.read_parquet(place / "manifest.parquet")
    pixel_format = _check_bad_share(manifest, cache_settings)
    if place == demanded:
        return CachedPixels(LazyPixels(items, pixel_format, cache_settings), manifest)
    return CachedPixels(np.load(place / "pixels.npy", mmap_mode="r", allow_pickle=False), manifest)


def _check_bad_share(manifest: pd.DataFrame, storage: CacheSettings) -> PixelFormat:
    """The pixel format of a finished cache; ValueError where too much of it is unusable."""
    bad = manifest[manifest["position"] < 0]
    pixel_format, _ = choose_format(_fact_columns(manifest), storage.stored_side)
    if len(bad) > storage.max_bad * len(manifest) or pixel_format is None:
        pairs = zip(bad["source"][:10], bad["reason"][:10], strict=True)
        shown = "".join(f"\n  {source}: {reason}" for source, reason in pairs)
        more = f"\n  ... and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise ValueError(
            f"{len(bad)} of {len(manifest)} images cannot be used, at most {100 * storage.max_bad:.3g} % may be "
            f"(--max-bad):{shown}{more}\nrepair or remove them, or allow more with --max-bad"
        )
    return pixel_format


def _build_cache(items: Listing, storage: CacheSettings, stored: Path, demanded: Path) -> Path:
    """Read headers, choose a format, decode; choose again where decoding shows that headers were wrong about it."""
    partial = stored.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    known = partial / "facts.parquet"
    if known.exists():
        facts = _fact_columns(pd.read_parquet(known))
    else:
        facts = _read_headers(items, storage, partial)
        write_atomically(known, pd.DataFrame(facts).to_parquet)
    while True:
        pixel_format, _ = choose_format(facts, storage.stored_side)
        on_demand = storage.on_demand or not _fits_disk(pixel_format, len(items), storage, partial)
        target = demanded if on_demand else stored
        work = partial / f"{pixel_format}{'-on-demand' if on_demand else ''}"
        work.mkdir(exist_ok=True)
        facts = _decode_all(items, storage, work, facts, pixel_format, on_demand)
        found, reasons = choose_format(facts, storage.stored_side)
        if found == pixel_format:
            break
        write_atomically(known, pd.DataFrame(facts).to_parquet)
        shutil.rmtree(work)
    manifest = pd.DataFrame({"source": [items.source(item) for item in range(len(items))], **facts, "reason": reasons})
    manifest["position"] = np.where(reasons == "", np.arange(len(items)), -1)
    write_atomically(work / "manifest.parquet", manifest.to_parquet)
    os.rename(work, target)  # from here on it is finished for everyone
    for left in target.iterdir():  # records of chunks, and what a kill left half written
        if left.name not in ("manifest.parquet", "pixels.npy"):
            left.unlink()
    shutil.rmtree(partial)
    return target


def _fits_disk(pixel_format: PixelFormat | None, count: int, storage: CacheSettings, partial: Path) -> bool:
    """Whether the pixels fit the disk; ValueError where they do not and decoding on demand is ruled out."""
    needed = count * pixel_format.bytes_per_image if pixel_format else 0
    begun = sum(file.stat().st_blocks * 512 for file in partial.glob("*/pixels.npy"))
    free = shutil.disk_usage(storage.cache_folder).free + begun
    if needed > MAX_DISK_SHARE * free and storage.on_demand is False:
        raise ValueError(
            f"the pixels take {needed / 1e9:.1f} GB and {storage.cache_folder} has {free / 1e9:.1f} GB free: "
            "use a smaller store=, another cache=, or on_demand=True"
        )
    return needed <= MAX_DISK_SHARE * free


def _read_headers(items: Listing, storage: CacheSettings, folder: Path) -> FactColumns:
    """What every header claims."""

    def one(item: int) -> tuple[Any, ...]:
        try:
            return (*items.read_header(item, storage.max_pixels), "", "")
        except UnreadableImage as error:
            return (0, 0, 0, 0, "", "", str(error))

    chunks = _run_chunks(one, len(items), CHUNK_IMAGES, folder, storage, "reading headers")
    facts = _fact_columns(pd.concat([frame for _, frame in chunks], ignore_index=True))
    for record in folder.glob("chunk-*"):
        record.unlink()
    return facts


def _decode_all(
    items: Listing, storage: CacheSettings, work: Path, facts: FactColumns, wanted: PixelFormat | None, on_demand: bool
) -> FactColumns:
    """The facts as decoding finds them, the pixels written on the way; ends early once they need another format."""
    if wanted is None:
        return facts
    pixels = None if on_demand else _open_pixel_map(work / "pixels.npy", len(items), wanted)
    skipped = choose_format(facts, storage.stored_side)[1] != ""  # (N,)
    claims = list(zip(*(facts[name].tolist() for name in FACTS), strict=True))

    def one(item: int) -> tuple[Any, ...]:
        if skipped[item]:
            return claims[item]
        try:
            array, mode = items.decode(item, storage.max_pixels)
            if pixels is not None and (row := to_format(array, wanted)) is not None:
                pixels[item] = row
            return (*image_facts(array, mode), content_id(array), "")
        except UnreadableImage as error:
            return (*claims[item][:-2], "", str(error))

    size = max(16, min(CHUNK_IMAGES, CHUNK_BYTES // wanted.bytes_per_image))
    facts = {name: column.copy() for name, column in facts.items()}
    for start, frame in _run_chunks(one, len(items), size, work, storage, "decoding images", pixels):
        for name, column in _fact_columns(frame).items():
            facts[name][start : start + len(frame)] = column
        if choose_format(facts, storage.stored_side)[0] != wanted:
            break
    return facts


def _fact_columns(frame: pd.DataFrame) -> FactColumns:
    """The columns of FACTS as arrays: numbers int64, text object."""
    return {name: frame[name].to_numpy(np.int64 if name in FACTS[:4] else object, copy=True) for name in FACTS}


def _open_pixel_map(path: Path, count: int, pixel_format: PixelFormat) -> np.memmap:
    """The array on disk, made with all its space reserved if it is not there yet."""
    if not path.exists():

        def make(place: Path) -> None:
            np.lib.format.open_memmap(place, "w+", pixel_format.dtype, (count, *pixel_format[:3])).flush()
            with open(place, "r+b") as file:  # a full disk is an error here, a crash while writing to the map
                if hasattr(os, "posix_fallocate"):  # not on macOS
                    os.posix_fallocate(file.fileno(), 0, place.stat().st_size)

        write_atomically(path, make)
    return np.lib.format.open_memmap(path, "r+")


def _run_chunks(
    work: Callable[[int], tuple[Any, ...]],
    count: int,
    size: int,
    folder: Path,
    storage: CacheSettings,
    title: str,
    pixels: np.memmap | None = None,
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Do `work` on every item by threads; each chunk is recorded once its pixels are flushed, and not done again."""
    bar = progress_bar(title, show=storage.progress, transient=True)
    with ThreadPoolExecutor(storage.thread_count) as pool, bar as report:
        for start in range(0, count, size):
            record = folder / f"chunk-{start:09d}.parquet"
            items = range(start, min(start + size, count))
            if record.exists():
                frame = pd.read_parquet(record)
                report(items.stop, count)
            else:
                rows = []
                for row in pool.map(work, items):
                    rows.append(row)
                    report(start + len(rows), count)
                frame = pd.DataFrame(rows, columns=FACTS)
                if pixels is not None:
                    pixels.flush()
                write_atomically(record, frame.to_parquet)
            yield start, frame


@contextmanager
def _hold_lock(path: Path, progress: bool) -> Iterator[None]:
    """Held by one process at a time; freed by the system however the process ends."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                print("another process is decoding this set; waiting for it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
