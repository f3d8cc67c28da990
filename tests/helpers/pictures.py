"""Encoded images that tests of the readers share."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image


def png(pixels: np.ndarray, **options: object) -> bytes:
    """A PNG as Pillow writes it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def png16(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel (H, W, C), written by hand: C is 2 (gray, alpha), 3 or 4."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    """A TIFF as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)  # type: ignore[arg-type]
    return file.getvalue()


def scenes(count: int, side: int, bits: int, seed: int = 0) -> np.ndarray:
    """Smooth gray scenes (N, H, W) uint16 that use all of `bits`, but for the first also darker ones."""
    rng, top = np.random.default_rng(seed), (1 << bits) - 1
    coarse = rng.integers(0, 256, (count, 4, 4), dtype=np.uint8)
    fine = [np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) / 255 for c in coarse]
    found = np.stack([(x - x.min()) / max(np.ptp(x), 1e-9) for x in fine])
    return np.rint(found * top).astype(np.uint16)


def write_all(folder: Path, images: list[bytes], ending: str) -> Path:
    """Write images into a folder, numbered."""
    folder.mkdir(parents=True)
    for number, data in enumerate(images):
        (folder / f"{number:03d}.{ending}").write_bytes(data)
    return folder
