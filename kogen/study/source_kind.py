"""The kind of a source, images or series, and the options that fit it, before anything is decoded."""

from collections.abc import Mapping
from typing import Any

from kogen.augmentation.view_sets import VIEW_SETS, kind_of_views, view_set
from kogen.augmentation.wave_sets import WAVE_SETS
from kogen.common.kinds import Kind
from kogen.data.open import kind_of_source
from kogen.options.model import validate
from kogen.options.shared import MAX_SIZE, ReadOptions
from kogen.study.splits import open_source, storage_for

# Of series: a small network over time, and the views that take least away.
SERIES_OPTIONS = dict(backbone="tiny1d", views="process")


def with_series_defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The options asked for of a source of series, over those that suit it, with the length of its windows.

    ValueError for an --image-size: a network sees whole windows.
    """
    how = validate(ReadOptions, {name: asked[name] for name in ReadOptions.model_fields if name in asked}, "the source")
    images = open_source(asked["source"], storage_for(128, how.max_bad), how)
    length = images.pixels.shape[2]
    if asked.get("image_size", length) != length:
        raise ValueError(f"--image-size {asked['image_size']}: series are seen by windows of {length} samples: leave "
                         "it out, and say another length in the source, ?window=N")  # fmt: skip
    return {**SERIES_OPTIONS, **asked, "image_size": length}


def fields_of_series(source: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan on a source of series has, by default or as named; nothing of images. ValueError as
    `with_series_defaults`."""
    if kind_of_source(source) != "series":
        return {}
    asked = with_series_defaults({**named, "source": source})
    return {name: asked[name] for name in ("backbone", "views", "image_size")} | {"kind": "series"}


def check_views(views: str, size: int, kind: Kind) -> None:
    """ValueError for a set of views that is none or of the other kind, and for images that no network here sees."""
    if kind == "image" and size > MAX_SIZE:
        raise ValueError(f"--image-size {size}: wanted a whole number from 8 to {MAX_SIZE:,}")
    view_set(views, size)
    if (got := kind_of_views(views)) != kind:
        sets = WAVE_SETS if kind == "series" else VIEW_SETS
        what = {"image": "images", "series": "series"}
        raise ValueError(f"--views {views} are of {what[got]}, and the source has {what[kind]}: {', '.join(sets)}")
