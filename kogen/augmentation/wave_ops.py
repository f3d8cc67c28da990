"""Operations on a batch of windows of series in units of std, one setting per window: time, size, noise, gaps.

Each is a pure function of its arguments, in batches, on any device. What is per window or per channel was drawn before.
"""

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from kogen.augmentation.pixel_rng import normal
from kogen.common.devices import to_device

SLOWEST = 0.1  # share of the usual speed below which a warped time does not fall: it never stands still or turns back


def smooth_curves(knots: Tensor, size: int) -> Tensor:
    """Cubic splines through even knots (..., K), the first and last at the ends, at `size` moments (..., size).

    As Um et al. 2017 (arXiv 1706.00527) draw the curves of their warps. A sum over the knots and not a
    product of matrices, whose bits depend on how many windows there are.
    """
    basis = spline_basis(knots.shape[-1], size, knots.device)  # (K, size)
    curves = knots[..., :1] * basis[0]
    for number in range(1, len(basis)):
        curves.add_(knots[..., number : number + 1] * basis[number])
    return curves


@cache
def spline_basis(knots: int, size: int, device: torch.device) -> Tensor:
    """What each of K knots adds to a cubic spline at the middle of each of `size` samples, (K, size) float32."""
    moments = (np.arange(size) + 0.5) / size
    from scipy.interpolate import CubicSpline  # slow to load, and plans, which know views, do without

    basis = CubicSpline(np.linspace(0, 1, knots), np.eye(knots))(moments).T  # (K, size)
    return to_device(torch.from_numpy(np.ascontiguousarray(basis, np.float32)), device)


def warped_moments(speeds: Tensor) -> Tensor:
    """Where time stands at the middle of each sample, in [0, 1], if it runs at these speeds (B, size), of any unit."""
    passed = speeds.clamp(min=SLOWEST).cumsum(1)  # (B, size), at the end of each sample
    return (passed - speeds.clamp(min=SLOWEST) / 2) / passed[:, -1:]


def piece_order(keys: Tensor, pieces: Tensor, size: int) -> Tensor:
    """The samples of a window cut in `pieces` (B,) of nearly one length and put in a random order: places (B, size).

    The order is that of the first `pieces` of the keys (B, P), drawn uniformly in [0, 1); every sample stays once.
    """
    most, slots = keys.shape[1], torch.arange(keys.shape[1], device=keys.device)
    used = slots < pieces[:, None]  # (B, P)
    begins = (slots * size // pieces[:, None]).clamp(max=size)  # (B, P)
    ends = ((slots + 1) * size // pieces[:, None]).clamp(max=size)
    order = keys.masked_fill(~used, 2).argsort(1)  # (B, P), pieces that are not used stand last and are empty
    lengths = (ends - begins).gather(1, order)
    stops = lengths.cumsum(1)  # (B, P)
    moments = torch.arange(size, device=keys.device).expand(len(keys), size).contiguous()
    slot = torch.searchsorted(stops, moments, right=True).clamp(max=most - 1)  # (B, size)
    shift = begins.gather(1, order) - (stops - lengths)  # from a place after to the place before
    return moments + shift.gather(1, slot)


def sample_at(values: Tensor, places: Tensor) -> Tensor:
    """Values (B, C, T) at places (B, n), in samples from 0 to T - 1, linear between two samples: (B, C, n)."""
    length = values.shape[2]
    if length == 1:
        return values.repeat(1, 1, places.shape[1])
    low = places.floor().clamp_(0, length - 2)
    share, index = (places - low)[:, None], low.long()[:, None].expand(-1, values.shape[1], -1)
    return torch.lerp(values.gather(2, index), values.gather(2, index + 1), share)


def add_noise(values: Tensor, sigma: Tensor, seed: Tensor) -> Tensor:
    """Add normal noise of std sigma (B,), drawn from each window's seed (B,) int32 and each value's place; in place."""
    drawn = normal(seed, values[0].numel()).view_as(values)
    return values.add_(drawn.mul_(sigma[:, None, None]))


def mask_band(values: Tensor, low: Tensor, width: Tensor) -> Tensor:
    """Take the frequencies out of each window (B, C, T) that lie in a band of the spectrum; the mean stays.

    `low` and `width` (B,) are shares of what lies above 0. Park et al. 2019 (SpecAugment, arXiv 1904.08779, section 2)
    mask bands of a spectrogram so; here it is the spectrum of the whole window, the same band for all channels.
    """
    spectrum = torch.fft.rfft(values)  # (B, C, F)
    count = spectrum.shape[2] - 1
    place = (torch.arange(count, device=values.device) + 0.5) / max(count, 1)  # (F - 1,) the middle of each
    hidden = (place >= low[:, None]) & (place < (low + width)[:, None])  # (B, F - 1)
    spectrum[:, :, 1:].masked_fill_(hidden[:, None], 0)
    return torch.fft.irfft(spectrum, n=values.shape[2])


def hide_stretches(values: Tensor, starts: Tensor, length: Tensor) -> Tensor:
    """Put 0, the mean, in stretches of time: from `starts` (B, P), each `length` (B,) long, shares of the window.

    All channels lose the same stretches, as where a logger stands still; in place.
    """
    moments = (torch.arange(values.shape[2], device=values.device) + 0.5) / values.shape[2]
    since = moments - starts[..., None]  # (B, P, T)
    hidden = ((since >= 0) & (since < length[:, None, None])).any(1)  # (B, T)
    return values.masked_fill_(hidden[:, None], 0)


def walk_knots(steps: Tensor, reach: Tensor) -> Tensor:
    """Knots (B, C, K) of a drift: 0, then sums of random steps (B, C, K - 1), the farthest at +/- `reach` (B, C)."""
    walk = torch.nn.functional.pad(steps.cumsum(2), (1, 0))
    farthest = walk.abs().amax(2).clamp(min=math.ulp(1.0))
    return walk * (reach / farthest)[..., None]


def kept_channels(draws: Tensor, drop: float) -> Tensor:
    """Which channels stay (B, C) if each is dropped with this probability; that of the largest draw always does."""
    return (draws >= drop) | (draws == draws.amax(1, keepdim=True))
