"""Colours of more than 8 bits: kept whole, or refused; a depth that the file states is used."""

import io

import imagecodecs
import numpy as np
import pytest
from pictures import png16
from PIL import Image

from kogen.data.decode import decode, read_header
from kogen.data.image_facts import UnreadableImage, widen

COLOUR = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)


def agree(data: bytes) -> tuple[np.ndarray, int]:
    pixels, facts = decode(data)
    assert read_header(data) == facts
    return pixels, facts.depth


def test_png_colours_keep_16_bits() -> None:
    smooth = np.ascontiguousarray(np.cumsum(COLOUR // 4000, 0).astype(np.uint16))
    for pixels in (COLOUR, smooth):  # by hand without filters, by libpng with them
        for data in (png16(pixels), imagecodecs.png_encode(pixels)):
            got, depth = agree(data)
            assert depth == 16
            np.testing.assert_array_equal(got, pixels)


def test_png_with_alpha_keeps_16_bits() -> None:
    solid = np.full((20, 30, 1), 65535, np.uint16)
    np.testing.assert_array_equal(agree(png16(np.dstack([COLOUR, solid])))[0], COLOUR)
    np.testing.assert_array_equal(agree(png16(np.dstack([COLOUR[..., :1], solid])))[0], COLOUR[..., :1])
    np.testing.assert_array_equal(agree(png16(np.dstack([COLOUR, solid * 0])))[0], COLOUR)  # clear: says nothing


def test_damaged_png_of_16_bits_is_refused() -> None:
    data = png16(COLOUR)
    for cut in (60, len(data) // 2, len(data) - 60):
        with pytest.raises(UnreadableImage, match=r"cannot be decoded|not an image of a known"):
            decode(data[:cut])


def test_ppm_states_its_white() -> None:
    got, depth = agree(b"P6\n# a word\n30 20\n4095\n" + (COLOUR >> 4).astype(">u2").tobytes())
    assert depth == 12
    np.testing.assert_array_equal(got, widen(COLOUR >> 4, 12))
    assert agree(b"P6 30 20 65535\n" + COLOUR.astype(">u2").tobytes())[1] == 16
    got, depth = agree(b"P5 30 20 4095\n" + (COLOUR[..., 0] >> 4).astype(">u2").tobytes())
    assert (depth, got.shape) == (12, (20, 30, 1))
    assert np.abs(got[..., 0].astype(int) - widen(COLOUR[..., 0] >> 4, 12)).max() <= 1
    with pytest.raises(UnreadableImage, match="truncated"):
        decode(b"P6 30 20 4095\n" + bytes(100))
    with pytest.raises(UnreadableImage, match="PPM as text with 16 bits a channel: save it as PNG or TIFF"):
        decode(b"P3 1 1 65535\n1 2 60000\n")


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_jpeg_2000(bits: int) -> None:
    pixels = np.ascontiguousarray(COLOUR >> (16 - bits))
    got, depth = agree(imagecodecs.jpeg2k_encode(pixels, level=0, bitspersample=bits))
    assert depth == bits
    np.testing.assert_array_equal(got, widen(pixels, bits))
    assert (
        agree(imagecodecs.jpeg2k_encode(np.ascontiguousarray(pixels[..., 0]), level=0, bitspersample=bits))[1] == bits
    )


@pytest.mark.parametrize("bits", [10, 12])
def test_avif(bits: int) -> None:
    pixels = np.ascontiguousarray(COLOUR >> (16 - bits))
    data = imagecodecs.avif_encode(pixels, level=100, bitspersample=bits)
    got, depth = agree(data)
    assert depth == bits
    np.testing.assert_array_equal(got, widen(imagecodecs.avif_decode(data), bits))


def test_what_would_be_cut_is_refused() -> None:
    file = io.BytesIO()
    Image.fromarray((COLOUR >> 8).astype(np.uint8)).save(file, "SGI", bpc=2)
    with pytest.raises(UnreadableImage, match="SGI with 16 bits a channel, of which 8 would be lost: save it as PNG"):
        decode(file.getvalue())
