"""Annotations: images and their boxes as a file lists them, before anything is compared with the images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

MAX_FILE = 1 << 30  # bytes of one file of annotations
MAX_BOXES = 20_000_000
MAX_SIDE = 1 << 30  # pixels


class ListedBox(NamedTuple):
    """A box as a file lists it."""

    title: str  # how a message calls it: "annotation 17", "object 2", "line 3"
    corners: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels, or as shares of width and height
    label: int  # place in the classes
    crowd: bool = False
    difficult: bool = False
    area: float = math.nan  # square pixels, where the file says it


@dataclass
class ListedImage:
    """An image as a file of annotations lists it."""

    name: str  # of its file, in the container
    where: str  # the file that lists it, for messages
    size: tuple[int, int] = (0, 0)  # width and height as listed; 0 where nothing is said
    split: str = ""
    group: str = ""
    cluster: str = ""
    boxes: list[ListedBox] = field(default_factory=list)


@dataclass(frozen=True)
class Annotations:
    """What the annotations of a source list."""

    kind: str  # coco, voc or yolo
    images: list[ListedImage]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def in_shares(self) -> bool:
        """Whether corners are shares of width and height."""
        return self.kind == "yolo"


def read_numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    """So many numbers as floats, NaN too. ValueError for what are none."""
    try:
        if not isinstance(values, Sequence) or len(values) != count:
            raise TypeError
        if any(isinstance(value, bool | str) for value in values):
            raise TypeError
        return tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        got = repr(values)
        raise ValueError(f"{what} is {got if len(got) < 80 else got[:77] + '...'}, wanted {count} numbers") from None


def parse_number(text: str, what: str) -> float:
    """The number that a text holds, NaN too. ValueError for any other text."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{what} is {text.strip()[:60]!r}, wanted a number") from None


def read_side(value: float, what: str) -> int:
    """A width or a height in pixels, 0 where nothing is said. ValueError for what no image has."""
    if not (0 <= value <= MAX_SIDE and float(value).is_integer()):
        raise ValueError(f"{what} is {value:g}, wanted a whole number of pixels: export it again")
    return int(value)


def refuse_twice(images: Sequence[ListedImage]) -> None:
    """ValueError for an image that is listed twice: whose boxes hold is not known."""
    known: dict[str, ListedImage] = {}
    for image in images:
        if (first := known.setdefault(image.name, image)) is not image:
            both = image.where if image.where == first.where else f"{first.where} and {image.where}"
            raise ValueError(f"{both}: the image {image.name} is listed twice: keep one, with all of its boxes")


def join_parts(parts: Sequence[tuple[list[ListedImage], tuple[str, ...]]]) -> tuple[list[ListedImage], tuple[str, ...]]:
    """Several lists of images, each with its classes, as one; classes of one name are one."""
    names = tuple(dict.fromkeys(name for _, classes in parts for name in classes))
    place = {name: number for number, name in enumerate(names)}
    joined: list[ListedImage] = []
    for images, classes in parts:
        if classes != names[: len(classes)]:
            for image in images:
                image.boxes = [box._replace(label=place[classes[box.label]]) for box in image.boxes]
        joined += images
    refuse_twice(joined)
    return joined, names


def to_array(boxes: Sequence[ListedBox]) -> np.ndarray:
    """Corners as an array, (n, 4) float64."""
    return np.array([box.corners for box in boxes], np.float64).reshape(-1, 4)
