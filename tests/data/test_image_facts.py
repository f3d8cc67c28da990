"""What all readers share: which arrays are images, which numbers are pixels, how they are turned."""

import numpy as np
import pytest
from PIL import Image

from kogen.data.image_facts import (
    UnreadableImage,
    channel_axis,
    channels_last,
    check_size,
    lay_on_white,
    to_hwc,
    turn_upright,
    widen,
)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((64, 48, 3), 2),
        ((3, 64, 48), 0),
        ((1, 28, 28), 0),
        ((28, 28, 1), 2),
        ((13, 64, 64), 0),
        ((64, 64, 13), 2),
        ((8, 8, 3), 2),
        ((2, 2, 3), 2),
        ((64, 64, 200), None),  # wide and deep: pages or bands
        ((64, 64, 64), None),
        ((3, 64, 3), None),
        ((20, 64, 64), None),  # too many channels to be sure that they are no pages
        ((300, 300, 20), 2),
    ],
)
def test_where_the_channels_are(shape: tuple[int, ...], axis: int | None) -> None:
    assert channel_axis(shape) == axis


def test_arrays_are_turned_or_refused_with_the_shape_that_is_meant() -> None:
    image = np.arange(3 * 8 * 6, dtype=np.uint8).reshape(3, 8, 6)
    np.testing.assert_array_equal(channels_last(image), image.transpose(1, 2, 0))
    with pytest.raises(
        UnreadableImage, match=r"\(3, 64, 3\): not clearly \(H, W, C\) or \(C, H, W\).* save it as \(H,"
    ):
        channels_last(np.zeros((3, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("stored", "read"),
    [(">u2", np.uint16), ("<u2", np.uint16), ("i8", np.uint16), ("u4", np.uint16), ("?", np.uint8), ("u1", np.uint8)]
    + [(kind, np.float32) for kind in ("f2", "f4", ">f8", "i2")],
)
def test_every_number_that_can_be_a_pixel(stored: str, read: type) -> None:
    pixels = to_hwc(np.array([[0, 1], [1, 0]]).astype(stored))
    assert pixels.dtype == read
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels[..., 0], np.array([[0, 1], [1, 0]]) * (255 if stored == "?" else 1))


def test_numbers_that_are_no_pixels() -> None:
    with pytest.raises(
        UnreadableImage, match="64-bit pixels from -1 to 3, wanted 0 to 65535; floats may have any range"
    ):
        to_hwc(np.array([[-1, 3]]))
    with pytest.raises(UnreadableImage, match="pixels are complex128, wanted whole numbers or floats"):
        to_hwc(np.zeros((2, 2), complex))
    with pytest.raises(UnreadableImage, match="1 of its 2 values are NaN or infinite: fill them, or leave it out"):
        to_hwc(np.array([[1e300, 0]]))  # beyond 32 bits


def test_absurd_sizes() -> None:
    with pytest.raises(UnreadableImage, match="absurdly large: 1001 channels of 1 x 1 pixels, at most 1000 and 400"):
        check_size(1, 1, 100, 1001)
    with pytest.raises(UnreadableImage, match="no pixels: 9 x 0 of 1 channels"):
        check_size(9, 0, 100)
    with pytest.raises(UnreadableImage, match="absurdly large: 5 channels of 10 x 10 pixels"):
        check_size(10, 10, 100, 5)
    check_size(10, 10, 100, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_those_of_pillow(orientation: int) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    turns = [None, None, "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE"]
    turn = [*turns, "ROTATE_90"][orientation]
    wanted = Image.fromarray(pixels)
    wanted = wanted if turn is None else wanted.transpose(Image.Transpose[turn])
    np.testing.assert_array_equal(turn_upright(pixels[..., None], orientation)[..., 0], np.asarray(wanted))


def test_widening_keeps_black_white_and_order() -> None:
    values = np.arange(4096, dtype=np.uint16)
    wide = widen(values, 12)
    np.testing.assert_array_equal(wide, np.rint(values / 4095 * 65535))
    assert widen(np.array([5000], np.uint16), 12) == 65535  # a file that says 12 bits and holds more


def test_alpha() -> None:
    pixels = np.array([[[100, 0], [200, 0]]], np.uint16)
    np.testing.assert_array_equal(lay_on_white(pixels), pixels[..., :1])  # 0 everywhere says nothing
    pixels[0, 0, 1] = 65535
    assert lay_on_white(pixels)[0, :, 0].tolist() == [100, 65535]
    half = np.array([[[1000, 32768], [0, 65535]]], np.uint16)
    assert lay_on_white(half)[0, 0, 0] == 33267  # 1000 / 2 + 65535 / 2
    assert lay_on_white(half, premultiplied=True)[0, 0, 0] == 33767
