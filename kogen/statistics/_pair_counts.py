"""Counts over pairs of models, and the counts without each model or family (the jackknife)."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._intervals import wilson

MAX_MODELS, SAMPLE = 1600, 1000  # of more than MAX_MODELS, the pairs of a seeded random SAMPLE stand for all


@dataclass(frozen=True)
class PairCounts:
    """Sums over all pairs, in bins, and over the pairs of each unit (a model, or a family)."""

    total: np.ndarray  # (bins, C)
    by_unit: np.ndarray  # (U, bins, C) pairs with at least one member in the unit

    def leave_one_out(self, bins: slice) -> tuple[np.ndarray, np.ndarray]:
        """Sums (C,) over a range of bins; the same (U, C) when one unit is left out, units with pairs there only."""
        total, own = self.total[bins].sum(axis=0), self.by_unit[:, bins].sum(axis=1)
        return total, total - own[own[:, 0] > 0]


def sample_models(count: int, seed: int) -> np.ndarray:
    """Indices of the models whose pairs are counted: all, or of more than MAX_MODELS a random SAMPLE, in order."""
    if count <= MAX_MODELS:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, SAMPLE, replace=False))


def ordered_pairs(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """All pairs of models (k,): indices i, j (P,), the source's gap in points, and the target's, + if it agrees.

    The source's gap is never negative; where it is 0 the sign of the target's means nothing.
    """
    i, j = np.triu_indices(len(source), 1)
    gap = np.round(source[i] - source[j], 9)  # values that differ by rounding alone tie
    other = np.round(target[i] - target[j], 9)
    return i, j, np.abs(gap), np.where(gap < 0, -other, other)


def count_pairs(i: np.ndarray, j: np.ndarray, count: int, bins: np.ndarray, columns: list[np.ndarray]) -> PairCounts:
    """Sum `columns` (P,) each over the pairs (i, j), in `bins` (P,) int, and over those of each of `count` models."""
    width = int(bins.max(initial=-1)) + 1
    first, second, size = i * width + bins, j * width + bins, count * width
    own = [np.bincount(first, each, size) + np.bincount(second, each, size) for each in columns]
    total = [np.bincount(bins, each, width) for each in columns]
    return PairCounts(np.stack(total, axis=1), np.stack(own, axis=1).reshape(count, width, len(columns)))


def count_by_family(
    by_model: PairCounts, family: np.ndarray, i: np.ndarray, j: np.ndarray, bins: np.ndarray, columns: list[np.ndarray]
) -> PairCounts:
    """The same sums with `family` (k,) as the unit: a pair inside one counts once for it."""
    code = np.unique(family, return_inverse=True)[1]
    own = np.zeros((int(code.max(initial=-1)) + 1, *by_model.total.shape))
    np.add.at(own, code, by_model.by_unit)
    inside = code[i] == code[j]
    for place, each in enumerate(columns):
        np.subtract.at(own[:, :, place], (code[i[inside]], bins[inside]), each[inside])
    return PairCounts(by_model.total, own)


def jackknife_interval(share: float, without: np.ndarray, pairs: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share, 0-1, from its values (U,) without each unit; nan from fewer than 3 units.

    The jackknife's standard error, Student's quantile with U - 1 degrees of freedom, and Wilson's interval on the
    number of independent pairs with this error. A share of 0 or 1 has no spread: it counts as U / 2 pairs, the number
    of disjoint ones. The percentile bootstrap over models covers less: docs/coverage.md.
    """
    units = len(without)
    if units < 3 or np.isnan(without).any() or np.isnan(share):
        return np.nan, np.nan
    error2 = (units - 1) / units * ((without - share) ** 2).sum()
    wide = norm.isf((1 - level) / 2) / student.isf((1 - level) / 2, units - 1)
    count = share * (1 - share) / error2 if error2 > 1e-18 and 1e-9 < share < 1 - 1e-9 else units / 2
    lo, hi = wilson(np.array([share]), np.array([min(count, pairs) * wide**2]), level)
    return float(lo[0]), float(hi[0])
