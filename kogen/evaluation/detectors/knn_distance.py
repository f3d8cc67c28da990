"""Distance to the nearest good images: the mean distance of a pooled feature to those of the k nearest ones."""

from torch import Tensor

from kogen.evaluation.detectors._detector import Detector, Score, nearest_rows

__all__ = ["knn_distance"]


def learn(rows: Tensor, *, k: int = 2) -> Score:
    """Keep the rows (n, D) of good images; the score is the mean Euclidean distance to the `k` nearest, all of fewer.

    ValueError for a `k` under 1. Source: DN2 (Bergman, Cohen and Hoshen 2020, arXiv 2002.10445), section 3.1; k = 2.
    """
    if k < 1:
        raise ValueError(f"k is {k}, wanted 1 or more neighbours")
    k = min(k, len(rows))

    def score(parts: Tensor) -> tuple[Tensor, Tensor]:
        distances = nearest_rows(parts.flatten(0, 1), rows, k)[0].mean(dim=1).view(parts.shape[:2])  # (B, P)
        return distances.amax(dim=1), distances

    return score


knn_distance = Detector(learn)
