"""TIFF: what Pillow reads whole is left to it; many bands, floats and 16-bit colours are read by tifffile."""

import math
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from kogen.data.extra_formats import import_extra, quiet_log
from kogen.data.image_facts import (
    ImageFacts,
    OpenImage,
    UnreadableImage,
    check_size,
    lay_on_white,
    pixel_dtype,
    to_pixel_numbers,
    turn_upright,
    widen,
)

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # of TIFF and BigTIFF
# Tags of TIFF 6.0 and of GDAL.
SUBFILE, BITS, PHOTOMETRIC, DESCRIPTION, SAMPLES, EXTRA, FORMAT = 254, 258, 262, 270, 277, 338, 339
DEPTH, NODATA = 32997, 42113
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
ALPHA = (1, 2)  # what an extra sample may be; 0: it does not say
MAX_PAGES = 64  # of smaller copies, each half as wide as the one before
MANY = "save each image as a file of its own, bands as the samples (H, W, C) of one page"


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins so is TIFF. UnreadableImage for the raw photographs that look like it."""
    if head[:4] in MARKS and head[8:10] == b"CR":
        raise UnreadableImage("a raw photograph (CR2): develop it to TIFF or PNG")
    return head[:4] in MARKS


def pillow_reads(file: BinaryIO, max_pixels: int) -> bool:
    """Whether Pillow reads all of a TIFF file: gray, palette, RGB with or without alpha, CMYK, YCbCr; one page.

    UnreadableImage for a file of several pages, and for one that begins with a preview.
    """
    quiet_log("PIL")  # which says on the screen that it cannot read it
    try:
        image: Any = Image.open(file, formats=["TIFF"])
    except Image.UnidentifiedImageError:
        return False
    finally:
        file.seek(0)
    check_size(image.size[0], image.size[1], max_pixels)
    tags = image.tag_v2
    samples, photometric, extra = tags.get(SAMPLES, 1), tags.get(PHOTOMETRIC), tuple(tags.get(EXTRA, ()))
    bits, numbers = set(tags.get(BITS, (1,))), set(tags.get(FORMAT, (1,)))
    _check_pages(_page_kinds(image))
    _check_alone(str(tags.get(DESCRIPTION, "")), int(tags.get(DEPTH, 1)), image.size[0] * image.size[1] * samples)
    file.seek(0)
    colours = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}.get(photometric, 0)
    known = samples == colours or (samples == colours + 1 and extra[:1] and extra[0] in ALPHA)
    whole = numbers == {1} or (numbers == {2} and bits == {32})
    gray = photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) and samples == 1
    return bool(known and whole and (max(bits) <= 8 or (gray and bits <= {16, 32} and NODATA not in tags)))


def is_white_zero(image: Any) -> bool:
    """Whether a TIFF that Pillow opened stores white as 0, which Pillow undoes for 8 bits and not for 16."""
    return image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _page_kinds(image: Any) -> Iterator[int]:
    """What each page of a TIFF that Pillow opened is, as its tag SUBFILE says."""
    yield int(image.tag_v2.get(SUBFILE, 0))
    for page in range(1, getattr(image, "n_frames", 1)):
        image.seek(page)
        yield int(image.tag_v2.get(SUBFILE, 0))


def _check_pages(kinds: Iterator[int]) -> None:
    """UnreadableImage unless the first page (values of SUBFILE) is an image and the others are smaller copies of it."""
    for page, kind in enumerate(kinds):
        if page == 0 and kind & 1:
            raise UnreadableImage("its first page is a preview (a raw photograph?): develop it to TIFF or PNG")
        if (page and not kind & 1) or page == MAX_PAGES:
            raise UnreadableImage(f"has several pages, which may be images, depth, time or bands: {MANY}")


def _check_alone(description: str, depth: int, values: int) -> None:
    """UnreadableImage where a page of so many values is only the first of the images that lie behind it.

    ImageJ and tifffile write one page, and say in its description how many there are; depth is SGI's tag of volumes.
    """
    images = re.match(r"ImageJ=.*?^images=(\d+)", description, re.DOTALL | re.MULTILINE)
    shape = re.match(r'\{"shape": \[([\d, ]+)\]', description)
    held = values * int(images[1]) if images else values
    held = math.prod(map(int, shape[1].split(","))) if shape else held
    if depth != 1 or held != values:
        raise UnreadableImage(f"has one page, and says that it holds {max(depth, held // values)} images: {MANY}")


def open_tiff(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The TIFF image, read by tifffile. UnreadableImage for what is not one image of gray, RGB or bands."""
    library = import_extra("tifffile", "TIFF with many bands, floats or 16-bit colours")
    tiff = library.TiffFile(file)
    _check_pages(int(page.subfiletype) for page in tiff.pages)
    page = tiff.pages[0]
    height, width, samples = int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)
    check_size(width, height, max_pixels, samples)
    described = page.description if isinstance(page.description, str) else ""
    _check_alone(described, int(page.imagedepth), height * width * samples)
    stored, photometric, bits = page.dtype, int(page.photometric), int(page.bitspersample)
    kind = None if stored is None else pixel_dtype(stored)
    if kind is None or page.axes not in ("YX", "YXS", "SYX"):
        raise UnreadableImage(f"{page.axes or 'no'} axes of {stored}, wanted one image (H, W, C) of numbers")
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise UnreadableImage(f"colours are {page.photometric.name} of {bits} bits: save it as gray, RGB or bands")
    extra = tuple(map(int, page.extrasamples))
    alpha = extra in ((1,), (2,)) and samples in (2, 4) and kind != np.float32
    depth = bits if kind == np.uint16 and 8 < bits < 16 else kind.itemsize * 8
    inverted = photometric == WHITE_IS_ZERO
    wide, high = (height, width) if _orientation(page) >= 5 else (width, height)
    facts = ImageFacts(wide, high, samples - alpha, depth, f"TIFF {stored}", int(inverted and depth == 16))

    def load() -> np.ndarray:
        pixels = page.asarray(maxworkers=1)
        pixels = np.moveaxis(pixels, 0, 2) if page.axes == "SYX" else pixels.reshape(height, width, samples)
        _check_nodata(page, pixels)
        pixels = to_pixel_numbers(pixels)
        pixels = widen(pixels, depth) if 8 < depth < 16 else pixels
        if inverted:
            pixels = -pixels if kind == np.float32 else ~pixels
        return turn_upright(lay_on_white(pixels, premultiplied=extra == (1,)) if alpha else pixels, _orientation(page))

    return OpenImage(facts, load)


def _orientation(page: Any) -> int:
    """How the page is to be turned."""
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None and int(tag.value) in range(1, 9) else 1


def _check_nodata(page: Any, pixels: np.ndarray) -> None:
    """UnreadableImage where pixels hold the number, other than 0, that GDAL's tag declares to be no data."""
    tag = page.tags.get(NODATA)
    if tag is None:
        return
    missing = float(str(tag.value).strip("\0 "))
    count = int(np.isnan(pixels).sum() if np.isnan(missing) else (pixels == missing).sum())
    if count and missing:
        raise UnreadableImage(f"{count} of its {pixels.size} values are marked as no data ({missing:g}): fill them")
