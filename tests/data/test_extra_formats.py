"""The extra `formats`: HEIC, and what is said where a library is not installed."""

import builtins
from pathlib import Path

import numpy as np
import pytest
from pictures import heic, tiff, write_all

from kogen.data import extra_formats
from kogen.data.cache_settings import CacheRequest, CacheSettings
from kogen.data.decode import decode, read_header
from kogen.data.image_facts import UnreadableImage
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.open import open_images

COLOUR = np.random.default_rng(0).integers(0, 65536, (64, 48, 3), dtype=np.uint16)
SMOOTH = np.ascontiguousarray(np.linspace(0, 65535, 64 * 48 * 3).astype(np.uint16).reshape(64, 48, 3))
EIGHT = (SMOOTH >> 8).astype(np.uint8)


def test_heic_of_8_and_10_bits() -> None:
    pixels, facts = decode(heic("RGB", EIGHT))
    assert read_header(heic("RGB", EIGHT)) == facts
    assert (facts.channels, facts.depth, pixels.shape) == (3, 8, (64, 48, 3))
    assert np.abs(pixels.astype(int) - EIGHT).mean() < 3
    pixels, facts = decode(heic("RGB;16", SMOOTH))
    assert (facts.depth, pixels.dtype, facts.channels) == (10, np.uint16, 3)
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 800


def test_heic_of_several_images_is_refused() -> None:
    with pytest.raises(UnreadableImage, match=r"has 2 images \(a burst\): save the one that is meant as a file of its"):
        decode(heic("RGB", EIGHT, EIGHT))


def test_damaged_heic_is_refused() -> None:
    data = heic("RGB", EIGHT)
    for cut in (40, len(data) // 2):
        with pytest.raises(UnreadableImage, match="cannot be decoded"):
            decode(data[:cut])


@pytest.fixture
def without_extras(monkeypatch) -> None:
    """As if none of the libraries were installed."""
    honest = builtins.__import__

    def refuse(name: str, *rest: object, **more: object) -> object:
        if name.split(".")[0] in extra_formats.EXTRAS:
            raise ImportError(name)
        return honest(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (heic("RGB", EIGHT), "HEIC needs pillow_heif"),
        (tiff(COLOUR, photometric="rgb"), "TIFF with many bands, floats or 16-bit colours needs tifffile"),
        (bytes(128) + b"DICM", "DICOM needs pydicom"),
    ],
)
def test_the_extra_is_named(without_extras: None, data: bytes, what: str) -> None:
    with pytest.raises(UnreadableImage, match=rf"{what}: pip install 'kogen\[formats\]'"):
        decode(data)


def test_the_file_is_named_and_read_once_the_library_is_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))
    folder = write_all(tmp_path / "in", [tiff(COLOUR, photometric="rgb")] * 2, "tif")
    items = ImageFiles(str(folder), scan_folder(str(folder)))
    there = CacheRequest(items, CacheSettings()).key
    with monkeypatch.context() as patch:
        patch.setattr(extra_formats, "installed_extras", lambda: ())
        patch.setattr("kogen.data.cache_settings.installed_extras", lambda: ())
        assert CacheRequest(items, CacheSettings()).key != there  # what was refused is not remembered for ever
        patch.setattr("kogen.data.tiff_files.import_extra", lambda name, what: extra_formats.import_extra("", what))
        patch.setitem(__import__("sys").modules, "pillow_heif", None)
        with pytest.raises(
            ValueError, match=r"2 of 2 images cannot be used(.|\n)*000\.tif: .*pip install 'kogen\[form"
        ):
            open_images(folder)
    assert open_images(folder).pixels.dtype == np.uint16
