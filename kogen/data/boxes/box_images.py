"""Box images: images with the boxes on each, in pixels of the file; frozen, cheap to cut into subsets."""

import hashlib
from dataclasses import dataclass, fields, replace

import numpy as np

from kogen.boxes.image_boxes import ImageBoxes
from kogen.data.images import Images
from kogen.data.split_names import find_split


@dataclass(frozen=True, eq=False)
class BoxImages:
    """Images and the boxes on each. The images have no labels; their splits, groups and notes are the source's."""

    images: Images
    boxes: tuple[ImageBoxes, ...]  # N
    classes: tuple[str, ...]
    sizes: np.ndarray  # (N, 2) int64, width and height of each file in pixels; stored images may be squeezed
    source: str = ""

    def __post_init__(self) -> None:
        assert len(self.images) == len(self.boxes) == len(self.sizes)

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def count(self) -> int:
        """How many boxes there are."""
        return sum(map(len, self.boxes))

    @property
    def scales(self) -> np.ndarray:
        """What a box (x1, y1, x2, y2) of the file is multiplied by to lie on the stored image, (N, 4) float64."""
        high, wide = self.images.pixels.shape[2:]
        return np.tile(np.array([wide, high]) / self.sizes, 2)

    @property
    def digest(self) -> str:
        """Hash of images, boxes and names of classes, in order."""
        digest = hashlib.blake2b(self.images.digest.encode(), digest_size=16)
        digest.update("\0".join(self.classes).encode())
        for boxes in self.boxes:
            digest.update(len(boxes).to_bytes(8, "little"))
            for field in fields(boxes):
                digest.update(np.ascontiguousarray(getattr(boxes, field.name)).tobytes())
        return digest.hexdigest()

    def subset(self, index: np.ndarray) -> "BoxImages":
        """The images at `index` (positions, or a mask), in that order."""
        rows = np.arange(len(self))[index]
        boxes = tuple(self.boxes[row] for row in rows)
        return replace(self, images=self.images.subset(rows), boxes=boxes, sizes=self.sizes[rows])

    def part(self, split: str) -> "BoxImages":
        """The images of a split. ValueError for one that is not there."""
        if self.images.splits is None:
            raise ValueError(
                f"{self.source or 'the set'} has no splits, so no {split!r}: name its folders train and test"
            )
        return self.subset(find_split(split, self.images.splits, self.source or "the set"))
