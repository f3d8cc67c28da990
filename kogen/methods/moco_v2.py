"""MoCo v2: tell a view's key from a queue of older keys (He et al. 2019, 1911.05722; Chen et al. 2020, 2003.04297)."""

import torch
import torch.nn.functional as F
from torch import nn

from kogen.common.distributed import gather
from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision, info_nce
from kogen.modules.queue import Queue, StepBuffer

__all__ = ["MoCoV2"]


class MoCoV2(PerImageMethod):
    """1911.05722, eq. 1 and 2, algorithm 1; the MLP head and temperature of 2003.04297.

    Keys join the queue after the step. Instead of shuffling the batch between devices (section 3.3), batch norm is over
    the batch of all processes, so that no device's statistics tell which key belongs to which query.
    """

    recipe = Recipe(
        source="2003.04297, section 3 (MLP head, temperature); rate, weight decay: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 71.1 (ResNet-50, 800 epochs), 67.5 (200 epochs)",
        family="contrastive",
        rate=0.12,
        least_area=0.2,  # facebookresearch/moco, main_moco.py
        revision=2,
        authors={
            "rate": (0.03, "1911.05722, section 3.3; facebookresearch/moco, main_moco.py"),
            "weight_decay": (1e-4, "1911.05722, section 3.3"),
            "warmup": (0.0, "main_moco.py"),
            "hidden": (2048, "2003.04297, section 3: as wide as the features of ResNet-50"),
            "queue": (65536, "1911.05722, section 4.1"),
            "momentum": (0.999, "1911.05722, section 4.1, for 1.28 million images"),
            "symmetric": (False, "1911.05722, algorithm 1"),
        },
        cost=2.5,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # 1911.05722, section 3.3
        queue: int = 4096,  # never more than there are images
        temperature: float = 0.2,  # 2003.04297, table 2
        momentum: float = 0.99,
        symmetric: bool = True,  # each view is the query once, as in CIFAR benchmarks, not only the first
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim, norm=False)
        self.target = ema_copy(nn.Sequential(self.backbone, self.projector))
        self.queue = Queue(min(queue, images) if images else queue, dim)
        self.notes = StepBuffer()
        self.temperature, self.momentum, self.symmetric = temperature, momentum, symmetric

    def losses(self, views: Views) -> Terms:
        terms: Terms = {}
        orders = {"first": (0, 1), "second": (1, 0)} if self.symmetric else {"first": (0, 1)}
        for slot, (name, (first, second)) in enumerate(orders.items()):
            query = self.projector(self.backbone(views.crops[first]))  # (B, D)
            with torch.no_grad():
                key = F.normalize(full_precision(self.target(views.crops[second])), dim=1)  # (B, D)
            if self.training:
                self.notes.put(views.rng, gather(key), slot)
            terms[name] = info_nce(query, key, self.queue.rows, self.temperature) / len(orders)
        return terms

    def update(self, progress: float) -> None:
        ema_update(self.target, nn.Sequential(self.backbone, self.projector), self.momentum)
        for keys in self.notes.take(0) + self.notes.take(1):
            self.queue.push(keys)
