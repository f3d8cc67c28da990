"""Batches: the views of a whole training, each a pure function of (seed, step)."""

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from kogen.augmentation.rendering import AnyView, local_view, only_places, render_views, show_share
from kogen.augmentation.view_sets import view_set
from kogen.augmentation.views import StepRng, View
from kogen.common import distributed
from kogen.common.devices import to_device
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.data.read_ahead import ReadAhead
from kogen.modules.base import Views
from kogen.modules.multicrop import local_size

RESIDENT = 0.25  # share of a GPU's free memory that the pixels of a set may take, to be read from disk only once


class Targets(Protocol):
    """What is known of images beside a label, such as boxes; it follows what a view does to them."""

    view: View  # the one view that it can follow

    def follow(self, batch: np.ndarray, rng: StepRng, tag: str, device: torch.device) -> Any:
        """Of the images at `batch` (B,), as they are seen in the view that `rng` and `tag` draw."""
        ...


class Batches:
    """The batches of a training; each process gets its own part. With `targets` their view is the only one."""

    def __init__(self, plan: Plan, images: Images, device: torch.device, targets: Targets | None = None) -> None:
        recipe = plan.recipe
        self.targets = targets
        self.images = images.labelled_subset() if recipe.labels else images
        check_batch(plan, len(self.images))
        parts = distributed.world_size() * plan.accumulate
        self.plan, self.device, self.part = plan, device, plan.batch_size // parts
        self.per_epoch = len(self.images) // plan.batch_size
        self.steps = self.per_epoch * plan.epochs
        every = view_set(plan.views, plan.image_size, channels=plan.channels, mean=plan.mean, std=plan.std)
        views = [show_share(view, recipe.least_area) for view in every[: recipe.views]]
        views = views if recipe.colour else [only_places(view) for view in views]
        local_crops = int(plan.hyperparameters.get("local_crops") or 0)
        local = local_view(views[0], local_size(plan.image_size))
        self.views: tuple[AnyView, ...] = (*views, *[local] * local_crops) if targets is None else (targets.view,)
        self.order: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))
        self.resident = DevicePixels(self.images, device) if fits_on_device(self.images, device) else None
        self.ahead = ReadAhead[np.ndarray | None](self.steps * plan.accumulate)

    def epoch_order(self, epoch: int) -> np.ndarray:
        """The order of the images in an epoch, (N,)."""
        order = self.order  # a thread that reads ahead may put that of the next epoch there
        if order[0] != epoch:
            order = (epoch, np.random.default_rng([self.plan.seed, epoch]).permutation(len(self.images)))
            self.order = order
        return order[1]

    def batch_of(self, number: int) -> np.ndarray:
        """The images (B,) of this process's part of a micro-batch, all of them counted through."""
        step, micro = divmod(number, self.plan.accumulate)
        epoch, place = divmod(step, self.per_epoch)
        low = self.begin_of(micro)
        return self.epoch_order(epoch)[place * self.plan.batch_size :][low : low + self.part]

    def begin_of(self, micro: int) -> int:
        """Where this process's part of a micro-batch begins in its batch."""
        return (micro * distributed.world_size() + distributed.rank()) * self.part

    def fetch(self, number: int) -> np.ndarray | None:
        """Pixels (B, C, H, W) of a micro-batch as they are stored; None where the device has them all."""
        batch = self.batch_of(number)
        return None if self.resident and self.resident.has(batch) else self.images.fetch(batch)

    def render_views(self, step: int, micro: int) -> Views:
        """This process's part of micro-batch `micro` of `step`, rendered on the device."""
        number, low = step * self.plan.accumulate + micro, self.begin_of(micro)
        batch, stored = self.batch_of(number), self.ahead.get(number, self.fetch)
        rng = StepRng(self.plan.seed, step, self.plan.batch_size).part(low, low + self.part)
        index = to_device(torch.from_numpy(batch), self.device)
        labels = to_device(torch.from_numpy(self.images.labels[batch]), self.device)
        if self.resident:
            pixels = self.resident.read(batch, index, stored)
        else:
            assert stored is not None
            pixels = self.images.deliver(stored, batch, self.device)
        aspect = torch.from_numpy(self.images.aspect[batch])
        tags = [str(number) for number in range(len(self.views))]
        crops = render_views(pixels, self.views, rng, tags=tags, aspect=aspect)
        targets = self.targets and self.targets.follow(batch, rng, tags[0], self.device)
        return Views(crops, labels, index, rng, step / self.steps, targets)


def check_batch(plan: Plan, images: int) -> None:
    """ValueError for fewer images than a batch, and for a batch that does not divide into parts of two or more."""
    batch, parts = plan.batch_size, distributed.world_size() * plan.accumulate
    if images < batch:
        some = f"{'labelled ' if plan.recipe.labels else ''}{'image is' if images == 1 else 'images are'}"
        got = f"{images} {some} fewer than a batch of {batch}"
        smaller = f"use --batch-size {max(images // 2, 2)} or give more images" if images > 1 else "give more images"
        raise ValueError(f"{got}: {smaller}")
    if batch < 2 * plan.accumulate:
        got = f"{plan.method}: a batch of {batch} in {plan.accumulate} parts (--accumulate) has under two images a part"
        wanted = "batch norm, and losses that compare images, want two or more"
        fewer = next(n for n in range(batch // 2, 0, -1) if batch % n == 0)
        raise ValueError(f"{got}, and {wanted}: use --accumulate {fewer} or fewer, or a larger --batch-size")
    if batch % parts:
        got = f"a batch of {batch} does not divide into {parts} equal parts"
        raise ValueError(f"{got} (processes x accumulate): use a --batch-size that does")


class DevicePixels:
    """The pixels of a set on the device; each image is copied there when it is first read."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.images, self.device = images, device
        kind = torch.from_numpy(np.empty(0, images.pixels.dtype)).dtype
        self.known = np.zeros(len(images), dtype=bool)  # (N,)
        self.pixels = torch.empty(images.pixels.shape, dtype=kind, device=device)  # (N, C, H, W)

    def has(self, batch: np.ndarray) -> bool:
        """Whether all images at `batch` (B,) are on the device."""
        return bool(self.known[batch].all())

    def read(self, batch: np.ndarray, index: Tensor, stored: np.ndarray | None = None) -> Tensor:
        """Pixels (B, C, H, W) of the images at `batch` (B,), which is `index` on the device; `stored`: if fetched."""
        if not self.has(batch):
            stored = self.images.fetch(batch) if stored is None else stored
            self.pixels.index_copy_(0, index, self.images.deliver(stored, batch, self.device))
            self.known[batch] = True
        return self.pixels[index]


def fits_on_device(images: Images, device: torch.device) -> bool:
    """Whether the pixels of a set may stay on a GPU; those that change at every read may not."""
    known = images.pixels.dtype in (np.uint8, np.float32)
    if device.type != "cuda" or images.transform is not None or not known:
        return False
    size = np.dtype(images.pixels.dtype).itemsize
    return size * math.prod(images.pixels.shape) <= RESIDENT * torch.cuda.mem_get_info(device)[0]
