"""Series with what is known of them beside: a dict of series (N, C, T), labels, clusters, rate ..."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from kogen.common.objects import PREFIX
from kogen.common.text import hint
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images, sorted_class_names
from kogen.data.labels import clean_labels
from kogen.data.listing import hash_parts
from kogen.data.objects.array import as_array
from kogen.data.objects.held import COLUMNS, name_classes, wrong_count
from kogen.data.objects.label_column import column_texts
from kogen.data.series.from_values import from_series
from kogen.data.split_names import choose_split

KEYS = ("series", *COLUMNS, "class_names", "rate", "channel_names")


@dataclass(frozen=True)
class HeldSeries:
    """Series that an object gives, in its order."""

    series: Images  # without labels
    columns: dict[str, np.ndarray]  # of COLUMNS those that are known, (N,) object, "" where one has none
    classes: tuple[str, ...] | None = None  # in the object's own order

    @cached_property
    def text(self) -> str:
        """The name of the content: equal for equal values, rate, channels and columns in the same order."""
        series = self.series
        known = [f"{name}\0" + "\0".join(self.columns[name]) for name in COLUMNS if name in self.columns]
        known += [str(series.rate), *series.channel_names]
        digest = hash_parts(series.ids.astype("S16").data, *known)
        return f"{PREFIX}series-{'x'.join(map(str, series.pixels.shape))}-{digest[:16]}"

    def open(self, storage: CacheSettings, name: str, split: str | None, labels: np.ndarray | None) -> Images:
        """The series, each a recording of its own where no clusters are given; `labels` (N,) as text beside them.

        ValueError for labels that do not fit or are given twice.
        """
        columns = dict(self.columns)
        if labels is not None:
            if "labels" in columns:
                raise ValueError("labels= gives labels beside series that have their own: leave one out")
            if len(labels) != len(self.series):
                raise ValueError(wrong_count("labels", len(labels), len(self.series)))
            columns["labels"] = labels
        ids = self.series.ids
        text, notes = clean_labels(columns.get("labels", np.full(len(ids), "", object)), "the series")
        classes = self.classes or sorted_class_names(text)
        number = {"": -1, **{label: place for place, label in enumerate(classes)}}
        clusters = columns.get("clusters", np.full(len(ids), "", object))
        images = replace(
            self.series,
            labels=np.array([number[label] for label in text], np.int64),
            classes=classes,
            clusters=np.where(clusters == "", ids, clusters).astype(str),
            splits=columns.get("splits"),
            groups=columns.get("groups"),
            notes=tuple(notes),
            name=name or "series",
            digest="",
        )
        return choose_split(images, split, "the series")


def hold_series(value: Any, where: str) -> HeldSeries | None:
    """What is held of a dict with the key `series`; None for other objects.

    ValueError for other keys, for values that are no series, and for columns of another length.
    """
    if not isinstance(value, Mapping) or "series" not in value:
        return None
    for key in value:
        if key not in KEYS:
            raise ValueError(f"{where} has the key {key!r} beside series: {hint(str(key), list(KEYS))}")
    values = as_array(value["series"], f"series of {where}")
    if values is None:
        raise ValueError(f"series of {where} are a {type(value['series']).__name__}: wanted an array (N, C, T)")
    rate, names = value.get("rate") or 0.0, value.get("channel_names")
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not 0 <= rate < np.inf:
        raise ValueError(f"rate of {where} is {rate!r}: wanted samples a second, or none")
    channels = () if names is None else tuple(column_texts(names, f"channel_names of {where}").tolist())
    series = from_series(values, name="series", rate=float(rate), channel_names=channels)
    columns = {name: column_texts(value[name], f"{name} of {where}") for name in COLUMNS if value.get(name) is not None}
    for name, column in columns.items():
        if len(column) != len(series):
            raise ValueError(wrong_count(f"{name} of {where}", len(column), len(series)))
    classes = None
    if value.get("class_names") is not None:
        if "labels" not in columns:
            raise ValueError(f"{where} has class_names and no labels: they name the numbers of labels")
        what = f"class_names of {where}"
        names = column_texts(value["class_names"], what).tolist()
        columns["labels"], classes = name_classes(columns["labels"], names, what)
    return HeldSeries(series, columns, classes)
