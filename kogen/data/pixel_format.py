"""The one shape a set of images is stored in, chosen from what is known of each, and how an image is brought to it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from kogen.data.image_facts import ImageFacts
from kogen.data.levels import Levels, apply_levels, find_levels, outside_levels

# One row per image: ImageFacts, the least and the largest value (NaN before decoding), content id; reason "": good.
FACTS = [*ImageFacts._fields, "low", "high", "id", "reason"]
SMALL_SIDE = 128  # sets of one size up to this are stored as they are even where `stored_side` is smaller


class PixelFormat(NamedTuple):
    """Shape, depth and levels of every stored image."""

    channels: int
    height: int
    width: int
    depth: int  # bits, 8 or 16
    levels: Levels | None = None  # of images with 16 bits or floats, brought to 0 to 65535

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    @property
    def bytes_per_image(self) -> int:
        """Bytes one image takes."""
        return self.channels * self.height * self.width * self.depth // 8

    def __str__(self) -> str:
        """A name for it, which a folder may have."""
        levels = [] if self.levels is None else [f"{self.levels.black!r}_{self.levels.white!r}"]
        return "x".join([*map(str, self[:4]), *levels])


def choose_format(
    facts: Mapping[str, np.ndarray], stored_side: int, given: Levels | None = None
) -> tuple[PixelFormat | None, np.ndarray]:
    """The format for a set of images (columns of FACTS) and why each image cannot join it, "" for none, (N,).

    One size up to max(stored_side, 128): as it is. Else a square of `stored_side`, or of a largest side that is less.
    Gray and colour join as colour, 8 and 16 bits as 16; of other channel counts, and of whole numbers and floats, the
    commonest win. `given` levels take the place of those that would be found. None where no image is good.
    """
    reason = np.array(facts["reason"], object)  # (N,)
    if not (reason == "").any():
        return None, reason
    channels = np.asarray(facts["channels"], np.int64)
    _leave_out_minority(facts, reason)
    good = reason == ""
    found = find_levels(facts, good)
    levels = found if found is None or given is None else given
    if found is not None and levels is not None and not levels.window:
        both = Levels(min(found.black, levels.black), max(found.white, levels.white))
        _leave_out_outside(facts, good, levels, both, reason)
    if not (reason == "").any():
        return None, reason
    width, height, depth = (np.asarray(facts[name], np.int64)[good] for name in ("width", "height", "depth"))
    largest = int(max(width.max(), height.max()))
    one_size = width.min() == width.max() and height.min() == height.max()
    side = min(stored_side, largest)
    as_they_are = one_size and largest <= max(stored_side, SMALL_SIDE)
    high, wide = (int(height[0]), int(width[0])) if as_they_are else (side, side)
    return PixelFormat(int(channels[good].max()), high, wide, 8 if depth.max() == 8 else 16, levels), reason


def _leave_out_minority(facts: Mapping[str, np.ndarray], reason: np.ndarray) -> None:
    """Give what cannot be stored with most of the set a reason: floats or whole numbers, and other channels."""
    floats = np.asarray(facts["depth"], np.int64) == 32
    kind, odd = _commonest(floats, reason == "")
    for other in odd:
        names = ("floats", "whole numbers") if kind else ("whole numbers", "floats")
        reason[(reason == "") & (floats == other)] = f"pixels are {names[1]}, and most of this set are {names[0]}"
    channels = np.asarray(facts["channels"], np.int64)
    family = np.where(channels == 3, 1, channels)  # what can be stored together
    chosen, odd = _commonest(family, reason == "")
    for other in odd:
        names = "1 or 3 channels" if chosen == 1 else f"{chosen} channels"
        reason[(reason == "") & (family == other)] = f"wrong channel count: not {names}, as most of this set have"


def _leave_out_outside(
    facts: Mapping[str, np.ndarray], good: np.ndarray, levels: Levels, both: Levels, reason: np.ndarray
) -> None:
    """Give the good images with values outside the levels a reason; `both`: levels that would hold them."""
    for row in np.flatnonzero(good & outside_levels(facts, levels)):
        held = f"values from {facts['low'][row]:.6g} to {facts['high'][row]:.6g}"
        reason[row] = f"{held}, wanted {levels.black:.6g} to {levels.white:.6g}: give --depth {both} for all sets"


def _commonest(values: np.ndarray, good: np.ndarray) -> tuple[int, list[int]]:
    """The commonest of the good values, and the others."""
    kinds, counts = np.unique(values[good], return_counts=True)
    chosen = kinds[counts.argmax()]
    return int(chosen), [int(kind) for kind in kinds if kind != chosen]


def to_format(pixels: np.ndarray, facts: ImageFacts, pixel_format: PixelFormat) -> np.ndarray | None:
    """Pixels (H, W, C) as a stored image (C, H', W'), squeezed with antialiasing.

    None for other channels or a greater depth, and while the levels of floats are not known.
    """
    channels, levels = pixels.shape[2], pixel_format.levels
    if channels != pixel_format.channels and (channels, pixel_format.channels) != (1, 3):
        return None
    if pixels.dtype.itemsize * 8 > pixel_format.depth and (levels is None or not levels.known):
        return None
    if pixels.shape[:2] != (pixel_format.height, pixel_format.width):
        pixels = _resize(pixels, pixel_format.width, pixel_format.height)
    if facts.depth in (16, 32) and levels is not None:
        pixels = apply_levels(pixels, levels, facts.inverted)
    if pixel_format.depth == 16 and pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16) * np.uint16(257)  # 255 becomes 65535
    return np.broadcast_to(pixels.transpose(2, 0, 1), (pixel_format.channels, pixel_format.height, pixel_format.width))


def _resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pixels (H, W, C) at another size: bicubic over the whole footprint, after whole-number box reduction."""
    size, gap = (width, height), 3.0  # the gap keeps the reduction from showing
    if pixels.dtype == np.uint8 and pixels.shape[2] in (1, 3):
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        small = np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=gap))
        return small.reshape(height, width, -1)
    planes = [Image.fromarray(pixels[:, :, c].astype(np.float32)) for c in range(pixels.shape[2])]
    small = np.stack([np.asarray(p.resize(size, Image.Resampling.BICUBIC, reducing_gap=gap)) for p in planes], axis=2)
    if pixels.dtype == np.float32:
        return small
    return np.clip(np.rint(small), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
