"""Encoded images that tests of the readers share."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian


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


def dicom(pixels: np.ndarray, syntax: Any = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """A DICOM file of one image; `tags` are put in, or left out where None."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    data.BitsAllocated = pixels.dtype.itemsize * 8
    data.BitsStored = 12 if pixels.dtype == np.uint16 else data.BitsAllocated
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def heic(mode: str, *images: np.ndarray) -> bytes:
    """A HEIC file of one image or more."""
    height, width = images[0].shape[:2]
    made = pillow_heif.from_bytes(mode, (width, height), images[0].tobytes())
    for image in images[1:]:
        made.add_frombytes(mode, (width, height), image.tobytes())
    file = io.BytesIO()
    made.save(file, quality=-1)
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


def write_set(root: Path, count: int, seed: int, prefix: str = "") -> str:
    """Class folders of striped (bad) and plain (ok) images; no two are near copies."""
    rng = np.random.default_rng(seed)
    for name in ("ok", "bad"):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 255, (18, 18, 3)).astype(np.uint8)
            pixels[:: 4 if name == "bad" else 99] = 255
            Image.fromarray(pixels).save(root / name / f"{prefix}{i}.png")
    return str(root)
