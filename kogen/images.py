"""Images: uint8 or uint16 pixels (memory-mapped or decoded on demand) with content ids, labels and clusters."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch


class Pixels(Protocol):
    """What holds the pixels: an array, a memory map, or something that decodes when asked."""

    shape: tuple[int, ...]  # (N, C, H, W)
    dtype: Any  # uint8 or uint16

    def __getitem__(self, index: Any) -> np.ndarray: ...


@dataclass(frozen=True)
class Bad:
    """A file that was skipped, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Images:
    """A set of images and all that is known about them; frozen, cheap to cut into subsets."""

    pixels: Pixels  # (N, C, H, W) uint8 or uint16
    ids: np.ndarray  # (N,) str, hash of the pixels as decoded
    sources: np.ndarray  # (N,) str, path or name to show to people
    labels: np.ndarray  # (N,) int64 into `classes`, -1 where unknown
    classes: tuple[str, ...]
    clusters: np.ndarray  # (N,) str; the content id where no cluster is known
    aspect: np.ndarray  # (N,) float32, width / height before storing (a stored image may be squeezed to a square)
    name: str = ""
    digest: str = ""  # hash of the content ids and labels in order
    bad: tuple[Bad, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def channels(self) -> int:
        return self.pixels.shape[1]

    def read(self, index: np.ndarray) -> torch.Tensor:
        """Pixels (B, C, H, W) of the images at `index` (B,), uint8 or uint16, as stored."""
        return torch.from_numpy(np.ascontiguousarray(self.pixels[index]))

    def subset(self, index: np.ndarray) -> "Images":
        """The images at `index`, in that order; pixels are shared, not copied."""
        raise NotImplementedError

    def labelled(self) -> "Images":
        """The images whose label is known."""
        return self.subset(np.flatnonzero(self.labels >= 0))

    def with_classes(self, classes: tuple[str, ...]) -> "Images":
        """The same images with labels counted in `classes`; ValueError names classes that are not among them."""
        return replace(self, classes=classes)
