"""False alarms: how much of what is to be found is found at so many false alarms an image (FROC)."""

from collections.abc import Sequence

import numpy as np

from kogen.boxes.average_precisions import MAX_CELLS
from kogen.boxes.matching import ClassMatches

RATES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)  # false alarms an image at which curves are read (LUNA16)


def sensitivities(
    matches: Sequence[ClassMatches], weights: np.ndarray, rates: Sequence[float] = RATES, level: int = 0
) -> np.ndarray:
    """The share (R, F) of all boxes, of any class, that is found at no more than so many false alarms an image.

    `weights` (R, N): how often each image counts; `level`: which of the overlaps. One threshold of the score for all
    classes; boxes of one score are called together or not at all, so every point can be had. NaN where nothing is to
    be found.
    """
    score = np.concatenate([one.score for one in matches])
    order = np.argsort(-score, kind="stable")
    image, hit, counts = (
        np.concatenate([part(one) for one in matches])[order]
        for part in (lambda one: one.image, lambda one: one.hit[0, level], lambda one: one.counts[0, level])
    )
    score = score[order]
    ends = np.flatnonzero(np.diff(score, append=-np.inf) < 0)  # the last box of each score
    wanted = np.sum([one.wanted[0] for one in matches], axis=0)  # (N,)
    out = np.empty((len(weights), len(rates)))
    step = max(MAX_CELLS // max(len(image), len(wanted), 1), 1)
    for start in range(0, len(weights), step):
        part = weights[start : start + step].astype(np.float64)
        each, images, total = part[:, image], part.sum(axis=1), part @ wanted
        right = np.cumsum(each * hit, axis=1)[:, ends]
        wrong = np.cumsum(each * (counts & ~hit), axis=1)[:, ends]
        right = np.pad(right, ((0, 0), (1, 0)))  # nothing is called
        for place, rate in enumerate(rates):
            last = (wrong <= rate * images[:, None] + 1e-9).sum(axis=1)
            found = right[np.arange(len(part)), last]
            out[start : start + step, place] = np.where(total > 0, found / np.maximum(total, 1e-300), np.nan)
    return out


def threshold_at(matches: Sequence[ClassMatches], rate: float, level: int = 0) -> float:
    """The lowest score with no more than so many false alarms an image; infinite where every score has more."""
    score = np.concatenate([one.score for one in matches])
    wrong = np.concatenate([one.counts[0, level] & ~one.hit[0, level] for one in matches])
    order = np.argsort(-score, kind="stable")
    score, wrong = score[order], np.cumsum(wrong[order])
    ends = np.flatnonzero(np.diff(score, append=-np.inf) < 0)  # boxes of one score are called together
    allowed = ends[wrong[ends] <= rate * matches[0].wanted.shape[1] + 1e-9]
    return float(score[allowed[-1]]) if len(allowed) else np.inf
