"""Data sets of Hugging Face as images: their features say which column holds images, which labels, and their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kogen.common.text import join_names
from kogen.data.datasets._table_columns import COLUMNS
from kogen.data.decode import decode, read_header
from kogen.data.image_facts import ImageFacts, UnreadableImage
from kogen.data.objects.held import HeldImages, name_classes, read_first
from kogen.data.objects.label_column import column_texts


@dataclass(frozen=True)
class EncodedImages:
    """The images of a column, as the files that they were, in the parts of a data set one after the other."""

    parts: tuple[Any, ...]  # of data sets whose column is not decoded
    column: str

    def key(self) -> str:
        return ""  # whoever holds it names its content

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def source(self, item: int) -> str:
        return f"huggingface[{item}]"

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(self._file(item), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
        return decode(self._file(item), max_pixels)

    def _file(self, item: int) -> str | bytes:
        for part in self.parts:
            if item < len(part):
                cell = part[item][self.column]
                break
            item -= len(part)
        else:
            raise IndexError(item)
        if not cell or not (cell["bytes"] or cell["path"]):
            raise UnreadableImage("the cell is empty")
        return cell["bytes"] or cell["path"]


def hold_hugging_face(value: Any, where: str) -> HeldImages | None:
    """What is held of a Dataset or a DatasetDict, whose splits are those of the images; None for other objects.

    Images are decoded by kogen from their bytes, as files are; transforms of the data set are not asked.
    ValueError for a stream, and where the features do not say which column is which.
    """
    kind = type(value)
    if kind.__module__.partition(".")[0] != "datasets" or not hasattr(kind, "cast_column"):
        return None
    if kind.__name__.startswith("Iterable"):
        raise ValueError(f"{where} is an {kind.__name__}, a stream: load it without streaming=True")
    parts: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"": value}
    if not parts or not all(len(part) for part in parts.values()):
        raise ValueError(f"{where} has no rows: wanted images")
    features = next(iter(parts.values())).features
    image, label = find_columns(features, where)
    check_parts(parts, [column for column in (image, label) if column is not None], where)
    notes = [f"columns that are not read: {join_names(rest)}"] if (rest := [*{*features} - {image, label}]) else []
    if any(part.format["type"] == "custom" for part in parts.values()):
        notes.append("a transform of the data set is not asked: images are read as they are stored")
    plain = [part.with_format(None) for part in parts.values()]
    columns: dict[str, np.ndarray] = {}
    classes = None
    if label is not None:
        cells = [cell for part in plain for cell in part.select_columns([label])[label]]
        columns["labels"] = column_texts(cells, f"the column {label!r} of {where}")
        if is_class_label(features[label]):
            named = f"the names of the column {label!r} of {where}"
            columns["labels"], classes = name_classes(columns["labels"], features[label].names, named)
    if isinstance(value, Mapping):
        columns["splits"] = np.array([name for name, part in parts.items() for _ in range(len(part))], object)
    undecoded = type(features[image])(decode=False)
    encoded = [part.select_columns([image]).cast_column(image, undecoded) for part in plain]
    items = EncodedImages(tuple(encoded), image)
    first = read_first(items, "huggingface", keep_facts=True)
    return HeldImages("huggingface", str(len(items)), items, first, columns, classes, notes=tuple(notes))


def find_columns(features: Mapping[str, Any], where: str) -> tuple[str, str | None]:
    """The column of images, and that of labels where there is one. ValueError where none or several may be meant."""
    images = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    if len(images) != 1:
        there = join_names(images or [*features])
        got = f"the columns of images {there}" if images else f"no column of images ({there})"
        cure = "keep one of them, select_columns([...])" if images else "cast one, cast_column(NAME, datasets.Image())"
        raise ValueError(f"{where} has {got}: {cure}")
    labels = [name for name, feature in features.items() if is_class_label(feature)]
    labels = labels or [name for name in features if name.casefold() in COLUMNS["label"] and name != images[0]]
    if len(labels) > 1:
        raise ValueError(f"{where} has the columns of labels {join_names(labels)}: keep one, remove_columns([...])")
    return images[0], labels[0] if labels else None


def check_parts(parts: Mapping[str, Any], columns: list[str], where: str) -> None:
    """ValueError unless all parts have the columns, of one type and with the same class names as the first."""
    first, *others = parts
    for split in others:
        for column in columns:
            meant, found = (
                getattr(feature, "names", type(feature))
                for feature in (parts[name].features.get(column) for name in (first, split))
            )
            if found != meant:
                got = f"the column {column!r} of {where} is another in the split {split} than in {first}"
                raise ValueError(f"{got}, its type or its class names: make them equal, cast_column({column!r}, ...)")


def is_class_label(feature: Any) -> bool:
    """Whether a feature is of numbers of classes that have names."""
    return type(feature).__name__ == "ClassLabel"
