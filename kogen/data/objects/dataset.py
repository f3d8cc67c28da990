"""Map-style data sets as images: torch's, or any object with a length and items; of images, or (image, label)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

from kogen.common.text import join_names
from kogen.data.image_facts import MAX_PIXELS, ImageFacts, UnreadableImage, as_unreadable, content_id, image_facts
from kogen.data.objects.array import image_pixels
from kogen.data.objects.held import HeldImages, name_classes, read_first, refuse_other_image
from kogen.data.objects.label_column import column_texts

TRIED = 8  # items that are read twice at once, so that random transforms are said before the whole is read
IMAGE_KEYS, LABEL_KEYS = ("image", "images", "img", "pixel_values", "x"), ("label", "labels", "target", "y", "class")


def hold_dataset(value: Any, where: str, layout: str | None = None) -> HeldImages | None:
    """What is held of a map-style data set; None for other objects. Items are read as they come, transforms and all.

    ValueError for a stream, for random transforms (the views of a training are kogen's own), and for items that are
    neither images nor (image, label).
    """
    refuse_streams(value, where)
    if not (hasattr(value, "__getitem__") and hasattr(value, "__len__")) or isinstance(value, Mapping | str):
        return None
    if not len(value):
        raise ValueError(f"{where} is a data set without items: wanted images")
    image_pixels(split_item(value[0], where)[0], layout, f"the image of {where}[0]")
    labels: list[Any] = [None] * len(value)
    items = DatasetItems(value, where, layout, labels)
    refuse_random(items, value)
    first = read_first(items, "dataset", keep_facts=True)
    columns, classes = {}, None
    if any(label is not None for label in labels):
        columns["labels"] = column_texts(labels, f"the labels of {where}")
        names = class_names(value)
        if names and all(isinstance(label, int | np.integer) for label in labels if label is not None):
            columns["labels"], classes = name_classes(columns["labels"], names, f"the classes of {where}")
    size = str(len(value))
    return HeldImages("dataset", size, items, first, columns, classes, changing=random_words(value), threads=False)


@dataclass(frozen=True)
class DatasetItems:
    """The images of a data set, one by one; the label of each is kept as it is read."""

    data: Any
    where: str
    layout: str | None
    labels: list[Any]

    def key(self) -> str:
        return ""  # whoever holds it names its content

    def __len__(self) -> int:
        return len(self.data)

    def source(self, item: int) -> str:
        return f"dataset[{item}]"

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return self.decode(item, max_pixels)[1]

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
        with as_unreadable():
            image, label = split_item(self.data[item], self.where)
            self.labels[item] = plain_label(label)
            pixels = image_pixels(image, self.layout, f"{self.where}[{item}]")
            return pixels, image_facts(pixels, type(image).__name__)


def split_item(item: Any, where: str) -> tuple[Any, Any]:
    """Image and label (None for none) of an item. ValueError for a mapping without an image."""
    if isinstance(item, Mapping):
        image = next((key for key in IMAGE_KEYS if key in item), None)
        if image is None:
            got = f"the items of {where} have the keys {join_names([*item])}"
            raise ValueError(f"{got}: wanted {join_names(IMAGE_KEYS)} for the image")
        return item[image], next((item[key] for key in LABEL_KEYS if key in item), None)
    if isinstance(item, tuple | list):
        if len(item) not in (1, 2):
            raise ValueError(f"the items of {where} have {len(item)} parts: wanted an image, or (image, label)")
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def plain_label(label: Any) -> Any:
    """A label as Python holds it: of a tensor or array of one value the value."""
    count = label.numel() if hasattr(label, "numel") else getattr(label, "size", 0)
    return label.item() if hasattr(label, "item") and count == 1 else label


def refuse_streams(value: Any, where: str) -> None:
    """ValueError for loaders and for data sets that can only be run through."""
    if isinstance(value, DataLoader):
        raise ValueError(f"{where} is a DataLoader, whose batches are mixed: give its data set, {where}.dataset")
    if isinstance(value, IterableDataset):
        raise ValueError(f"{where} is an IterableDataset, a stream: wanted a data set with a length and numbered items")


def refuse_random(items: DatasetItems, data: Any) -> None:
    """ValueError where an item is another image when it is read twice; a few, spread over the set, are tried."""
    for item in np.unique(np.linspace(0, len(items) - 1, TRIED).astype(int)).tolist():
        with suppress(UnreadableImage):  # it is counted and said later
            first, second = (content_id(items.decode(item, MAX_PIXELS)[0]) for _ in range(2))
            if first != second:
                refuse_other_image(f"{items.where}[{item}]", random_words(data))


def class_names(data: Any) -> list[str]:
    """The names of the classes where a data set says them, `classes`, that of a Subset by the set below it."""
    for _ in range(8):  # subsets of subsets
        names = getattr(data, "classes", None)
        if isinstance(names, list | tuple) and names:
            return [name if isinstance(name, str) else "/".join(map(str, name)) for name in names]
        data = getattr(data, "dataset", None)
    return []


def random_words(data: Any) -> str:
    """Why an item of a data set is another image each time, with the transform that it says, and what to do."""
    transform = getattr(data, "transform", None)
    named = f" ({' '.join(repr(transform).split())[:200]})" if transform is not None else ""
    return f"its transforms are random{named}; give the data set without them, kogen augments by itself"
