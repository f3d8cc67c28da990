"""What every reader of images shares: facts, the one reason why not, and which arrays are pixels."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image

MAX_PIXELS = 178_956_970  # where Pillow itself refuses to go on
MAX_CHANNELS = 1000  # what a Plan holds
TURNED_CHANNELS = 16  # most channels that are taken to come first: more may be pages
MAX_WHOLE = 65535

REASONS = {  # why an image cannot be used, by the error that says so
    FileNotFoundError: "no such file (a dangling link, or gone since it was listed)",
    PermissionError: "no permission to read it",
    IsADirectoryError: "a directory, not a file",
    Image.UnidentifiedImageError: "not an image of a known format",
    Image.DecompressionBombError: "absurdly large: {}",
}


class UnreadableImage(ValueError):
    """An image that cannot be used; the message is the reason, fit to be shown in a list."""


class ImageFacts(NamedTuple):
    """What is known of an image before (a claim of its header) or after (true) decoding."""

    width: int
    height: int
    channels: int  # 1 gray, 3 colour, or as many as it has
    depth: int  # bits a channel: 8; 9 to 15 where the file says so; 16, of which fewer may be used; 32 floats
    mode: str  # how the file stores it, for people
    inverted: int = 0  # 1 where 16 bits are stored with white as 0, so that the white of fewer bits is not known yet


class OpenImage(NamedTuple):
    """An image whose header was read and accepted."""

    facts: ImageFacts
    load: Callable[[], np.ndarray]  # its pixels (H, W, C), uint8, uint16 or float32


@contextmanager
def as_unreadable() -> Iterator[None]:
    """Whatever goes wrong inside becomes UnreadableImage: the codecs raise many kinds of error on mangled bytes."""
    try:
        yield
    except UnreadableImage:
        raise
    except Exception as error:
        known = next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), "cannot be decoded: {}")
        raise UnreadableImage(known.format(" ".join(str(error).split()) or type(error).__name__)) from error


def check_size(width: int, height: int, max_pixels: int, channels: int = 1) -> None:
    """UnreadableImage for more pixels, or channels, than are decoded, and for none."""
    if min(width, height, channels) < 1:
        raise UnreadableImage(f"no pixels: {width} x {height} of {channels} channels")
    if width * height > max_pixels:
        raise UnreadableImage(f"absurdly large: {width} x {height} pixels, at most {max_pixels} are decoded")
    if channels > MAX_CHANNELS or width * height * channels > 4 * max_pixels:
        got = f"{channels} channels of {width} x {height} pixels"
        raise UnreadableImage(f"absurdly large: {got}, at most {MAX_CHANNELS} and {4 * max_pixels} values are read")


def content_id(pixels: np.ndarray) -> str:
    """Content id, 16 hex digits, of pixels (H, W, C): equal exactly when shape, depth and pixels are equal."""
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.name} ".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def image_facts(pixels: np.ndarray, mode: str) -> ImageFacts:
    """The facts of pixels (H, W, C) of which nothing else is said."""
    return ImageFacts(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.itemsize * 8, mode)


def pixel_dtype(dtype: np.dtype) -> np.dtype | None:
    """What numbers of this type become as pixels: uint8, uint16 or float32; None where they cannot be pixels.

    Signed 16-bit numbers (heights, Hounsfield units) have no white or black of their own and are treated as floats.
    """
    if dtype.kind == "f" or (dtype.kind, dtype.itemsize) == ("i", 2):
        return np.dtype(np.float32)
    if dtype.kind == "b" or (dtype.kind, dtype.itemsize) == ("u", 1):
        return np.dtype(np.uint8)
    return np.dtype(np.uint16) if dtype.kind in "iu" else None


def to_pixel_numbers(array: np.ndarray) -> np.ndarray:
    """An array of any shape as uint8, uint16 or float32, in this machine's byte order; yes and no become 255 and 0.

    UnreadableImage for numbers that are no pixels: NaN, infinite, and whole numbers out of 0 to 65535.
    """
    wanted = pixel_dtype(array.dtype)
    if wanted is None:
        raise UnreadableImage(f"pixels are {array.dtype}, wanted whole numbers or floats")
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if wanted == np.uint16 and array.dtype.itemsize != 2 and (array.min() < 0 or array.max() > MAX_WHOLE):
        got = f"{array.dtype.itemsize * 8}-bit pixels from {array.min()} to {array.max()}"
        raise UnreadableImage(f"{got}, wanted 0 to {MAX_WHOLE}; floats may have any range")
    with np.errstate(over="ignore"):
        pixels = array.astype(wanted, copy=False)
    if wanted == np.float32 and not np.isfinite(pixels).all():
        bad = int(pixels.size - np.isfinite(pixels).sum())
        raise UnreadableImage(f"{bad} of its {pixels.size} values are NaN or infinite: fill them, or leave it out")
    return pixels


def channel_axis(shape: tuple[int, ...]) -> int | None:
    """Where the channels of an array (H, W, C) or (C, H, W) are, 2 or 0; None where both readings fit, or none does.

    An image has more pixels on each side than channels; 1 and 3 are channels whatever the sides.
    """
    first, last, usual = shape[0], shape[2], (1, 3)
    at_end = last < min(shape[:2]) or (last in usual and first not in usual)
    in_front = first <= TURNED_CHANNELS and (first < min(shape[1:]) or (first in usual and last not in usual))
    return None if at_end == in_front else (2 if at_end else 0)


def check_image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (H, W, C) of an image that lies in an array of this shape. UnreadableImage where none or two may."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise UnreadableImage(f"an array of shape {shape}, wanted (H, W) or (H, W, C)")
    if len(shape) == 2:
        return (*shape, 1)
    axis = channel_axis(shape)
    if axis is None:
        raise UnreadableImage(
            f"an array of shape {shape}: not clearly (H, W, C) or (C, H, W), which have fewer channels than pixels on "
            f"a side, in front at most {TURNED_CHANNELS}; save it as (H, W, C), the pages of a stack one by one"
        )
    return (shape[0], shape[1], shape[2]) if axis == 2 else (shape[1], shape[2], shape[0])


def to_hwc(array: np.ndarray) -> np.ndarray:
    """An array (H, W) or (H, W, C) as pixels, uint8, uint16 or float32. UnreadableImage where it cannot be."""
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise UnreadableImage(f"an array of shape {array.shape}, wanted (H, W) or (H, W, C)")
    return np.ascontiguousarray(to_pixel_numbers(array if array.ndim == 3 else array[:, :, None]))


def channels_last(array: np.ndarray) -> np.ndarray:
    """An array (H, W), (H, W, C) or (C, H, W) as (H, W) or (H, W, C), by `check_image_shape`."""
    turned = array.ndim == 3 and check_image_shape(array.shape) != array.shape
    return np.moveaxis(array, 0, 2) if turned else array


def widen(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Pixels that a file says to have 9 to 16 bits as full 16 bits: its white becomes 65535."""
    if bits == 16:
        return pixels
    top = (1 << bits) - 1
    return ((np.minimum(pixels, top).astype(np.uint32) * MAX_WHOLE + top // 2) // top).astype(np.uint16)


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, C) as they are to be seen, by the orientation of EXIF 2.32 and TIFF (tag 0x0112), 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def lay_on_white(pixels: np.ndarray, *, premultiplied: bool = False) -> np.ndarray:
    """Pixels (H, W, C) uint8 or uint16, laid on white where the last of 2 or 4 channels is alpha.

    An alpha of 0 everywhere says nothing, and the colours stay. `premultiplied`: they are multiplied by alpha already.
    """
    if pixels.shape[2] not in (2, 4):
        return pixels
    white = np.iinfo(pixels.dtype).max
    colours, alpha = pixels[..., :-1], pixels[..., -1:].astype(np.float64) / white
    if not alpha.any() or alpha.min() == 1:
        return np.ascontiguousarray(colours)
    seen = colours if premultiplied else colours * alpha
    return np.rint(np.minimum(seen + white * (1 - alpha), white)).astype(pixels.dtype)
