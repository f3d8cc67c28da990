"""MoCo v3: contrast a prediction with a slow teacher's keys of the batch (Chen et al. 2021, arXiv 2104.02057)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.distributed import gather, rank
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision
from kogen.modules.masking import fix_positions
from kogen.modules.schedules import cosine_schedule

__all__ = ["MoCoV3"]


class MoCoV3(CoupledMethod):
    """Section 3 and algorithm 1: no queue, a predictor, both orders of the views; keys are those of all processes.

    On a ResNet the authors have a projector of two layers, no norm at the predictor's output, a temperature of 1 and
    crops of a fifth of the image or more (facebookresearch/moco-v3, moco/builder.py and CONFIG.md), and so have we. On
    a ViT positions are fixed (vits.py). Their ViT-S has 12 heads: `--backbone "vit_small_patch16_224?num_heads=12"`.
    """

    recipe = Recipe(
        source="section 3 (loss, heads), 4 (frozen patches of a ViT); rate, weight decay: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 74.6 (ResNet-50, 1000 epochs), 76.7 (ViT-B, 300 epochs)",
        family="contrastive",
        rate=0.12,
        revision=2,
        without_attention={"layers": 2, "predictor_norm": False, "temperature": 1.0, "least_area": 0.2},
        authors={
            "optimiser": ("lars", "ResNet-50, adamw for ViTs; facebookresearch/moco-v3, CONFIG.md"),
            "rate": (0.3, "ResNet-50 in 1000 epochs, 1.5e-4 for ViTs (CONFIG.md)"),
            "weight_decay": (1.5e-6, "ResNet-50 in 1000 epochs, .1 for ViTs (CONFIG.md)"),
            "warmup": (0.01, "10 of 1000 epochs for ResNet-50, 40 of 300 for ViTs (CONFIG.md)"),
            "hidden": (4096, "appendix A, for ResNet-50 and ViT-B"),
            "momentum": (0.996, "ResNet-50 in 1000 epochs, .99 otherwise (CONFIG.md)"),
            "batch_size": (4096, "CONFIG.md"),
        },
        cost=2.5,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 1024,
        dim: int = 256,  # appendix A
        layers: int = 3,  # of the projector, for a ViT (moco/builder.py)
        predictor_norm: bool = True,  # a batch norm at the predictor's output, for a ViT (moco/builder.py)
        temperature: float = 0.2,  # for a ViT (CONFIG.md)
        momentum: float = 0.99,  # section 4.3, with a cosine to 1
        freeze_patches: bool = True,  # a ViT's patch embedding stays random (section 4.2)
        fixed_positions: bool = True,  # of a ViT, sines and cosines (section 5)
    ) -> None:
        super().__init__()
        self.backbone = backbone
        patches = getattr(backbone.network, "patch_embed", None)
        if freeze_patches and isinstance(patches, nn.Module):
            patches.requires_grad_(False)
        if fixed_positions:
            fix_positions(backbone.network)
        self.projector = mlp(backbone.dim, *[hidden] * (layers - 1), dim, last_norm=True)
        self.predictor = mlp(dim, hidden, dim, last_norm=predictor_norm, last_bias=False)
        self.target = ema_copy(nn.Sequential(self.backbone, self.projector))
        self.temperature, self.momentum = temperature, momentum

    def embed(self, views: Views) -> list[Tensor]:
        queries = [self.predictor(self.projector(self.backbone(x))) for x in views.crops]  # (B, D) each
        with torch.no_grad():
            keys = [self.target(x) for x in views.crops]  # (B, D) each
        return [*queries, *keys]

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        queries, keys = embedded[:2], embedded[2:]
        pairs = {"first": (queries[0], keys[1]), "second": (queries[1], keys[0])}
        return {name: contrastive_loss(query, key, self.temperature) for name, (query, key) in pairs.items()}

    def update(self, progress: float) -> None:
        student = nn.Sequential(self.backbone, self.projector)
        ema_update(self.target, student, cosine_schedule(progress, self.momentum, 1.0))


def contrastive_loss(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """2 T times the mean cross-entropy of the own key among those of all; (B, D) twice to a scalar (algorithm 1)."""
    with torch.autocast(query.device.type, enabled=False):
        query, key = (F.normalize(full_precision(x), dim=1) for x in (query, key.detach()))
        keys = gather(key)
        own = torch.arange(len(query), device=query.device) + rank() * len(query)  # (B,)
        return 2 * temperature * F.cross_entropy(query @ keys.T / temperature, own)
