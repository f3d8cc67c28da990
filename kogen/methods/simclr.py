"""SimCLR: tell two views of an image from the views of all others (Chen et al. 2020, arXiv 2002.05709)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.common.distributed import gather, rank
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision
from kogen.modules.multicrop import embed_views

__all__ = ["SimCLR"]


class SimCLR(CoupledMethod):
    """Section 2.1, eq. 1 (NT-Xent); negatives are those of all processes, with gradient.

    The paper's loss is the mean over both orders of the views, as here. The authors' code sums the two means, twice the
    gradient, and puts a batch norm on the head's output (google-research/simclr, tf2/objective.py and tf2/model.py).
    """

    recipe = Recipe(
        source="sections 2 and B.9 (CIFAR-10: temperature 0.5); rate, weight decay: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 69.3 (ResNet-50, 1000 epochs); 1 % labels 48.3, 10 % labels 65.6",
        family="contrastive",
        rate=0.12,
        revision=2,
        authors={
            "optimiser": ("lars", "section 2.2"),
            "rate": (0.3, "section 2.2"),
            "weight_decay": (1e-6, "section 2.2"),
            "warmup": (0.01, "10 of 1000 epochs"),
            "hidden": (2048, "section 4.2: as wide as the features of ResNet-50"),
            "temperature": (0.1, "ImageNet (google-research/simclr, README.md)"),
            "batch_size": (4096, "section 2.2"),
        },
        cost=1.9,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # section 4.2
        temperature: float = 0.5,  # section B.9
        together: bool = True,  # both views pass as one batch, and batch norm sees both (tf2/model.py)
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim)
        self.temperature, self.together = temperature, together

    def embed(self, views: Views) -> list[Tensor]:
        return embed_views(self.backbone, self.projector, views.crops, self.together)  # (B, D) each

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        first, second = embedded
        return {"contrast": nt_xent(first, second, self.temperature)}


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of each view's partner among the views of all processes; (B, D) twice to a scalar."""
    mine = [F.normalize(full_precision(x), dim=1) for x in (first, second)]
    everyone = torch.cat([gather(x) for x in mine])  # (2 W B, D)
    with torch.autocast(first.device.type, enabled=False):  # three digits are too few for a softmax over a batch
        logits = torch.cat(mine) @ everyone.T / temperature  # (2 B, 2 W B)
    size, whole = len(first), len(everyone) // 2
    here = torch.arange(size, device=first.device) + rank() * size  # (B,) our places among all first views
    oneself, partner = torch.cat([here, here + whole]), torch.cat([here + whole, here])  # (2 B,) each
    logits = logits.scatter(1, oneself[:, None], float("-inf"))
    return F.cross_entropy(logits, partner)
