"""A memory of patches (PatchCore): how far the patches of an image are from those that good images have."""

import torch
from torch import Tensor

from kogen.evaluation.detectors._coreset import choose_coreset
from kogen.evaluation.detectors._detector import Detector, Score, nearest_rows

__all__ = ["patch_memory"]


def learn(rows: Tensor, *, share: float = 0.1, neighbours: int = 9, projected: int = 128, seed: int = 0) -> Score:
    """Keep a coreset of the patches (n, D) of good images; a patch's score is its distance to the nearest one kept.

    The score of an image is that of its farthest patch, times 1 - exp(s) / sum exp(distances of this patch to the
    `neighbours` kept patches around the nearest one): less where that one is alone in the memory (equation 7).
    `share` of the patches is kept, chosen greedily after a random projection, drawn from `seed`.

    ValueError for a share that is none. Source: Roth et al. 2022 (arXiv 2106.08265), sections 3.1 to 3.3 (share 10 %
    of 1 to 25); their code (projection to 128) and anomalib (9 neighbours).
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, wanted the share of the patches to keep, above 0 and up to 1")
    memory = rows[choose_coreset(rows, max(1, round(share * len(rows))), projected=projected, seed=seed)]  # (m, D)

    def score(parts: Tensor) -> tuple[Tensor, Tensor]:
        found, places = nearest_rows(parts.flatten(0, 1), memory)
        distances, nearest = found.view(parts.shape[:2]), places.view(parts.shape[:2])  # (B, P) each
        worst = distances.argmax(dim=1, keepdim=True)  # (B, 1)
        farthest = distances.gather(1, worst)[:, 0]  # (B,)
        if len(memory) < 2 or neighbours < 2:
            return farthest, distances
        patch = parts[torch.arange(len(parts), device=parts.device), worst[:, 0]]  # (B, D)
        around = nearest_rows(memory[nearest.gather(1, worst)[:, 0]], memory, min(neighbours, len(memory)))[1]  # (B, b)
        others = (patch[:, None] - memory[around]).square().sum(dim=2).sqrt()  # (B, b)
        weight = 1 - (farthest - others.logsumexp(dim=1)).exp()
        return weight.clamp(0, 1) * farthest, distances

    return score


patch_memory = Detector(learn, patches=True)
