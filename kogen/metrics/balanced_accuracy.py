"""Balanced accuracy: the mean over classes of the share of right answers, so that a rare class counts as much."""

import numpy as np

from kogen.metrics._metric import (
    Answers,
    Contributions,
    Metric,
    class_means,
    few,
    harmonic_support,
    spread_within,
)

__all__ = ["balanced_accuracy"]


def compute(answers: Answers) -> Contributions:
    """The mean recall of the classes that have images, 0-1 (Brodersen et al. 2010, ICPR).

    Each image adds the value and its class's share of it: right - recall, over the class's share of the images.
    """
    recalls, counts, present = class_means(answers.labels, answers.correct, len(answers.classes))
    group = np.searchsorted(present, answers.labels)
    value = float(recalls.mean())
    each = value + spread_within(group, answers.correct, np.full(len(present), 1 / len(present)))
    step = answers.n / (len(present) * counts.min())
    return Contributions(value, each, harmonic_support(counts), step, few(counts))


balanced_accuracy = Metric(compute, needs=frozenset({"labels", "several"}))
