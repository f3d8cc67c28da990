"""MiniRocket's features of a series: fixed kernels, biases from training windows (Dempster et al. 2021, 2012.08791)."""

from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.backbones._series_network import SeriesBackbone, SeriesBlueprint
from kogen.backbones.timm import format_spec
from kogen.modules.base import Backbone

__all__ = ["kernels1d"]

LENGTH = 9  # samples of a kernel, section 3
KERNELS = np.array(
    [[2.0 if place in three else -1.0 for place in range(LENGTH)] for three in combinations(range(9), 3)]
)
MOST_DILATIONS = 32  # of a kernel, section 3
MOST_CHANNELS = 9  # that a kernel sees together


def kernels1d(*, in_chans: int = 1, image_size: int = 256, features: int = 9996) -> Backbone:
    """Shares of the time in which 84 kernels, at up to 32 dilations, exceed biases; `features` of them, (B, features).

    9,996 is the paper's number, the largest multiple of 84 up to 10,000; other numbers are rounded down to one. Nothing
    has a gradient: `fit_biases` takes the biases from windows, which the method `minirocket` does. Several channels are
    summed as in the authors' version for them: each kernel and dilation has a random few, up to 9. ValueError for
    windows that are shorter than a kernel.
    """
    if image_size < LENGTH:
        raise ValueError(f"kernels1d has kernels of {LENGTH} samples, got windows of {image_size}: give longer ones")
    told = {"length": image_size, "in_chans": in_chans, "features": features}
    blueprint = SeriesBlueprint("kernels1d", told, made_by=FixedKernels)
    return SeriesBackbone(blueprint, format_spec("kernels1d", {"features": features}), in_chans, image_size)


class FixedKernels(nn.Module):
    """Section 3: windows (B, C, T) to features (B, F), in the order of dilations, kernels, biases."""

    channels: Tensor  # (dilations, 84, C), 1 where a kernel sees a channel

    def __init__(self, length: int, in_chans: int, features: int) -> None:
        super().__init__()
        self.dilations, self.counts = choose_dilations(length, max(features // len(KERNELS), 1))
        mixed = [draw_channels(in_chans) for _ in self.dilations]
        self.register_buffer("channels", torch.stack(mixed))
        count = len(KERNELS) * sum(self.counts)
        self.biases = nn.Parameter(torch.zeros(count), requires_grad=False)  # (F,)

    def forward(self, series: Tensor) -> Tensor:
        found, start, out = [], 0, series.new_empty(len(series), len(self.biases))
        with torch.autocast(series.device.type, enabled=False):
            for number, (dilation, count) in enumerate(zip(self.dilations, self.counts, strict=True)):
                filtered = self.filter(series.float(), number)  # (B, 84, T)
                stop = start + len(KERNELS) * count
                biases = self.biases[start:stop].view(len(KERNELS), count)
                found = out[:, start:stop].view(len(series), len(KERNELS), count)
                for part in (0, 1):  # every other kernel sees beyond the ends of the window, zeros
                    whole = part == number % 2
                    inside = filtered[:, part::2] if whole else filtered[:, part::2, 4 * dilation : -4 * dilation]
                    for place in range(count):
                        above = inside > biases[part::2, place, None]
                        found[:, part::2, place] = above.float().mean(dim=2)
                start = stop
        return out

    def filter(self, series: Tensor, number: int) -> Tensor:
        """Windows (B, C, T) under the kernels at a dilation, zeros beyond the ends: (B, 84, T)."""
        kernels = torch.as_tensor(KERNELS, dtype=series.dtype, device=series.device)  # (84, 9)
        weights = self.channels[number][..., None] * kernels[:, None]  # (84, C, 9)
        dilation = self.dilations[number]
        return F.conv1d(series, weights, padding=4 * dilation, dilation=dilation)

    @torch.no_grad()
    def fit_biases(self, windows: Tensor, rng: torch.Generator) -> None:
        """Take each kernel's biases, at each dilation, from what it makes of one random window of (N, C, T).

        They are quantiles at the multiples of the golden ratio, modulo 1.
        """
        golden = (torch.arange(1, len(self.biases) + 1).double() * ((5**0.5 + 1) / 2)) % 1
        chosen = torch.randint(len(windows), (len(self.dilations), len(KERNELS)), generator=rng)
        start = 0
        for number, count in enumerate(self.counts):
            for kernel in range(len(KERNELS)):
                made = self.filter(windows[chosen[number, kernel]][None].float(), number)[0, kernel]  # (T,)
                level = golden[start : start + count].to(made)
                self.biases[start : start + count] = torch.quantile(made, level)
                start += count


def choose_dilations(length: int, count: int) -> tuple[list[int], list[int]]:
    """Dilations for windows of `length`, up to a kernel as long as the window, and how many biases each kernel has.

    `count` biases a kernel in all.
    """
    most = min(count, MOST_DILATIONS)
    furthest = np.log2((length - 1) / (LENGTH - 1))
    powers = np.logspace(0, furthest, most, base=2).astype(np.int64)
    dilations, times = np.unique(powers, return_counts=True)
    shares = (times * (count / most)).astype(int)
    for place in range(count - shares.sum()):  # what rounding left
        shares[place % len(shares)] += 1
    return dilations.tolist(), shares.tolist()


def draw_channels(count: int) -> Tensor:
    """A random few of the channels for each of the kernels, (84, C) of 0 and 1, from torch's global generator."""
    most = np.log2(min(count, MOST_CHANNELS) + 1)
    how_many = (2 ** (torch.rand(len(KERNELS)).double() * most)).long()  # 1 to 9, small numbers more often
    ranks = torch.rand(len(KERNELS), count).argsort(dim=1).argsort(dim=1)
    return (ranks < how_many[:, None]).float()
