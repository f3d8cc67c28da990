"""Average precision of COCO from matched boxes: of all images, and of many resampled sets of them at once."""

from collections.abc import Mapping, Sequence

import numpy as np

from kogen.boxes.matching import OVERLAPS, SIZES, ClassMatches

RECALLS = np.linspace(0, 1, 101)  # at which COCO reads the precision
MAX_CELLS = 4_000_000  # weights of found boxes that are worked on at once, 32 MB
TINY = np.spacing(1)
NUMBERS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def precisions(matches: ClassMatches, weights: np.ndarray) -> np.ndarray:
    """Average precision (R, S, T), 0-1, of one class where each image counts as often as `weights` (R, N) say.

    NaN where nothing is to be found. Whole weights give what COCO's code gives for the set in which images stand there
    that often: matches of an image do not change with the others, so only the cumulative counts do.
    """
    sizes, levels, _ = matches.hit.shape
    ends = np.flatnonzero(matches.hit.any(axis=(0, 1)))  # beyond the last hit nothing counts
    image = matches.image[: ends[-1] + 1 if len(ends) else 0]
    out = np.empty((len(weights), sizes, levels))
    step = max(MAX_CELLS // max(len(image), len(matches.wanted[0]), 1), 1)
    for start in range(0, len(weights), step):
        part = weights[start : start + step].astype(np.float64)
        wanted = part @ matches.wanted.T.astype(np.float64)  # (r, S)
        each = part[:, image]  # (r, D)
        for size in range(sizes):
            total: dict[bytes, np.ndarray] = {}
            for level in range(levels):
                counts = matches.counts[size, level, : len(image)]
                key = counts.tobytes()
                if key not in total:  # mostly the same for every overlap
                    total = {key: np.cumsum(each if counts.all() else each * counts, axis=1)}
                places = np.flatnonzero(matches.hit[size, level])
                out[start : start + step, size, level] = area(each[:, places], total[key][:, places], wanted[:, size])
    return out


def area(hits: np.ndarray, called: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Average precision (r,) from the weights of the hits (r, H), the surest first, and of all boxes up to each (r, H).

    The precision only falls between two hits, so that its largest value at or beyond a recall is at a hit.
    """
    right = np.cumsum(hits, axis=1)
    precision = right / (called + TINY)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = np.divide(right, wanted[:, None], out=np.zeros_like(right), where=wanted[:, None] > 0)
    passed = np.searchsorted(RECALLS, recall, side="right")  # (r, H) recalls read at or before each hit
    share = np.diff(passed, axis=1, prepend=0)
    return np.where(wanted > 0, (highest * share).sum(axis=1) / len(RECALLS), np.nan)


def coco_numbers(found: np.ndarray) -> Mapping[str, np.ndarray]:
    """COCO's numbers, (...) each, 0-1, from average precisions (..., K, S, T): means of those that are not NaN."""
    sizes = list(SIZES)
    chosen = {"ap": found[..., 0, :], "ap50": found[..., 0, :1], "ap75": found[..., 0, [_level(0.75)]]}
    chosen |= {f"ap_{name}": found[..., sizes.index(name), :] for name in sizes[1:]}
    return {name: mean_of_known(values) for name, values in chosen.items()}


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """The mean over the last two axes of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    count = known.sum(axis=(-2, -1))
    total = np.where(known, values, 0).sum(axis=(-2, -1))
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def all_precisions(matches: Sequence[ClassMatches], weights: np.ndarray) -> np.ndarray:
    """`precisions` of every class, (R, K, S, T)."""
    return np.stack([precisions(one, weights) for one in matches], axis=1)


def _level(overlap: float) -> int:
    """The place of an overlap among those that are judged."""
    return int(np.argmin(np.abs(OVERLAPS - overlap)))


def recalls(matches: ClassMatches) -> np.ndarray:
    """The share (S, T) of one class's boxes that is found at all; NaN where nothing is to be found."""
    wanted = matches.wanted.sum(axis=1)[:, None]
    return np.divide(matches.hit.sum(axis=2), wanted, out=np.full(matches.hit.shape[:2], np.nan), where=wanted > 0)
