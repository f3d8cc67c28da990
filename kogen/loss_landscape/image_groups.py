"""Batches of images that are embedded once: eight groups of images, each left out in turn (a jackknife).

A loss that couples a batch of B images has a value of its own for B. It is estimated by batches of B alone, which share
images, so that their losses are not independent and their spread says nothing by itself. The images therefore make
GROUPS groups, and all but one group are cut into whole batches, for each group in turn. The value is the mean over the
groups left out; each batch is a random one, so its expectation is the mean loss over fresh batches of B. The standard
error is the delete-a-group jackknife's. For a loss near a mean over images it is unbiased; the variance that comes from
pairs of images it counts two or three times rather than too seldom (Efron and Stein 1981, Ann. Statist. 9).

Eight sevenths of a batch are thus enough for a value with an error, where batches without common images take eight.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

GROUPS = 8  # as many as a surface keeps parts of its units


@dataclass(frozen=True)
class GroupedBatches:
    """Batches of embedded images, and what their losses say of each group of images."""

    batches: list[list[int]]  # K batches of B places of images, in the frozen order
    shares: Tensor  # (GROUPS, K) float64

    def pseudo_losses(self, losses: Tensor) -> Tensor:
        """Losses of the batches (K,) to those of the groups (GROUPS,): Tukey's pseudo-values.

        Their mean is the value, the mean of all but one that of the batches without this group, their standard error
        the jackknife's.
        """
        return self.shares.to(losses.device) @ losses.double()


def usable_images(images: int, batch: int) -> int:
    """The most images, of `images`, of which seven groups of eight are whole batches; 0 for too few images."""
    batches = (GROUPS - 1) * images // (GROUPS * batch)
    return fewest_images(batches * batch)


def leave_groups_out(images: int, batch: int) -> GroupedBatches:
    """For each group of `images` (as of `usable_images`) the whole batches that the others make, in their order."""
    numbers: dict[tuple[int, ...], int] = {}
    left_out = list[list[int]]()  # of each group the numbers of its batches
    for group in np.array_split(np.arange(images), GROUPS):
        others = np.delete(np.arange(images), group)
        made = [tuple(others[low : low + batch].tolist()) for low in range(0, len(others) - batch + 1, batch)]
        left_out.append([numbers.setdefault(one, len(numbers)) for one in made])
    means = torch.zeros(GROUPS, len(numbers), dtype=torch.float64)
    for row, own in zip(means, left_out, strict=True):
        row[own] = 1 / len(own)
    return GroupedBatches([list(one) for one in numbers], GROUPS * means.mean(dim=0) - (GROUPS - 1) * means)


def fewest_images(batch: int) -> int:
    """The images of which seven groups of eight are one batch."""
    return -(-GROUPS * batch // (GROUPS - 1))
