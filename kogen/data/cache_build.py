"""Building a pixel cache: headers, a format, then decoding in chunks that are recorded, so that a kill costs one."""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kogen.common.files import sweep_temporary
from kogen.common.speech.progress import progress_bar
from kogen.data import cache_files
from kogen.data.cache_files import Columns, DamagedCache, remove_path
from kogen.data.cache_settings import CacheRequest
from kogen.data.checked_pixels import row_checksum
from kogen.data.decode_pool import map_items, open_pool
from kogen.data.image_facts import UnreadableImage, content_id
from kogen.data.levels import value_range
from kogen.data.listing import escape_surrogates
from kogen.data.pixel_format import FACTS, PixelFormat, choose_format, to_format

CHUNK_BYTES = 64 << 20  # pixels decoded between two records of progress: what a kill can cost
CHUNK_IMAGES = 4096
RECORD = [*FACTS, "checksum"]  # of the stored row of an image, -1 where nothing is stored
MANIFEST = ["source", *RECORD, "position"]
MAX_DISK_SHARE = 0.8  # of the free disk that a cache may fill; above it images are decoded on demand


def build_cache(request: CacheRequest) -> Path:
    """The folder of a new cache; only under its lock.

    Read headers, choose a format, decode; choose again where decoding shows that headers were wrong about it.
    """
    items, settings, partial = request.items, request.settings, request.place(".partial")
    cache_files.sweep_partial(settings.cache_folder)
    cache_files.make_folder(partial)
    sweep_temporary(partial)
    facts = _read_headers(request, partial)
    while True:
        pixel_format, _ = choose_format(facts, settings.stored_side, settings.levels)
        on_demand = settings.on_demand or not _fits_disk(pixel_format, request)
        work = partial / f"{pixel_format}{'-on-demand' if on_demand else ''}"
        cache_files.make_folder(work)
        sweep_temporary(work)
        facts = _decode_all(request, work, facts, pixel_format, on_demand)
        found, reasons = choose_format(facts, settings.stored_side, settings.levels)
        if found == pixel_format:
            break
        cache_files.write_record(partial / "facts.parquet", facts, f"{request.key} facts")
        remove_path(work)
    usable = np.where(reasons == "", np.arange(len(items)), -1)
    sources = np.array([escape_surrogates(items.source(item)) for item in range(len(items))], object)
    manifest = {"source": sources, **facts, "reason": reasons, "position": usable}
    cache_files.write_record(work / "manifest.parquet", manifest, request.key)
    target = request.place("-on-demand" if on_demand else "")
    remove_path(target)
    os.rename(work, target)  # from here on it is finished for everyone
    for left in target.iterdir():  # records of chunks, and what a kill left half written
        if left.name not in ("manifest.parquet", "pixels.npy"):
            remove_path(left)
    remove_path(partial)
    return target


def _fits_disk(pixel_format: PixelFormat | None, request: CacheRequest) -> bool:
    """Whether the pixels fit the disk; ValueError where they do not and decoding on demand is ruled out."""
    needed = len(request.items) * pixel_format.bytes_per_image if pixel_format else 0
    folder, begun = request.settings.cache_folder, request.place(".partial").glob("*/pixels.npy")
    # st_blocks is not on Windows, where space that is reserved counts as it is written
    taken = sum(getattr(file.lstat(), "st_blocks", 0) * 512 for file in begun)
    free = shutil.disk_usage(folder).free + taken
    if needed > MAX_DISK_SHARE * free and request.settings.on_demand is False:
        raise ValueError(
            f"the pixels take {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free: "
            "use a smaller store=, another cache= or KOGEN_CACHE, or on_demand=True"
        )
    return needed <= MAX_DISK_SHARE * free


def _read_headers(request: CacheRequest, folder: Path) -> Columns:
    """What every header claims, or what decoding found of it so far."""
    items, record, identity = request.items, folder / "facts.parquet", f"{request.key} facts"
    try:
        return cache_files.read_record(record, RECORD, len(items), identity)
    except DamagedCache:  # or not there yet
        pass

    def one(item: int) -> tuple[Any, ...]:
        try:
            return (*items.read_header(item, request.settings.max_pixels), math.nan, math.nan, "", "", -1)
        except UnreadableImage as error:
            return (0, 0, 0, 8, "", 0, math.nan, math.nan, "", escape_surrogates(str(error)), -1)

    chunks = [facts for _, facts in _run_chunks(request, one, CHUNK_IMAGES, folder, "reading headers")]
    facts = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in RECORD}
    cache_files.write_record(record, facts, identity)
    for chunk in folder.glob("chunk-*"):
        remove_path(chunk)
    return facts


