"""Packing: the images of any source with all that is known of them, written whole or not at all as a Lance data set."""

import os
import platform
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kogen.common.files import refuse_link
from kogen.common.speech.progress import progress_bar
from kogen.common.system import process_lives, sync_file, sync_folder
from kogen.data.cache_settings import CacheSettings
from kogen.data.checked_pixels import row_checksum
from kogen.data.datasets.lance import read_columns
from kogen.data.images import Images
from kogen.data.lance_access import ENDING, first_sentence, import_lance, in_store, open_dataset
from kogen.data.packed_facts import CHECKSUM, Columns, PackedFacts, columns_of, facts_of, read_facts, schema_of
from kogen.data.packed_pixels import PIXELS
from kogen.data.read_ahead import read_in_turn

CHUNK_BYTES = 32 << 20  # pixels that are read, checked and given to Lance at once
FILE_BYTES = 4 << 30  # of a file of rows, about
PARTIAL = ".partial"  # ending of the folder that is being written


def check_place(place: str) -> None:
    """ValueError unless a place may be packed to: called as packed sets are, through no link, with Lance installed."""
    import_lance()
    if not place.endswith(ENDING):
        raise ValueError(f"--out {place}: wanted a name that ends in {ENDING}, by which packed sets are known")
    if not in_store(place):
        refuse_link(Path(place))


def pack_images(images: Images, place: str, storage: CacheSettings) -> bool:
    """Write a set as it was opened with `storage`; False where the very same is packed at `place` already.

    ValueError where anything else is there: nothing is replaced.
    """
    if images.transform is not None:
        raise ValueError(f"{images.name} is computed from other images whenever it is read: pack those")
    if images.kind == "series":
        raise ValueError(f"{images.name} holds series, and packed sets hold images: read them where they lie")
    columns = columns_of(images)
    facts = facts_of(images, storage.stored_side, columns)
    if not in_store(place):
        return pack_on_disk(images, facts, columns, Path(place))
    # The last thing that is written there makes it a data set, and is refused where one is.
    write_rows(images, facts, columns, place, place)
    return True


def pack_on_disk(images: Images, facts: PackedFacts, columns: Columns, place: Path) -> bool:
    """Write a set beside its place and move it there."""
    if os.path.lexists(place):
        if holds_same(str(place), facts):
            return False
        raise ValueError(f"{place} is there, and is not this set packed whole: choose another --out, or delete it")
    place.parent.mkdir(parents=True, exist_ok=True)
    sweep_unfinished(place)
    partial = place.with_name(f".{place.name[:100]}.{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        write_rows(images, facts, columns, str(partial), str(place))
        for folder, _, files in os.walk(partial, topdown=False):
            for file in files:
                sync_file(Path(folder, file))
            sync_folder(Path(folder))
        os.rename(partial, place)
        sync_folder(place.parent)
    except OSError as error:
        raise ValueError(f"{place} cannot be written ({error}): choose another --out") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def holds_same(place: str, wanted: PackedFacts) -> bool:
    """Whether a place holds a packed set with the facts of this one, all of it."""
    try:
        dataset = open_dataset(place)
        facts = read_facts(dataset.schema, place)
        read_columns(dataset, facts, place)
    except ValueError:
        return False
    return facts == wanted


def sweep_unfinished(place: Path) -> None:
    """Delete what processes of this machine that are gone left half packed for a place."""
    begin = f".{place.name[:100]}.{platform.node()}-"
    for left in place.parent.glob(f".*{PARTIAL}"):
        number = left.name.removeprefix(begin).partition("-")[0]
        if left.name.startswith(begin) and number.isdecimal() and not process_lives(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def write_rows(images: Images, facts: PackedFacts, columns: Columns, place: str, title: str) -> None:
    """Write all rows of a data set that is not there; ValueError, with its `title`, where it cannot be written."""
    schema, size = schema_of(facts), max(1, CHUNK_BYTES // (facts.channels * facts.height * facts.width))
    count = -(-len(images) // size)

    def rows_of(chunk: int) -> np.ndarray:
        return np.arange(chunk * size, min((chunk + 1) * size, len(images)))

    def batches() -> Iterator[Any]:
        chunks = read_in_turn(lambda chunk: images.fetch(rows_of(chunk)), count)
        with progress_bar("packing images") as report:
            for chunk, pixels in enumerate(chunks):
                rows = rows_of(chunk)
                cells = {name: to_cells(column[rows], schema.field(name).type) for name, column in columns.items()}
                cells[CHECKSUM] = pa.array([row_checksum(image) for image in pixels], pa.int64())
                cells[PIXELS] = pixel_cells(pixels)
                yield pa.record_batch([cells[name] for name in schema.names], schema=schema)
                report(int(rows[-1]) + 1, len(images))

    failed: list[BaseException] = []
    reader = pa.RecordBatchReader.from_batches(schema, keep_error(batches(), failed))
    try:
        import_lance().write_dataset(reader, place, mode="create", max_bytes_per_file=FILE_BYTES)
    except Exception as error:
        if failed:
            raise failed[0] from None
        raise ValueError(f"{title} cannot be written ({first_sentence(error)}): choose another --out") from error


def keep_error(batches: Iterator[Any], failed: list[BaseException]) -> Iterator[Any]:
    """The same batches; an error in making them is kept as it is: Lance makes another of it."""
    try:
        yield from batches
    except BaseException as error:
        failed.append(error)
        raise


def to_cells(column: np.ndarray, kind: Any) -> Any:
    """A column (n,) or (n, K) as Arrow has it."""
    if column.ndim == 1:
        return pa.array(column.tolist() if column.dtype.kind in "UO" else column, kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel(), kind.value_type), kind.list_size)


def pixel_cells(pixels: np.ndarray) -> Any:
    """Pixels (n, C, H, W) as cells of their bytes, in the byte order of files."""
    stored = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    kind = pa.binary(stored[0].nbytes)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(stored), [None, pa.py_buffer(stored)])
