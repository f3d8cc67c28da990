"""DINO: match a slow, centred and sharpened teacher's softmax of other views (Caron et al. 2021, arXiv 2104.14294)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.distributed import sum_over_processes, world_size
from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.heads import Prototypes, mlp
from kogen.modules.multicrop import embed_views, take_local_crops
from kogen.modules.queue import StepBuffer
from kogen.modules.schedules import cosine_schedule

__all__ = ["DINO"]


class DINO(PerImageMethod):
    """Section 3.1, eq. 1 to 4, algorithm 1; the teacher's weights are evaluated (section 5.1).

    The authors also clip gradients at a norm of 3, and for ViTs weight decay rises; here neither (main_dino.py).
    """

    recipe = Recipe(
        source="section 3 (loss, centre, temperatures); head, rate, weight decay: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 75.3, k-NN 67.5 (ResNet-50); 77.0, 74.5 (ViT-S/16), multi-crop, 800 epochs",
        family="distillation",
        rate=0.12,
        least_area=0.14,  # without local crops (facebookresearch/dino, main_dino.py, help of --global_crops_scale)
        revision=2,
        authors={
            "optimiser": ("adamw", "ViTs; facebookresearch/dino, main_dino.py"),
            "rate": (5e-4, "ViTs (main_dino.py)"),
            "weight_decay": (0.04, "rising to .4, for ViTs (section 3.2)"),
            "warmup": (0.1, "10 of 100 epochs (main_dino.py)"),
            "hidden": (2048, "section 3.2"),
            "outputs": (65536, "section 3.2, for 1.28 million images"),
            "batch_norm": (False, "ViTs (section 3.2); with convolutions it is there"),
            "momentum": (0.996, "section 3.1"),
            "local_crops": (8, "of 96 px beside two of 224, which then show 40 % or more (main_dino.py)"),
            "batch_size": (1024, "section 3.2"),
        },
        cost=2.6,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 1024,
        bottleneck: int = 256,  # section 3.2
        outputs: int = 2048,
        batch_norm: bool = True,  # in the head (appendix, table 9)
        student_temperature: float = 0.1,  # section 3.2
        cold: float = 0.04,  # teacher's temperature at the start ...
        warm: float = 0.07,  # ... and after `warming` of the training (section 3.2: 30 of 300 epochs)
        warming: float = 0.1,
        centring: float = 0.9,  # momentum of the centre, eq. 4
        momentum: float = 0.99,  # with a cosine to 1
        frozen: float = 0.01,  # share of the training with a last layer that is frozen (the paper: one epoch)
        together: bool = True,  # views pass as one batch, and batch norm sees all (utils.py, MultiCropWrapper)
        local_crops: int = 0,  # small images have no small parts to show
    ) -> None:
        super().__init__()
        take_local_crops(backbone, local_crops, "dino")
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, hidden, bottleneck, norm=batch_norm, gelu=True)
        self.prototypes = Prototypes(bottleneck, outputs)
        self.target = ema_copy(nn.Sequential(self.backbone, self.projector, self.prototypes))
        self.register_buffer("centre", torch.zeros(outputs))
        self.centre: Tensor
        self.notes = StepBuffer()
        self.floor = math.log(outputs)
        self.student_temperature, self.cold, self.warm, self.warming = student_temperature, cold, warm, warming
        self.centring, self.momentum, self.frozen, self.together = centring, momentum, frozen, together

    def losses(self, views: Views) -> Terms:
        frozen = views.progress < self.frozen
        head = lambda features: self.prototypes(self.projector(features), frozen)  # noqa: E731
        students = embed_views(self.backbone, head, views.crops, self.together)  # (B, K) each
        with torch.no_grad():
            backbone, head = self.target[0], self.target[1:]  # type: ignore[index]
            teachers = embed_views(backbone, head, views.crops[:2], self.together)  # (B, K) each
            if self.training:
                self.notes.put(views.rng, sum_over_processes(torch.cat(teachers).mean(0)) / world_size())
        sharp = teacher_temperature(views.progress, self.cold, self.warm, self.warming)
        wanted = [F.softmax((t - self.centre) / sharp, dim=1) for t in teachers]  # (B, K) each
        found = [F.log_softmax(s / self.student_temperature, dim=1) for s in students]  # (B, K) each
        return {name: distillation_loss(wanted, found, i) for i, name in enumerate(("first", "second"))}

    def update(self, progress: float) -> None:
        student = nn.Sequential(self.backbone, self.projector, self.prototypes)
        ema_update(self.target, student, cosine_schedule(progress, self.momentum, 1.0))
        if means := self.notes.take():
            self.centre.lerp_(torch.stack(means).mean(0), 1 - self.centring)

    def evaluation_backbone(self) -> Backbone:
        return self.target[0]  # type: ignore[index]


def teacher_temperature(progress: float, cold: float, warm: float, share: float) -> float:
    """The teacher's temperature: from `cold` to `warm` on a line over the first `share` of the training."""
    return warm if progress >= share else cold + (warm - cold) * progress / share


def distillation_loss(wanted: list[Tensor], found: list[Tensor], teacher: int) -> Tensor:
    """Half the mean cross-entropy of one teacher view with all other views of the student; (B, K) each to (B,).

    `found` are log-probabilities. Halves, so that the sum over two teachers is the paper's mean over pairs (eq. 3).
    """
    pairs = [-(wanted[teacher] * f).sum(1) for view, f in enumerate(found) if view != teacher]
    return torch.stack(pairs).mean(0) / len(wanted)
