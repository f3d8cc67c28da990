"""Frozen batches: fixed images under views that are drawn once."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from kogen.augmentation.rendering import AnyView, check_length, render_views
from kogen.augmentation.views import StepRng
from kogen.data.images import Images
from kogen.modules.base import Views


def frozen_batches(
    images: Images,
    views: Sequence[AnyView],
    *,
    count: int = 2048,
    batch: int = 64,
    seed: int = 0,
    progress: float = 1.0,
    device: torch.device | str = "cpu",
) -> list[Views]:
    """Batches of fixed images under views that are drawn once: the same for every model, plane and point.

    `count` images drawn from `seed`, in whole batches only: a loss that couples the images of a batch is another loss
    for a shorter one. Views are drawn as in steps 0, 1 ... of `seed`; `progress` is passed on to the method.
    Raises ValueError for fewer images than a batch.
    """
    order = np.random.default_rng([seed, 5]).permutation(len(images))[:count]
    if len(order) < batch:
        raise ValueError(f"{len(order)} images are fewer than a batch of {batch}: give more images, or a smaller batch")
    check_length(images.pixels.shape, views[0])
    made, tags = [], [*map(str, range(len(views)))]
    for step in range(len(order) // batch):
        index = order[step * batch :][:batch]
        rng = StepRng(seed, step, batch)
        pixels, aspect = images.read(index).to(device), torch.from_numpy(images.aspect[index])
        crops = render_views(pixels, tuple(views), rng, tags=tags, aspect=aspect)
        labels = torch.from_numpy(images.labels[index]).to(device)
        made.append(Views(crops, labels, torch.from_numpy(index).to(device), rng, progress))
    return made


def split_batch(views: Views, count: int) -> list[Views]:
    """A batch cut into `count` parts (fewer where it has fewer images); each image keeps its random numbers."""
    ends = np.linspace(0, len(views.labels), min(count, len(views.labels)) + 1).astype(int).tolist()
    return [cut_views(views, low, high) for low, high in pairwise(ends)]


def cut_views(views: Views, low: int, high: int) -> Views:
    """The images `low` to `high` of a batch, with their random numbers."""
    crops, rng = [crop[low:high] for crop in views.crops], views.rng.part(low, high)
    return Views(crops, views.labels[low:high], views.index[low:high], rng, views.progress)