def _decode_all(
    request: CacheRequest, work: Path, facts: Columns, wanted: PixelFormat | None, on_demand: bool
) -> Columns:
    """The facts as decoding finds them, the pixels written on the way; ends early once they need another format."""
    if wanted is None:
        return facts
    items, max_pixels = request.items, request.settings.max_pixels
    chosen = request.settings.stored_side, request.settings.levels
    measured = wanted.levels is None or wanted.levels.known  # else this pass finds the levels, and stores nothing
    pixels = None if on_demand or not measured else _open_begun_store(work / "pixels.npy", len(items), wanted)
    rows = None if pixels is None else np.asarray(pixels)  # a memmap takes its time for a row
    skipped = choose_format(facts, *chosen)[1] != ""  # (N,)
    claims = list(zip(*(facts[name].tolist() for name in FACTS), strict=True))

    def one(item: int) -> tuple[Any, ...]:
        if skipped[item]:
            return (*claims[item], -1)
        try:
            array, found = items.decode(item, max_pixels)
        except UnreadableImage as error:
            return (*claims[item][:-2], "", escape_surrogates(str(error)), -1)
        checksum = -1
        if rows is not None and (row := to_format(array, found, wanted)) is not None:
            rows[item] = row
            checksum = row_checksum(np.ascontiguousarray(row))
        return (*found, *value_range(array, found.inverted), content_id(array), "", checksum)

    size = max(16, min(CHUNK_IMAGES, CHUNK_BYTES // wanted.bytes_per_image))
    facts = {name: column.copy() for name, column in facts.items()}
    for start, chunk in _run_chunks(request, one, size, work, "decoding images", pixels):
        for name, column in chunk.items():
            facts[name][start : start + len(column)] = column
        if choose_format(facts, *chosen)[0] != wanted:
            break
    return facts


def _open_begun_store(path: Path, count: int, pixel_format: PixelFormat) -> np.memmap:
    """The array of a cache that is being built, to be written; made if it is not there or damaged."""
    try:
        return cache_files.open_store(path, count, pixel_format, "r+")
    except DamagedCache:
        remove_path(path)
        cache_files.make_store(path, count, pixel_format)
        return cache_files.open_store(path, count, pixel_format, "r+")


def _run_chunks(
    request: CacheRequest,
    work: Callable[[int], tuple[Any, ...]],
    size: int,
    folder: Path,
    title: str,
    pixels: np.memmap | None = None,
) -> Iterator[tuple[int, Columns]]:
    """Do `work` on every item by threads; each chunk is recorded once its pixels are flushed, and not done again."""
    count, settings = len(request.items), request.settings
    bar = progress_bar(title, show=settings.progress, transient=True)
    with open_pool(settings.thread_count) as pool, bar as report:
        for start in range(0, count, size):
            items = range(start, min(start + size, count))
            record, identity = folder / f"chunk-{start:09d}.parquet", f"{request.key} {folder.name} {start}"
            facts = _read_chunk(record, items, identity, pixels)
            if facts is None:
                rows = []
                for row in map_items(pool, work, items):
                    rows.append(row)
                    report(start + len(rows), count)
                facts = _to_columns(rows)
                if pixels is not None:
                    pixels.flush()
                cache_files.write_record(record, facts, identity)
            report(items.stop, count)
            yield start, facts


def _read_chunk(record: Path, items: range, identity: str, pixels: np.memmap | None) -> Columns | None:
    """What an earlier process recorded of a chunk; None where it did not, or where its pixels are not those."""
    try:
        facts = cache_files.read_record(record, RECORD, len(items), identity)
    except DamagedCache:
        return None
    for item, checksum in zip(items, facts["checksum"].tolist(), strict=True):
        if checksum >= 0 and (pixels is None or row_checksum(pixels[item]) != checksum):
            return None
    return facts


def _to_columns(rows: list[tuple[Any, ...]]) -> Columns:
    """Rows of RECORD as columns."""
    columns = dict(zip(RECORD, zip(*rows, strict=True), strict=True))
    return {name: np.array(column, cache_files.column_type(name)) for name, column in columns.items()}
