"""Evaluation: features of a frozen backbone, probes trained once on the reference labels, one row per test image."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kogen import shelf
from kogen.features import Features, Predictions, embed
from kogen.images import Images
from kogen.method import Backbone
from kogen.views import View


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
    everything = together(list(judged.values()))
    tables = []
    for probe in probes:
        predictions: Predictions = shelf.load("probes", probe)(known, everything)
        start = 0
        for name, features in judged.items():
            part = predictions.probability[start : start + len(features)]  # (M, K)
            start += len(features)
            tables.append(rows(features, part).assign(dataset=name, role=roles[name], protocol=probe, **identity))
    return pd.concat(tables, ignore_index=True)


def together(parts: list[Features]) -> Features:
    """Several sets as one, in order."""
    return Features(
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.labels for p in parts]),
        parts[0].classes,
        np.concatenate([p.ids for p in parts]),
        np.concatenate([p.clusters for p in parts]),
    )


def rows(features: Features, probability: np.ndarray) -> pd.DataFrame:
    """What the table says of each image: label, prediction, whether it is right, probability of the true label."""
    predicted = probability.argmax(axis=1)  # (M,)
    names = np.array(features.classes, dtype=object)
    return pd.DataFrame(
        {
            "item": distinct(features.ids),
            "cluster": features.clusters,
            "label": names[features.labels],
            "predicted": names[predicted],
            "correct": (predicted == features.labels).astype(np.int8),
            "score": probability[np.arange(len(predicted)), features.labels].astype(np.float32),
        }
    )


def distinct(ids: np.ndarray) -> np.ndarray:
    """Content ids with `#2`, `#3` ... on the copies of an image inside one set, so that a row has one key."""
    series = pd.Series(ids.astype(str))
    copy = series.groupby(series).cumcount()  # (M,) 0 for the first
    return np.where(copy == 0, series, series + "#" + (copy + 1).astype(str))
