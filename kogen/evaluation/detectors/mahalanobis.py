"""Mahalanobis distance of a pooled feature to the good images, by their mean and a shrunk covariance."""

import torch
from torch import Tensor

from kogen.common.devices import float64_device
from kogen.evaluation.detectors._detector import Detector, Score

__all__ = ["mahalanobis"]

RIDGE = 1e-10  # of the mean variance, added to every one: what good images never vary in counts, but not infinitely


def learn(rows: Tensor) -> Score:
    """Fit a normal distribution to the rows (n, D) of good images; the score is the distance in its deviations.

    Computed in float64. The covariance is shrunk to a multiple of the identity as Ledoit and Wolf 2004 say; where all
    rows are the same, it is the identity, and the distance Euclidean.
    Source: Rippel, Mertens and Merhof 2021 (arXiv 2005.14140), section 3.
    """
    place = float64_device(rows.device)
    values = rows.to(place, torch.float64)
    mean = values.mean(dim=0)
    covariance = shrunk_covariance(values - mean)  # (D, D)
    ridge = RIDGE * covariance.diagonal().mean()
    covariance.diagonal().add_(ridge if ridge > 0 else 1.0)
    factor = torch.linalg.cholesky(covariance)  # lower

    def score(parts: Tensor) -> tuple[Tensor, Tensor]:
        off = parts.flatten(0, 1).to(place, torch.float64) - mean  # (B P, D)
        white = torch.linalg.solve_triangular(factor, off.T, upper=False)  # (D, B P)
        distances = white.square().sum(dim=0).sqrt().view(parts.shape[:2])  # (B, P)
        return distances.amax(dim=1), distances

    return score


def shrunk_covariance(centred: Tensor) -> Tensor:
    """The covariance (D, D) of rows (n, D) of mean 0, shrunk to its mean variance by the share that errs least.

    Source: Ledoit and Wolf 2004 (Journal of Multivariate Analysis 88), lemma 3.1 and equations 14 to 17.
    """
    count, size = centred.shape
    sample = centred.T @ centred / count  # (D, D)
    variance = sample.diagonal().mean()
    apart = sample.square().sum() / size - variance**2  # d^2, over D
    spread = centred.square().sum(dim=1).square().sum() / count  # mean over rows of |x|^4
    noise = torch.minimum((spread - sample.square().sum()) / (size * count), apart)  # b^2, over D
    share = noise / apart if apart > 0 else torch.zeros_like(variance)
    found = sample * (1 - share)
    found.diagonal().add_(share * variance)
    return found


mahalanobis = Detector(learn)
