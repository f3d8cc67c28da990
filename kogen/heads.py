"""Heads that sit on a backbone while it trains and are thrown away afterwards."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(*sizes: int, norm: bool = True, last_norm: bool = False, gelu: bool = False) -> nn.Sequential:
    """Linear layers of the given sizes with (BatchNorm and) ReLU or GELU between them, (B, sizes[0]) to (B, sizes[-1]).

    A bias is left out where a BatchNorm follows. `last_norm`: a BatchNorm without scale and shift on the output too.
    """
    layers: list[nn.Module] = []
    for position, (inside, outside) in enumerate(pairwise(sizes)):
        last = position == len(sizes) - 2
        normed = last_norm if last else norm
        layers.append(nn.Linear(inside, outside, bias=not normed))
        if normed:
            layers.append(nn.BatchNorm1d(outside, affine=not last))
        if not last:
            layers.append(nn.GELU() if gelu else nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Prototypes(nn.Module):
    """Unit vectors to which features are compared: a linear layer whose rows and whose input have length 1."""

    def __init__(self, dim: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(F.normalize(torch.randn(count, dim), dim=1))  # (K, D)

    def forward(self, features: Tensor, frozen: bool = False) -> Tensor:
        """Features (B, D) to cosines (B, K), in float32 also under autocast.

        `frozen`: the prototypes get a gradient of 0, not none, which processes that wait for one another need.
        """
        weight = self.weight.detach() + 0 * self.weight if frozen else self.weight
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize(features.float(), dim=1) @ F.normalize(weight, dim=1).T
