"""Validation: what a probe says of parts of the training set that it has not seen, from which thresholds are chosen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kogen.evaluation.features import Features, Predictions

FOLDS = 5
ENOUGH_IMAGES = 500  # validated images after which no further part is held out
Learn = Callable[[Features, Features], Predictions]


def validate_probe(learn: Learn, train: Features, seed: int = 0) -> tuple[np.ndarray, np.ndarray] | None:
    """Labels (m,) and probabilities (m, K) of training images by probes that have not seen them or their clusters.

    One part in five of each class is held out, whole clusters at a time, and others in turn until 500 images were
    judged. None where no part can be held out: a class has one cluster only. What `learn` does not choose by itself (a
    penalty that was chosen on all of `train`) has seen the held-out parts: one of 13 numbers, against those of the fit.
    """
    part, labels, found = assign_parts(train.labels, train.clusters, seed), [], []
    for fold in range(FOLDS):
        held = part == fold
        rest = np.unique(train.labels[~held])
        if not held.any() or len(rest) < len(np.unique(train.labels)) or sum(map(len, labels)) >= ENOUGH_IMAGES:
            continue
        labels.append(train.labels[held])
        found.append(learn(take(train, ~held), take(train, held)).probability)
    return (np.concatenate(labels), np.concatenate(found)) if found else None


def assign_parts(labels: np.ndarray, clusters: np.ndarray, seed: int) -> np.ndarray:
    """The part of each image, (N,) in 0 .. 4: `deal_parts` of whole clusters, each by the label of its first image."""
    _, first, of = np.unique(clusters, return_index=True, return_inverse=True)
    return deal_parts(labels[first], FOLDS, seed)[of]


def deal_parts(labels: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """The part of each image, (N,) in [0, parts): each class is shuffled and dealt round like cards."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]  # class after class, shuffled within
    part = np.empty(len(labels), dtype=np.int64)
    part[order] = np.arange(len(labels)) % parts
    return part


def take(features: Features, rows: np.ndarray) -> Features:
    """Some of the features."""
    names = ("values", "labels", "ids", "clusters")
    return replace(features, **{name: getattr(features, name)[rows] for name in names})


def false_alarms(held: tuple[np.ndarray, np.ndarray] | None, probabilities: np.ndarray) -> list[np.ndarray] | None:
    """For each image and class, the share of validation images of the other class with at least its probability of it.

    `held` as of `validate_probe`, `probabilities` (M, 2); a list of M rows (2,) float32, None where nothing was held.
    """
    if held is None or probabilities.shape[1] != 2:
        return None
    labels, chance = held
    shares = np.empty(probabilities.shape, dtype=np.float32)
    for k in (0, 1):
        others = np.sort(chance[labels != k, k])
        if not len(others):
            return None
        shares[:, k] = 1 - np.searchsorted(others, probabilities[:, k], side="left") / len(others)
    return list(shares)
