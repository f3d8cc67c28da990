"""The checks of features that every probe makes first."""

import numpy as np

from kogen.evaluation.features import Features


def check(train: Features, test: Features) -> None:
    """Refuse features that no probe can learn from; reads no label of `test`.

    Raises ValueError for features that are not (N, D), empty or of different D, for training images without a label,
    and for training labels of one class only. `embed` has refused what is not finite.
    """
    for name, features in (("training", train), ("test", test)):
        if features.values.ndim != 2 or 0 in features.values.shape:
            raise ValueError(f"{name} features have shape {features.values.shape}, wanted (N, D), neither of them 0")
    if train.values.shape[1] != test.values.shape[1]:
        raise ValueError(
            f"training features have {train.values.shape[1]} dimensions, test features {test.values.shape[1]}; "
            "embed both sets with the same backbone"
        )
    unknown = int((train.labels < 0).sum())
    if unknown:
        raise ValueError(f"{unknown} of {len(train)} training images have no label (-1); pass the labelled ones only")
    if len(np.unique(train.labels)) < 2:
        only = train.classes[train.labels[0]]
        raise ValueError(f"all {len(train)} training images are of the class {only!r}; a probe needs two or more")
