"""SimSiam: predict another view's projection, without teacher or negatives (Chen & He 2020, arXiv 2011.10566)."""

import torch.nn.functional as F
from torch import Tensor

from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision

__all__ = ["SimSiam"]


class SimSiam(PerImageMethod):
    """Section 3, eq. 1 to 4: the stopped gradient keeps it from collapsing. The loss is NEGATIVE, down to -1.

    On ImageNet the authors' projector has three layers (section 3), on CIFAR-10 two (appendix D), as here.
    """

    recipe = Recipe(
        source="appendix D (CIFAR-10): SGD, rate 0.03, no warm-up, weight decay 5e-4, projector of two layers",
        headline="ImageNet linear 68.3 (ResNet-50, 100 epochs), 71.3 (800 epochs); CIFAR-10 linear 91.8 (ResNet-18)",
        family="distillation",
        rate=0.03,
        warmup=0.0,
        constant=("predictor",),  # section 4.2 and table 1: the predictor's rate is not decayed
        least_area=0.2,  # facebookresearch/simsiam, main_simsiam.py
        revision=2,
        authors={
            "rate": (0.05, "section 3, ImageNet; facebookresearch/simsiam, main_simsiam.py"),
            "weight_decay": (1e-4, "section 3, ImageNet"),
            "batch_size": (512, "section 3, ImageNet"),
        },
        cost=2.7,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        dim: int = 2048,  # section 3; width of the projector too
        bottleneck: int = 512,  # of the predictor, section 3
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, dim, dim, last_norm=True)
        self.predictor = mlp(dim, bottleneck, dim)

    def losses(self, views: Views) -> Terms:
        first, second = [self.projector(self.backbone(x)) for x in views.crops]  # (B, D) each
        pairs = {"first": (first, second), "second": (second, first)}
        return {name: negative_cosine(self.predictor(one), other) / 2 for name, (one, other) in pairs.items()}


def negative_cosine(predicted: Tensor, wanted: Tensor) -> Tensor:
    """Negative cosine, no gradient to what is wanted; (B, D) twice to (B,) (eq. 1 and 3)."""
    return -F.cosine_similarity(full_precision(predicted), full_precision(wanted.detach()), dim=1)
