"""What people chose: a file of counts or shares per image and class, checked against the images it speaks of."""

import zipfile
from dataclasses import replace

import numpy as np

from kogen.data.images import Images


def read_label_shares(path: str, own: np.ndarray, classes: int) -> np.ndarray:
    """The share of people who chose each class, (N, K) float32, rows of sum 1, for images with labels `own` (N,).

    The file is an .npz with `counts` or `probs` (N, K), classes in the order of the images' own; `test_labels`, where
    it has them, must be the images' labels: this checks the order. Raises ValueError where it does not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            key = next((key for key in ("counts", "probs") if key in file.files), None)
            found = None if key is None else np.asarray(file[key])
            labels = np.asarray(file["test_labels"]) if "test_labels" in file.files else None
            held = ", ".join(file.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read what people chose from {path}: {error}; give an .npz of numbers") from error
    if found is None:
        raise ValueError(f"{path} holds {held or 'nothing'}; wanted counts or probs, (images, classes)")
    if found.shape != (len(own), classes) or found.dtype.kind not in "iuf":
        raise ValueError(
            f"{path}: {key} is {found.dtype} of shape {found.shape}, wanted numbers of shape {(len(own), classes)}: "
            "one row for each image, one column for each class"
        )
    if labels is not None and not np.array_equal(labels, own):
        same_length = labels.shape == own.shape
        where = f"first at image {np.flatnonzero(labels != own)[0]}" if same_length else "of another length"
        raise ValueError(f"the labels in {path} are not those of the images ({where}): the order must be the same")
    found = found.astype(np.float64)
    total = found.sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1) | (found < 0).any(axis=1) | (total[:, 0] <= 0))
    if len(wrong):
        row = found[wrong[0]].tolist()
        raise ValueError(f"{path}: {key} of image {wrong[0]} is {row}, wanted 0 or more, not all 0")
    return (found / total).astype(np.float32)


def relabel_by_majority(images: Images, shares: np.ndarray) -> Images:
    """The images with people's shares (N, K) as answers, and as label what most chose, among equals the old label."""
    most = shares == shares.max(axis=1, keepdims=True)  # (N, K)
    kept = (images.labels >= 0) & most[np.arange(len(images)), images.labels]
    return replace(images, answers=shares, labels=np.where(kept, images.labels, most.argmax(axis=1)), digest="")
