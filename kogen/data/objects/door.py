"""The one door for objects: of which kind one is, and what is held of it."""

from collections.abc import Callable
from typing import Any

from kogen.common.objects import LABELS
from kogen.data.objects.array import hold_array
from kogen.data.objects.dataset import hold_dataset
from kogen.data.objects.frame import HeldFrame, hold_frame
from kogen.data.objects.held import HeldImages
from kogen.data.objects.hugging_face import hold_hugging_face
from kogen.data.objects.image_columns import hold_parts
from kogen.data.objects.label_column import HeldLabels, hold_labels
from kogen.data.objects.series_parts import HeldSeries, hold_series
from kogen.data.objects.shards import hold_shards

Held = HeldImages | HeldSeries | HeldFrame | HeldLabels
KINDS: tuple[Callable[[Any, str], Held | None], ...] = (
    hold_frame,
    hold_shards,  # before data sets: it is one, of a stream
    hold_hugging_face,  # before mappings and data sets: its own are both
    hold_series,  # before other mappings
    lambda value, where: hold_parts(value, where, open_door),
    hold_array,
    hold_dataset,
)
WANTED = (
    "a path or a name of a data source, an array or tensor (N, H, W, C) or (N, C, H, W), (images, labels), a dict of "
    "images or of series (N, C, T), a list of images, a Dataset of torch, a Dataset of Hugging Face, or a frame with a "
    "column of paths"
)


def open_door(value: Any, where: str) -> Held:
    """What is held of an object that is given as the parameter `where`.

    ValueError for an object of no known kind, and for one that cannot be read.
    """
    if where == LABELS:
        return hold_frame(value, where) or hold_labels(value, where)
    if where == "object" and (found := plain_labels(value)) is not None:
        return found
    for hold in KINDS:
        if (held := hold(value, where)) is not None:
            return held
    kind = type(value)
    raise ValueError(f"{where} is a {kind.__module__}.{kind.__qualname__}: wanted {WANTED}")


def plain_labels(value: Any) -> HeldLabels | None:
    """Labels that are given without saying so, a list of texts and numbers or an array (N,); None for other objects."""
    is_list = isinstance(value, list) and all(one is None or isinstance(one, str | int | float) for one in value)
    return hold_labels(value, LABELS) if is_list or len(getattr(value, "shape", ())) == 1 else None
