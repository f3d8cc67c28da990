"""Confusion: how often each class is answered by each class."""

import numpy as np
import pandas as pd

from kogen.statistics._item_matrix import split_sets

__all__ = ["confusion"]

COLUMNS = ["dataset", "model", "label", "predicted", "n", "share"]
MAX_CLASSES = 64  # above which no one reads the matrix


def confusion(predictions: pd.DataFrame) -> pd.DataFrame:
    """The confusion matrix of every model on every data set.

    Input: predictions of one protocol with the columns label and predicted, categories of the same classes. Output:
    dataset, model, label, predicted, n (images, the mean over runs), share (of the label's images, 0-1; the rows of a
    label sum to 1); labels that have images, in the order of the classes, each with every class that was answered or
    has images. No rows for more than 64 classes.
    """
    columns = ["dataset", "model", "seed", "label", "predicted"]
    if not {"label", "predicted"} <= {*predictions}:
        return pd.DataFrame(columns=COLUMNS)
    found = [set_rows(dataset, part) for dataset, part in split_sets(predictions[columns])]
    found = [part for part in found if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def set_rows(dataset: str, part: pd.DataFrame) -> pd.DataFrame:
    """The rows of one set."""
    classes = np.array(part["label"].cat.categories, dtype=object)
    label, predicted = (part[name].cat.codes.to_numpy() for name in ("label", "predicted"))
    present = np.union1d(label, predicted)
    if len(present) > MAX_CLASSES:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    codes, known = pd.factorize(part["model"])
    models, place = np.unique(np.array(list(map(str, known)), dtype=object), return_inverse=True)
    seeds = part["seed"].to_numpy()
    for number, model in enumerate(models):
        mine = place[codes] == number
        runs = seeds[mine]
        count = np.zeros((len(classes), len(classes)))
        np.add.at(count, (label[mine], predicted[mine]), 1 / len(np.unique(runs)))
        for i in np.flatnonzero(count.sum(axis=1)):
            total = count[i].sum()
            rows += [(dataset, model, classes[i], classes[j], count[i, j], count[i, j] / total) for j in present]
    return pd.DataFrame(rows, columns=COLUMNS)
