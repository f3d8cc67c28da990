"""The store: a listing decoded once, in parallel, into a mapped array beside a manifest; resumable, locked, atomic."""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from kogen.common.files import atomically
from kogen.data.cache_settings import Items, Storage
from kogen.data.decode import Unreadable, content_id, facts_of
from kogen.data.lazy_pixels import OnDemand
from kogen.data.pixel_format import FACTS, Layout, fit, plan

VERSION = 1  # of what a store holds; raising it makes every older store unknown
CHUNK_BYTES = 64 << 20  # pixels decoded between two records of progress: what a kill can cost
CHUNK_IMAGES = 4096
Table = dict[str, np.ndarray]  # one column, (N,), for each name in FACTS
ROOM = 0.8  # share of the free disk a store may fill before images are decoded on demand


@dataclass(frozen=True)
class Kept:
    """What a store holds; row i of pixels and manifest is item i of the listing."""

    pixels: Any  # (N, C, H, W) uint8 or uint16; rows of unusable items hold nothing
    manifest: pd.DataFrame  # source, id, width, height, channels, depth, mode, position (-1: unusable), reason


def keep(items: Items, storage: Storage) -> Kept:
    """The pixels and the manifest of a listing, decoded now or found from an earlier time.

    Raises ValueError where more than `max_bad` of the items cannot be used, with the list and the reasons, where none
    can, and where the cache cannot be written or the disk is too small for `on_demand=False`.
    """
    settings = f"{VERSION} {storage.store} {storage.max_pixels} {items.key()}"
    stored = storage.home / hashlib.blake2b(settings.encode(), digest_size=12).hexdigest()
    demanded = stored.with_name(stored.name + "-on-demand")
    places = {True: [demanded], False: [stored], None: [stored, demanded]}[storage.on_demand]
    place = next((place for place in places if (place / "manifest.parquet").exists()), None)
    if place is None:
        try:
            storage.home.mkdir(parents=True, exist_ok=True)
            with _locked(stored.with_suffix(".lock"), storage.progress):
                place = next((place for place in places if (place / "manifest.parquet").exists()), None)
                place = place or _build(items, storage, stored, demanded)
        except PermissionError as error:
            raise ValueError(
                f"cannot write to the cache {storage.home}: {error}; give another with cache= or KOGEN_CACHE"
            ) from error
    manifest = pd.read_parquet(place / "manifest.parquet")
    layout = _tolerable(manifest, storage)
    if place == demanded:
        return Kept(OnDemand(items, layout, storage), manifest)
    return Kept(np.load(place / "pixels.npy", mmap_mode="r", allow_pickle=False), manifest)


def _tolerable(manifest: pd.DataFrame, storage: Storage) -> Layout:
    """The layout of a finished store; ValueError where too much of it is unusable."""
    bad = manifest[manifest["position"] < 0]
    layout, _ = plan(_columns(manifest), storage.store)
    if len(bad) > storage.max_bad * len(manifest) or layout is None:
        pairs = zip(bad["source"][:10], bad["reason"][:10], strict=True)
        shown = "".join(f"\n  {source}: {reason}" for source, reason in pairs)
        more = f"\n  ... and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise ValueError(
            f"{len(bad)} of {len(manifest)} images cannot be used, at most {100 * storage.max_bad:.3g} % may be "
            f"(--max-bad):{shown}{more}\nrepair or remove them, or allow more with --max-bad"
        )
    return layout


def _build(items: Items, storage: Storage, stored: Path, demanded: Path) -> Path:
    """Look at every header, plan, decode; where decoding shows that a header lied about what matters, plan again."""
    partial = stored.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    known = partial / "facts.parquet"
    if known.exists():
        facts = _columns(pd.read_parquet(known))
    else:
        facts = _looked(items, storage, partial)
        atomically(known, pd.DataFrame(facts).to_parquet)
    while True:
        layout, _ = plan(facts, storage.store)
        on_demand = storage.on_demand or not _fits_disk(layout, len(items), storage, partial)
        target = demanded if on_demand else stored
        work = partial / f"{layout}{'-on-demand' if on_demand else ''}"
        work.mkdir(exist_ok=True)
        facts = _decoded(items, storage, work, facts, layout, on_demand)
        found, reasons = plan(facts, storage.store)
        if found == layout:
            break
        atomically(known, pd.DataFrame(facts).to_parquet)
        shutil.rmtree(work)
    manifest = pd.DataFrame({"source": [items.source(item) for item in range(len(items))], **facts, "reason": reasons})
    manifest["position"] = np.where(reasons == "", np.arange(len(items)), -1)
    atomically(work / "manifest.parquet", manifest.to_parquet)
    os.rename(work, target)  # from here on it is finished for everyone
    for left in target.iterdir():  # records of chunks, and what a kill left half written
        if left.name not in ("manifest.parquet", "pixels.npy"):
            left.unlink()
    shutil.rmtree(partial)
    return target


