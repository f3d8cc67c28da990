"""TIFF: what Pillow reads whole is left to it; many bands, floats and 16-bit colours are read by tifffile."""

from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from kogen.data.extra_formats import import_extra
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
SUBFILE, BITS, PHOTOMETRIC, SAMPLES, EXTRA, FORMAT, NODATA = 254, 258, 262, 277, 338, 339, 42113
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
ALPHA = (1, 2)  # what an extra sample may be; 0: it does not say
MAX_PAGES = 100_000


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins so is TIFF. UnreadableImage for the raw photographs that look like it."""
    if head[:4] in MARKS and head[8:10] == b"CR":
        raise UnreadableImage("a raw photograph (CR2): develop it to TIFF or PNG")
    return head[:4] in MARKS


def pillow_reads(file: BinaryIO, max_pixels: int) -> bool:
    """Whether Pillow reads all of a TIFF file: gray, palette, RGB with or without alpha, CMYK, YCbCr; one page.

    UnreadableImage for a file of several pages, and for one that begins with a preview.
    """
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
    _check_pages([int(tags.get(SUBFILE, 0)), *_later_pages(image)])
    file.seek(0)
    colours = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}.get(photometric, 0)
    known = samples == colours or (samples == colours + 1 and extra[:1] and extra[0] in ALPHA)
    whole = numbers == {1} or (numbers == {2} and bits == {32})
    gray = photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) and samples == 1
    return bool(known and whole and (max(bits) <= 8 or (gray and bits <= {16, 32} and NODATA not in tags)))


def is_white_zero(image: Any) -> bool:
    """Whether a TIFF that Pillow opened stores white as 0, which Pillow undoes for 8 bits and not for 16."""
    return image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _later_pages(image: Any) -> list[int]:
    """What the pages after the first are, as their tags say."""
    found = []
    for page in range(1, min(getattr(image, "n_frames", 1), MAX_PAGES)):
        image.seek(page)
        found.append(int(image.tag_v2.get(SUBFILE, 0)))
    return found


def _check_pages(kinds: list[int]) -> None:
    """UnreadableImage unless the first page (values of SUBFILE) is an image and the others are smaller copies."""
    if kinds[0] & 1:
        raise UnreadableImage("its first page is a preview (a raw photograph?): develop it to TIFF or PNG")
    if pages := [kind for kind in kinds[1:] if not kind & 1]:
        raise UnreadableImage(
            f"has {len(pages) + 1} pages, which may be images, depth, time or bands: save each image as a file of its "
            "own, bands as the samples (H, W, C) of one page"
        )


def open_tiff(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The TIFF image, read by tifffile. UnreadableImage for what is not one image of gray, RGB or bands."""
    library = import_extra("tifffile", "TIFF with many bands, floats or 16-bit colours")
    tiff = library.TiffFile(file)
    _check_pages([int(page.subfiletype) for page, _ in zip(tiff.pages, range(MAX_PAGES), strict=False)])
    page = tiff.pages[0]
    height, width, samples = int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)
    check_size(width, height, max_pixels, samples)
    stored, photometric, bits = page.dtype, int(page.photometric), int(page.bitspersample)
    kind = None if stored is None else pixel_dtype(stored)
    if kind is None or page.axes not in ("YX", "YXS", "SYX") or tiff.series[0].size != page.size:
        raise UnreadableImage(f"{page.axes or 'no'} axes of {stored}, wanted one image (H, W, C) of numbers")
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise UnreadableImage(f"colours are {page.photometric.name} of {bits} bits: save it as gray, RGB or bands")
    alpha = tuple(map(int, page.extrasamples))[:1] in ((1,), (2,)) and samples in (2, 4) and kind != np.float32
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
        return turn_upright(lay_on_white(pixels) if alpha else pixels, _orientation(page))

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
