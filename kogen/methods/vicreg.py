"""VICReg: two views alike, every feature alive, no two features the same (Bardes et al. 2021, arXiv 2105.04906)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.common.distributed import gather
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision

__all__ = ["VICReg"]


class VICReg(CoupledMethod):
    """Section 4.1, eq. 1 to 6; variance and covariance are over the batch of all processes, with gradient."""

    recipe = Recipe(
        source="section 4 (loss, weights 25, 25, 1); rate, weight decay as lightly's benchmarks for small images",
        headline="ImageNet linear 73.2 (ResNet-50, 1000 epochs); 1 % labels 54.8, 10 % labels 69.5",
        family="information",
        rate=0.12,
        authors={
            "optimiser": ("lars", "section 4.2; facebookresearch/vicreg, main_vicreg.py"),
            "rate": (0.2, "section 4.2"),
            "weight_decay": (1e-6, "section 4.2"),
            "warmup": (0.01, "10 of 1000 epochs"),
            "dim": (8192, "section 4.2, for ResNet-50"),
            "batch_size": (2048, "section 4.2"),
        },
        cost=4.5,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        dim: int = 2048,  # of each of the three layers
        invariance: float = 25.0,  # lambda, section 4.2
        variance: float = 25.0,  # mu
        covariance: float = 1.0,  # nu
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, dim, dim, dim, last_bias=False)
        self.weights = {"invariance": invariance, "variance": variance, "covariance": covariance}

    def embed(self, views: Views) -> list[Tensor]:
        return [self.projector(self.backbone(x)) for x in views.crops]  # (B, D) each

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        first, second = [gather(x) for x in embedded]  # (W B, D) each
        return {name: self.weights[name] * value for name, value in vicreg_terms(first, second).items()}


def vicreg_terms(first: Tensor, second: Tensor) -> Terms:
    """The three terms before their weights; (B, D) twice to scalars. Variance is averaged over views (eq. 1 to 5)."""
    with torch.autocast(first.device.type, enabled=False):
        first, second = full_precision(first), full_precision(second)
        return {
            "invariance": F.mse_loss(first, second),
            "variance": (variance_loss(first) + variance_loss(second)) / 2,
            "covariance": covariance_loss(first) + covariance_loss(second),
        }


def variance_loss(embedding: Tensor) -> Tensor:
    """How far features' std falls short of 1, (B, D) to a scalar; 1e-4 keeps the root's gradient finite (eq. 1, 2)."""
    return F.relu(1 - (embedding.var(dim=0) + 1e-4).sqrt()).mean()


def covariance_loss(embedding: Tensor) -> Tensor:
    """Squares of the covariances of different features, summed, over D; (B, D) to a scalar (eq. 3, 4)."""
    centred = embedding - embedding.mean(dim=0)
    covariance = centred.T @ centred / (len(embedding) - 1)  # (D, D)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / embedding.shape[1]
