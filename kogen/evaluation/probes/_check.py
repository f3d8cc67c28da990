"""The checks of features that every probe makes first."""

import numpy as np

from kogen.evaluation.features import Features


def check(train: Features, test: Features) -> None:
    """Refuse features that no probe can learn from; reads no label of `test`.

    Raises ValueError for features that are no array (N, D), empty, of different D, or not finite, for training images
    without a label, for labels outside `classes`, and for training labels of one class only.
    """
    if not isinstance(train.labels, np.ndarray):
        raise ValueError(f"training labels are {train.labels!r}, wanted an array (N,): a probe learns from labels")
    for name, features in (("training", train), ("test", test)):
        if not isinstance(features.values, np.ndarray):
            raise ValueError(f"{name} features are {features.values!r}, wanted an array (N, D)")
        if features.values.ndim != 2 or 0 in features.values.shape:
            raise ValueError(f"{name} features have shape {features.values.shape}, wanted (N, D), neither of them 0")
        wrong = np.flatnonzero(~np.isfinite(features.values).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"{name} features hold NaN or infinity in {len(wrong)} of {len(features)} rows (first: {wrong[0]}); "
                "the network that made them diverged, train it again with a lower rate"
            )
    if train.values.shape[1] != test.values.shape[1]:
        raise ValueError(
            f"training features have {train.values.shape[1]} dimensions, test features {test.values.shape[1]}; "
            "embed both sets with the same backbone"
        )
    if len(train.labels) != len(train):
        raise ValueError(f"{len(train.labels)} labels for {len(train)} training features; wanted one each")
    unknown = int((train.labels < 0).sum())
    if unknown:
        raise ValueError(
            f"training images without a label (-1): {unknown} of {len(train)}; pass the labelled ones only"
        )
    if train.labels.max() >= len(train.classes):
        raise ValueError(f"a training label is {train.labels.max()}, but there are {len(train.classes)} classes")
    if len(np.unique(train.labels)) < 2:
        only = train.classes[train.labels[0]]
        raise ValueError(f"all {len(train)} training images are of the class {only!r}; a probe needs two or more")
