"""MiniRocket: fixed features of series, a floor for trained networks (Dempster et al. 2021, arXiv 2012.08791)."""

from typing import Protocol, cast

import torch
from torch import Tensor

from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, Method, Recipe, Terms, Views

__all__ = ["MiniRocket"]


class BiasNetwork(Protocol):
    """The network of this method."""

    def fit_biases(self, windows: Tensor, rng: torch.Generator) -> None:
        """Take biases from windows (N, C, T)."""
        ...


class MiniRocket(Method):
    """Section 3: 9,996 features whose biases are quantiles of filtered training windows; labels are not used.

    It brings its own network, whatever `--backbone` says. The paper's classifier is ridge regression; here the probes
    of the study judge, as they judge all other methods.
    """

    needs = "kernels1d"
    recipe = Recipe(
        source="section 3: nothing is trained; kernels are fixed, biases are drawn from training windows",
        headline="109 UCR sets: as accurate as Rocket, up to 75 times as fast",
        family="baseline",
        views=0,
        trains=False,
        looks=2048,
    )

    def __init__(self, backbone: Backbone, *, classes: int = 0, images: int = 0) -> None:
        super().__init__()
        if not hasattr(backbone.network, "fit_biases"):
            raise ValueError(f"minirocket has a network of its own, got {backbone.spec}: use --backbone kernels1d")
        self.backbone = backbone

    def look(self, items: Tensor, rng: StepRng) -> None:
        cast(BiasNetwork, self.backbone.network).fit_biases(items, rng.generator("minirocket/windows"))

    def forward(self, views: Views) -> Terms:
        raise ValueError("the method 'minirocket' has nothing to train: evaluate it as it is")
