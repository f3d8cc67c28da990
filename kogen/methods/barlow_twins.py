"""Barlow Twins: make the cross-correlation of two views the identity (Zbontar et al. 2021, arXiv 2103.03230)."""

import torch
from torch import Tensor

from kogen.common.distributed import gather
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision

__all__ = ["BarlowTwins"]


class BarlowTwins(CoupledMethod):
    """Section 2.1, eq. 1 and 2; the correlation is over the batch of all processes, with gradient."""

    recipe = Recipe(
        source="section 2 (loss, lambda); projector, rate, weight decay: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 73.2 (ResNet-50, 1000 epochs); 1 % labels 55.0, 10 % labels 69.7",
        family="information",
        rate=0.12,
        authors={
            "optimiser": ("lars", "appendix A; facebookresearch/barlowtwins, main.py"),
            "rate": (0.2, "of weights, .0048 of biases and norms (main.py)"),
            "weight_decay": (1e-6, "main.py; appendix A has 1.5e-6"),
            "warmup": (0.01, "10 of 1000 epochs"),
            "dim": (8192, "section 2.2, for ResNet-50"),
            "redundancy": (5.1e-3, "main.py"),
            "batch_size": (2048, "section 2.2"),
        },
        cost=3.7,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        dim: int = 2048,  # of each of the three layers
        redundancy: float = 5e-3,  # lambda, section 2.2
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, dim, dim, dim, last_bias=False)
        self.redundancy = redundancy

    def embed(self, views: Views) -> list[Tensor]:
        return [self.projector(self.backbone(x)) for x in views.crops]  # (B, D) each

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        first, second = [gather(x) for x in embedded]  # (W B, D) each
        return barlow_twins_terms(first, second, self.redundancy)


def barlow_twins_terms(first: Tensor, second: Tensor, redundancy: float) -> Terms:
    """Squared distance of the correlation's diagonal to 1, and lambda times the rest's to 0; (B, D) twice (eq. 1)."""
    with torch.autocast(first.device.type, enabled=False):
        correlation = standardise(full_precision(first)).T @ standardise(full_precision(second)) / len(first)  # (D, D)
        diagonal = correlation.diagonal()
        rest = correlation.square().sum() - diagonal.square().sum()
        return {"invariance": (diagonal - 1).square().sum(), "redundancy": redundancy * rest}


def standardise(embedding: Tensor) -> Tensor:
    """Mean 0 and std 1 along the batch, (B, D) to the same; the 1e-5 is that of batch norm."""
    variance, mean = torch.var_mean(embedding, dim=0, correction=0)  # (D,) each
    return (embedding - mean) * torch.rsqrt(variance + 1e-5)
