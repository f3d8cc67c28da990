"""Features: what a frozen backbone says of each image, and what a probe predicts from it."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from kogen.augmentation.rendering import AnyView, check_length, render_view
from kogen.common.devices import PendingTensor, exact_arithmetic
from kogen.common.rng import StepRng
from kogen.data.images import Images
from kogen.data.read_ahead import read_in_turn
from kogen.modules.base import Backbone

MAX_BATCHES_PENDING = 4  # batches that a GPU may still be at work on while the next are made ready


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


class NonFiniteFeatures(ValueError):
    """Features are NaN or inf."""


@dataclass(frozen=True)
class LinearHead:
    """What a linear probe has learnt, for every class: one that its training images never show has a bias of -inf."""

    mean: np.ndarray  # (D,) float64, as all of these
    scale: np.ndarray  # (D,)
    coefficient: np.ndarray  # (D, K)
    bias: np.ndarray  # (K,)

    def probability(self, values: np.ndarray) -> np.ndarray:
        """Features (N, D) to probabilities (N, K) float32."""
        return softmax(((values - self.mean) * self.scale) @ self.coefficient + self.bias, axis=1).astype(np.float32)


@dataclass(frozen=True)
class Predictions:
    """What a probe says of each test image; computed when asked for, since many classes by many images are large."""

    count: int  # N test images
    predict: Callable[[slice], np.ndarray]  # some of them to probabilities (n, K) float32, rows sum to 1
    chosen: dict[str, float] = field(default_factory=dict)  # what the probe chose by itself, for the record
    settled: dict[str, Any] = field(
        default_factory=dict
    )  # the same as options of the probe: with these it chooses no more
    head: LinearHead | None = None  # what it has learnt, of a probe that is a layer

    @property
    def probability(self) -> np.ndarray:
        """Probabilities of all test images at once, (N, K) float32."""
        return self.predict(slice(0, self.count))


def embed(backbone: Backbone, images: Images, view: AnyView, *, batch_size: int = 256) -> Features:
    """Features of every image under a view without chance (`evaluation_view`), in eval mode; the mode is restored.

    The backbone stays on its device; the features come back as float32 on the CPU. Raises NonFiniteFeatures where some
    are not finite, with the number of these images.
    """
    device = next(backbone.parameters()).device
    values, pending = np.empty((0, 0), np.float32), deque[tuple[int, PendingTensor]]()

    def store_first() -> None:
        nonlocal values
        start, features = pending.popleft()
        part = features.wait().numpy()  # (B, D)
        if not start:
            values = np.empty((len(images), part.shape[1]), np.float32)  # (N, D)
        values[start : start + len(part)] = part

    with evaluating(backbone):
        for start, batch in rendered_batches(images, view, device, batch_size):
            with torch.inference_mode(), exact_arithmetic():
                pending.append((start, PendingTensor(backbone(batch).float())))
            if len(pending) > MAX_BATCHES_PENDING:
                store_first()
    while pending:
        store_first()
    broken = int((~np.isfinite(values)).any(axis=1).sum())
    if broken:
        got = f"the features of {broken} of {len(values)} images are not finite"
        raise NonFiniteFeatures(f"{got}: the weights are broken")
    return Features(values, images.labels, images.classes, images.ids, images.clusters)


@contextmanager
def evaluating(backbone: Backbone) -> Iterator[None]:
    """The backbone in eval mode while inside; then each of its layers as it was."""
    modes = {part: part.training for part in backbone.modules()}  # some layers of a training may be frozen
    backbone.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def rendered_batches(
    images: Images, view: AnyView, device: torch.device, batch_size: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """Every image under a view without chance, as the place of the first and (B, C, S, S) on the device, in order.

    ValueError for windows of series of another length than the view's.
    """
    check_length(images.pixels.shape, view)

    def index_of(number: int) -> np.ndarray:
        return np.arange(number * batch_size, min((number + 1) * batch_size, len(images)))

    for number, stored in enumerate(read_in_turn(lambda n: images.fetch(index_of(n)), -(-len(images) // batch_size))):
        index = index_of(number)
        rng, aspect = StepRng(0, 0, len(index)), torch.from_numpy(images.aspect[index])
        yield (
            int(index[0]),
            render_view(images.deliver(stored, index, device), view, rng, tag="plain", aspect=aspect),
        )
