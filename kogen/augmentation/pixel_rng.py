"""Random numbers of images by content id, and of their pixels by place: the same in any batch, on any device."""

import hashlib
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from kogen.common.devices import to_device

UNIFORM_LEVELS = 2**16  # values a draw can take


@dataclass(frozen=True)
class ItemRng:
    """All chance of some images: a seed for the pixels of each, and a few numbers."""

    seeds: Tensor  # (B,) int32, on the device of the pixels
    numbers: np.ndarray  # (B, 4) float64, uniform in [0, 1)

    def part(self, rows: slice) -> "ItemRng":
        """The chance of some of the images."""
        return ItemRng(self.seeds[rows], self.numbers[rows])


def item_rng(ids: np.ndarray, seed: int, tag: str, device: torch.device) -> ItemRng:
    """The chance of images with the content ids (B,): a pure function of (seed, tag, content id)."""
    digests = b"".join(hashlib.blake2b(f"{seed}/{tag}/{item}".encode(), digest_size=20).digest() for item in ids)
    words = np.frombuffer(digests, "<u4").reshape(-1, 5)  # (B, 5)
    return ItemRng(to_device(torch.from_numpy(words[:, 0].astype(np.int32)), device), words[:, 1:] / 2.0**32)


def uniform(seeds: Tensor, count: int) -> Tensor:
    """Uniform values (B, count) in (0, 1), float32; each a pure function of (seed, place), seeds (B,) int32."""
    return _bits(seeds, count).float().add_(0.5).div_(UNIFORM_LEVELS)  # exact: 17 bits and a power of two


def normal(seeds: Tensor, count: int) -> Tensor:
    """Standard normal values (B, count), float32, at most 4.3 from 0; each a pure function of (seed, place).

    Looked up in a table of quantiles: logarithms and cosines differ in their last bit between devices and between the
    inside and the end of a batch, and rounding to whole pixels would show it.
    """
    return _normal_quantiles(seeds.device)[_bits(seeds, count)]


def box_muller_normal(seeds: Tensor, count: int) -> Tensor:
    """As `normal`, by Box and Muller's transform: other values, equal between devices but for their last bit.

    Views use it. It stays beside `normal` because another draw would change every training with noise.
    """
    low, high = _hash_halves(seeds, count)
    radius = low.float().add_(0.5).mul_(1 / UNIFORM_LEVELS).log_().mul_(-2).sqrt_()
    angle = high.float().mul_(2 * math.pi / UNIFORM_LEVELS)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]


def _bits(seeds: Tensor, count: int) -> Tensor:
    """Whole numbers (B, count) int32 in [0, 2^16)."""
    return torch.cat(_hash_halves(seeds, count), dim=1)[:, :count]


def _hash_halves(seeds: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Two halves of a 32-bit hash of (seed, place), (B, ceil(count / 2)) int32 each, in [0, 2^16)."""
    places = torch.arange(-(-count // 2), device=seeds.device, dtype=torch.int32)
    bits = _hash_bits(places ^ _hash_bits(seeds)[:, None])
    return bits & 0xFFFF, (bits >> 16) & 0xFFFF


def _hash_bits(bits: Tensor) -> Tensor:
    """Mix int32 bits so that neighbours become unlike; wraps around, shifts fill with zeros."""
    for shift, factor in ((16, 0x7FEB352D), (15, -0x7B935975)):  # lowbias32 (Wellons 2018): 0x7feb352d, 0x846ca68b
        bits = (bits ^ ((bits >> shift) & ((1 << (32 - shift)) - 1))) * factor
    return bits ^ ((bits >> 16) & 0xFFFF)


@cache
def _normal_quantiles(device: torch.device) -> Tensor:
    """The normal distribution at the middle of each of 2^16 equal shares, (UNIFORM_LEVELS,) float32."""
    middle = (torch.arange(UNIFORM_LEVELS, dtype=torch.float64) + 0.5) / UNIFORM_LEVELS
    return to_device(torch.special.ndtri(middle).float(), device)
