"""Fields: chance of images by content id, and of their pixels by place; the same in any batch, on any device."""

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from kogen.augmentation.ops import hash_bits
from kogen.common.devices import to_device

UNIFORM_LEVELS = 2**16  # values a draw can take


@dataclass(frozen=True)
class ItemRng:
    """All chance of some images: a seed for the fields of each, and a few numbers."""

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

    Looked up in a table of quantiles instead of computed, because logarithms and cosines differ in their last bit
    between devices and between the inside and the end of a batch, and rounding to whole pixels would show it.
    """
    return _normal_quantiles(seeds.device)[_bits(seeds, count)]


def _bits(seeds: Tensor, count: int) -> Tensor:
    """Whole numbers (B, count) int32 in [0, 2^16): two halves of a 32-bit hash of multiply and xor-shift."""
    places = torch.arange(-(-count // 2), device=seeds.device, dtype=torch.int32)
    bits = hash_bits(places ^ hash_bits(seeds)[:, None])  # (B, count / 2)
    return torch.cat([bits & 0xFFFF, (bits >> 16) & 0xFFFF], dim=1)[:, :count]


@cache
def _normal_quantiles(device: torch.device) -> Tensor:
    """The normal distribution at the middle of each of 2^16 equal shares, (LEVELS,) float32."""
    middle = (torch.arange(UNIFORM_LEVELS, dtype=torch.float64) + 0.5) / UNIFORM_LEVELS
    return to_device(torch.special.ndtri(middle).float(), device)
