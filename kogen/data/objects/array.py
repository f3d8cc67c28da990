"""Arrays and tensors as images, (N, H, W), (N, H, W, C) or (N, C, H, W) where it is clear which; lists of images."""

from typing import Any

import numpy as np
from PIL import Image

from kogen.data.decode import to_pixels
from kogen.data.image_facts import channel_axis, pixel_dtype, to_hwc
from kogen.data.listing import PixelStack
from kogen.data.objects.held import HeldImages, read_first

LAYOUTS = ("NHWC", "NCHW")
PATHS = ": give paths as a frame, pandas.DataFrame({'path': ...})"
MAX_USUAL = 4  # channels: gray, gray with alpha, colour, colour with alpha; an axis of so few may be that of channels


def hold_array(value: Any, where: str, layout: str | None = None, count: int | None = None) -> HeldImages | None:
    """What is held of an array, a tensor or a list of images; None for other objects.

    `layout` says which axis has the channels, `count` how many images there are labels for. Pixels are not copied.
    ValueError for a shape that may be read in two ways, and for numbers that are no pixels.
    """
    if isinstance(value, list):
        return _hold_list(value, where, layout)
    array = as_array(value, where)
    if array is None:
        return None
    if pixel_dtype(array.dtype) is None:
        raise ValueError(f"{where} holds {array.dtype}, wanted uint8, uint16 or floats{_hint_of_paths(array)}")
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise ValueError(f"{where} has the shape {array.shape}: wanted (N, H, W), (N, H, W, C) or (N, C, H, W), no 0")
    if array.ndim == 4:
        pixels = turn_last(array, find_layout(array.shape[1:], layout, f"{where} of shape {array.shape}"), first=1)
    else:
        refuse_one_image(array.shape, where, count)
        pixels = array[..., None]
    pixels = pixels.view()
    pixels.flags.writeable = False  # nobody behind this door writes to what is the caller's
    items = PixelStack("array", (), lambda: pixels, len(pixels))
    shape = "x".join(map(str, pixels.shape)) + f"-{pixels.dtype.name}"
    first = read_first(items, "array", keep_facts=False)
    return HeldImages("array", shape, items, first, {}, pixels=pixels)


def as_array(value: Any, where: str) -> np.ndarray | None:
    """An array, or a tensor of torch or of any library with `__array__`, as numpy holds it; None for other objects."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        try:
            return value.numpy()
        except TypeError as error:
            raise ValueError(f"{where} is a tensor of {value.dtype}, which numpy lacks: give value.float()") from error
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{where} is an array with a mask, and what is masked has no pixels: give value.filled(...)")
    if isinstance(value, np.ndarray):
        return np.asarray(value)  # of a memory map the array, which is as lazy
    return np.asarray(value) if hasattr(value, "__array__") and len(getattr(value, "shape", ())) > 1 else None


def find_layout(shape: tuple[int, ...], layout: str | None, what: str) -> int:
    """Where the channels of an image of this shape (3,) are: 0 or 2. ValueError where it is not clear."""
    if layout is not None:
        if layout not in LAYOUTS:
            raise ValueError(f"layout = {layout!r}: wanted NHWC, channels last, or NCHW, channels first")
        return 2 if layout == "NHWC" else 0
    axis = channel_axis(shape)
    if axis is None or max(shape[0], shape[2]) <= MAX_USUAL:
        last, front = f"{shape[0]} x {shape[1]} pixels of {shape[2]}", f"{shape[1]} x {shape[2]} pixels of {shape[0]}"
        raise ValueError(
            f"{what} may hold images of {last} channels (NHWC) or of {front} (NCHW): say which, "
            "{'images': ..., 'layout': 'NHWC'}"
        )
    return axis


def turn_last(array: np.ndarray, axis: int, first: int = 0) -> np.ndarray:
    """The array with the channels at the end; `first`: the number of the axes before those of an image."""
    return array if axis == 2 else np.moveaxis(array, first, -1)


def refuse_one_image(shape: tuple[int, ...], where: str, count: int | None) -> None:
    """ValueError for (N, H, W) that may be one image with channels, unless there is a label for each of N."""
    if count == shape[0]:
        return
    if shape[2] <= MAX_USUAL or shape[0] <= MAX_USUAL or (shape[0] == shape[1] != shape[2]):
        raise ValueError(
            f"{where} has the shape {shape}: one image, or {shape[0]} gray ones of {shape[1]} x {shape[2]} pixels? "
            "Give gray images as (N, H, W, 1), one image as (1, H, W, C)"
        )


def image_pixels(value: Any, layout: str | None, where: str) -> np.ndarray:
    """One image (PIL, array or tensor) as pixels (H, W, C). ValueError for what is none, or not clearly one."""
    if isinstance(value, Image.Image):
        value.load()
        return to_pixels(value)
    array = as_array(value, where)
    if array is None or array.ndim not in (2, 3):
        got = type(value).__name__ if array is None else f"an array of shape {array.shape}"
        raise ValueError(f"{where} is {got}: wanted an image of PIL, or an array (H, W), (H, W, C) or (C, H, W)")
    if array.ndim == 3:
        array = turn_last(array, find_layout(array.shape, layout, f"{where} of shape {array.shape}"))
    return to_hwc(array)


class _ListRows:
    """The pixels of a list of images, one by one."""

    def __init__(self, images: list[Any], layout: str | None, where: str) -> None:
        self.images, self.layout, self.where = images, layout, where

    def __getitem__(self, item: int) -> np.ndarray:
        return image_pixels(self.images[item], self.layout, f"{self.where}[{item}]")


def _hold_list(images: list[Any], where: str, layout: str | None) -> HeldImages:
    """What is held of a list of images."""
    if not images:
        raise ValueError(f"{where} is an empty list: wanted images")
    if isinstance(images[0], str):
        raise ValueError(f"{where} is a list of texts{PATHS}")
    rows = _ListRows(images, layout, where)
    rows[0]  # what is no image is said as it is, and not as a bad file
    items = PixelStack("list", (), lambda: rows, len(images))
    return HeldImages("list", str(len(images)), items, read_first(items, "list", keep_facts=True), {})


def _hint_of_paths(array: np.ndarray) -> str:
    """What to do with an array of texts, or of arrays of several sizes."""
    if array.dtype == object:
        return f"{PATHS}, images of several sizes as a list"
    return PATHS if array.dtype.kind == "U" else ""