def _fits_disk(layout: Layout | None, count: int, storage: Storage, partial: Path) -> bool:
    """Whether the pixels fit the disk; ValueError where they do not and decoding on demand is ruled out."""
    needed = count * layout.bytes if layout else 0
    begun = sum(file.stat().st_blocks * 512 for file in partial.glob("*/pixels.npy"))
    free = shutil.disk_usage(storage.home).free + begun
    if needed > ROOM * free and storage.on_demand is False:
        raise ValueError(
            f"the pixels take {needed / 1e9:.1f} GB and {storage.home} has {free / 1e9:.1f} GB free: "
            "use a smaller store=, another cache=, or on_demand=True"
        )
    return needed <= ROOM * free


def _looked(items: Items, storage: Storage, folder: Path) -> Table:
    """What every header claims."""

    def one(item: int) -> tuple:
        try:
            return (*items.look(item, storage.max_pixels), "", "")
        except Unreadable as error:
            return (0, 0, 0, 0, "", "", str(error))

    chunks = _chunks(one, len(items), CHUNK_IMAGES, folder, storage, "looking at headers")
    facts = _columns(pd.concat([frame for _, frame in chunks], ignore_index=True))
    for record in folder.glob("chunk-*"):
        record.unlink()
    return facts


def _decoded(
    items: Items, storage: Storage, folder: Path, facts: Table, layout: Layout | None, on_demand: bool
) -> Table:
    """The facts as decoding finds them, the pixels written on the way; ends early once they ask for another layout."""
    if layout is None:
        return facts
    pixels = None if on_demand else _map(folder / "pixels.npy", len(items), layout)
    skipped = plan(facts, storage.store)[1] != ""  # (N,)
    claims = list(zip(*(facts[name].tolist() for name in FACTS), strict=True))

    def one(item: int) -> tuple:
        if skipped[item]:
            return claims[item]
        try:
            array, mode = items.decode(item, storage.max_pixels)
            if pixels is not None and (row := fit(array, layout)) is not None:
                pixels[item] = row
            return (*facts_of(array, mode), content_id(array), "")
        except Unreadable as error:
            return (*claims[item][:-2], "", str(error))

    size = max(16, min(CHUNK_IMAGES, CHUNK_BYTES // layout.bytes))
    facts = {name: column.copy() for name, column in facts.items()}
    for start, frame in _chunks(one, len(items), size, folder, storage, "decoding images", pixels):
        for name, column in _columns(frame).items():
            facts[name][start : start + len(frame)] = column
        if plan(facts, storage.store)[0] != layout:
            break
    return facts


def _columns(frame: pd.DataFrame) -> Table:
    """The columns of FACTS as arrays: numbers int64, text object."""
    return {name: frame[name].to_numpy(np.int64 if name in FACTS[:4] else object, copy=True) for name in FACTS}


def _map(path: Path, count: int, layout: Layout) -> np.memmap:
    """The array on disk, made with all its room reserved if it is not there yet."""
    if not path.exists():
        shape = (count, layout.channels, layout.height, layout.width)

        def make(place: Path) -> None:
            np.lib.format.open_memmap(place, "w+", layout.dtype, shape).flush()
            with open(place, "r+b") as file:  # a full disk is an error here, a crash while writing to the map
                if hasattr(os, "posix_fallocate"):  # not on macOS
                    os.posix_fallocate(file.fileno(), 0, place.stat().st_size)

        atomically(path, make)
    return np.lib.format.open_memmap(path, "r+")


def _chunks(
    work: Callable[[int], tuple],
    count: int,
    size: int,
    folder: Path,
    storage: Storage,
    title: str,
    pixels: np.memmap | None = None,
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Do `work` on every item by threads; each chunk is recorded once its pixels are flushed, and not done again."""
    with ThreadPoolExecutor(storage.threads) as pool, _bar(title, count, storage.progress) as advance:
        for start in range(0, count, size):
            record = folder / f"chunk-{start:09d}.parquet"
            items = range(start, min(start + size, count))
            if record.exists():
                frame = pd.read_parquet(record)
                advance(len(items))
            else:
                rows = []
                for row in pool.map(work, items):
                    rows.append(row)
                    advance(1)
                frame = pd.DataFrame(rows, columns=FACTS)
                if pixels is not None:
                    pixels.flush()
                atomically(record, frame.to_parquet)
            yield start, frame


@contextmanager
def _locked(path: Path, progress: bool) -> Iterator[None]:
    """Held by one process at a time; freed by the system however the process ends."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                print("another process is decoding this set; waiting for it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _bar(title: str, total: int, show: bool, every: float = 30.0) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; elsewhere a line every so often, so that a long job does not look dead."""
    console = Console(stderr=True)
    if show and console.is_terminal:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(title, total=total)
            yield lambda steps: progress.advance(task, steps)
        return
    done, spoken = 0, time.monotonic()

    def advance(steps: int) -> None:
        nonlocal done, spoken
        done += steps
        if show and time.monotonic() - spoken > every:
            spoken = time.monotonic()
            print(f"{title}: {done} of {total}", file=sys.stderr)

    yield advance
