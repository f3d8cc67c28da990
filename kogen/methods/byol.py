"""BYOL: predict a slowly moving teacher's projection of another view (Grill et al. 2020, arXiv 2006.07733)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision
from kogen.modules.schedules import cosine_schedule

__all__ = ["BYOL"]


class BYOL(PerImageMethod):
    """Section 3.1, eq. 2: the loss is SUMMED over both orders of the two views; averaging them halves the step."""

    recipe = Recipe(
        source="section 3; rate, weight decay and head sizes for small images: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 74.3 (ResNet-50, 1000 epochs); 1 % labels 53.2, 10 % labels 68.8",
        family="distillation",
        rate=0.12,
        authors={
            "optimiser": ("lars", "section 3.3"),
            "rate": (0.2, "section 3.3"),
            "weight_decay": (1.5e-6, "section 3.3"),
            "warmup": (0.01, "10 of 1000 epochs"),
            "hidden": (4096, "section 3.3, for ResNet-50"),
            "momentum": (0.996, "for 1000 epochs; .99 for 300, .97 for 40 (appendix, tables 16 and 5)"),
            "batch_size": (4096, "section 3.3"),
        },
        cost=2.3,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 1024,
        dim: int = 256,  # section 3.3
        momentum: float = 0.99,  # tau_base
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim)
        self.predictor = mlp(dim, hidden, dim)
        self.target = ema_copy(nn.Sequential(self.backbone, self.projector))
        self.momentum = momentum

    def losses(self, views: Views) -> Terms:
        online = [self.predictor(self.projector(self.backbone(x))) for x in views.crops]  # (B, D) each
        with torch.no_grad():
            target = [self.target(x) for x in views.crops]  # (B, D) each
        return {"first": regression_loss(online[0], target[1]), "second": regression_loss(online[1], target[0])}

    def update(self, progress: float) -> None:
        student = nn.Sequential(self.backbone, self.projector)
        ema_update(self.target, student, cosine_schedule(progress, self.momentum, 1.0))


def regression_loss(online: Tensor, target: Tensor) -> Tensor:
    """Squared distance of unit vectors, 2 - 2 cos; (B, D) twice to (B,)."""
    return 2 - 2 * F.cosine_similarity(full_precision(online), full_precision(target), dim=1)
