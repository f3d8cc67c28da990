"""Linear probe: multinomial logistic regression, its L2 penalty chosen on held-out parts of the training set."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from kogen.common.devices import exact_arithmetic, float64_device
from kogen.common.threads import SMALL_FEATURES, one_thread
from kogen.evaluation.features import Features, LinearHead, Predictions
from kogen.evaluation.logistic_regression import Classifier, rotate, solve
from kogen.evaluation.probes._check import check
from kogen.evaluation.validation import ENOUGH_IMAGES, FOLDS, deal_parts

Device = torch.device | str
STRENGTHS = tuple(float(s) for s in np.logspace(1, -5, 13))
MAX_ITERATIONS = 300
COMPARED, COMPARED_TOLERANCE = 25, 1e-4  # steps and tolerance with which strengths are compared, which tells them apart


class Choice(NamedTuple):
    """A classifier, the strength it was fitted with, and how often that one was right on held-out images."""

    classifier: Classifier
    strength: float
    right: float
    judged: int  # held-out images


def linear(
    train: Features,
    test: Features,
    *,
    strengths: Sequence[float] = STRENGTHS,
    folds: int = FOLDS,
    seed: int = 0,
    max_iterations: int = MAX_ITERATIONS,
    device: Device = "cpu",
) -> Predictions:
    """Fit logistic regression on all of `train`, with the penalty that predicts held-out parts of `train` best.

    Minimises mean cross-entropy + strength / 2 * |W|^2 over features standardised by the mean and deviation of what is
    fitted; the bias is free (scikit-learn's C is 1 / (strength * N), with two classes twice that). Each of `folds`
    stratified parts of `train` is held out in turn until 500 images have been judged: a large set is split once (20 %),
    of few labels every one counts. The strength with the most right wins, the smaller log loss among equals. `test` is
    only predicted, its labels are never read. Features (N, D) and (M, D) give probabilities (M, K); a class that
    `train` never shows gets 0. `device` is where it is computed (the CPU for Apple's GPU), see
    `choose_classifier` for how exactly.

    Raises ValueError as `check` does, and for strengths that are not positive or fewer than 2 folds.
    Source: Kornblith et al. 2019 (arXiv 1805.08974), A.3, and BYOL (arXiv 2006.07733), appendix E, which search 45
    strengths from 1e-6 to 1e5.
    """
    if not strengths or not all(0 < s < np.inf for s in strengths):
        raise ValueError(f"strengths are {list(strengths)}, wanted one or more numbers above 0")
    if folds < 2:
        raise ValueError(f"folds is {folds}, wanted 2 or more parts of the training set")
    check(train, test)
    present, labels = np.unique(train.labels, return_inverse=True)  # classes that can be learnt, (N,) into them
    small = train.values.size < SMALL_FEATURES
    with one_thread(small), exact_arithmetic():
        found = choose_classifier(train.values, labels, strengths, folds, seed, max_iterations, device)

    def predict(rows: slice) -> np.ndarray:
        values = test.values[rows]
        probability = np.zeros((len(values), len(train.classes)), dtype=np.float32)
        with one_thread(small):
            probability[:, present] = np.exp(found.classifier.log_probability(values))
        return probability

    chosen = {"strength": found.strength, "converged": float(found.classifier.converged)}
    chosen["validation_images"] = float(found.judged)
    if found.judged:
        chosen["validation_accuracy"] = found.right / found.judged
    weights, bias = np.zeros((train.values.shape[1], len(train.classes))), np.full(len(train.classes), -np.inf)
    weights[:, present], bias[present] = found.classifier.coefficient, found.classifier.bias
    head = LinearHead(found.classifier.mean, found.classifier.scale, weights, bias)
    return Predictions(len(test), predict, chosen, {"strengths": (found.strength,)}, head)


def choose_classifier(
    values: np.ndarray,
    labels: np.ndarray,
    strengths: Sequence[float] = STRENGTHS,
    folds: int = FOLDS,
    seed: int = 0,
    max_iterations: int = MAX_ITERATIONS,
    device: Device = "cpu",
) -> Choice:
    """The classifier of features (N, D) and labels (N,) in [0, C), fitted with the best of the strengths, see `linear`.

    All folds and strengths are fitted together, standardised by the mean and deviation of all of the values, in at most
    25 steps to a tolerance that tells strengths apart. One that has not arrived by then, as the weakest of few labels,
    is chosen only where none has: nobody knows how good it is.
    """
    path, part = sorted(map(float, strengths), reverse=True), assign_folds(labels, folds, seed)
    axes, right, loss = rotate(values, labels, float64_device(device)), np.zeros(len(path)), np.zeros(len(path))
    held, start = parts_to_judge(part, folds) if len(path) > 1 else [], None
    best = len(path) // 2  # one image a class, nothing to spare: the middle of the path
    if held:
        tried = solve(axes, ~np.array(held), path, min(COMPARED, max_iterations), COMPARED_TOLERANCE)
        for rows, found in zip(held, tried, strict=True):
            more, worse = found.judge(values[rows], labels[rows])
            right, loss = right + more, loss + worse
        arrived = np.all([found.converged for found in tried], axis=0)
        best = max(range(len(path)), key=lambda i: (arrived[i], right[i], -loss[i]))
        start = tried[0][best]
    every = np.ones((1, len(labels)), dtype=bool)
    final = solve(axes, every, path[best : best + 1], max_iterations, start=start)[0]
    return Choice(final[0], path[best], float(right[best]), sum(int(rows.sum()) for rows in held))


def parts_to_judge(part: np.ndarray, folds: int) -> list[np.ndarray]:
    """Images to hold out, (N,) bool, one fold after the other until 500 were judged."""
    found = list[np.ndarray]()
    for fold in range(folds):
        held = part == fold
        if held.any() and sum(map(np.sum, found)) < ENOUGH_IMAGES:
            found.append(held)
    return found


def assign_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Stratified fold of each image, (N,) in [0, folds); -1 for the only image of a class, which is never held out."""
    part = deal_parts(labels, folds, seed)
    part[np.bincount(labels)[labels] == 1] = -1
    return part
