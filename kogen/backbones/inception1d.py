"""InceptionTime: convolutions of several lengths side by side (Ismail Fawaz et al. 2019, arXiv 1909.04939)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.backbones._series_network import SeriesNetwork, series_backbone
from kogen.modules.base import Backbone

__all__ = ["inception1d"]

LENGTHS = (39, 19, 9)  # samples of the convolutions; 40, 20 and 10 in section 3.1, odd here so that time stays in place


def inception1d(*, in_chans: int = 1, image_size: int = 256, width: int = 32, depth: int = 6) -> Backbone:
    """`depth` modules of 4 * `width` channels with a shortcut around every third (figure 1); features (B, 4 * width).

    One network, where the paper averages the answers of five. Time keeps its length.
    """
    return series_backbone("inception1d", Inception1D, in_chans, image_size, {"width": width, "depth": depth})


class Inception1D(SeriesNetwork):
    """Section 3.1: modules, and a shortcut around every third."""

    def __init__(self, in_chans: int = 1, width: int = 32, depth: int = 6) -> None:
        out, inside = 4 * width, in_chans
        stages = []
        for first in range(0, depth, 3):
            stages.append(Stage(inside, width, min(3, depth - first)))
            inside = out
        super().__init__(nn.Identity(), nn.Sequential(*stages))  # (B, 4 * width, T)


class Stage(nn.Module):
    """Up to three modules and a shortcut around them."""

    def __init__(self, inside: int, width: int, count: int) -> None:
        super().__init__()
        out = 4 * width
        self.body = nn.Sequential(*(Module(out if place else inside, width) for place in range(count)))
        self.shortcut = nn.Sequential(nn.Conv1d(inside, out, 1, bias=False), nn.BatchNorm1d(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class Module(nn.Module):
    """Figure 2: a bottleneck, convolutions of three lengths, a maximum over three samples; joined and normalised."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(inside, width, 1, bias=False) if inside > 1 else nn.Identity()
        reduced = width if inside > 1 else inside
        self.convolutions = nn.ModuleList(
            nn.Conv1d(reduced, width, length, padding=length // 2, bias=False) for length in LENGTHS
        )
        self.largest = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(inside, width, 1, bias=False))
        self.norm = nn.BatchNorm1d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.bottleneck(x)
        beside = [each(reduced) for each in self.convolutions] + [self.largest(x)]
        return F.relu(self.norm(torch.cat(beside, dim=1)))
