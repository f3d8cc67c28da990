"""What a detector is: how it learns from rows of good images, and scores those of others; distances between rows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_DISTANCES = 2**20  # held at once: 4 MiB in float32, which caches hold ...
MAX_DISTANCES_GPU = 2**28  # ... and 1 GiB on a GPU

Score = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Rows of images (B, P, D) to a score of each image (B,) and of each row (B, P): distances, 0 or more, of which more is
less normal."""


@dataclass(frozen=True)
class Detector:
    """A way to find what is not normal."""

    learn: Callable[..., Score]  # from rows (n, D) of good images, float32 on their device; more by keyword
    patches: bool = False  # rows are the patches of images; else each image is one row, its pooled feature


def nearest_rows(asked: Tensor, known: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Distances (m, k), rising, of rows (m, D) to the k nearest rows of (n, D), and the places (m, k) of these.

    So many rows at a time as fit into memory. The nearest are found by |a|^2 + |b|^2 - 2ab about the mean of `known`,
    their distances are then those of the differences, which float32 keeps near 0 too.
    """
    centre = known.mean(dim=0)
    rows, square = known - centre, (known - centre).square().sum(dim=1)  # (n, D), (n,)
    most = MAX_DISTANCES if asked.device.type == "cpu" else MAX_DISTANCES_GPU
    distances, places = [], []
    for part in asked.split(max(1, most // max(len(known), k * known.shape[1]))):  # (b, D)
        found = torch.addmm(square, part - centre, rows.T, alpha=-2)  # (b, n), without |part|^2
        place = found.argmin(dim=1, keepdim=True) if k == 1 else found.topk(k, largest=False).indices
        distance = (part[:, None] - known[place]).square().sum(dim=2).sqrt()  # (b, k)
        order = distance.argsort(dim=1, stable=True)
        distances.append(distance.gather(1, order))
        places.append(place.gather(1, order))
    return torch.cat(distances), torch.cat(places)
