"""Average precision: the mean over the images of a class of the precision at their probability."""

import numpy as np

from kogen.metrics._metric import Answers, Contributions, Metric, few, harmonic_support, one_image

__all__ = ["average_precision"]


def compute(answers: Answers) -> Contributions:
    """The area under the steps of the precision-recall curve, 0-1; of more than two classes the mean over them.

    Each image adds the value and its influence on it: what one more such image would change (Boyd, Eng and Page 2013,
    ECML, compare intervals for this area). By chance the value is the share of the class.
    """
    assert answers.probabilities is not None
    counts, chosen = answers.counts, answers.ranked_classes
    parts = [one_class(answers.labels == k, answers.probabilities[:, k]) for k in chosen]
    value = float(np.mean([value for value, _ in parts]))
    moved = np.mean([part for _, part in parts], axis=0)
    support = harmonic_support(counts[chosen])
    step = one_image(moved, answers.labels == chosen[np.argmin(counts[chosen])], len(chosen))
    return Contributions(value, value + moved, support, step, few(counts[counts > 0]))


def one_class(positive: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """The area, and the influence of each image on it (n,), of sum 0.

    With the precision P and the share R of images called at a threshold, the area is the mean of P over the positive
    images; an image j moves P at every threshold below it by (y_j - P) / R.
    """
    n, share = len(score), positive.mean()
    order = np.argsort(-score, kind="stable")
    ranked, y = score[order], positive[order].astype(float)
    last = np.append(np.flatnonzero(np.diff(ranked)), n - 1)  # the last image of each run of equal scores
    run = np.searchsorted(last, np.arange(n))  # (n,) the run of each image
    called = (last + 1) / n  # (T,) R at each threshold
    precision = np.cumsum(y)[last] / (last + 1)  # (T,)
    mine = np.bincount(run, weights=y) / n  # (T,) share of images that are positive and have this score
    area = float((mine * precision).sum() / share)
    below = np.cumsum((mine / called)[::-1])[::-1]  # (T,) sums over the thresholds at or below
    below_p = np.cumsum((mine * precision / called)[::-1])[::-1]
    moved = (y * (precision[run] - area) + y * below[run] - below_p[run]) / share
    influence = np.empty(n)
    influence[order] = moved
    return area, influence


average_precision = Metric(compute, needs=frozenset({"labels", "several", "probabilities"}))
