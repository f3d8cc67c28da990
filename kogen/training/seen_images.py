"""The images that a run was trained on, by content id: whoever judges it on other sets has to know them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kogen.common.files import write_atomically
from kogen.common.records import SEEN
from kogen.data.array_files import open_npy
from kogen.data.images import Images


def write_seen(folder: Path, images: Images) -> None:
    """Write the content ids of the images that a run is trained on."""
    ids = np.unique(_numbers(images))

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, ids)

    write_atomically(folder / SEEN, write)


def seen_among(images: Images, runs: Sequence[Path]) -> np.ndarray:
    """Positions (T,) of the images that one of the runs was trained on, pixel for pixel; near copies are not known.

    Runs without such a file were trained on nothing, or by an earlier version. ValueError for a damaged file.
    """
    numbers = _numbers(images)
    seen = np.zeros(len(images), bool)
    for run in runs:
        if (run / SEEN).exists():
            seen |= np.isin(numbers, np.asarray(open_npy(str(run / SEEN))))
    return np.flatnonzero(seen)


def _numbers(images: Images) -> np.ndarray:
    """The content ids (N,) as whole numbers."""
    return np.array([int(name, 16) for name in images.ids.tolist()], np.uint64)
