"""Label curves: a metric against the number of labels, with intervals over images, seeds and draws; and where two meet.

No function of the shelf: its input are contributions of images, which only the metrics know.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from kogen.statistics.clusters.cluster_quantiles import effective_count


class Estimate(NamedTuple):
    """A mean and its interval, of 95 % where nothing else is said."""

    value: float
    lo: float
    hi: float


class Crossing(NamedTuple):
    """Labels at which one curve reaches a value, and the 95 % interval.

    Of `labels` None is fewer than were tried where it is `reached`, else more. Of `lo` None is fewer than were tried,
    and the most that were tried means: surely more. Of `hi` None is more, and the fewest means: surely as few.
    """

    labels: float | None
    lo: float | None
    hi: float | None
    reached: bool  # within what was tried


def crossed_mean(values: np.ndarray, clusters: np.ndarray, outside: float = 0.05) -> Estimate:
    """The mean of contributions (S, D, n) of S seeds, D draws and n images in clusters (n,), and its interval.

    `outside`: the share of cases in which the interval may miss, 0.05 for one of 95 %.

    Seeds, draws and clusters of images are three crossed samples. The square of the interval's half is the sum of the
    squares that each of the three alone would give, by Student's t of its own degrees of freedom (Zou & Donner 2008,
    Statistics in Medicine 27): that counts their interplay more than once, and errs on the wide side. One seed says
    nothing of seeds, one draw none of draws. Of images in one cluster nothing is known: the interval has no ends.
    """
    seeds, draws, images = values.mean(axis=(1, 2)), values.mean(axis=(0, 2)), values.mean(axis=(0, 1))
    mean = float(images.mean())
    sums, sizes = np.bincount(clusters, images - mean), np.bincount(clusters)
    groups = len(sizes)
    if groups < 2:
        return Estimate(mean, -np.inf, np.inf)
    parts = [(float((sums**2).sum()) / len(images) ** 2 * groups / max(groups - 1, 1), effective_count(sizes) - 1)]
    parts += [(float(each.var(ddof=1)) / len(each), len(each) - 1.0) for each in (seeds, draws) if len(each) > 1]
    half = float(np.sqrt(sum(variance * student.isf(outside / 2, max(df, 1.0)) ** 2 for variance, df in parts)))
    return Estimate(mean, mean - half, mean + half)


def find_crossing(labels: Sequence[float], differences: Sequence[Estimate]) -> Crossing:
    """Where a curve reaches a value, from its difference to it at rising numbers of labels.

    Between two budgets the difference and the ends of its interval are taken as straight over the logarithm of the
    labels. The interval holds the numbers of labels at which a difference of zero is not refuted.
    """
    value, lo, hi = (first_zero(labels, [one[end] for one in differences]) for end in (0, 2, 1))
    if all(one.hi < 0 for one in differences):
        lo = float(labels[-1])
    if differences[0].lo >= 0:
        hi = float(labels[0])
    return Crossing(value, lo, hi, any(one.value >= 0 for one in differences))


def first_zero(labels: Sequence[float], heights: Sequence[float]) -> float | None:
    """The labels at which heights first reach zero; None where the first does already, and where none does."""
    for place in range(1, len(heights)):
        low, high = heights[place - 1], heights[place]
        if place == 1 and low >= 0:
            return None
        if high >= 0:
            share = low / (low - high)
            return float(labels[place - 1] * (labels[place] / labels[place - 1]) ** share)
    return None
