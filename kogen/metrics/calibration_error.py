"""Calibration error: how far the stated confidence lies from the share of right answers, on average."""

import numpy as np
from scipy.stats import norm, rankdata

from kogen.metrics._metric import FEW, Answers, Contributions, Metric

__all__ = ["calibration_error"]

BINS = 15
MIN_IMAGES = 100  # below which the bins are too small for an interval


def compute(answers: Answers) -> Contributions:
    """Mean |confidence - accuracy| over bins of equal mass, less what chance alone adds, 0-1.

    Up to 15 bins of equally many images by the highest probability, of 10 or more (ECE: Guo et al. 2017, ICML; equal
    mass: Nguyen and O'Connor 2015, EMNLP). A calibrated model of few images would have an error above 0 by chance
    (Roelofs et al. 2022, AISTATS): of each bin's |gap| the excess that a normal error of its size is expected to add is
    subtracted, at the size that is left when the square of its error is taken off. Each image adds its signed gap, less
    its bin's excess.
    """
    assert answers.probabilities is not None
    confidence = answers.probabilities.max(axis=1)
    gap = confidence - answers.correct  # (n,)
    bins = min(BINS, max(answers.n // 10, 1))
    # equal confidences are in one bin, whatever was right: cut apart by the order of rows they would look overconfident
    place = ((rankdata(confidence, method="min") - 1) * bins // answers.n).astype(int)  # (n,)
    each = np.empty(answers.n)
    for number in np.unique(place):
        rows = place == number
        mean, error = gap[rows].mean(), gap[rows].std(ddof=1) / np.sqrt(rows.sum()) if rows.sum() > 1 else 0.0
        sign = 1.0 if mean >= 0 else -1.0
        each[rows] = sign * gap[rows] - excess(max(mean**2 - error**2, 0.0) ** 0.5, error)
    value = float(each.mean())
    reason = FEW if answers.n < MIN_IMAGES else ""
    return Contributions(max(value, 0.0), each + (max(value, 0.0) - value), float(answers.n), 1.0, reason)


def excess(size: float, error: float) -> float:
    """How much larger the size of a normal variable of this mean and error is expected to be than its mean."""
    if error <= 0:
        return 0.0
    ratio = size / error
    return float(2 * error * (norm.pdf(ratio) - ratio * norm.sf(ratio)))


calibration_error = Metric(compute, higher_is_better=False, needs=frozenset({"probabilities"}))
