"""TIFF: what Pillow reads and what tifffile does, stacks and previews, bands, floats, white as zero, no data."""

import io
import struct

import numpy as np
import pytest
import tifffile
from pictures import tiff
from PIL import Image

from kogen.data.decode import decode, read_header
from kogen.data.image_facts import UnreadableImage, widen

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
BANDS = RNG.integers(0, 10000, (20, 30, 13), dtype=np.uint16)
EIGHT = RNG.integers(0, 256, (20, 30, 4), dtype=np.uint8)


def agree(data: bytes) -> np.ndarray:
    pixels, facts = decode(data)
    assert read_header(data) == facts
    return pixels


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_bands_and_deep_colours_stay_whole(compression: str | None, byteorder: str) -> None:
    common = {"compression": compression, "byteorder": byteorder}
    np.testing.assert_array_equal(agree(tiff(COLOUR, photometric="rgb", **common)), COLOUR)
    for planes in ("contig", "separate"):
        stored = BANDS if planes == "contig" else BANDS.transpose(2, 0, 1)
        data = tiff(stored, photometric="minisblack", planarconfig=planes, **common)
        np.testing.assert_array_equal(agree(data), BANDS)


def test_a_fourth_band_that_is_not_said_to_be_alpha_stays() -> None:
    np.testing.assert_array_equal(agree(tiff(EIGHT, photometric="rgb", extrasamples=["unspecified"])), EIGHT)
    assert agree(tiff(EIGHT, photometric="rgb", extrasamples=["unassalpha"])).shape == (20, 30, 3)
    deep = np.dstack([COLOUR, np.full((20, 30), 65535, np.uint16)])
    np.testing.assert_array_equal(agree(tiff(deep, photometric="rgb", extrasamples=["assocalpha"])), COLOUR)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_floats_and_signed_numbers_are_floats(dtype: type) -> None:
    pixels = (RNG.random((20, 30)) * 100 - 50).astype(dtype)
    got = agree(tiff(pixels))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got[..., 0], pixels.astype(np.float32))


@pytest.mark.parametrize("bigtiff", [False, True])
def test_white_as_zero_is_inverted_at_every_depth(bigtiff: bool) -> None:
    deep, facts = decode(tiff(COLOUR[..., 0], photometric="miniswhite", bigtiff=bigtiff))
    np.testing.assert_array_equal(deep[..., 0], 65535 - COLOUR[..., 0])
    assert facts.inverted == 1
    eight, facts = decode(tiff(EIGHT[..., 0].copy(), photometric="miniswhite", bigtiff=bigtiff))
    np.testing.assert_array_equal(eight[..., 0], 255 - EIGHT[..., 0])
    assert facts.inverted == 0
    floats = RNG.random((20, 30)).astype(np.float32)
    np.testing.assert_array_equal(agree(tiff(floats, photometric="miniswhite"))[..., 0], -floats)


def test_twelve_bits_that_the_file_states() -> None:
    """Two values of 12 bits in three bytes, as many scanners write them."""
    values = (COLOUR[..., 0] >> 4).astype(np.uint16)
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = b"".join(int(a << 12 | b).to_bytes(3, "big") for a, b in pairs)
    tags = [(256, 30), (257, 20), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 20), (279, len(packed))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    data = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed
    data += struct.pack("<H", len(tags)) + entries + bytes(4)
    pixels, facts = decode(data)
    assert facts.depth == 12
    np.testing.assert_array_equal(pixels[..., 0], widen(values, 12))


STACK = RNG.integers(0, 255, (5, 20, 30), dtype=np.uint8)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"photometric": "minisblack"},
            "has several pages, which may be images, depth, time or bands: save each image",
        ),
        ({"imagej": True}, "has several pages"),
        ({"ome": True}, "has several pages"),
        ({"photometric": "minisblack", "truncate": True}, "has one page, and says that it holds 5 images: save each"),
        ({"volumetric": True, "tile": (5, 16, 16)}, "has one page, and says that it holds 5 images"),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_stacks_are_refused(options: dict, reason: str, dtype: type) -> None:
    data = tiff(STACK.astype(dtype), **options)
    for step in (read_header, decode):
        with pytest.raises(UnreadableImage, match=reason):
            step(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_smaller_copies_are_passed_over_and_previews_refused(dtype: type) -> None:
    large, small = COLOUR.astype(dtype), COLOUR[::2, ::2].astype(dtype)
    for pages, refused in (((large, 0), (small, 1)), False), (((small, 1), (large, 0)), True):
        file = io.BytesIO()
        with tifffile.TiffWriter(file) as writer:
            for pixels, kind in pages:
                writer.write(pixels, photometric="rgb", subfiletype=kind)
        if refused:
            with pytest.raises(
                UnreadableImage, match=r"its first page is a preview \(a raw photograph\?\): develop it"
            ):
                decode(file.getvalue())
        else:
            np.testing.assert_array_equal(agree(file.getvalue()), large)


def test_numbers_that_are_declared_no_data() -> None:
    heights = np.full((20, 30), 1.5, np.float32)
    heights[:2] = -9999
    tag = [(42113, "s", 0, "-9999", True)]
    with pytest.raises(UnreadableImage, match=r"60 of its 600 values are marked as no data \(-9999\): fill them"):
        decode(tiff(heights, extratags=tag))
    assert agree(tiff(heights[2:], extratags=tag)).max() == 1.5
    assert agree(tiff(COLOUR[..., 0] * 0, extratags=[(42113, "s", 0, "0", True)])).max() == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            tiff(EIGHT.astype(np.uint16), photometric="separated"),
            "colours are SEPARATED of 16 bits: save it as gray, RGB",
        ),
        (tiff(COLOUR[..., 0].copy(), photometric="cfa"), "colours are CFA of 16 bits"),
        (tiff(RNG.random((20, 30)).astype(np.complex64)), "axes of complex64, wanted one image"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(200), r"a raw photograph \(CR2\): develop it to TIFF or PNG"),
        (b"II*\0" + bytes(100), "cannot be decoded|no pages"),
    ],
)
def test_what_is_not_an_image_of_gray_colours_or_bands(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)


def test_the_turn_that_a_tiff_states_is_applied() -> None:
    data = tiff(COLOUR, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(agree(data), np.rot90(COLOUR, -1))


def test_pillow_and_tifffile_agree() -> None:
    """An 8-bit image is left to Pillow, which many more TIFFs were tried with."""
    pixels = np.ascontiguousarray(EIGHT[..., :3])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF")
    np.testing.assert_array_equal(agree(file.getvalue()), tifffile.imread(io.BytesIO(file.getvalue())))
