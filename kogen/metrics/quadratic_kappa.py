"""Quadratic kappa: agreement on graded labels, where an error of two grades weighs four times one of one."""

import numpy as np

from kogen.metrics._metric import Answers, Contributions, Metric, few, harmonic_support

__all__ = ["quadratic_kappa"]


def compute(answers: Answers) -> Contributions:
    """1 - observed / expected mean squared distance in grades (Cohen 1968, Psychol. Bull. 70), -1 to 1; by chance 0.

    Each image adds the value and its influence on this ratio, which gives the variance of Fleiss, Cohen and Everitt
    (1969, Psychol. Bull. 72).
    """
    assert answers.order is not None
    grade = np.empty(len(answers.classes))
    grade[list(answers.order)] = np.arange(len(answers.classes))
    true, called = grade[answers.labels], grade[answers.predicted]
    present = answers.counts[answers.counts > 0]
    seen = (true - called) ** 2
    of_true = true**2 - 2 * true * called.mean() + (called**2).mean()  # mean distance of a grade to all answers
    of_called = called**2 - 2 * called * true.mean() + (true**2).mean()
    observed, expected = seen.mean(), of_true.mean()
    value = float(1 - observed / expected)  # expected is above 0: two grades or more are there
    moved = -(seen - observed) / expected + observed * (of_true + of_called - 2 * expected) / expected**2
    step = answers.n / (len(present) * present.min())
    return Contributions(value, value + moved, harmonic_support(present), step, few(present))


quadratic_kappa = Metric(compute, low=-100.0, needs=frozenset({"labels", "several", "order"}))
