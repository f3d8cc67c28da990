"""Masks: which pixels of an image are not normal; found for images, checked against them, read at any size."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.decode import decode, read_header
from kogen.data.decode_pool import map_items, open_pool
from kogen.data.image_facts import MAX_PIXELS, UnreadableImage
from kogen.data.images import Images

MAX_VALUES = 64  # different values of a mask that was drawn; a photograph has more


def attach_masks(images: Images, masks: Mapping[str, str], good: np.ndarray, storage: CacheSettings) -> Images:
    """The images of files with their masks, by `sources` to a file each; `good` (N,) bool are those that need none.

    Without any mask the images are as they were, and a note says so. ValueError where some images that are not good
    have a mask and others none, for a mask that cannot be read, of another size than its image, or empty, and for one
    of a good image that is not empty.
    """
    files = np.array([masks.get(source, "") for source in images.sources], object)
    if not (files != "").any():
        said = "no masks were found: where a defect lies is not judged" if (~good).any() else ""
        return replace(images, notes=(*images.notes, *([said] if said else [])))
    where = images.name or images.root
    absent = images.sources[~good & (files == "")]
    if len(absent):
        got = f"images with a defect of {where} that have no mask: {len(absent)} of {int((~good).sum())}"
        raise ValueError(f"{got}, for example {absent[0]}: give each its mask, or take all masks away")

    def look(row: int) -> str:
        return wrong_with_mask(str(files[row]), os.path.join(images.root, str(images.sources[row])), bool(good[row]))

    rows = np.flatnonzero(files != "").tolist()
    with open_pool(storage.thread_count) as pool:
        wrong = [why for why in map_items(pool, look, rows) if why]
    if wrong:
        raise ValueError(f"masks of {where} that cannot be used: {len(wrong)} of {len(rows)}, the first: {wrong[0]}")
    lost = sorted(set(masks) - set(images.sources.tolist()))
    notes = [f"masks without an image, which are not used: {len(lost)} ({join_names(lost, 3)})"] if lost else []
    files[good] = ""
    return replace(images, masks=files, notes=(*images.notes, *notes))


def wrong_with_mask(mask: str, image: str, good: bool) -> str:
    """What is wrong with the mask of an image, a sentence with what to do; "" for nothing."""
    try:
        marked = read_mask(mask)
        facts = read_header(image)
    except UnreadableImage as error:
        return f"{mask} ({error}): write it anew as a PNG that is 0 where the image is normal"
    if marked.shape != (facts.height, facts.width):
        got = f"{mask} is {marked.shape[1]} x {marked.shape[0]} pixels, its image {facts.width} x {facts.height}"
        return f"{got}: give it the size of the image"
    if good and marked.any():
        return f"{mask} marks {int(marked.sum())} pixels of an image that is called good: one of the two is wrong"
    if not good and not marked.any():
        return f"{mask} marks nothing, and its image has a defect: mark it, or call the image good"
    return ""


def read_mask(path: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A mask (H, W) bool: where any channel is not 0. Raises UnreadableImage, also for what is no drawn mask."""
    pixels = decode(path, max_pixels)[0]  # (H, W, C)
    if (count := len(np.unique(pixels))) > MAX_VALUES:
        raise UnreadableImage(f"{count} different values, which is no mask but a picture")
    return (pixels != 0).any(axis=2)


def masks_at(files: Sequence[str], side: int) -> np.ndarray:
    """Masks (N, side, side) bool, all of a mask squeezed to a square; an image without a file has none.

    A pixel is marked where at least half of its area is; of a mask that would be lost this way the most marked pixel.
    """
    found = np.zeros((len(files), side, side), bool)
    for row, file in enumerate(files):
        if file:
            share = box_average(read_mask(file), side)
            found[row] = share >= min(0.5, share.max())
    return found


def box_average(mask: np.ndarray, side: int) -> np.ndarray:
    """The share (side, side) of each pixel's area that is marked in a mask (H, W) bool."""
    sums = np.pad(mask.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))  # (H + 1, W + 1)
    across = [np.linspace(0, length, side + 1) for length in mask.shape]

    def at_edges(table: np.ndarray, edges: np.ndarray) -> np.ndarray:
        low = np.minimum(edges.astype(int), len(table) - 2)
        part = (edges - low)[:, None]
        return table[low] * (1 - part) + table[low + 1] * part

    table = at_edges(at_edges(sums, across[0]).T, across[1]).T  # (side + 1, side + 1)
    areas = np.diff(np.diff(table, axis=0), axis=1)
    return areas * side * side / (mask.shape[0] * mask.shape[1])
