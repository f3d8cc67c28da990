"""DICOM: one frame as the numbers that its modality means, by pydicom; a viewer's window is not applied."""

import io
from typing import Any, BinaryIO

import numpy as np

from kogen.data.extra_formats import import_extra
from kogen.data.image_facts import ImageFacts, OpenImage, UnreadableImage, check_size, to_hwc, widen

MARK = slice(128, 132)  # where DICM stands (PS3.10, section 7.1)
DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax (PS3.5, section A.5)
GRAYS = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")
NEEDED = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PhotometricInterpretation")


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins so is DICOM."""
    return head[MARK] == b"DICM"


def open_dicom(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The DICOM image, its data set read without its pixels.

    The modality's slope and intercept are applied (then, and for signed numbers, pixels are floats), MONOCHROME1 is
    inverted, YBR becomes RGB, BitsStored is the depth; padding becomes the least
    value of the image. Window centre and width are the choice of a viewer and differ
    from file to file: they are not applied. UnreadableImage for several frames, palettes and lookup tables.
    """
    library = import_extra("pydicom", "DICOM")
    content = file.read()
    if DEFLATED in content:  # wherever it stands: pydicom inflates the whole data set, however large
        raise UnreadableImage("a deflated DICOM file, whose size is not known before: save it uncompressed")
    facts, rescale = _read_facts(library.dcmread(io.BytesIO(content), stop_before_pixels=True))
    check_size(facts.width, facts.height, max_pixels, facts.channels)
    return OpenImage(facts, lambda: _read_pixels(library, content, facts, rescale))


def _read_facts(data: Any) -> tuple[ImageFacts, tuple[float, float] | None]:
    """The facts of an image, and slope and intercept where they change its numbers, or these are signed."""
    if absent := [name for name in NEEDED if data.get(name) is None]:
        raise UnreadableImage(f"DICOM without an image (no {absent[0]})")
    if (frames := int(data.get("NumberOfFrames") or 1)) > 1:
        raise UnreadableImage(f"has {frames} frames, which may be depth or time: save each image as a file of its own")
    colours, samples = str(data.PhotometricInterpretation), int(data.get("SamplesPerPixel", 1))
    allocated, stored = int(data.BitsAllocated), int(data.BitsStored)
    if allocated not in (8, 16) or not 0 < stored <= allocated:
        raise UnreadableImage(f"DICOM with {stored} of {allocated} bits a value, wanted at most 16, of 8 or 16")
    if colours not in {1: GRAYS, 3: COLOURS}.get(samples, ()):
        raise UnreadableImage(f"colours are {colours} with {samples} samples: save it as gray or RGB")
    if "ModalityLUTSequence" in data:
        raise UnreadableImage("its numbers mean something by a lookup table (modality LUT): apply it first")
    slope, intercept = float(data.get("RescaleSlope") or 1), float(data.get("RescaleIntercept") or 0)
    signed = int(data.get("PixelRepresentation", 0)) == 1
    rescale = (slope, intercept) if samples == 1 and ((slope, intercept) != (1, 0) or signed) else None
    depth = 32 if rescale else max(stored, 8)
    return ImageFacts(int(data.Columns), int(data.Rows), samples, depth, f"DICOM {colours}"), rescale


def _read_pixels(library: Any, content: bytes, facts: ImageFacts, rescale: tuple[float, float] | None) -> np.ndarray:
    """The pixels (H, W, C) of a DICOM file: float32 where they are rescaled, else whole numbers of their full depth."""
    data = library.dcmread(io.BytesIO(content))
    if "PixelData" not in data:
        raise UnreadableImage("DICOM without pixels")
    stored = np.asarray(library.pixels.pixel_array(data))
    if stored.shape[:2] != (facts.height, facts.width):
        raise UnreadableImage(f"cannot be decoded: pixels of shape {stored.shape}")
    bits, padding = int(data.BitsStored), _find_padding(data, stored)
    if str(data.PhotometricInterpretation) == "MONOCHROME1":  # the least number is white
        stored = (-1 if stored.dtype.kind == "i" else (1 << bits) - 1) - stored
    if padding.any() and not padding.all():
        stored = np.where(padding, stored[~padding].min(), stored)
    if rescale:
        return to_hwc(stored.astype(np.float64) * rescale[0] + rescale[1])
    pixels = to_hwc(stored)
    if bits > 8:
        return widen(pixels, bits)
    top = (1 << bits) - 1
    return (np.minimum(pixels, top).astype(np.uint16) * np.uint16(255) // np.uint16(top)).astype(np.uint8)


def _find_padding(data: Any, stored: np.ndarray) -> np.ndarray:
    """Which stored numbers, (H, W) or (H, W, 3) bool, are padding and no part of the image (PS3.3, C.7.5.1.1.2)."""
    value = data.get("PixelPaddingValue")
    if value is None or not isinstance(value, int):
        return np.zeros(stored.shape, bool)
    limit = data.get("PixelPaddingRangeLimit")
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    return (stored >= low) & (stored <= high)
