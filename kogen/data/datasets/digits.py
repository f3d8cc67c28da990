"""Data source `digits`: scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, in memory, for a first try."""

from dataclasses import replace

import numpy as np

from kogen.data.images import Images, from_array

__all__ = ["digits"]

TRAIN_COUNT = 1437  # the first four fifths; the file is ordered by writer, so that test is by other hands


def digits(*, split: str | None = None, name: str = "digits") -> Images:
    """The digits, `split` train (1,437) or test (360) or both; pixels (N, 1, 8, 8) uint8, 16 gray levels spread to 255.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, by scikit-learn.
    Raises ValueError for another split.
    """
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    if split not in (None, "train", "test"):
        raise ValueError(f"digits has no split {split!r}: train, test, or none for all")
    values, labels = load_digits(return_X_y=True)
    pixels = np.rint(np.asarray(values) * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    images = from_array(pixels, np.asarray(labels), tuple("0123456789"), name=name)
    splits = np.where(np.arange(len(images)) < TRAIN_COUNT, "train", "test").astype(object)
    return replace(images, splits=splits) if split is None else images.subset(splits == split)
