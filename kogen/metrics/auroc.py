"""AUROC: how often an image of a class is given a higher probability of it than an image of another class."""

import numpy as np
from scipy.stats import rankdata

from kogen.metrics._metric import (
    Answers,
    Contributions,
    Metric,
    few,
    harmonic_support,
    one_image,
    spread_within,
)

__all__ = ["auroc"]


def compute(answers: Answers) -> Contributions:
    """The area under the ROC curve, 0-1, of the positive class; of more than two, the mean of each against the rest.

    Each image adds the value and its placement among the images of the other side, so that the variance is that of
    DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44); equal probabilities count half.
    """
    assert answers.probabilities is not None
    counts, chosen = answers.counts, answers.ranked_classes
    present = np.flatnonzero(counts)
    values, moved, worth = [], np.zeros(answers.n), []
    for k in chosen:
        value, part = one_class(answers.labels == k, answers.probabilities[:, k])
        values.append(value)
        worth.append(independent_images(value, int(counts[k]), answers.n - int(counts[k])))
        moved += part / len(chosen)
    value, rarest = float(np.mean(values)), np.argmin(counts[present])
    step = one_image(moved, answers.labels == present[rarest], len(chosen))
    return Contributions(value, value + moved, harmonic_support(np.array(worth)), step, few(counts[present]))


def one_class(positive: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """The area, and what each image adds to it, less the area, (n,); from sides (n,) bool and scores (n,)."""
    every = rankdata(score)
    placement = np.empty(len(score))
    for side in (True, False):
        mine = positive == side
        placement[mine] = (every[mine] - rankdata(score[mine])) / (~mine).sum()
    placement[~positive] = 1 - placement[~positive]  # the share of positives above a negative
    return float(placement[positive].mean()), spread_within(positive.astype(int), placement, np.ones(2))


def independent_images(area: float, positives: int, negatives: int) -> float:
    """How many images an area is worth by the model of Hanley and McNeil (1982, Radiology 143), at most.

    Their variance of the rarer side for both sides; where no pair is out of order it has the limit 1 - area over twice
    the number of images, which keeps the interval from closing.
    """
    share = min(max(area, 1 - area), 1 - 1e-9)
    side = max(share / (2 - share), 2 * share**2 / (1 + share)) - share**2
    return share * (1 - share) / (side * (1 / positives + 1 / negatives))


auroc = Metric(compute, needs=frozenset({"labels", "several", "probabilities"}))
