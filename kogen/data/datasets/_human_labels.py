"""What people chose: a file of counts or shares per image and class, checked against the images it speaks of."""

from dataclasses import replace

import numpy as np

from kogen.common.text import join_names
from kogen.data.array_files import NpzFile
from kogen.data.images import Images


def read_label_shares(path: str, own: np.ndarray, classes: int) -> np.ndarray:
    """The share of people who chose each class, (N, K) float32, rows of sum 1, for images with labels `own` (N,).

    The file is an .npz with `counts` or `probs` (N, K), classes in the order of the images' own; `test_labels`, where
    it has them, must be the images' labels: this checks the order. Raises ValueError where it does not fit.
    """
    file = NpzFile(path)
    key = next((key for key in ("counts", "probs") if key in file), None)
    if key is None:
        raise ValueError(
            f"{path} holds {join_names(file.keys) or 'nothing'}; wanted counts or probs, (images, classes)"
        )
    header = file.header(key)
    if header.shape != (len(own), classes) or header.dtype.kind not in "iuf":
        raise ValueError(
            f"{path}: {key} is {header}, wanted numbers of shape {(len(own), classes)}: "
            "one row for each image, one column for each class"
        )
    if "test_labels" in file:
        same_length = file.header("test_labels").shape == own.shape
        differ = np.flatnonzero(file.read("test_labels") != own) if same_length else []
        if not same_length or len(differ):
            where = f"first at image {differ[0]}" if same_length else "of another length"
            got = f"the labels in {path} are not those of the images ({where})"
            raise ValueError(f"{got}: the order must be the same")
    found = file.read(key).astype(np.float64)
    total = found.sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(total[:, 0]) | (found < 0).any(axis=1) | (total[:, 0] <= 0))
    if len(wrong):
        row = f"[{join_names(found[wrong[0]].tolist())}]"
        raise ValueError(f"{path}: {key} of image {wrong[0]} is {row}, wanted 0 or more, not all 0")
    return (found / total).astype(np.float32)


def relabel_by_majority(images: Images, shares: np.ndarray) -> Images:
    """The images with people's shares (N, K) as answers, and as label what most chose, among equals the old label."""
    most = shares == shares.max(axis=1, keepdims=True)  # (N, K)
    kept = (images.labels >= 0) & most[np.arange(len(images)), images.labels]
    return replace(images, answers=shares, labels=np.where(kept, images.labels, most.argmax(axis=1)), digest="")
