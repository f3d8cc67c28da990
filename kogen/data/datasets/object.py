"""Data source `object`: images that were given in Python as an array, a data set or a frame, by the text of them."""

from kogen.common.objects import PREFIX, find_object
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.objects.frame import HeldFrame
from kogen.data.objects.label_column import HeldLabels

__all__ = ["open_object"]


def open_object(
    which: str = "",
    *,
    labels: str | None = None,
    split: str | None = None,
    columns: str | None = None,
    encoding: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """The images of an object that is given in this call, of which study.toml holds digest and shape.

    `labels`: those that are given as an object beside it, one an image. ValueError where the object is not here (on
    the command line it never is), and for settings that are of tables.
    """
    held, storage = find_object(f"{PREFIX}{which}"), storage or CacheSettings()
    if encoding is not None:
        raise ValueError(f"encoding = {encoding!r}: an object has none, it says how a csv is written")
    if isinstance(held, HeldFrame):
        if labels is not None:
            raise ValueError("labels are given beside a frame: put them into it, as its column label")
        return held.open(storage, name, split, columns)
    if isinstance(held, HeldLabels):
        raise ValueError("labels alone are no images: give images, and these as labels=")
    if columns is not None:
        raise ValueError(f"columns = {columns!r}: they are of tables and frames, and these images are an object")
    known = None
    if labels is not None:
        beside = find_object(labels) if labels.startswith(PREFIX) else None
        if not isinstance(beside, HeldLabels):
            got = "a frame" if beside is not None else f"the table {labels}"
            raise ValueError(f"labels are {got}, and the images an object: give a list or an array, one value an image")
        known = beside.values
    return held.open(storage, name, split, known)
