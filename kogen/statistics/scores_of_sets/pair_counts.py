"""Counts over pairs of models, and the counts without each model or family (the jackknife)."""

from dataclasses import dataclass

import numpy as np

from kogen.statistics._intervals import normal_quantile, student_quantile, wilson

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


def count_sampled(models: int) -> int:
    """How many of so many models are compared."""
    return models if models <= MAX_MODELS else SAMPLE


def sample_models(count: int, seed: int) -> np.ndarray:
    """Indices of the models whose pairs are counted: all, or of more than MAX_MODELS a random SAMPLE, in order."""
    if count <= MAX_MODELS:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, SAMPLE, replace=False))


@dataclass(frozen=True)
class SourcePairs:
    """All pairs of models with the gap of each on the source: the same for every target with the same models.

    Where the gap is 0, the sign of what a target says of the pair means nothing.
    """

    count: int  # of models
    i: np.ndarray  # (P,)
    j: np.ndarray  # (P,)
    gap: np.ndarray  # (P,) points, 0 or more
    swapped: np.ndarray  # (P,) whether j is the better one

    def gap_on(self, target: np.ndarray) -> np.ndarray:
        """The gap (P,) of each pair on a target with scores (k,), in points, + if it agrees with the source."""
        other = np.round(target[self.i] - target[self.j], 9)
        return np.where(self.swapped, -other, other)

    def part(self, kept: np.ndarray) -> "SourcePairs":
        """Some of the pairs."""
        return SourcePairs(self.count, self.i[kept], self.j[kept], self.gap[kept], self.swapped[kept])


def source_pairs(source: np.ndarray) -> SourcePairs:
    """All pairs of models by their scores (k,) on the source."""
    i, j = np.triu_indices(len(source), 1)
    gap = np.round(source[i] - source[j], 9)  # values that differ by rounding alone tie
    return SourcePairs(len(source), i, j, np.abs(gap), gap < 0)


def ordered_pairs(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """All pairs of models (k,): indices i, j (P,), the source's gap in points, and the target's, + if it agrees."""
    pairs = source_pairs(source)
    return pairs.i, pairs.j, pairs.gap, pairs.gap_on(target)


def count_pairs(pairs: SourcePairs, bins: np.ndarray, columns: list[np.ndarray]) -> PairCounts:
    """Sum `columns` (P,) each over the pairs, in `bins` (P,) int, and over those of each model."""
    width, count = int(bins.max(initial=-1)) + 1, pairs.count
    first, second, size = pairs.i * width + bins, pairs.j * width + bins, count * width
    own = [np.bincount(first, each, size) + np.bincount(second, each, size) for each in columns]
    total = [np.bincount(bins, each, width) for each in columns]
    return PairCounts(np.stack(total, axis=1), np.stack(own, axis=1).reshape(count, width, len(columns)))


def count_by_family(
    by_model: PairCounts, family: np.ndarray, pairs: SourcePairs, bins: np.ndarray, columns: list[np.ndarray]
) -> PairCounts:
    """The same sums with `family` (k,) as the unit: a pair inside one counts once for it."""
    code = np.unique(family, return_inverse=True)[1]
    own = np.zeros((int(code.max(initial=-1)) + 1, *by_model.total.shape))
    np.add.at(own, code, by_model.by_unit)
    i, j = pairs.i, pairs.j
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
    tail = (1 - level) / 2
    wide = normal_quantile(tail) / student_quantile(tail, units - 1)
    count = share * (1 - share) / error2 if error2 > 1e-18 and 1e-9 < share < 1 - 1e-9 else units / 2
    lo, hi = wilson(np.array([share]), np.array([min(count, pairs) * wide**2]), level)
    return float(lo[0]), float(hi[0])
