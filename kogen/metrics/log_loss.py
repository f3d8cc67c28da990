"""Log loss: minus the mean logarithm of the probability given to what is right."""

import numpy as np

from kogen.common.metric_facts import NATS
from kogen.metrics._metric import MIN_PROBABILITY, Answers, Contributions, Metric

__all__ = ["log_loss"]


def compute(answers: Answers) -> Contributions:
    """The cross-entropy in nats; probabilities below 1e-7 count as 1e-7. Each image adds its own logarithm."""
    assert answers.score is not None
    each = -np.log(np.clip(answers.score.astype(float), MIN_PROBABILITY, 1.0))
    return Contributions(float(each.mean()), each, np.inf, float(each.std()))


log_loss = Metric(
    compute, unit=NATS, higher_is_better=False, high=float(-np.log(MIN_PROBABILITY)), needs=frozenset({"score"})
)
