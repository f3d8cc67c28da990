"""Weighted k-NN: the nearest training images vote, the nearer the louder."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kogen.common.devices import exact_arithmetic, to_device
from kogen.evaluation.features import Features, Predictions
from kogen.evaluation.probes._check import check

__all__ = ["knn"]

MAX_SIMILARITIES = 2**24  # similarities held at once: 64 MiB in float32 ...
MAX_SIMILARITIES_GPU = 2**28  # ... and 1 GiB on a GPU


def knn(
    train: Features, test: Features, *, k: int = 20, temperature: float = 0.07, device: torch.device | str = "cpu"
) -> Predictions:
    """Let the `k` training images of highest cosine similarity vote with weight exp(similarity / temperature).

    Features (N, D) and (M, D) give probabilities (M, K): each image's share of the votes, in the order of
    `train.classes`. Where several images are equally near and not all can be among the k, the earlier ones in `train`
    are. With fewer than `k` training images all of them vote; `chosen["k"]` is the number that did.
    `device` is where it is computed.

    Raises ValueError as `check` does, and for a `k` under 1 or a temperature that is not positive.
    Source: Wu et al. 2018 (arXiv 1805.01978), section 3.4; k and temperature as in DINO and lightly's benchmarks.
    """
    if k < 1:
        raise ValueError(f"k is {k}, wanted 1 or more neighbours")
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, wanted a number above 0 (0.07 is usual)")
    check(train, test)
    k = min(k, len(train))
    device = torch.device(device)
    bank = unit_rows(train.values, device)  # (N, D)
    labels = to_device(torch.tensor(train.labels, dtype=torch.long), device)  # (N,)
    most = MAX_SIMILARITIES if device.type == "cpu" else MAX_SIMILARITIES_GPU

    def predict(rows: slice) -> np.ndarray:
        asked = unit_rows(test.values[rows], device)  # (n, D)
        probability, start = np.empty((len(asked), len(train.classes)), np.float32), 0
        with exact_arithmetic():
            for part in asked.split(max(1, most // len(train))):  # (m, D)
                similarity = part @ bank.T  # (m, N)
                index = nearest(similarity, k)  # (m, k)
                near = similarity.gather(1, index)  # (m, k)
                weight = ((near - near.amax(dim=1, keepdim=True)) / temperature).exp()  # the nearest weighs 1
                votes = weight.new_zeros(len(part), len(train.classes)).scatter_add_(1, labels[index], weight)
                probability[start : start + len(part)] = (votes / votes.sum(dim=1, keepdim=True)).cpu().numpy()
                start += len(part)
        return probability  # (n, K)

    return Predictions(len(test), predict, {"k": float(k), "temperature": float(temperature)})


def nearest(similarity: Tensor, k: int) -> Tensor:
    """Columns of the k highest of each row of (m, N), as (m, k); among equals on the border the first columns win."""
    best = similarity.topk(min(k + 1, similarity.shape[1]))  # which of equals it takes is not defined
    index, border = best.indices[:, :k], best.values[:, k - 1 : k]  # (m, k), (m, 1)
    tied = (best.values[:, k:] == border).any(dim=1)  # (m,) the next one is as near as the last one taken
    if tied.any():
        rows, border = similarity[tied], border[tied]  # (t, N), (t, 1)
        inside, on = rows > border, rows == border
        seats = k - inside.sum(dim=1, keepdim=True)  # (t, 1) left for those on the border
        taken = inside | (on & (on.cumsum(dim=1) <= seats))  # (t, N), exactly k in a row
        index[tied] = taken.nonzero()[:, 1].view(-1, k)
    return index


def unit_rows(values: np.ndarray, device: torch.device) -> Tensor:
    """Rows of (N, D) scaled to length 1, float32; a row of zeros stays and is equally near to everything."""
    rows = np.ascontiguousarray(values, np.float32)
    return F.normalize(to_device(torch.from_numpy(rows if rows.flags.writeable else rows.copy()), device), dim=1)
