"""DeepCluster-v2: predict an image's cluster of the epoch before (Caron et al. 2020, arXiv 2006.09882, appendix D)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.clustering import MemoryBank, centroid_cross_entropy, cluster_count, kmeans
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision
from kogen.modules.multicrop import embed_views, take_local_crops

__all__ = ["DeepClusterV2"]


class DeepClusterV2(CoupledMethod):
    """Appendix D.1: centroids of spherical k-means are the classifier, and only the network is trained.

    The paper fills its memory by a pass over the images before training. Here the first epoch is that pass: its loss
    is 0, and a training of one epoch learns nothing. A cluster that loses its images starts again from one that fits
    badly; the authors' keeps its centroid (facebookresearch/swav, main_deepclusterv2.py).
    """

    recipe = Recipe(
        source="appendix D (loss, memory, several clusterings); head, optimiser, rate: as SwAV in lightly's benchmark",
        headline="ImageNet linear 75.2 (ResNet-50, 800 epochs, multi-crop)",
        family="clustering",
        optimiser="adamw",
        rate=2e-3,
        weight_decay=1e-6,
        revision=2,
        authors={
            "optimiser": ("lars", "facebookresearch/swav, main_deepclusterv2.py"),
            "rate": (0.3, "4.8 for 4096 images (scripts/)"),
            "warmup": (0.0125, "10 of 800 epochs"),
            "hidden": (2048, "2006.09882, appendix A, for ResNet-50"),
            "prototypes": (3000, "for 1000 classes (scripts/deepclusterv2_800ep_pretrain.sh)"),
            "local_crops": (6, "of 96 px beside two of 224, which then show 14 % or more (scripts/)"),
            "batch_size": (4096, "scripts/"),
        },
        cost=2.1,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # appendix A
        prototypes: int = 512,  # at most one for four images
        clusterings: int = 3,  # of the same size, from other starts, of the first and the second view in turn
        temperature: float = 0.1,  # appendix A
        iterations: int = 10,  # of k-means
        together: bool = True,  # views pass as one batch, and batch norm sees all (src/resnet50.py)
        local_crops: int = 0,  # small images have no small parts to show
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim)
        self.bank = MemoryBank(images, dim, views=2)
        count, size = cluster_count(prototypes, images), self.bank.rows.shape[1]
        self.register_buffer("centroids", torch.zeros(clusterings, count, dim))  # (M, K, D), unit vectors
        self.register_buffer("labels", torch.full((clusterings, size), -1))  # (M, N), -1: not seen yet
        self.centroids: Tensor
        self.labels: Tensor
        self.floor = math.log(count)
        self.temperature, self.iterations, self.together = temperature, iterations, together
        take_local_crops(backbone, local_crops, "deepcluster_v2")

    def embed(self, views: Views) -> list[Tensor]:
        embedded = embed_views(self.backbone, self.projector, views.crops, self.together)
        features = [F.normalize(full_precision(x), dim=1) for x in embedded]  # (B, D) each
        self.bank.buffer_features(views.rng, views.index, features[:2])
        return [*features, views.index]

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        *features, index = embedded
        labels = self.labels[:, self.bank.row_indices(index)]  # (M, B)
        terms: Terms = {}
        for number, (centroids, wanted) in enumerate(zip(self.centroids, labels, strict=True)):
            losses = [centroid_cross_entropy(z, centroids, self.temperature, wanted) for z in features]
            terms[f"clustering{number}"] = torch.stack(losses).mean() / len(labels)
        return terms

    @torch.no_grad()
    def update(self, progress: float) -> None:
        if not self.bank.write_rows():
            return
        for number in range(len(self.labels)):
            view = number % 2
            known = self.bank.seen_mask(view)
            generator = self.bank.rng.generator(f"clustering{number}")
            rows, count = self.bank.rows[view, known], self.centroids.shape[1]
            self.centroids[number], self.labels[number, known] = kmeans(rows, count, generator, self.iterations)
