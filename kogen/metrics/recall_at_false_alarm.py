"""Recall at a false-alarm rate: the share of the positive class found by a threshold that was chosen beforehand."""

import numpy as np

from kogen.metrics._metric import Answers, Contributions, Metric, few, spread_within

__all__ = ["recall_at_false_alarm"]


def compute(answers: Answers, *, rate: float = 0.05) -> Contributions:
    """The share, 0-1, of the positive images whose probability is above the threshold.

    The threshold is the lowest at which at most `rate` of the negative validation images (held-out parts of the
    training set) are called; it travels unchanged, so that on a shifted set the false-alarm rate is another one. With
    `?threshold=` it is the one that is given. Each positive image adds the value and its own hit, a negative one the
    value.
    """
    if answers.threshold is not None:
        hit = (answers.chance > answers.threshold).astype(float)
    else:
        assert answers.false_alarm is not None
        hit = (answers.false_alarm <= rate + 1e-6).astype(float)  # 5 of 100 is 0.05, whatever float32 makes of it
    value = float(hit[answers.is_positive].mean())
    each = value + spread_within(answers.is_positive.astype(int), hit, np.array([0.0, 1.0]))
    positives = int(answers.is_positive.sum())
    return Contributions(value, each, float(positives), answers.n / positives, few(answers.counts))


recall_at_false_alarm = Metric(
    compute, needs=frozenset({"labels", "several", "two", "probabilities", "threshold"}), parameters={"rate": 0.05}
)
