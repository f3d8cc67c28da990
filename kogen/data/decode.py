"""One image file or its bytes to pixels, or the reason why not: strict, never a crash, never a bomb."""

import functools
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from kogen.common.system import NO_WAIT
from kogen.data import array_files
from kogen.data.array_files import ArrayHeader

MAX_PIXELS = 178_956_970  # where Pillow itself refuses to go on
# What is tried; nothing that starts another program (EPS) or takes any bytes for an image (TGA).
FORMATS = "PNG JPEG MPO TIFF GIF BMP WEBP AVIF JPEG2000 PPM PCX SGI".split()  # noqa: SIM905
GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
EXIF_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation (2.32, tag 0x0112) to what undoes it

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
    channels: int  # 1 gray, 3 colour, or as many as an array has
    depth: int  # bits per channel: 8 or 16
    mode: str  # how the file stores it, for people


def read_header(source: str | bytes, max_pixels: int = MAX_PIXELS) -> ImageFacts:
    """What the header of an image (a path, or its bytes) claims, without decoding; raises UnreadableImage."""
    with as_unreadable(), _open_source(source) as file:
        if _is_array(file):
            shape, dtype = _read_array_header(file, max_pixels)
            return ImageFacts(shape[1], shape[0], (*shape, 1)[2], dtype.itemsize * 8, "npy")
        image = _open_image(file, max_pixels)
        width, height = image.size if _orientation(image) < 5 else image.size[::-1]
        channels = 1 if image.mode in GRAY_MODES or _has_gray_palette(image) else 3
        return ImageFacts(width, height, channels, 16 if image.mode.startswith("I") else 8, image.mode)


def decode(source: str | bytes, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, str]:
    """Pixels (H, W, C), uint8 or uint16, of an image (a path, or its bytes), and the mode it was stored in.

    Gray stays one channel, anything coloured becomes RGB; transparency is laid on white; the EXIF orientation is
    applied; 16-bit gray stays 16-bit (Pillow brings 16-bit colour down to 8; an .npy file keeps it).
    Raises UnreadableImage with the reason for whatever cannot be decoded whole.
    """
    with as_unreadable(), _open_source(source) as file:
        if _is_array(file):
            _read_array_header(file, max_pixels)
            return np.ascontiguousarray(to_hwc(np.lib.format.read_array(file, allow_pickle=False))), "npy"
        image = _open_image(file, max_pixels)
        mode = image.mode
        image.load()
        return to_pixels(image), mode


def to_pixels(image: Image.Image) -> np.ndarray:
    """Pixels (H, W, C), uint8 or uint16, of an image that is loaded, by the rules of `decode`."""
    turn = EXIF_TURNS.get(_orientation(image))
    plain = _convert_mode(image)
    return _as_array(plain if turn is None else plain.transpose(turn))


def content_id(pixels: np.ndarray) -> str:
    """Content id, 16 hex digits, of pixels (H, W, C): equal exactly when shape, depth and pixels are equal."""
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.name} ".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def image_facts(pixels: np.ndarray, mode: str) -> ImageFacts:
    """The facts of pixels (H, W, C)."""
    return ImageFacts(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.itemsize * 8, mode)


def to_hwc(pixels: np.ndarray) -> np.ndarray:
    """An array (H, W) or (H, W, C) as (H, W, C); UnreadableImage unless it is uint8 or uint16 and not empty."""
    _check_array(pixels.shape, pixels.dtype)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _check_array(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """UnreadableImage unless an array like this is an image."""
    if dtype not in (np.uint8, np.uint16):
        raise UnreadableImage(f"pixels are {dtype}, wanted uint8 or uint16")
    if len(shape) not in (2, 3) or 0 in shape:
        raise UnreadableImage(f"an array of shape {shape}, wanted (H, W) or (H, W, C)")


@contextmanager
def as_unreadable() -> Iterator[None]:
    """Whatever goes wrong inside becomes UnreadableImage: the codecs raise many kinds of error on mangled bytes."""
    try:
        yield
    except UnreadableImage:
        raise
    except Exception as error:
        known = next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), "cannot be decoded: {}")
        raise UnreadableImage(known.format(str(error) or type(error).__name__)) from error


