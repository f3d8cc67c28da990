"""Accuracy: the share of images whose answer is right."""

from kogen.metrics._metric import Answers, Contributions, Metric

__all__ = ["accuracy"]


def compute(answers: Answers) -> Contributions:
    """The share of right answers, 0-1; each image adds 0 or 1."""
    return Contributions(float(answers.correct.mean()), answers.correct, support=float(answers.n))


accuracy = Metric(compute, counts_images=True)
