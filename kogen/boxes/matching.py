"""Matching: which found box is which true one, by COCO's rule, for several overlaps and sizes at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kogen.boxes.image_boxes import FoundBoxes, ImageBoxes

OVERLAPS = np.linspace(0.5, 0.95, 10)  # intersection over union from which a box counts as found (COCO)
SMALL, LARGE, ENDLESS = 32.0**2, 96.0**2, 1e10  # square pixels
SIZES = {"all": (0.0, ENDLESS), "small": (0.0, SMALL), "medium": (SMALL, LARGE), "large": (LARGE, ENDLESS)}
MOST = 100  # found boxes of an image and a class that count, the surest


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """What was found of one class on N images, the surest first, and what there was to find; S sizes, T overlaps.

    A found box counts unless its match need not be found, or it has no match and is of another size.
    """

    image: np.ndarray  # (D,) int64, the image of each found box
    place: np.ndarray  # (D,) int64, its place among those found on its image
    score: np.ndarray  # (D,) falling
    match: np.ndarray  # (S, T, D) int64, the true box on that image that it is; -1 for none
    hit: np.ndarray  # (S, T, D) bool, it found a box that was to be found
    counts: np.ndarray  # (S, T, D) bool, it is right or wrong
    wanted: np.ndarray  # (S, N) int64, how many boxes were to be found on each image


def overlaps(found: np.ndarray, true: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (d, 4) and (g, 4), (d, g); over the found box alone for a crowd."""
    found, true = found.astype(np.float64), true.astype(np.float64)
    low = np.maximum(found[:, None, :2], true[None, :, :2])
    high = np.minimum(found[:, None, 2:], true[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)  # (d, g)
    mine, theirs = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (found, true))
    union = np.where(crowd[None], mine[:, None], mine[:, None] + theirs[None] - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match_boxes(overlap: np.ndarray, optional: np.ndarray, again: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The true box that each found one is matched with, (S, T, d); -1 for none.

    `overlap` (d, g), the surest found box first; `optional` (S, g): true boxes that need not be found, by size;
    `again` (g,): those that several found boxes may have; `least` (T,): the overlaps wanted. In turn each found box
    takes, of the true ones that are free, that of the largest overlap, one that is to be found before any other; of
    equals the last, as COCO's own code does.
    """
    d, g = overlap.shape
    match = np.full((len(optional), len(least), d), -1, np.int64)
    if not g:
        return match
    least = np.minimum(least, 1 - 1e-10)[None, :, None]  # (1, T, 1)
    free = np.ones((len(optional), least.shape[1], g), bool)
    for row in np.flatnonzero(overlap.max(axis=1) >= least.min()):
        able = (overlap[row] >= least) & (free | again)  # (S, T, g)
        value = np.where(able, overlap[row], -1)
        first = np.where(optional[:, None], -1, value)
        value = np.where(first.max(axis=2, keepdims=True) >= 0, first, value)
        chosen = g - 1 - value[..., ::-1].argmax(axis=2)  # (S, T)
        taken = np.take_along_axis(value, chosen[..., None], axis=2)[..., 0] >= 0
        match[:, :, row] = np.where(taken, chosen, -1)
        size, level = np.nonzero(taken)
        free[size, level, chosen[size, level]] = False
    return match


def match_class(
    true: Sequence[ImageBoxes],
    found: Sequence[FoundBoxes],
    label: int,
    sizes: Sequence[tuple[float, float]] = tuple(SIZES.values()),
    least: np.ndarray = OVERLAPS,
) -> ClassMatches:
    """What was found of one class on all images, of a run; images in one order."""
    low, high = np.array(sizes, np.float64).reshape(-1, 2).T[..., None]  # (S, 1)
    parts, wanted = [], []
    for image, (here, seen) in enumerate(zip(true, found, strict=True)):
        mine = np.flatnonzero(here.classes == label)
        order = np.flatnonzero(seen.classes == label)
        order = order[np.argsort(-seen.scores[order], kind="stable")][:MOST]
        area = here.areas[mine]
        optional = here.ignored[mine] | (area < low) | (area > high)  # (S, g)
        wanted.append((~optional).sum(axis=1))
        if not len(order):
            continue
        overlap = overlaps(seen.corners[order], here.corners[mine], here.crowd[mine])
        match = match_boxes(overlap, optional, here.ignored[mine], least)  # (S, T, d)
        corners = seen.corners[order].astype(np.float64)
        own = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
        other_size = (own < low) | (own > high)  # (S, d)
        lost = match < 0
        beside = np.take_along_axis(optional[:, None], np.maximum(match, 0), axis=2) if len(mine) else lost
        hit = ~lost & ~beside
        counts = hit | (lost & ~other_size[:, None])
        known = np.where(lost, -1, mine[np.maximum(match, 0)]) if len(mine) else match
        parts.append((np.full(len(order), image), order, seen.scores[order], known, hit, counts))
    return join_matches(parts, np.stack(wanted, axis=1), len(least))


def join_matches(parts: list[tuple[np.ndarray, ...]], wanted: np.ndarray, levels: int) -> ClassMatches:
    """The matches of several images as those of one set, the surest first; of equals those of the earlier image."""
    if not parts:
        none = np.zeros((len(wanted), levels, 0))
        empty = np.zeros(0, np.int64)
        return ClassMatches(empty, empty, none[0, 0], none.astype(np.int64), none > 0, none > 0, wanted)
    image, place, score, match, hit, counts = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    order = np.argsort(-score.astype(np.float64), kind="stable")
    arranged = (image[order], place[order], score[order].astype(np.float64))
    return ClassMatches(*arranged, match[..., order], hit[..., order], counts[..., order], wanted)