@contextmanager
def _open_source(source: str | bytes) -> Iterator[BinaryIO]:
    """The source as an open binary file; a pipe or a device is refused instead of waited for."""
    if isinstance(source, bytes):
        if not source:
            raise UnreadableImage("empty (0 bytes)")
        yield io.BytesIO(source)
        return
    with open(source, "rb", opener=lambda path, flags: os.open(path, flags | NO_WAIT)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not a regular file")
        if status.st_size == 0:
            raise UnreadableImage("empty (0 bytes)")
        yield file


def _is_array(file: BinaryIO) -> bool:
    magic = file.read(6)
    file.seek(0)
    return magic == b"\x93NUMPY"


def _read_array_header(file: BinaryIO, max_pixels: int) -> ArrayHeader:
    """The head of an .npy file of pixels, found true and acceptable before anything is allocated."""
    held = file.seek(0, os.SEEK_END)
    file.seek(0)
    header = array_files.read_header(file, held)
    file.seek(0)
    _check_array(*header)
    _check_size(header.shape[1], header.shape[0], max_pixels)
    return header


@functools.cache
def _supported_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _open_image(file: BinaryIO, max_pixels: int) -> Image.Image:
    """The image, its header read and found acceptable, its pixels not yet decoded."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RuntimeError("Pillow is set to accept truncated images: set ImageFile.LOAD_TRUNCATED_IMAGES = False")
    image = Image.open(file, formats=_supported_formats())
    _check_size(*image.size, max_pixels)
    if image.format != "MPO" and getattr(image, "is_animated", False):  # an MPO's later frames are previews
        raise UnreadableImage("has several frames (animated, or several pages)")
    if image.mode == "F":
        raise UnreadableImage("pixels are 32-bit floats, wanted 8- or 16-bit integers")
    return image


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise UnreadableImage(f"absurdly large: {width} x {height} pixels, at most {max_pixels} are decoded")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation still to be applied, 1 where there is none or it is broken (TIFF: Pillow applies it)."""
    if "exif" not in image.info or image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF says nothing against the pixels
        return 1


def _has_gray_palette(image: Image.Image) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    values = np.frombuffer(bytes(image.palette.palette), np.uint8)
    layout = image.palette.rawmode or image.palette.mode  # RGB, BGRX ..., or RGB;L: all red, all green, all blue
    width = 3 if layout.endswith(";L") else len(layout)
    values = values[: len(values) // width * width]
    colours = values.reshape(3, -1).T if layout.endswith(";L") else values.reshape(-1, width)[:, :3]  # (K, 3)
    return bool((colours == colours[:, :1]).all())


def _convert_mode(image: Image.Image) -> Image.Image:
    """The loaded image as L, RGB or 16-bit gray, transparency laid on white."""
    if image.mode.startswith("I"):
        return image
    gray = image.mode in GRAY_MODES or _has_gray_palette(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        if coloured.getextrema()[3] != (255, 255):  # type: ignore[index]
            coloured = Image.alpha_composite(Image.new("RGBA", image.size, "white"), coloured)
        image = coloured.convert("RGB")
    elif image.mode == "P":
        image = image.convert("RGB")  # through the palette, which `convert("L")` would weigh and round
    if not gray:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "RGB":
        return image.getchannel(0)
    return image if image.mode == "L" else image.convert("L")


def _as_array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    if image.mode == "I" and (pixels.min() < 0 or pixels.max() > 65535):
        raise UnreadableImage(f"32-bit pixels from {pixels.min()} to {pixels.max()}, wanted 0 to 65535")
    if image.mode.startswith("I"):
        pixels = pixels.astype(np.uint16)  # in this machine's byte order
    return np.ascontiguousarray(to_hwc(pixels))
