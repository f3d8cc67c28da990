"""A ResNet over time, small enough for two CPU cores: the default for series."""

import torch.nn.functional as F
from torch import Tensor, nn

from kogen.backbones._series_network import SeriesNetwork, series_backbone
from kogen.modules.base import Backbone

__all__ = ["tiny1d"]


def tiny1d(*, in_chans: int = 1, image_size: int = 256, width: int = 32, kernel: int = 7) -> Backbone:
    """One residual block a stage, stages of `width`, 2, 4 and 8 `width` channels; features (B, 8 * width).

    The proportions of `tiny` with convolutions along time alone; a `kernel` of 7 or so, as in the ResNet for series of
    Wang et al. 2017 (arXiv 1611.06455, figure 1c: 8, 5 and 3). The first convolution and each later stage halve the
    time. ValueError for an even kernel.
    """
    return series_backbone("tiny1d", ResNet1D, in_chans, image_size, {"width": width, "kernel": kernel})


class ResNet1D(SeriesNetwork):
    """A residual network over time: a convolution and four stages of one block."""

    def __init__(self, in_chans: int = 1, width: int = 32, kernel: int = 7) -> None:
        if kernel % 2 == 0:
            raise ValueError(f"kernel = {kernel!r}: wanted an odd number, such as 7, so that time stays in its place")
        widths = [width * 2**stage for stage in range(4)]
        stem = nn.Sequential(*convolution(in_chans, width, kernel, 2), nn.ReLU(inplace=True))
        inside = [width, *widths[:-1]]
        blocks = [Block(a, b, kernel, 1 + (n > 0)) for n, (a, b) in enumerate(zip(inside, widths, strict=True))]
        super().__init__(stem, nn.Sequential(*blocks))  # (B, 8 * width, T / 16)


class Block(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2015, arXiv 1512.03385, figure 2)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        first = convolution(inside, outside, kernel, stride)
        self.body = nn.Sequential(*first, nn.ReLU(inplace=True), *convolution(outside, outside, kernel, 1))
        same = inside == outside and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(inside, outside, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def convolution(inside: int, outside: int, kernel: int, stride: int) -> list[nn.Module]:
    """A convolution over time that keeps its length, up to the stride, and a batch norm."""
    layer = nn.Conv1d(inside, outside, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return [layer, nn.BatchNorm1d(outside)]
