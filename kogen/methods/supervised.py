"""Supervised: cross-entropy on the labelled images; same backbone, views, budget, training: the honest baseline."""

import math

import torch.nn.functional as F
from torch import nn

from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.losses import full_precision

__all__ = ["Supervised"]


class Supervised(PerImageMethod):
    """A linear classifier on the features of one view; only labelled images take part."""

    recipe = Recipe(
        source="plain cross-entropy; rate and weight decay as the self-supervised methods: only the loss differs",
        headline="ImageNet 76.5 (ResNet-50); fine-tuned on 1 % of the labels 25.4, on 10 % 56.4 (BYOL, table 2)",
        family="baseline",
        views=1,
        rate=0.12,
        labels=True,
        cost=1.0,
    )

    def __init__(self, backbone: Backbone, *, classes: int, images: int = 0, smoothing: float = 0.0) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"supervised training needs 2 classes or more, got {classes}: give labels or leave it out")
        self.backbone = backbone
        self.classifier = nn.Linear(backbone.dim, classes)
        self.smoothing = smoothing
        self.floor = math.log(classes)  # the loss of answers that say nothing of the image

    def losses(self, views: Views) -> Terms:
        logits = full_precision(self.classifier(self.backbone(views.crops[0])))  # (B, K)
        each = F.cross_entropy(logits, views.labels, reduction="none", label_smoothing=self.smoothing)  # (B,)
        return {"cross_entropy": each}
