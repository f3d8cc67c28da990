"""The pixels of masks: read, and brought to another size."""

from collections.abc import Sequence

import numpy as np

from kogen.data.decode import decode
from kogen.data.image_facts import MAX_PIXELS, UnreadableImage

MAX_VALUES = 64  # different values of a mask that was drawn; a photograph has more


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
