"""SeLa-v2: predict labels that share out all images equally (Asano et al. 2019, 1911.05371; Caron et al. 2020)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.clustering import MemoryBank, cluster_count, masked_cross_entropy
from kogen.modules.heads import Prototypes, mlp
from kogen.modules.losses import full_precision
from kogen.modules.multicrop import embed_views, take_local_crops

__all__ = ["SeLaV2"]


class SeLaV2(CoupledMethod):
    """1911.05371, eq. 4 to 7, with the prototypes, head and memory of 2006.09882, appendix D.

    Every epoch the memory of all images is labelled anew by optimal transport. The first epoch only fills it: its loss
    is 0, and a training of one epoch learns nothing.
    """

    recipe = Recipe(
        source="1911.05371, section 3 (labels); 2006.09882, appendix D (loss, memory, several labellings); head, "
        "optimiser, rate: as SwAV in lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 71.8 (ResNet-50, 400 epochs, multi-crop)",
        family="clustering",
        optimiser="adamw",
        rate=2e-3,
        weight_decay=1e-6,
        revision=2,
        authors={
            "optimiser": ("lars", "as SwAV; the authors publish no script"),
            "rate": (0.3, "as SwAV"),
            "warmup": (0.025, "10 of 400 epochs"),
            "hidden": (2048, "2006.09882, appendix A, for ResNet-50"),
            "prototypes": (3000, "1911.05371, section 4, for 1000 classes"),
            "clusterings": (10, "heads of prototypes, 1911.05371, section 4"),
            "local_crops": (4, "of 96 px beside two of 160 (facebookresearch/swav, README.md)"),
            "batch_size": (4096, "facebookresearch/swav, README.md"),
        },
        cost=2.0,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # 2006.09882, appendix A
        prototypes: int = 512,  # at most one for four images
        clusterings: int = 3,  # heads of prototypes
        temperature: float = 0.1,  # 2006.09882, appendix A
        smoothing: float = 0.05,  # 1 / lambda of 1911.05371, eq. 4, there 1/25 of a log-probability; here of a cosine
        iterations: int = 20,  # of Sinkhorn-Knopp
        together: bool = True,  # views pass as one batch, and batch norm sees all (src/resnet50.py)
        local_crops: int = 0,  # small images have no small parts to show
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim)
        self.bank = MemoryBank(images, dim, views=2)
        count, size = cluster_count(prototypes, images), self.bank.rows.shape[1]
        self.prototypes = nn.ModuleList(Prototypes(dim, count) for _ in range(clusterings))
        self.register_buffer("labels", torch.full((clusterings, size), -1))  # (M, N), -1: not seen yet
        self.labels: Tensor
        self.floor = math.log(count)
        self.temperature, self.smoothing, self.iterations = temperature, smoothing, iterations
        self.together = together
        take_local_crops(backbone, local_crops, "sela_v2")

    def embed(self, views: Views) -> list[Tensor]:
        embedded = embed_views(self.backbone, self.projector, views.crops, self.together)
        features = [F.normalize(full_precision(x), dim=1) for x in embedded]  # (B, D) each
        self.bank.buffer_features(views.rng, views.index, features[:2])
        return [*features, views.index]

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        *features, index = embedded
        labels = self.labels[:, self.bank.row_indices(index)]  # (M, B)
        terms: Terms = {}
        for number, (prototypes, wanted) in enumerate(zip(self.prototypes, labels, strict=True)):
            losses = [masked_cross_entropy(prototypes(z) / self.temperature, wanted) for z in features]
            terms[f"labels{number}"] = torch.stack(losses).mean() / len(labels)
        return terms

    @torch.no_grad()
    def update(self, progress: float) -> None:
        if not self.bank.write_rows():
            return
        for number, prototypes in enumerate(self.prototypes):
            view = number % 2
            known = self.bank.seen_mask(view)
            scores = prototypes(self.bank.rows[view, known])  # (N, K)
            self.labels[number, known] = assign_balanced(scores, self.smoothing, self.iterations)


def assign_balanced(scores: Tensor, smoothing: float, iterations: int) -> Tensor:
    """The label of each image, (N,), when each prototype gets about equally many; scores (N, K) (1911.05371, eq. 5).

    Optimal transport by Sinkhorn-Knopp; of the shares of an image only their ratio counts for its label (eq. 7).
    """
    kernel = ((scores - scores.amax(1, keepdim=True)) / smoothing).exp()  # (N, K), a factor of a row changes nothing
    rows, each = kernel.new_ones(len(kernel)), len(kernel) / kernel.shape[1]  # (N,), images of a prototype
    columns = kernel.new_ones(kernel.shape[1])  # (K,)
    for _ in range(iterations):
        columns = each / (rows @ kernel).clamp_min(1e-30)
        rows = 1 / (kernel @ columns).clamp_min(1e-30)
    return (kernel * columns).argmax(dim=1)
