"""The one shape a set of images is stored in, chosen from what is known of each, and how an image is brought to it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

FACTS = ["width", "height", "channels", "depth", "mode", "id", "reason"]  # one row per image; reason "" is a good one
SMALL_SIDE = 128  # sets of one size up to this are stored as they are even where `stored_side` is smaller


class PixelFormat(NamedTuple):
    """Shape and depth of every stored image."""

    channels: int
    height: int
    width: int
    depth: int  # bits, 8 or 16

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    @property
    def bytes_per_image(self) -> int:
        """Bytes one image takes."""
        return self.channels * self.height * self.width * self.depth // 8

    def __str__(self) -> str:
        return "x".join(map(str, self))


def choose_format(facts: Mapping[str, np.ndarray], stored_side: int) -> tuple[PixelFormat | None, np.ndarray]:
    """The format for a set of images (columns of FACTS) and why each image cannot join it, "" for none, (N,).

    One size up to max(stored_side, 128): as it is. Else a square of `stored_side`, or of a largest side that is less.
    Gray and colour join as colour, 8 and 16 bits as 16; of other channel counts the commonest wins.
    None where no image is good.
    """
    reason = np.array(facts["reason"], object)  # (N,)
    good = reason == ""
    if not good.any():
        return None, reason
    channels = np.asarray(facts["channels"], np.int64)
    family = np.where(channels == 3, 1, channels)  # what can be stored together
    kinds, counts = np.unique(family[good], return_counts=True)
    chosen = kinds[counts.argmax()]
    for odd in kinds[kinds != chosen]:
        names = "1 or 3 channels" if chosen == 1 else f"{chosen} channels"
        reason[good & (family == odd)] = f"wrong channel count: not {names}, as most of this set have"
    good = reason == ""
    width, height, depth = (np.asarray(facts[name], np.int64)[good] for name in ("width", "height", "depth"))
    largest = int(max(width.max(), height.max()))
    one_size = width.min() == width.max() and height.min() == height.max()
    side = min(stored_side, largest)
    as_they_are = one_size and largest <= max(stored_side, SMALL_SIDE)
    high, wide = (int(height[0]), int(width[0])) if as_they_are else (side, side)
    return PixelFormat(int(channels[good].max()), high, wide, int(depth.max())), reason


def to_format(pixels: np.ndarray, pixel_format: PixelFormat) -> np.ndarray | None:
    """Pixels (H, W, C) as a stored image (C, H', W'), squeezed with antialiasing; None for other channels."""
    channels = pixels.shape[2]
    if channels != pixel_format.channels and (channels, pixel_format.channels) != (1, 3):
        return None
    if pixels.shape[:2] != (pixel_format.height, pixel_format.width):
        pixels = _resize(pixels, pixel_format.width, pixel_format.height)
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
    top = np.iinfo(pixels.dtype).max
    planes = [Image.fromarray(pixels[:, :, c].astype(np.float32)) for c in range(pixels.shape[2])]
    small = np.stack([np.asarray(p.resize(size, Image.Resampling.BICUBIC, reducing_gap=gap)) for p in planes], axis=2)
    return np.clip(np.rint(small), 0, top).astype(pixels.dtype)
