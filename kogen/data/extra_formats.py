"""Formats that need libraries beyond kogen's own, `pip install 'kogen[formats]'`: which are there, and HEIC."""

import functools
import importlib.util
import logging
import warnings
from typing import Any, BinaryIO

import numpy as np

from kogen.data.image_facts import ImageFacts, OpenImage, UnreadableImage, check_size, lay_on_white, to_hwc, widen

EXTRAS = ("tifffile", "imagecodecs", "pydicom", "pillow_heif")
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")  # ISO 23008-12


@functools.cache
def installed_extras() -> tuple[str, ...]:
    """The libraries of the extra `formats` that are installed."""
    return tuple(name for name in EXTRAS if importlib.util.find_spec(name) is not None)


def import_extra(name: str, what: str) -> Any:
    """A library of EXTRAS. UnreadableImage names it, and the extra to install, where it is not there."""
    try:
        if name == "tifffile":
            import tifffile as library
        elif name == "imagecodecs":
            import imagecodecs as library
        elif name == "pydicom":
            import pydicom as library
        else:
            import pillow_heif as library
    except ImportError as error:
        raise UnreadableImage(f"{what} needs {name}: pip install 'kogen[formats]'") from error
    warnings.filterwarnings("ignore", module=name)
    quiet_log(name)
    return library


def quiet_log(name: str) -> None:
    """Keep what a library logs of a damaged file from the screen, unless somebody listens: it is said once, by us."""
    log = logging.getLogger(name)
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def is_heic(head: bytes) -> bool:
    """Whether a file that begins so is HEIC; `mif1` alone may also be AVIF, which Pillow reads."""
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS and b"avif" not in head[8:64]


def open_heic(file: BinaryIO, max_pixels: int) -> OpenImage:
    """The HEIC image, its header read; 10 and 12 bits are kept, the turn that it states is applied by libheif."""
    library = import_extra("pillow_heif", "HEIC")
    found = library.open_heif(file, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    if len(found) != 1:
        raise UnreadableImage(f"has {len(found)} images (a burst): save the one that is meant as a file of its own")
    check_size(found.size[0], found.size[1], max_pixels)
    depth = int(found.info.get("bit_depth", 8))
    width, height = found.size
    facts = ImageFacts(width, height, 1 if found.mode[0] in "LI" else 3, max(depth, 8), f"HEIC {found.mode}")

    def load() -> np.ndarray:
        pixels = to_hwc(np.asarray(found))
        return lay_on_white(widen(pixels, depth) if depth > 8 else pixels)

    return OpenImage(facts, load)
