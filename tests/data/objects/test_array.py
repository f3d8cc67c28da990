"""Arrays: layouts that are clear are read, the others are asked about; pixels are neither copied nor written to."""

import numpy as np
import pytest
import torch
from PIL import Image

from kogen.data.cache_settings import CacheSettings
from kogen.data.image_facts import content_id
from kogen.data.levels import parse_levels
from kogen.data.objects.array import hold_array

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 18, 3), dtype=np.uint8)
STORAGE = CacheSettings(progress=False)


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS.transpose(0, 3, 1, 2),
        np.asfortranarray(PIXELS),
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(PIXELS).permute(0, 3, 1, 2).to(torch.int64),
    ],
)
def test_the_same_pixels_are_the_same_images_in_any_layout(given):
    held = hold_array(given, "source")
    whole = given.dtype in (torch.int64,)  # which become 16-bit images, of another content
    expected = [content_id(image.astype(np.uint16) if whole else image) for image in PIXELS]
    images = held.open(STORAGE, "", None, None)
    assert images.ids.tolist() == expected
    if not whole:
        assert held.text == hold_array(PIXELS, "source").text
        assert (images.read(np.arange(12)).numpy() == PIXELS.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize("shape", [(5, 3, 3, 3), (5, 4, 32, 3), (5, 3, 32, 4), (5, 1, 28, 1), (5, 3, 32, 3)])
def test_a_layout_that_is_not_clear_is_asked_about(shape: tuple[int, ...]):
    pixels = np.zeros(shape, np.uint8)
    with pytest.raises(ValueError, match=r"may hold images of .* \(NHWC\) or of .* \(NCHW\): say which, .*'layout'"):
        hold_array(pixels, "source")
    assert hold_array(pixels, "source", "NHWC").pixels.shape == shape
    assert hold_array(pixels, "source", "NCHW").pixels.shape == (5, shape[2], shape[3], shape[1])
    with pytest.raises(ValueError, match=r"layout = 'HWC': wanted NHWC, channels last, or NCHW"):
        hold_array(pixels, "source", "HWC")


def test_one_image_is_not_taken_for_many_gray_ones():
    one = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match=r"one image, or 32 gray ones of 32 x 3 pixels\? Give gray images as"):
        hold_array(one, "source")
    assert len(hold_array(one, "source", count=32).items) == 32  # a label for each
    assert hold_array(np.zeros((9, 28, 28), np.uint8), "source").pixels.shape == (9, 28, 28, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 9)), r"has the shape \(4, 9\): wanted \(N, H, W\)"),
        (np.zeros((0, 9, 9, 3), np.uint8), "no 0"),
        (np.zeros((4, 9, 9, 3), complex), "holds complex128, wanted uint8"),
        (np.array([["a.png"]]), r"give paths as a frame, pandas.DataFrame"),
        (np.array([PIXELS[0], PIXELS[0][:9]], object), "images of several sizes as a list"),
        (np.ma.masked_less(PIXELS, 30), r"array with a mask, .*value.filled"),
        (["a.png"], "list of texts: give paths as a frame"),
        ([], "empty list"),
        ([np.zeros(3)], r"source\[0\] is an array of shape \(3,\): wanted an image"),
        (torch.zeros(4, 9, 9, 3, dtype=torch.bfloat16), r"tensor of torch.bfloat16, .*value.float\(\)"),
    ],
)
def test_what_is_no_stack_of_images_is_refused(given, said: str):
    with pytest.raises(ValueError, match=said):
        hold_array(given, "source")


def test_pixels_are_read_where_they_lie_and_never_written_to(tmp_path):
    pixels = PIXELS.copy()
    held = hold_array(pixels, "source")
    storage = CacheSettings(cache=tmp_path, progress=False)
    images = held.open(storage, "", None, None)
    assert np.shares_memory(images.pixels, pixels)
    assert not list(tmp_path.rglob("pixels.npy"))
    images.read(np.arange(3)).zero_()
    images.read(slice(0, 3)).zero_()  # type: ignore[arg-type]
    assert (pixels == PIXELS).all()
    assert pixels.flags.writeable  # the caller's own stays as it is


def test_images_larger_than_what_is_stored_are_squeezed_into_the_cache_as_files_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 300, 200, 3), dtype=np.uint8)
    images = hold_array(pixels, "source").open(CacheSettings(cache=tmp_path, progress=False), "", None, None)
    assert images.pixels.shape == (3, 3, 256, 256)
    assert list(tmp_path.rglob("pixels.npy"))  # mapped, not in memory


def test_floats_want_a_range():
    held = hold_array(PIXELS / 255, "source")
    with pytest.raises(ValueError, match=r"are floats, and nothing says .* black and white: .*depth='0:1'"):
        held.open(STORAGE, "", None, None)
    images = held.open(CacheSettings(progress=False, levels=parse_levels("0:1")), "", None, None)
    assert (images.read(np.arange(12)).numpy() == PIXELS.transpose(0, 3, 1, 2).astype(np.uint16) * 257).all()


def test_a_list_may_hold_images_of_many_kinds_and_sizes():
    given = [Image.fromarray(PIXELS[0]), PIXELS[1], torch.from_numpy(PIXELS[2]).permute(2, 0, 1), PIXELS[3][:9]]
    images = hold_array(given, "source").open(STORAGE, "", None, None)
    assert images.ids.tolist() == [content_id(one) for one in (*PIXELS[:3], PIXELS[3][:9])]
