"""Errors of a value from images embedded once, against fresh images: variances, coverage, what more batches add.

Run: python benchmarks/coupled_errors.py

Batches of 64 drawn embeddings of two views, 10 directions in 128 or 512 dimensions. For each loss and number of images:
variance of the value in units of that of batches without common images (the loss's variance over fresh batches, times
64, over the images), for such batches, for those of kogen (`leave_groups_out`) and for 24 random batches of the same
images; the mean of the stated variance over the true one; the share of 95 % intervals that hold the mean of 1,500 fresh
batches.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

from kogen.loss_landscape.image_groups import GROUPS, leave_groups_out
from kogen.methods.barlow_twins import barlow_twins_terms
from kogen.methods.simclr import nt_xent
from kogen.methods.vicreg import vicreg_terms

BATCH, FRESH, RANDOM = 64, 1500, 24
DRAWS = {74: 300, 147: 150, 293: 100, 512: 100}  # images: how often they are drawn


def barlow(first: Tensor, second: Tensor) -> Tensor:
    return torch.stack(list(barlow_twins_terms(first, second, 5e-3).values())).sum()


def vicreg(first: Tensor, second: Tensor) -> Tensor:
    terms = vicreg_terms(first, second)
    return 25 * terms["invariance"] + 25 * terms["variance"] + terms["covariance"]


LOSSES: dict[str, tuple[int, Callable[[Tensor, Tensor], Tensor]]] = {
    "simclr": (128, lambda first, second: nt_xent(first, second, 0.5)),
    "barlow_twins": (128, barlow),
    "barlow_twins, 512 dimensions": (512, barlow),
    "vicreg": (128, vicreg),
}


def main() -> None:
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(0)
    print("| loss | images | batches | alone | groups | 24 random | stated / true | coverage |")
    for name, (dim, loss) in LOSSES.items():
        fresh = np.array([float(loss(*draw(BATCH, dim, rng))) for _ in range(FRESH)])
        for images, draws in DRAWS.items():
            measure(name, dim, loss, fresh, images, draws, rng)


def measure(
    name: str,
    dim: int,
    loss: Callable[[Tensor, Tensor], Tensor],
    fresh: np.ndarray,
    images: int,
    draws: int,
    rng: torch.Generator,
) -> None:
    """Print one row."""
    groups, rows = leave_groups_out(images, BATCH), []
    for _ in range(draws):
        first, second = draw(images, dim, rng)
        mean = lambda many, a=first, b=second: float(torch.stack([loss(a[one], b[one]) for one in many]).mean())  # noqa: E731
        pseudo = groups.pseudo_losses(torch.stack([loss(first[one], second[one]) for one in groups.batches])).numpy()
        alone = mean([list(range(low, low + BATCH)) for low in range(0, images - BATCH + 1, BATCH)])
        random = mean([torch.randperm(images, generator=rng)[:BATCH] for _ in range(RANDOM)])
        rows.append((pseudo.mean(), pseudo.var(ddof=1) / GROUPS, alone, random))
    values, variances, alone, random = np.array(rows).T
    unit = fresh.var(ddof=1) * BATCH / images
    held = np.abs(values - fresh.mean()) < student.ppf(0.975, GROUPS - 1) * variances**0.5
    shares = [one.var(ddof=1) / unit for one in (alone, values, random)]
    numbers = [*shares, variances.mean() / values.var(ddof=1), held.mean()]
    shown = " | ".join(f"{one:.2f}" for one in numbers)
    print(f"| {name} | {images} | {len(groups.batches)} | {shown} |", flush=True)


def draw(count: int, dim: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Embeddings of two views of images, (N, D) each."""
    mixing = torch.randn(10, dim, generator=torch.Generator().manual_seed(1)) / 10**0.5
    inside = torch.randn(count, 10, generator=rng) * (0.3 * torch.randn(count, 1, generator=rng)).exp()
    seen = [inside + 0.4 * torch.randn(count, 10, generator=rng) for _ in range(2)]
    first, second = (torch.relu(one @ mixing) + 0.3 * torch.randn(count, dim, generator=rng) for one in seen)
    return first, second


if __name__ == "__main__":
    main()
