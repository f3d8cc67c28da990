"""Dilated convolutions over time, the encoder of TS2Vec (Yue et al. 2022, arXiv 2106.10466)."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from kogen.backbones._series_network import SeriesNetwork, series_backbone
from kogen.modules.base import Backbone

__all__ = ["dilated1d"]

FURTHEST = 1024  # samples between the taps of a convolution, as in the tenth block of the paper


def dilated1d(
    *, in_chans: int = 1, image_size: int = 256, width: int = 64, out: int = 320, depth: int = 10
) -> Backbone:
    """`depth` residual blocks, each seeing twice as far as the last, and one to `out` channels; features (B, out).

    Time keeps its length. The features of a window are the largest over time of each channel, as in the paper, not
    their mean, since TS2Vec makes longer stretches from shorter ones so.
    """
    settings = {"width": width, "out": out, "depth": depth}
    return series_backbone("dilated1d", Dilated1D, in_chans, image_size, settings)


class Dilated1D(SeriesNetwork):
    """A linear layer at each moment, then blocks of convolutions of 3 samples, 1, 2, 4 ... samples apart."""

    def __init__(self, in_chans: int = 1, width: int = 64, out: int = 320, depth: int = 10) -> None:
        widths = [width] * (depth + 1) + [out]
        blocks = [Block(a, b, min(2**place, FURTHEST)) for place, (a, b) in enumerate(pairwise(widths))]
        super().__init__(nn.Conv1d(in_chans, width, 1), nn.Sequential(*blocks))  # (B, out, T)

    def forward(self, series: Tensor) -> Tensor:
        return self.steps(series).amax(dim=2)  # (B, out)


class Block(nn.Module):
    """GELU and a convolution, twice, beside a shortcut."""

    def __init__(self, inside: int, outside: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inside, outside, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(outside, outside, 3, padding=dilation, dilation=dilation)
        self.shortcut = nn.Identity() if inside == outside else nn.Conv1d(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.gelu(self.first(F.gelu(x)))) + self.shortcut(x)
