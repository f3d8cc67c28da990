"""Evaluation: features of a frozen backbone, probes trained once on the reference labels, one row per test image."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from kogen.augmentation.views import View
from kogen.common import registry
from kogen.data.images import Images
from kogen.evaluation.features import Features, Predictions, embed
from kogen.modules.base import Backbone


def evaluate_backbone(
    backbone: Backbone,
    view: View,
    train: Images,
    tests: Mapping[str, Images],
    roles: Mapping[str, str],
    probes: Sequence[str],
    identity: Mapping[str, object],
) -> pd.DataFrame:
    """A predictions table (tables.SCHEMAS) of one backbone: each probe learns on `train`, is judged on every test set.

    `identity` fills the columns run, model, method and seed.
    """
    known = embed(backbone, train, view)
    judged = {name: embed(backbone, images, view) for name, images in tests.items()}
    everything = join_features(list(judged.values()))
    tables, device = [], next(backbone.parameters()).device
    for probe in probes:
        predictions: Predictions = registry.load("probes", probe)(known, everything, device=device)
        start = 0
        for name, features in judged.items():
            part = predictions.probability[start : start + len(features)]  # (M, K)
            start += len(features)
            table = prediction_rows(features, part, tests[name])
            tables.append(table.assign(dataset=name, role=roles[name], protocol=probe, **identity))
    return pd.concat(tables, ignore_index=True)


def join_features(parts: list[Features]) -> Features:
    """Several sets as one, in order."""
    names = ("values", "labels", "ids", "clusters")
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def prediction_rows(features: Features, probability: np.ndarray, images: Images) -> pd.DataFrame:
    """What the table says of each image: label, prediction, whether it is right, probability of what is right.

    `probability` is (M, K); `images` says how they are judged. Among some classes only (ImageNet-A and -R): the
    prediction is the likeliest of these, as if the other logits were left out. Several right classes (ReaL, Beyer et
    al. 2020, arXiv 2006.07159): right is any of them, the score their sum. People's shares h (CIFAR-10H, Peterson et
    al. 2019, arXiv 1908.07086): right is what most people chose (agreement); `soft` is the share who chose the
    predicted class, its mean the soft accuracy: how often a person drawn at random agrees; the score is
    exp(sum h log p), so that minus the mean logarithm of the scores is the cross-entropy, here as with one label.
    """
    probability = restrict_classes(probability, features.classes, images.allowed_classes)
    every, predicted = np.arange(len(probability)), probability.argmax(axis=1)  # (M,)
    answers, right = images.answers, predicted == features.labels
    score, soft = probability[every, features.labels], np.full(len(every), np.nan)
    if answers is not None and answers.dtype == bool:
        right, score = answers[every, predicted], (probability * answers).sum(axis=1)
    elif answers is not None:
        score = np.prod(np.where(answers > 0, probability, 1) ** answers, axis=1)  # exp(sum h log p), and 0^0 is 1
        soft = answers[every, predicted]
    names = np.array(features.classes, dtype=object)
    return pd.DataFrame(
        {
            "item": unique_item_ids(features.ids),
            "cluster": features.clusters,
            "label": names[features.labels],
            "predicted": names[predicted],
            "correct": right.astype(np.int8),
            "score": score.astype(np.float32),
            "soft": soft.astype(np.float32),
        }
    )


def restrict_classes(probability: np.ndarray, classes: tuple[str, ...], among: tuple[str, ...]) -> np.ndarray:
    """Probabilities (M, K) given that the class is one of `among`, 0 for the others; all alike where none had any.

    This is the softmax of the logits of these classes alone.
    """
    if not among:
        return probability
    inside = np.isin(np.array(classes, dtype=object), np.array(among, dtype=object))  # (K,)
    kept = probability * inside
    total = kept.sum(axis=1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1), inside / max(inside.sum(), 1))


def unique_item_ids(ids: np.ndarray) -> np.ndarray:
    """Content ids with `#2`, `#3` ... on the copies of an image inside one set, so that a row has one key."""
    series = pd.Series(ids.astype(str))
    copy = series.groupby(series).cumcount()  # (M,) 0 for the first
    return np.where(copy == 0, series, series + "#" + (copy + 1).astype(str))
