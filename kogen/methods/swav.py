"""SwAV: predict one view's cluster code from another view (Caron et al. 2020, arXiv 2006.09882)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.distributed import gather, rank
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.heads import Prototypes, mlp
from kogen.modules.losses import full_precision
from kogen.modules.multicrop import embed_views, take_local_crops
from kogen.modules.queue import Queue, StepBuffer

__all__ = ["SwAV"]


class SwAV(CoupledMethod):
    """Section 3, eq. 1 to 5; the codes share out the batch of all processes, and the queue once it is full.

    Prototypes become unit vectors again between steps, which the gradient does not know (facebookresearch/swav,
    main_swav.py).
    """

    recipe = Recipe(
        source="section 3, appendix A (loss, codes, queue); head, optimiser, rate: lightly's CIFAR-10 benchmark",
        headline="ImageNet linear 75.3 (ResNet-50, 800 epochs, multi-crop); 1 % labels 53.9, 10 % labels 70.2",
        family="clustering",
        optimiser="adamw",
        rate=2e-3,
        weight_decay=1e-6,
        revision=2,
        authors={
            "optimiser": ("lars", "facebookresearch/swav, main_swav.py: SGD under LARC without clipping"),
            "rate": (0.3, "4.8 for 4096 images, .6 for 256 (scripts/)"),
            "warmup": (0.0125, "10 of 800 epochs (scripts/swav_800ep_pretrain.sh)"),
            "hidden": (2048, "appendix A, for ResNet-50"),
            "prototypes": (3000, "appendix A, for 1000 classes"),
            "queue": (0, "for 4096 images, 3840 for 256 (scripts/)"),
            "local_crops": (6, "of 96 px beside two of 224, which then show 14 % or more (scripts/)"),
            "batch_size": (4096, "appendix A"),
        },
        cost=2.4,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # appendix A
        prototypes: int = 512,
        temperature: float = 0.1,  # appendix A
        smoothing: float = 0.05,  # epsilon of the codes, appendix A
        iterations: int = 3,  # of Sinkhorn-Knopp, section 3.1
        frozen: float = 0.01,  # share of the training with frozen prototypes (the official code: one epoch)
        queue: int = 3840,  # features of older views that share in the codes (appendix A); at most the images; 0: none
        queue_from: float = 0.0375,  # share of the training after which it fills (appendix A: 15 of 400 epochs)
        together: bool = True,  # views pass as one batch, and batch norm sees all (src/resnet50.py)
        local_crops: int = 0,  # small images have no small parts to show
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim)
        self.prototypes = Prototypes(dim, prototypes, kept_unit=True)
        size = min(queue, images) if images else queue
        self.queues = nn.ModuleList(Queue(size, dim) for _ in range(2)) if size else nn.ModuleList()
        self.notes = StepBuffer()
        self.temperature, self.smoothing, self.iterations = temperature, smoothing, iterations
        self.frozen, self.queue_from, self.together = frozen, queue_from, together
        take_local_crops(backbone, local_crops, "swav")

    def embed(self, views: Views) -> list[Tensor]:
        features = embed_views(self.backbone, self.projector, views.crops, self.together)  # (B, D) each
        with torch.no_grad():
            for place, rows in enumerate(features[:2]):
                self.notes.put(views.rng, gather(F.normalize(full_precision(rows.detach()), dim=1)), place)
        return [self.prototypes(z, views.progress < self.frozen) for z in features]  # (B, K) each

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        predicted = [F.log_softmax(s / self.temperature, dim=1) for s in embedded]  # (B, K) each
        terms: Terms = {}
        for place, name in enumerate(("first", "second")):
            with torch.no_grad():
                codes = self.codes(embedded[place].detach(), place)  # (B, K)
            pairs = [-(codes * g).sum(1).mean() for view, g in enumerate(predicted) if view != place]
            terms[name] = torch.stack(pairs).mean() / 2
        return terms

    def codes(self, scores: Tensor, place: int) -> Tensor:
        """The codes of our part of the batch, (B, K) scores to (B, K) shares that sum to 1."""
        shared = [gather(scores)]
        if self.queues and self.queues[place].full:
            shared.append(self.prototypes(self.queues[place].rows))
        return sinkhorn(torch.cat(shared), self.smoothing, self.iterations)[rank() * len(scores) :][: len(scores)]

    @torch.no_grad()
    def update(self, progress: float) -> None:
        self.prototypes.normalise_rows()
        for place, queue in enumerate(self.queues):
            for rows in self.notes.take(place):
                if progress >= self.queue_from:
                    queue.push(rows)  # type: ignore[operator]


def sinkhorn(scores: Tensor, smoothing: float, iterations: int) -> Tensor:
    """Shares of each row among prototypes that get about equally much; (B, K) to (B, K), rows sum to 1 (eq. 3 to 5)."""
    shares = ((scores - scores.max()) / smoothing).exp()  # a factor common to all falls out of the shares
    for _ in range(iterations):
        shares = shares / shares.sum(0).clamp_min(1e-30) / shares.shape[1]
        shares = shares / shares.sum(1, keepdim=True)
    return shares
