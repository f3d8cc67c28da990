"""Images with what is known of them beside: a tuple (images, labels), or a dict of images, labels, clusters ..."""

from collections.abc import Callable, Mapping
from typing import Any

from kogen.common.text import hint
from kogen.data.objects.array import hold_array
from kogen.data.objects.dataset import hold_dataset
from kogen.data.objects.held import COLUMNS, HeldImages, name_classes, wrong_count
from kogen.data.objects.label_column import column_texts

KEYS = ("images", *COLUMNS, "class_names", "layout")


def hold_parts(value: Any, where: str, open_door: Callable[[Any, str], Any]) -> HeldImages | None:
    """What is held of a tuple (images, labels), or of a dict with KEYS; None for other objects.

    ValueError for other parts, columns of another length, and what is said twice.
    """
    if isinstance(value, tuple):
        if len(value) != 2:
            raise ValueError(f"{where} is a tuple of {len(value)}: wanted (images, labels); several images are a list")
        value = {"images": value[0], "labels": value[1]}
    if not isinstance(value, Mapping):
        return None
    for key in value:
        if key not in KEYS:
            raise ValueError(f"{where} has the key {key!r}: {hint(str(key), list(KEYS))}")
    if "images" not in value:
        raise ValueError(f"{where} is a dict without 'images': wanted {{'images': ..., 'labels': ...}}")
    columns = {name: column_texts(value[name], f"{name} of {where}") for name in COLUMNS if value.get(name) is not None}
    held = _hold_images(value, where, open_door, {len(column) for column in columns.values()})
    for name, column in columns.items():
        if len(column) != len(held.items):
            raise ValueError(wrong_count(f"{name} of {where}", len(column), len(held.items)))
    classes, names = None, value.get("class_names")
    if names is not None:
        if "labels" not in columns:
            raise ValueError(f"{where} has class_names and no labels: they name the numbers of labels")
        what = f"class_names of {where}"
        columns["labels"], classes = name_classes(columns["labels"], column_texts(names, what).tolist(), what)
    return held.with_columns(columns, classes, where)


def _hold_images(
    value: Mapping[str, Any], where: str, open_door: Callable[[Any, str], Any], counts: set[int]
) -> HeldImages:
    """What is held of the images of a dict, read in its layout, if it says one."""
    images, layout = value["images"], value.get("layout")
    count = counts.pop() if len(counts) == 1 else None
    held = hold_array(images, where, layout, count)
    if held is None:
        held = open_door(images, where) if layout is None else hold_dataset(images, where, layout)
    if not isinstance(held, HeldImages):
        raise ValueError(f"images of {where} are a {type(images).__name__}: wanted an array, a list or a Dataset")
    return held
