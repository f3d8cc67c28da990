"""Image boxes: what is on an image, and what a detector found there."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """The boxes on one image; none for an image without anything that is looked for, which is a valid negative."""

    corners: np.ndarray  # (n, 4) x1, y1, x2, y2 in pixels of the image's file, x2 > x1 and y2 > y1
    classes: np.ndarray  # (n,) int64 into the classes of the set
    crowd: np.ndarray  # (n,) bool: a crowd of things in one box (COCO), of which any number may be found
    difficult: np.ndarray  # (n,) bool: neither right nor wrong to find (VOC)
    areas: np.ndarray  # (n,) float64, square pixels: what the source says, width x height where it says nothing

    def __post_init__(self) -> None:
        n = len(self.corners)
        assert self.corners.shape == (n, 4)
        assert {len(x) for x in (self.classes, self.crowd, self.difficult, self.areas)} == {n}

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def ignored(self) -> np.ndarray:
        """Boxes that need not be found, (n,) bool."""
        return self.crowd | self.difficult

    def take(self, rows: np.ndarray) -> "ImageBoxes":
        """Some of the boxes, by positions or a mask."""
        return ImageBoxes(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class FileBoxes:
    """The boxes on an image, with the size of its file and the classes that they are counted in."""

    boxes: ImageBoxes
    size: tuple[int, int]  # width and height, pixels
    classes: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """All that it says, for a digest."""
        names = "\0".join([*map(str, self.size), *(self.classes[label] for label in self.boxes.classes)])
        arrays = (np.ascontiguousarray(getattr(self.boxes, field.name)).tobytes() for field in fields(self.boxes))
        return b"\0".join([len(self.boxes).to_bytes(8, "little"), names.encode(), *arrays])


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """What a detector found on one image."""

    corners: np.ndarray  # (n, 4) x1, y1, x2, y2 in pixels of the image's file
    classes: np.ndarray  # (n,) int64
    scores: np.ndarray  # (n,) more is surer

    def __post_init__(self) -> None:
        assert self.corners.shape == (len(self.scores), 4)
        assert len(self.classes) == len(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: np.ndarray) -> "FoundBoxes":
        """Some of the boxes, by positions or a mask."""
        return FoundBoxes(*(getattr(self, field.name)[rows] for field in fields(self)))
