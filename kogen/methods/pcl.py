"""PCL: tell a view's key from others, and its image's prototypes from other prototypes (Li et al. 2020, 2005.04966)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.distributed import gather
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.clustering import MemoryBank, centroid_cross_entropy, cluster_count, cluster_sums, kmeans
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision, info_nce
from kogen.modules.queue import Queue, StepBuffer

__all__ = ["PCL"]


class PCL(CoupledMethod):
    """ProtoNCE, eq. 11 and 12, with the head and temperature of MoCo v2 ("PCL v2", appendix).

    The paper embeds all images afresh before each clustering. Here the newest keys of the teacher, from this epoch,
    stand for each image. Every other prototype is a negative, where the paper draws some of them. k-means is spherical
    and runs once; the authors' is Euclidean and the best of five (salesforce/PCL, main_pcl.py).
    """

    recipe = Recipe(
        source="section 3, algorithm 1 (loss, concentration); rate, weight decay: MoCo's of lightly's benchmark",
        headline="ImageNet linear 67.6 (ResNet-50, 200 epochs)",
        family="contrastive",
        rate=0.12,
        least_area=0.2,  # salesforce/PCL, main_pcl.py
        revision=2,
        authors={
            "rate": (0.03, "section 4.1; salesforce/PCL, main_pcl.py"),
            "weight_decay": (1e-4, "section 4.1"),
            "warmup": (0.0, "main_pcl.py"),
            "hidden": (2048, "MoCo v2: as wide as the features of ResNet-50"),
            "queue": (16384, "negatives, section 4.1"),
            "prototypes": (25000, "50000 and 100000, section 4.1"),
            "momentum": (0.999, "section 4.1, for 1.28 million images"),
            "symmetric": (False, "algorithm 1"),
        },
        cost=2.7,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # section 4.1
        queue: int = 4096,  # negatives; never more than there are images
        prototypes: int = 128,  # of the coarsest clustering, each further one has twice as many
        clusterings: int = 3,  # section 4.1; at most one prototype for four images
        temperature: float = 0.2,  # of PCL v2, also the mean of the concentrations
        smooth: float = 10.0,  # alpha of eq. 12: clusters of few images do not look concentrated (section 4.1)
        warm: float = 0.1,  # share of the training without prototypes (section 4.1: 20 of 200 epochs)
        iterations: int = 20,  # of k-means (main_pcl.py)
        momentum: float = 0.99,
        symmetric: bool = True,  # each view is the query once, as for MoCo here
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, dim, norm=False)
        self.target = ema_copy(nn.Sequential(self.backbone, self.projector))
        self.queue = Queue(min(queue, images) if images else queue, dim)
        self.notes = StepBuffer()
        self.bank = MemoryBank(images, dim)
        self.counts = [cluster_count(prototypes * 2**m, images) for m in range(clusterings)]
        self.register_buffer("labels", torch.full((clusterings, self.bank.rows.shape[1]), -1))  # (M, N)
        for number, count in enumerate(self.counts):
            self.register_buffer(f"centroids{number}", torch.zeros(count, dim))  # (K, D), unit vectors
            self.register_buffer(f"concentrations{number}", torch.full((count,), temperature))  # (K,) phi
        self.labels: Tensor
        self.temperature, self.smooth, self.warm = temperature, smooth, warm
        self.iterations, self.momentum, self.symmetric = iterations, momentum, symmetric

    def embed(self, views: Views) -> list[Tensor]:
        queries, keys = [], []
        for slot, (first, second) in enumerate([(0, 1), (1, 0)] if self.symmetric else [(0, 1)]):
            queries.append(F.normalize(full_precision(self.projector(self.backbone(views.crops[first]))), dim=1))
            with torch.no_grad():
                keys.append(F.normalize(full_precision(self.target(views.crops[second])), dim=1))  # (B, D)
            self.notes.put(views.rng, gather(keys[-1]), slot)
        self.bank.buffer_features(views.rng, views.index, [F.normalize(sum(keys), dim=1)])  # type: ignore[arg-type]
        return [*queries, *keys, views.index]

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        *rows, index = embedded
        count, apart = len(rows) // 2, []
        terms: Terms = {}
        for name, query, key in zip(("first", "second"), rows[:count], rows[count:], strict=False):
            terms[name] = info_nce(query, key, self.queue.rows, self.temperature).mean() / count
            apart += [centroid_cross_entropy(query, *tables) for tables in self.look_up_prototypes(index)]
        return terms | {"prototypes": torch.stack(apart).mean()}

    def look_up_prototypes(self, index: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each clustering the prototypes (K, D), their concentrations (K,) and the images' labels (B,)."""
        labels = self.labels[:, self.bank.row_indices(index)]  # (M, B)
        named = dict(self.named_buffers())
        return [(named[f"centroids{m}"], named[f"concentrations{m}"], wanted) for m, wanted in enumerate(labels)]

    @torch.no_grad()
    def update(self, progress: float) -> None:
        ema_update(self.target, nn.Sequential(self.backbone, self.projector), self.momentum)
        for keys in self.notes.take(0) + self.notes.take(1):
            self.queue.push(keys)
        if not self.bank.write_rows() or progress < self.warm:
            return
        known, named = self.bank.seen_mask(0), dict(self.named_buffers())
        rows = self.bank.rows[0, known]  # (N, D)
        for number, count in enumerate(self.counts):
            generator = self.bank.rng.generator(f"clustering{number}")
            centroids, labels = kmeans(rows, count, generator, self.iterations)
            phi = concentrations(rows, centroids, labels, self.smooth, self.temperature)
            named[f"centroids{number}"].copy_(centroids)
            named[f"concentrations{number}"].copy_(phi)
            self.labels[number, known] = labels


def concentrations(rows: Tensor, centroids: Tensor, labels: Tensor, smooth: float, mean: float) -> Tensor:
    """Phi of each cluster (K,): its rows' mean distance to the centroid over log(size + smooth), scaled to `mean`.

    Rows (N, D), centroids (K, D), labels (N,) (eq. 12). What the paper leaves open is as in salesforce/PCL, main_pcl.py
    `run_kmeans`: a cluster of one image or none, which has no spread, counts as the widest of the others, and the
    outermost tenths are clamped to keep the temperatures sane. Without spread anywhere all are `mean`.
    """
    distance = (rows - centroids[labels]).norm(dim=1, keepdim=True)  # (N, 1)
    sums, sizes = cluster_sums(distance, labels, len(centroids))  # (K, 1), (K,)
    phi = sums[:, 0] / (sizes.clamp_min(1) * (sizes.to(rows.dtype) + smooth).log())
    phi = torch.where(sizes > 1, phi, 0.0)
    phi = torch.where(sizes > 1, phi, phi.max()).clamp_min(1e-6)
    low, high = phi.quantile(phi.new_tensor([0.1, 0.9]))
    phi = phi.clamp(low, high)
    return phi * (mean / phi.mean())
