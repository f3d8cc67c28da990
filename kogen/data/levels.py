"""Levels: which stored values are black and white, found once over a whole set where its files do not say."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kogen.data.image_facts import MAX_WHOLE

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and converters have
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


class Levels(NamedTuple):
    """The values that become 0 and 65535 in a set of 16-bit or float images."""

    black: float
    white: float
    window: bool = False  # values outside are cut off, as was asked for; else there must be none

    @property
    def known(self) -> bool:
        """Whether they are numbers already: those of floats are known once all are decoded."""
        return math.isfinite(self.black)

    @property
    def bits(self) -> int | None:
        """The depth of whole numbers from 0; None for other levels."""
        return next((bits for bits in range(1, 17) if (self.black, self.white) == (0, (1 << bits) - 1)), None)

    def __str__(self) -> str:
        """As `--depth` takes it."""
        exact = f"{self.black!r}:{self.white!r}".replace(".0:", ":").removesuffix(".0")
        return exact if self.window or self.bits is None else str(self.bits)


def whole_levels(bits: int) -> Levels:
    """The levels of whole numbers of so many bits."""
    return Levels(0.0, float((1 << bits) - 1))


def parse_levels(text: str, *, window: bool = True) -> Levels:
    """`12` (bits, 8 to 16) or `LOW:HIGH` (the values of black and white) as levels. ValueError for anything else."""
    if re.fullmatch(r"\d{1,2}", text) and 8 <= int(text) <= 16:
        return whole_levels(int(text))
    if match := re.fullmatch(f"({NUMBER}):({NUMBER})", text):
        black, white = map(float, match.groups())
        if black < white and math.isfinite(white - black):
            return Levels(black, white, window)
    raise ValueError(
        f"depth = {text!r}: wanted the bits of 16-bit images, 8 to 16, or LOW:HIGH, the values of black and white"
    )


def find_levels(facts: Mapping[str, np.ndarray], good: np.ndarray) -> Levels | None:
    """The levels of a set (columns of FACTS, (N,) bool which count); None where each file says its own.

    Floats: from the least to the largest value of the set. Whole numbers: 0 to the white of 8, 10, 12, 14 or 16 bits,
    the least that hold every value of the images whose files do not say how many bits they use; 16 before decoding.
    """
    low, high, depth = facts["low"][good], facts["high"][good], facts["depth"][good]
    if (depth == 32).any():
        if np.isnan(low).any():
            return Levels(-math.inf, math.inf)
        black, white = float(low.min()), float(high.max())
        return Levels(black, white if white > black else black + 1)
    unsaid = high[depth == 16]
    if not len(unsaid):
        return None
    needed = 16 if np.isnan(unsaid).any() else int(unsaid.max()).bit_length()
    return whole_levels(next(bits for bits in DEPTHS if bits >= needed))


def outside_levels(facts: Mapping[str, np.ndarray], levels: Levels | None) -> np.ndarray:
    """Which images, (N,) bool, hold values outside the levels of their set."""
    if levels is None or not levels.known:
        return np.zeros(len(facts["depth"]), bool)
    asked = np.isin(facts["depth"], (16, 32))
    with np.errstate(invalid="ignore"):  # NaN: not decoded yet
        return asked & ((facts["low"] < levels.black) | (facts["high"] > levels.white))


def value_range(pixels: np.ndarray, inverted: int) -> tuple[float, float]:
    """The least and the largest value of an image; of an inverted one as they lie in its file."""
    low, high = float(pixels.min()), float(pixels.max())
    return (MAX_WHOLE - high, MAX_WHOLE - low) if inverted else (low, high)


def apply_levels(pixels: np.ndarray, levels: Levels, inverted: int) -> np.ndarray:
    """Pixels uint16 or float32 as uint16 from 0 (black) to 65535 (white); values outside are cut off."""
    values = pixels.astype(np.float64)
    if inverted:
        values = levels.black + levels.white - (MAX_WHOLE - values)
    share = (values - levels.black) / (levels.white - levels.black)
    return np.rint(np.clip(share, 0, 1) * MAX_WHOLE).astype(np.uint16)
