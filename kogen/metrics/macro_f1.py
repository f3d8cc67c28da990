"""Macro F1: the mean over classes of the harmonic mean of precision and recall."""

import numpy as np

from kogen.metrics._metric import Answers, Contributions, Metric, few, harmonic_support

__all__ = ["macro_f1"]


def compute(answers: Answers) -> Contributions:
    """The mean over the classes that have images of 2 TP / (2 TP + FP + FN), 0-1.

    An answer that names a class without images counts as a miss of the right one, and not as a class of its own: all
    models are averaged over the same classes. Each image adds the value and its influence on it (the derivative of a
    ratio of means: Hampel 1974, JASA 69).
    """
    counts = answers.counts
    present = np.flatnonzero(counts)
    values, moved = np.zeros(len(present)), np.zeros(answers.n)
    for place, k in enumerate(present):
        true, called = answers.labels == k, answers.predicted == k
        rate = true.mean() + called.mean()  # above 0: the class has images
        values[place] = 2 * (true & called).mean() / rate
        moved += (2.0 * (true & called) - values[place] * (true.astype(float) + called)) / rate
    value = float(values.mean())
    support, step = harmonic_support(counts[present]), answers.n / (len(present) * counts[present].min())
    return Contributions(value, value + moved / len(present), support, step, few(counts[present]))


macro_f1 = Metric(compute, needs=frozenset({"labels", "several"}))
