"""Clusters of a whole training set: a memory of the newest features of every image, and spherical k-means over it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.distributed import gather
from kogen.common.rng import StepRng
from kogen.modules.queue import StepBuffer

CHUNK_ROWS = 2048  # rows compared with all centroids at a time: what fits a cache
DEFAULT_ROWS = 65536  # rows of a memory where the number of images is unknown


class MemoryBank(nn.Module):
    """The newest unit features of every image, (V, N, D) for V views of N images; 0 until an image has been seen.

    Call `buffer_features` in forward and `write_rows` in update. The step and the batch size say where an epoch ends.
    """

    def __init__(self, images: int, dim: int, views: int = 1) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(views, images or DEFAULT_ROWS, dim))
        self.rows: Tensor
        self.notes = StepBuffer()
        self.rng = StepRng(0, 0, 0)  # of the last step that was buffered

    def row_indices(self, index: Tensor) -> Tensor:
        """Rows of the memory that belong to the images `index` (B,), (B,)."""
        return index % self.rows.shape[1]

    def buffer_features(self, rng: StepRng, index: Tensor, features: list[Tensor]) -> None:
        """Keep unit features (B, D), one for each view, of the images `index` (B,) until `write`."""
        self.rng = rng
        for slot, rows in enumerate([self.row_indices(index), *features]):
            self.notes.put(rng, gather(rows.detach()), slot)

    @torch.no_grad()
    def write_rows(self) -> bool:
        """Write the buffered features to their rows; whether an epoch ends with this step."""
        buffered = [self.notes.take(slot) for slot in range(len(self.rows) + 1)]
        for index, *features in zip(*buffered, strict=True):  # of one micro-batch each
            self.rows[:, index] = torch.stack(features).to(self.rows.dtype)
        size, step, total = self.rows.shape[1], self.rng.step, self.rng.total
        return (step + 1) * total // size > step * total // size

    def seen_mask(self, view: int) -> Tensor:
        """Which images have been seen, (N,) bool."""
        return self.rows[view].any(dim=1)


def cluster_count(wanted: int, images: int) -> int:
    """Number of clusters for `images` (0: unknown): the number wanted, but at most one for four images."""
    return max(min(wanted, images // 4), 1) if images else wanted


@torch.no_grad()
def kmeans(rows: Tensor, count: int, generator: torch.Generator, iterations: int = 10) -> tuple[Tensor, Tensor]:
    """Spherical k-means of unit rows (N, D): unit centroids (K, D) and the nearest one of each row (N,).

    It starts from rows that `generator` (on the CPU) draws. An empty cluster starts again from one of the rows that are
    farthest from their centroid. Raises ValueError for fewer rows than clusters.
    """
    if len(rows) < count:
        raise ValueError(f"{len(rows)} rows are fewer than {count} clusters: ask for fewer clusters or give more rows")
    centroids = rows[torch.randperm(len(rows), generator=generator)[:count].to(rows.device)]
    for _ in range(iterations):
        nearest, cosine = nearest_centroids(rows, centroids)
        sums, sizes = cluster_sums(rows, nearest, count)
        empty = (sizes == 0).nonzero()[:, 0]
        sums[empty] = rows[cosine.argsort(stable=True)[: len(empty)]]
        centroids = F.normalize(sums, dim=1)
    return centroids, nearest_centroids(rows, centroids)[0]


def nearest_centroids(rows: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """The centroid (K, D) with the largest cosine to each unit row (N, D), and that cosine; (N,) each."""
    best = [(part @ centroids.T).max(dim=1) for part in rows.split(CHUNK_ROWS)]
    return torch.cat([b.indices for b in best]), torch.cat([b.values for b in best])


def cluster_sums(rows: Tensor, labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Sum of the rows (N, D) of each label (N,) and how many there are: (K, D), (K,).

    Each sum is added up in the order of the rows, so that processes that hold the same rows get the same bits.
    """
    sizes = torch.bincount(labels, minlength=count)  # (K,)
    starts = sizes.cumsum(0) - sizes
    return F.embedding_bag(labels.argsort(stable=True), rows, starts, mode="sum"), sizes


def centroid_cross_entropy(features: Tensor, centroids: Tensor, temperature: float | Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of unit features (B, D) over unit centroids (K, D) with labels (B,), -1 counts as 0; a scalar.

    The temperature is one, or one of each centroid (K,) (PCL, eq. 11).
    """
    with torch.autocast(features.device.type, enabled=False):
        return masked_cross_entropy(features @ centroids.T / temperature, labels)


def masked_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits (B, K) with labels (B,), mean over the batch, where a label of -1 adds 0."""
    return F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum") / len(labels)
