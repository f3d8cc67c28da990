"""The scale of each channel of a set of series: its mean and std."""

import torch
from torch import Tensor


def channel_scale(windows: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each channel of windows (N, C, T); a std of 1 for a channel that is constant."""
    exact = windows.double()
    std = exact.std((0, 2), correction=0)
    return tuple(exact.mean((0, 2)).tolist()), tuple(torch.where(std > 0, std, 1.0).tolist())
