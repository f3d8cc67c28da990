"""Holding out: labelled images that are never trained on, the same share of every class, groups of images whole."""

from collections.abc import Mapping, Sequence

import numpy as np

from kogen.common.text import join_names
from kogen.data.images import Images
from kogen.data.near_copies import connected_parts, merged_ids

HELD_OUT = 0.2  # share of the labelled images of each class


def hold_out(
    images: Images, seed: int = 0, copies: Mapping[str, str] | None = None
) -> tuple[Images, Images, list[str]]:
    """The images to train on, the labelled ones held out, and sentences on what could not be done.

    About HELD_OUT of every class, at least one image; images of a cluster, and copies of an image, equal ones and those
    of `copies` (see find_copies), stay on one side. A class that lies in one group stays in train. ValueError where
    no group can be held out.
    """
    ids = merged_ids(images, copies or {})
    group = connected_groups(*(np.unique(of, return_inverse=True)[1] for of in (ids, images.clusters)))
    labelled = np.flatnonzero(images.labels >= 0)
    numbers, group_of = np.unique(group[labelled], return_inverse=True)
    counts = count_classes(group_of, images.labels[labelled], len(images.classes))
    chosen = choose_groups(counts, np.bincount(images.labels[labelled], minlength=len(images.classes)), seed)
    if not chosen:
        if len(labelled) == len(set(images.labels[labelled])):
            got = f"each of the {len(labelled)} labels of {images.name or 'the set'} stands at one image alone"
            raise ValueError(f"{got}: are they names or ids? Choose the column of classes (--columns label=NAME)")
        got = f"the labelled images (groups by clusters and copies: {len(numbers)})"
        raise ValueError(f"{got} cannot be cut in two: give --test")
    out = np.isin(group, numbers[chosen])
    test = images.subset(np.flatnonzero(out & (images.labels >= 0)))
    missing = sorted(set(images.labels[labelled]) - set(test.labels))
    names = join_names([images.classes[number] for number in missing])
    notes = [f"not judged on, because all of its images are one group or one image: {names}"] if missing else []
    return images.subset(np.flatnonzero(~out)), test, notes


def connected_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The group of each item, (N,): items that share a value of `first` or of `second`, (N,) each, are in one group."""
    others = second + first.max() + 1
    return connected_parts(first, others, int(others.max()) + 1)[first]


def count_classes(groups: np.ndarray, labels: np.ndarray, classes: int) -> list[dict[int, int]]:
    """Of each group its classes and the number of its images in each; groups and labels (N,)."""
    pairs, counts = np.unique(groups.astype(np.int64) * classes + labels, return_counts=True)
    found: list[dict[int, int]] = [{} for _ in range(int(groups.max()) + 1)]
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        found[pair // classes][pair % classes] = count
    return found


def choose_groups(groups: Sequence[dict[int, int]], totals: np.ndarray, seed: int) -> list[int]:
    """Numbers of the groups to hold out, drawn so that each class gets its share, and one group of it is left.

    First groups in a random order that fit into what the classes still lack; then, for a class that got none, its
    smallest group if that is at most half of it.
    """
    left = np.zeros(len(totals), np.int64)  # groups of each class that are not chosen
    for classes in groups:
        left[list(classes)] += 1
    lacks = np.where(left > 1, np.clip(np.rint(HELD_OUT * totals), 1, totals), 0).astype(np.int64)
    taken, chosen = np.zeros(len(totals), np.int64), []

    def take(number: int) -> None:
        chosen.append(number)
        for label, count in groups[number].items():
            taken[label] += count
            left[label] -= 1

    for number in np.random.default_rng(seed).permutation(len(groups)).tolist():
        if all(left[label] > 1 and taken[label] + n <= lacks[label] for label, n in groups[number].items()):
            take(number)
    smallest = sorted(range(len(groups)), key=lambda number: sum(groups[number].values()))
    for label in np.flatnonzero((taken == 0) & (lacks > 0)).tolist():
        fits = (number for number in smallest if label in groups[number] and number not in chosen)
        for number in fits:
            if all(left[of] > 1 and taken[of] + n <= totals[of] / 2 for of, n in groups[number].items()):
                take(number)
                break
    return chosen
