"""One image file or its bytes to pixels, or the reason why not: strict, never a crash, never a bomb."""

import functools
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeVar

import numpy as np
from PIL import Image, ImageFile

from kogen.common.system import NO_WAIT
from kogen.data import array_files, deep_colour, dicom_files, extra_formats, tiff_files
from kogen.data.image_facts import (
    MAX_PIXELS,
    ImageFacts,
    OpenImage,
    UnreadableImage,
    as_unreadable,
    channels_last,
    check_image_shape,
    check_size,
    pixel_dtype,
    to_hwc,
    turn_upright,
)
from kogen.data.png_chunks import drop_texts

Result = TypeVar("Result")
# What is tried; nothing that starts another program (EPS) or takes any bytes for an image (TGA).
FORMATS = "PNG JPEG MPO TIFF GIF BMP WEBP AVIF JPEG2000 PPM PCX SGI".split()  # noqa: SIM905
GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
HEAD_BYTES = 132  # by which formats are told apart: the mark of DICOM comes last


def read_header(source: str | bytes, max_pixels: int = MAX_PIXELS) -> ImageFacts:
    """What the header of an image (a path, or its bytes) claims, without decoding; raises UnreadableImage."""
    with as_unreadable(), _open_source(source) as file:
        return _open_image(file, max_pixels).facts


def decode(source: str | bytes, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, ImageFacts]:
    """Pixels (H, W, C), uint8, uint16 or float32, of an image (a path, or its bytes), and their facts.

    Gray stays one channel, colour becomes RGB, other bands stay as they are; transparency is laid on white; the
    orientation is applied. Depths of 9 to 15 bits that the file states are brought to 16; 16 bits and floats stay as
    they are, because only a whole set shows what is white. Raises UnreadableImage with the reason for whatever cannot
    be decoded whole.
    """
    with as_unreadable(), _open_source(source) as file:
        facts, load = _open_image(file, max_pixels)
        pixels = load()
        height, width, channels = pixels.shape
        depth = facts.depth if 8 < facts.depth < 16 else pixels.dtype.itemsize * 8
        return pixels, ImageFacts(width, height, channels, depth, facts.mode, facts.inverted)


def to_pixels(image: Image.Image) -> np.ndarray:
    """Pixels (H, W, C), uint8 or uint16, of an image that is loaded, by the rules of `decode`."""
    orientation = _orientation(image)
    pixels = to_hwc(np.asarray(_convert_mode(image)))
    return pixels if orientation == 1 else turn_upright(pixels, orientation)


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


def _open_image(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The image, its header read by whoever reads its format, its pixels not yet decoded."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head.startswith(b"\x93NUMPY"):
        return _open_array(file, max_pixels)
    if dicom_files.is_dicom(head):
        return dicom_files.open_dicom(file, max_pixels)
    if extra_formats.is_heic(head):
        return extra_formats.open_heic(file, max_pixels)
    if tiff_files.is_tiff(head) and not tiff_files.pillow_reads(file, max_pixels):
        return tiff_files.open_tiff(file, max_pixels)
    return _open_pillow(file, max_pixels)


def _open_array(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The .npy file, its head found true and acceptable before anything is allocated."""
    held = file.seek(0, os.SEEK_END)
    file.seek(0)
    shape, dtype = array_files.read_header(file, held)
    height, width, channels = check_image_shape(shape)
    if (kind := pixel_dtype(dtype)) is None:
        raise UnreadableImage(f"pixels are {dtype}, wanted whole numbers or floats")
    check_size(width, height, max_pixels, channels)

    def load() -> np.ndarray:
        file.seek(0)
        return to_hwc(channels_last(np.lib.format.read_array(file, allow_pickle=False)))

    return OpenImage(ImageFacts(width, height, channels, kind.itemsize * 8, "npy"), load)


@functools.cache
def _supported_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _open_pillow(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The image as Pillow reads it; a sound PNG whose texts are too long for Pillow is read without them."""

    def without_texts(step: Callable[[], Result]) -> OpenImage | Result:
        try:
            return step()
        except UnreadableImage:
            raise
        except ValueError:
            if (short := drop_texts(file)) is None:
                raise
            return _accept_pillow(short, max_pixels)

    opened = without_texts(lambda: _accept_pillow(file, max_pixels))

    def load() -> np.ndarray:  # texts may also stand behind the pixels
        found = without_texts(opened.load)
        return found.load() if isinstance(found, OpenImage) else found

    return OpenImage(opened.facts, load)


def _accept_pillow(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The image, its header read by Pillow and found acceptable."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RuntimeError("Pillow is set to accept truncated images: set ImageFile.LOAD_TRUNCATED_IMAGES = False")
    file.seek(0)
    image: Any = Image.open(file, formats=_supported_formats())
    check_size(image.size[0], image.size[1], max_pixels)
    # The later frames of an MPO are previews; those of a TIFF were looked at by tiff_files.
    if image.format not in ("MPO", "TIFF") and getattr(image, "is_animated", False):
        raise UnreadableImage("has several frames (it is animated): save the one that is meant as a file of its own")
    orientation = _orientation(image)
    width, height = image.size if orientation < 5 else image.size[::-1]
    if (deep := deep_colour.find_loader(image, file)) is not None:
        channels, depth, load_deep = deep
        facts = ImageFacts(width, height, channels, depth, f"{image.mode} of {depth} bits")
        return OpenImage(facts, lambda: turn_upright(load_deep(), orientation))
    gray = image.mode in GRAY_MODES or _has_gray_palette(image)
    depth = deep_colour.gray_depth(image)
    white_is_zero = depth == 16 and image.format == "TIFF" and tiff_files.is_white_zero(image)
    facts = ImageFacts(width, height, 1 if gray else 3, depth, image.mode, int(white_is_zero))

    def load() -> np.ndarray:
        image.load()
        pixels = to_pixels(image)
        return ~pixels if white_is_zero else pixels

    return OpenImage(facts, load)


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
    """The loaded image as L, RGB or 16-bit gray, transparency laid on white; an alpha of 0 everywhere says nothing."""
    if image.mode.startswith("I"):
        return image
    gray = image.mode in GRAY_MODES or _has_gray_palette(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        if coloured.getextrema()[3] not in ((255, 255), (0, 0)):  # type: ignore[index]
            coloured = Image.alpha_composite(Image.new("RGBA", image.size, "white"), coloured)
        image = coloured.convert("RGB")
    elif image.mode == "P":
        image = image.convert("RGB")  # through the palette, which `convert("L")` would weigh and round
    if not gray:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "RGB":
        return image.getchannel(0)
    return image if image.mode == "L" else image.convert("L")
