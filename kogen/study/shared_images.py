"""Shared images: what a transfer set has in common with the other sets of its study; one of these again is refused."""

from collections.abc import Mapping, Sequence

import numpy as np

from kogen.data.images import Images
from kogen.data.near_copies import merged_ids, twins
from kogen.study.splits import MOSTLY

Sets = Mapping[str, Sequence[Images]]  # by what people call it, the parts of a set


def count_shared(parts: Sequence[Images], others: Sets, copies: Mapping[str, str]) -> dict[str, int]:
    """How many images of a set are also in each of the others, pixel for pixel or as near copies; none are left out."""
    counts = {name: sum(len(in_any(part, other, copies)) for part in parts) for name, other in others.items()}
    return {name: count for name, count in counts.items() if count}


def in_any(images: Images, others: Sequence[Images], copies: Mapping[str, str]) -> np.ndarray:
    """Positions (T,) in `images` of those that are in one of the others."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *(twins(images, one, copies) for one in others)]))


def refuse_same_task(parts: Sequence[Images], others: Sets, copies: Mapping[str, str]) -> None:
    """ValueError where most images of a part are in another set, and labelled there in the same way.

    What the labels are called does not count.
    """
    for part in parts:
        for name, other in others.items():
            mine = labels_by_id([part], copies)
            theirs = labels_by_id(other, copies)
            pairs = {(label, theirs[one]) for one, label in mine.items() if one in theirs}
            alike = len(pairs) == len({one for one, _ in pairs}) == len({one for _, one in pairs})
            found = len(in_any(part, other, copies))
            if len(pairs) > 1 and alike and found > MOSTLY * len(part):
                raise ValueError(
                    f"{found} of {len(part)} of its images are also in the set {name!r}, or near copies of images "
                    "there, and labelled there in the same way: that is no other task; give a set of its own, or "
                    "compare similar images by --shift NAME=SOURCE"
                )


def labels_by_id(parts: Sequence[Images], copies: Mapping[str, str]) -> dict[str, int]:
    """The label of each labelled image by its content id, or by that which stands for its near copies."""
    found: dict[str, int] = {}
    for images in parts:
        known = images.labels >= 0
        found |= zip(merged_ids(images, copies)[known].tolist(), images.labels[known].tolist(), strict=True)
    return found
