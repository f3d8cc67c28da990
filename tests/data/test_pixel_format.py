"""Sets of 16-bit and float images: what is white is found over all of them, asked for, or taken from another set."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import png, png16, scenes, tiff, write_all
from PIL import Image

from kogen.augmentation.corruptions import Corruption
from kogen.augmentation.crop import to_unit_range
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.levels import Levels, parse_levels, whole_levels
from kogen.data.open import open_images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def unit(images: Images) -> np.ndarray:
    """Every pixel as a network sees it, in [0, 1], (N, C, H, W)."""
    return to_unit_range(images.read(np.arange(len(images)))).numpy()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("on_demand", [None, True])
def test_the_depth_is_found_over_the_whole_set(tmp_path: Path, bits: int, on_demand: bool | None) -> None:
    pixels = scenes(6, 24, bits)
    pixels[1:] //= 3  # one bright image among dark ones decides for all
    folder = write_all(tmp_path / "in", [png(x) for x in pixels], "png")
    images = open_images(folder, CacheSettings(on_demand=on_demand))
    assert images.levels == whole_levels(bits)
    np.testing.assert_allclose(unit(images)[:, 0], pixels / ((1 << bits) - 1), atol=1e-5)
    assert f"read as {bits} bits; or give --depth" in " ".join(images.notes)


def test_corruptions_do_to_12_bits_what_they_do_to_8(tmp_path: Path) -> None:
    """The same scenes stored as 12 bits in 16 and as 8 bits: noise leaves as much of one as of the other."""
    deep = scenes(8, 64, 12)
    kept = []
    for name, stored in (("deep", deep), ("eight", (deep >> 4).astype(np.uint8))):
        images = open_images(write_all(tmp_path / name, [png(x) for x in stored], "png"))
        pixels = images.read(np.arange(8))
        ids = np.array([f"{n:016x}" for n in range(8)])
        noisy = Corruption("gaussian", 3)(pixels, ids)
        pair = torch.stack([to_unit_range(pixels).flatten(), to_unit_range(noisy).flatten()])
        kept.append(float(torch.corrcoef(pair)[0, 1]))
    assert kept[1] > 0.8
    assert kept[0] == pytest.approx(kept[1], abs=0.02)


def test_white_as_zero_in_12_of_16_bits(tmp_path: Path) -> None:
    pixels = scenes(4, 24, 12)
    folder = write_all(tmp_path / "in", [tiff(4095 - x, photometric="miniswhite") for x in pixels], "tif")
    images = open_images(folder)
    assert images.levels == whole_levels(12)
    np.testing.assert_allclose(unit(images)[:, 0], pixels / 4095, atol=1e-5)


def test_colours_of_12_bits_in_16(tmp_path: Path) -> None:
    pixels = np.repeat(scenes(4, 24, 12)[..., None], 3, axis=3)
    for name, pack in (("png", png16), ("tif", lambda x: tiff(x, photometric="rgb"))):
        images = open_images(write_all(tmp_path / name, [pack(x) for x in pixels], name))
        assert images.channels == 3
        np.testing.assert_allclose(unit(images).transpose(0, 2, 3, 1), pixels / 4095, atol=1e-5)


def test_a_depth_that_is_asked_for(tmp_path: Path) -> None:
    pixels = scenes(20, 16, 10)
    folder = write_all(tmp_path / "in", [png(x) for x in pixels], "png")
    images = open_images(folder, CacheSettings(levels=parse_levels("12")))
    np.testing.assert_allclose(unit(images)[:, 0], pixels / 4095, atol=1e-5)
    assert "black is 0 and white 4,095, as given" in " ".join(images.notes)
    assert images.digest != open_images(folder).digest
    with pytest.raises(
        ValueError, match=r"000\.png: values from 0 to 1023, wanted 0 to 255: give --depth 10 for all sets"
    ):
        open_images(folder, CacheSettings(levels=parse_levels("8")))


def test_a_window_cuts_off_and_says_so(tmp_path: Path) -> None:
    values = np.linspace(-1000, 3000, 64, dtype=np.float32).reshape(8, 8)
    images = open_images(
        write_all(tmp_path / "in", [tiff(values)] * 2, "tif"), CacheSettings(levels=parse_levels("-160:240"))
    )
    np.testing.assert_allclose(unit(images)[0, 0], np.clip((values + 160) / 400, 0, 1), atol=1e-4)
    said = " ".join(images.notes)
    assert "black is -160 and white 240, as given; images with values outside, which are cut off: 2 of 2" in said


@pytest.mark.parametrize("on_demand", [None, True])
def test_floats_run_from_the_least_to_the_largest_value_of_the_set(tmp_path: Path, on_demand: bool | None) -> None:
    values = np.random.default_rng(0).normal(0, 1, (5, 9, 12)).astype(np.float32)
    images = open_images(
        write_all(tmp_path / "in", [tiff(x) for x in values], "tif"), CacheSettings(on_demand=on_demand)
    )
    low, high = float(values.min()), float(values.max())
    assert images.levels == Levels(low, high)
    np.testing.assert_allclose(unit(images)[:, 0], (values - low) / (high - low), atol=1e-5)
    assert "float images do not say what is white: black is" in " ".join(images.notes)


def test_squeezed_floats_and_bands(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 10000, (3, 40, 60, 13), dtype=np.uint16)
    files = [tiff(x, photometric="minisblack", planarconfig="contig") for x in bands]
    images = open_images(write_all(tmp_path / "bands", files, "tif"), CacheSettings(stored_side=16))
    assert images.pixels.shape == (3, 13, 40, 60)
    images = open_images(
        write_all(tmp_path / "wide", [tiff(np.full((200, 300), x, np.float32)) for x in (0, 1)], "tif")
    )
    assert images.pixels.shape[1:] == (1, 256, 256)
    np.testing.assert_allclose(unit(images).mean((1, 2, 3)), [0, 1], atol=1e-5)


def test_floats_among_whole_numbers_are_left_out(tmp_path: Path) -> None:
    data = [png(x) for x in scenes(19, 8, 12)]
    folder = write_all(tmp_path / "in", data, "png")
    (folder / "odd.tif").write_bytes(tiff(np.ones((8, 8), np.float32)))
    images = open_images(folder)
    assert [(bad.source, bad.reason) for bad in images.bad] == [
        ("odd.tif", "pixels are floats, and most of this set are whole numbers")
    ]
    assert images.levels == whole_levels(12)


def test_transparent_everywhere_keeps_the_colours(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    clear = np.dstack([colours, np.zeros((8, 8), np.uint8)])
    images = open_images(write_all(tmp_path / "in", [png(clear)], "png"))
    np.testing.assert_array_equal(images.pixels[0].transpose(1, 2, 0), colours)
    file = tmp_path / "a.bmp"
    head = b"BM" + (54 + clear.size).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    Image.fromarray(clear).save(file, "BMP")  # with a mask of alpha
    assert head[:2] == file.read_bytes()[:2]
    np.testing.assert_array_equal(
        open_images(write_all(tmp_path / "bmp", [file.read_bytes()], "bmp")).pixels[0], images.pixels[0]
    )


def test_floats_beyond_those_of_train_say_what_holds_both(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "in", [tiff(np.array([[0.25, 2]], np.float32))] * 2, "tif")
    with pytest.raises(
        ValueError, match=r"values from 0\.25 to 2, wanted 0\.5 to 1\.5: give --depth 0\.25:2 for all sets"
    ):
        open_images(folder, CacheSettings(levels=Levels(0.5, 1.5)))
