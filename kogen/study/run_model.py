"""A finished run as one thing to call: images of any kind in, what its network sees or its features out."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kogen.augmentation.rendering import render_view
from kogen.common.devices import default_device
from kogen.common.objects import hold, object_text
from kogen.common.rng import StepRng
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.data.open import open_images
from kogen.evaluation.features import embed
from kogen.study.splits import storage_for
from kogen.training.run import load_run


class RunModel:
    """The network of a run with what belongs before it: size, channels, levels and normalisation of its training."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @cached_property
    def _loaded(self) -> tuple[Plan, Any]:
        _, plan, backbone = load_run(self.folder)
        return plan, backbone.to(default_device())

    @property
    def plan(self) -> Plan:
        """The plan of the run."""
        return self._loaded[0]

    @property
    def backbone(self) -> nn.Module:
        """The trained network, an nn.Module in eval mode: (B, C, H, W) as `preprocess` makes them to (B, D)."""
        return self._loaded[1]

    @property
    def dim(self) -> int:
        """Number of features."""
        return int(self._loaded[1].dim)

    def open(self, images: Any) -> Images:
        """Images (a path, an array, a data set ...) as this run was trained on them.

        ValueError as `open_images`, and where one cannot be read.
        """
        storage = storage_for(self.plan.image_size, 0.0, self.plan.depth or None)
        with hold():
            found = open_images(str(object_text(images, "images")), storage)
        return found.with_channels(self.plan.channels)

    def preprocess(self, images: Any) -> torch.Tensor:
        """What the network is given of images: (N, C, S, S) float32 on the CPU, cut, resized and normalised."""
        opened = self.open(images)
        every, view = np.arange(len(opened)), self._view()
        aspect = torch.from_numpy(opened.aspect)
        return render_view(opened.read(every), view, StepRng(0, 0, len(opened)), tag="plain", aspect=aspect)

    def embed(self, images: Any) -> np.ndarray:
        """Features (N, D) float32 of images."""
        return embed(self._loaded[1], self.open(images), self._view()).values

    def _view(self) -> Any:
        return self.plan.evaluation_view
