"""Features: what a frozen backbone says of each image, and what a probe predicts from it."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Features:
    """Features of a set of images, row for row with what is known of each image."""

    values: np.ndarray  # (N, D) float32
    labels: np.ndarray  # (N,) int64 into `classes`, -1 where unknown
    classes: tuple[str, ...]
    ids: np.ndarray  # (N,) str, content ids
    clusters: np.ndarray  # (N,) str

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Predictions:
    """What a probe says of each test image."""

    probability: np.ndarray  # (N, K) float32, rows sum to 1
    chosen: dict[str, float] = field(default_factory=dict)  # what the probe chose by itself, for the record

    @property
    def predicted(self) -> np.ndarray:
        """Index of the likeliest class, (N,) int64; the first among equals."""
        return self.probability.argmax(axis=1)
