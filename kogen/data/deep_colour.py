"""Depths above 8 bits that Pillow would cut to 8: colours of 16-bit PNG and PPM, JPEG 2000, AVIF."""

import re
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from kogen.data.extra_formats import import_extra
from kogen.data.image_facts import UnreadableImage, lay_on_white, to_hwc, widen

PNM_HEAD = re.compile(rb"P6(?:\s+|#[^\r\n]*[\r\n])+(\d+)(?:\s+|#[^\r\n]*[\r\n])+(\d+)(?:\s+|#[^\r\n]*[\r\n])+(\d+)\s")
EIGHT_BITS = ("JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF")  # what Pillow decodes of these has no more; TIFF: tiff_files
LOOKED_AT = 1 << 16  # bytes in which a file states its depth
CODESTREAM = b"\xff\x4f\xff\x51"  # how the pixels of JPEG 2000 begin: SOC and SIZ (ISO 15444-1, A.5.1)


class DeepLoader(NamedTuple):
    """How an image of more than 8 bits is decoded whole."""

    channels: int
    depth: int  # bits that the file states, 9 to 16
    load: Callable[[], np.ndarray]  # pixels (H, W, C) uint16, transparency laid on white


def find_loader(image: ImageFile.ImageFile, file: BinaryIO) -> DeepLoader | None:
    """What decodes an image that Pillow has opened and would cut to 8 bits; None where it cuts nothing.

    UnreadableImage where nothing decodes it whole.
    """
    if image.format in EIGHT_BITS or image.mode.startswith("I"):
        return None
    if image.format == "JPEG2000" and image.mode != "L":
        return _jpeg2000_loader(image, file)
    if image.format == "AVIF":
        return _avif_loader(image, file)
    raw = str(image.tile[0].args) if image.tile else ""
    if image.format == "PPM" and image.mode == "RGB" and (depth := _pnm_depth(image)) > 8:
        return DeepLoader(3, depth, lambda: _read_ppm(file, image.size))
    if "16" not in f"{raw} {image.tile[0].codec_name if image.tile else ''}":
        return None
    if image.format == "PNG":
        return DeepLoader(1 if raw.startswith("LA") else 3, 16, lambda: _read_png(file))
    raise UnreadableImage(f"{image.format} with 16 bits a channel, of which 8 would be lost: save it as PNG or TIFF")


def gray_depth(image: ImageFile.ImageFile) -> int:
    """Bits a channel of an image that Pillow decodes whole: 8, 16, or fewer where the file says so."""
    if not image.mode.startswith("I"):
        return 8
    if image.format == "JPEG2000":
        return _jpeg2000_depth(image.fp)  # type: ignore[arg-type]
    return _pnm_depth(image) if image.format == "PPM" else 16


def _read_png(file: BinaryIO) -> np.ndarray:
    """Colours of a 16-bit PNG.

    Pillow keeps one byte of two, the first in each pair of big-endian numbers and the second of little-endian ones:
    decoded as both, they are the whole. Gray with alpha are four bytes a pixel, as RGBA of 8 bits is.
    """

    def decode_as(raw: str) -> np.ndarray:
        file.seek(0)
        image: Any = Image.open(file, formats=["PNG"])
        image.tile = [tile._replace(args=raw) for tile in image.tile]
        image.load()
        return np.asarray(image).astype(np.uint16)

    file.seek(0)
    raw = str(Image.open(file, formats=["PNG"]).tile[0].args)  # type: ignore[attr-defined]
    if raw == "LA;16B":
        pixels = decode_as("RGBA")
        return lay_on_white(pixels[..., ::2] << 8 | pixels[..., 1::2])
    return lay_on_white(decode_as(raw) << 8 | decode_as(raw.replace("16B", "16L")))


def _pnm_depth(image: ImageFile.ImageFile) -> int:
    """Bits of the greatest value that the head of a PNM file states."""
    codec, _, _, args = image.tile[0]
    if codec == "raw":  # 255 or 65535
        return 16 if image.mode.startswith("I") else 8
    return max(8, int(args[1]).bit_length())  # type: ignore[index]


def _read_ppm(file: BinaryIO, size: tuple[int, int]) -> np.ndarray:
    """Colours of a binary PPM file of two bytes a value, its greatest value as 65535 (netpbm, ppm(5))."""
    file.seek(0)
    head = PNM_HEAD.match(file.read(LOOKED_AT))
    if head is None:
        raise UnreadableImage("PPM as text with 16 bits a channel: save it as PNG or TIFF")
    file.seek(head.end())
    top, count = int(head[3]), size[0] * size[1] * 3
    data = file.read(2 * count)
    if len(data) < 2 * count:
        raise UnreadableImage("cannot be decoded: truncated")
    values = np.minimum(np.frombuffer(data, ">u2").astype(np.uint32), top)
    return ((values * 65535 + top // 2) // top).astype(np.uint16).reshape(size[1], size[0], 3)


def _jpeg2000_depth(file: BinaryIO) -> int:
    """Bits a channel that a JPEG 2000 file states (SIZ marker, ISO 15444-1, A.5.1); of several the greatest."""
    place = file.tell()
    file.seek(0)
    data = file.read(LOOKED_AT)
    file.seek(place)
    start = data.find(CODESTREAM) + len(CODESTREAM)
    count = int.from_bytes(data[start + 36 : start + 38], "big")
    depths = [(value & 0x7F) + 1 for value in data[start + 38 : start + 38 + 3 * count : 3]]
    return max(depths, default=8)


def _jpeg2000_loader(image: ImageFile.ImageFile, file: BinaryIO) -> DeepLoader | None:
    """What decodes a JPEG 2000 image of more than 8 bits that is not gray."""
    depth = _jpeg2000_depth(file)
    if depth <= 8:
        return None
    decode = import_extra("imagecodecs", f"JPEG 2000 with {depth} bits a channel").jpeg2k_decode
    return DeepLoader(1 if image.mode == "LA" else 3, depth, lambda: _read_by(decode, file, depth))


def _avif_loader(image: ImageFile.ImageFile, file: BinaryIO) -> DeepLoader | None:
    """What decodes an AVIF image of 10 or 12 bits (av1C box, AV1-ISOBMFF section 2.3)."""
    place = file.tell()
    file.seek(0)
    data = file.read(LOOKED_AT)
    file.seek(place)
    start = data.find(b"av1C") + 4
    flags = data[start + 2] if start >= 4 and len(data) > start + 2 else 0
    if not flags & 0x40:
        return None
    depth = 12 if flags & 0x20 else 10
    decode = import_extra("imagecodecs", f"AVIF with {depth} bits a channel").avif_decode
    return DeepLoader(1 if image.mode == "L" else 3, depth, lambda: _read_by(decode, file, depth))


def _read_by(decode: Callable[[bytes], np.ndarray], file: BinaryIO, depth: int) -> np.ndarray:
    """Pixels that a codec decodes to numbers of `depth` bits, as full 16 bits."""
    file.seek(0)
    pixels = widen(to_hwc(decode(file.read())).astype(np.uint16), depth)
    return lay_on_white(pixels)
