"""Data source `lance`: a set that `kogen pack` wrote, on this disk or in a store, as `s3://bucket/imgs.lance`."""

import os
from typing import Any

import numpy as np

from kogen.data.cache_settings import CacheSettings
from kogen.data.images import BadFile, Images
from kogen.data.lance_access import ENDING, explain_lance, lance_place, open_dataset
from kogen.data.packed_facts import (
    CHECKSUM,
    FIELDS,
    Columns,
    PackedFacts,
    columns_from,
    levels_of,
    read_facts,
    schema_of,
)
from kogen.data.packed_pixels import PIXELS, PackedPixels
from kogen.data.split_names import choose_split

__all__ = ["lance"]


def lance(which: str = "", *, split: str | None = None, storage: CacheSettings | None = None, name: str = "") -> Images:
    """The images of a packed set, the same set as the one that was packed; pixels are read when they are asked for.

    ValueError for what `kogen pack` did not write, a damaged set, and one whose pixels are of another size or of other
    levels than are asked for.
    """
    if not which:
        raise ValueError("lance needs its data set: write NAME.lance, or s3://BUCKET/NAME.lance")
    place, storage = lance_place(which), storage or CacheSettings()
    dataset = open_dataset(place)
    facts = read_facts(dataset.schema, place)
    refuse_other_pixels(facts, storage, place)
    columns, checksums = read_columns(dataset, facts, place)
    each: dict[str, Any] = {FIELDS[column]: values for column, values in columns.items()}
    shape = (facts.images, facts.channels, facts.height, facts.width)
    images = Images(
        pixels=PackedPixels(dataset, place, shape, facts.dtype, checksums),
        **each,
        classes=facts.classes,
        name=name or os.path.basename(place.rstrip("/")).removesuffix(ENDING),
        bad=tuple(BadFile(source, reason) for source, reason in facts.bad),
        allowed_classes=facts.allowed_classes,
        levels=levels_of(facts),
        notes=facts.notes,
        full_side=facts.full_side,
        digest=facts.digest,
    )
    return choose_split(images, split, place)


def read_columns(dataset: Any, facts: PackedFacts, place: str) -> tuple[Columns, np.ndarray]:
    """What is known of each image, and the checksums (N,) of their pixels. ValueError where they were changed."""
    with explain_lance(place):
        table = dataset.to_table(columns=[name for name in schema_of(facts).names if name != PIXELS])
    return columns_from(table, facts, place), table[CHECKSUM].to_numpy().astype(np.int64)


def refuse_other_pixels(facts: PackedFacts, storage: CacheSettings, place: str) -> None:
    """ValueError where the source of a packed set would be opened with other pixels, or not at all."""
    wanted, got = facts.shape_for(storage.stored_side), (facts.height, facts.width)
    if wanted != got:
        raise ValueError(
            f"{place} holds pixels of {got[0]} x {got[1]}, and this image size wants {wanted[0]} x {wanted[1]}: pack "
            "the images again with the --image-size that is trained on"
        )
    if storage.levels is not None and facts.levels is not None and tuple(storage.levels) != facts.levels:
        raise ValueError(
            f"{place} was packed at depth {levels_of(facts)}, and {storage.levels} is asked for: pack the images again "
            f"with --depth {storage.levels}"
        )
    count = facts.images + len(facts.bad)
    if len(facts.bad) > storage.max_bad * count:
        raise ValueError(
            f"{len(facts.bad)} of {count} images of {place} could not be used when it was packed, at most "
            f"{100 * storage.max_bad:.3g} % may be (--max-bad), for example {facts.bad[0][0]}: {facts.bad[0][1]}"
        )
