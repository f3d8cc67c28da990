"""Heads that sit on a backbone while it trains and are thrown away afterwards."""

from itertools import pairwise

from torch import nn


def mlp(*sizes: int, norm: bool = True, last_norm: bool = False) -> nn.Sequential:
    """Linear layers of the given sizes with (BatchNorm and) ReLU between them, (B, sizes[0]) to (B, sizes[-1]).

    A bias is left out where a BatchNorm follows. `last_norm`: a BatchNorm on the output too.
    """
    layers: list[nn.Module] = []
    for position, (inside, outside) in enumerate(pairwise(sizes)):
        last = position == len(sizes) - 2
        normed = last_norm if last else norm
        layers.append(nn.Linear(inside, outside, bias=not normed))
        if normed:
            layers.append(nn.BatchNorm1d(outside))
        if not last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
