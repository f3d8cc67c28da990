"""Box targets: the boxes of a training set as they are seen in a view, for the one training loop."""

import numpy as np
import torch
from torch import Tensor

from kogen.augmentation.views import StepRng, View, sample_view
from kogen.boxes.image_boxes import ImageBoxes
from kogen.common.devices import to_device
from kogen.data.boxes.box_images import BoxImages

LEAST_SIDE = 1e-2  # pixels of a view; what is smaller after squeezing is no box that could be learnt


class BoxTargets:
    """The boxes of images, mirrored where their view is. Boxes that need not be found are not learnt from."""

    def __init__(self, boxes: BoxImages, view: View) -> None:
        """ValueError for a view that does more to the geometry of an image than to mirror and resize it."""
        if view.crop is not None or view.rotate or view.quarter_turns:
            raise ValueError(f"boxes follow flips and resizing; got a view with a crop or turns, {view}")
        self.view = view
        share = np.tile(view.size / boxes.sizes, 2)  # (N, 4)
        known: dict[int, tuple[Tensor, Tensor]] = {}  # an image that stands there often has its boxes once
        for one, scale in zip(boxes.boxes, share, strict=True):
            if id(one) not in known:
                known[id(one)] = scaled(one, scale)
        self.boxes = [known[id(one)] for one in boxes.boxes]

    def follow(self, batch: np.ndarray, rng: StepRng, tag: str, device: torch.device) -> list[tuple[Tensor, Tensor]]:
        """Corners (n, 4) in pixels of the view, and classes (n,), of the images at `batch` (B,)."""
        drawn = sample_view(self.view, rng, tag, torch.ones(len(batch)), (self.view.size, self.view.size))
        found = []
        for image, side, up in zip(batch, drawn["flip"], drawn["flip_vertical"], strict=True):
            corners, labels = self.boxes[image]
            found.append((mirror(corners, self.view.size, bool(side), bool(up)), labels))
        return [(to_device(corners, device), to_device(labels, device)) for corners, labels in found]


def scaled(boxes: ImageBoxes, scale: np.ndarray) -> tuple[Tensor, Tensor]:
    """Corners (n, 4) in pixels of a view and classes (n,) of what is to be learnt; `scale` (4,) brings a file to it."""
    corners = (boxes.corners * scale).astype(np.float32)
    kept = ~boxes.ignored & ((corners[:, 2:] - corners[:, :2]).min(axis=1, initial=np.inf) > LEAST_SIDE)
    return torch.from_numpy(corners[kept]), torch.from_numpy(boxes.classes[kept])


def mirror(corners: Tensor, size: int, side: bool, up: bool) -> Tensor:
    """Corners (n, 4) on an image of this size that is mirrored left to right, or upside down."""
    x1, y1, x2, y2 = corners.unbind(1)
    if side:
        x1, x2 = size - x2, size - x1
    if up:
        y1, y2 = size - y2, size - y1
    return torch.stack([x1, y1, x2, y2], dim=1)
