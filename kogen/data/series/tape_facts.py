"""What a person must know of recorded values: channels that never change, sensors that are clipped, huge values."""

from collections.abc import Sequence

import numpy as np

from kogen.common.text import join_names

RUN = 3  # samples in a row at the least or largest value of a recording that look clipped
CLIPPED_SHARE = 0.005  # of the samples of a channel, above which it is said
HUGE = 1e15  # a value of this size is said: it may be a code for none
BLOCK = 1 << 20  # samples looked at at once


def tape_notes(values: np.ndarray, bounds: Sequence[tuple[int, int]], names: Sequence[str]) -> list[str]:
    """Sentences on values (L, C) whose recordings lie at `bounds`; `names` (C,) are the channels, recordings are named
    by `bounds` alone.

    Missing values (NaN) are passed over.
    """
    channels = values.shape[1]
    low, high = np.full((len(bounds), channels), np.inf), np.full((len(bounds), channels), -np.inf)
    clipped, known = np.zeros(channels), np.zeros(channels)
    for number, (start, stop) in enumerate(bounds):
        for first in range(start, stop, BLOCK):
            part = values[first : min(first + BLOCK, stop)]
            low[number] = np.fmin(low[number], np.fmin.reduce(part, axis=0))
            high[number] = np.fmax(high[number], np.fmax.reduce(part, axis=0))
        moves = high[number] > low[number]
        for first in range(start, stop, BLOCK):
            part = values[first : min(first + BLOCK, stop)]
            known += np.isfinite(part).sum(axis=0)
            clipped += moves * (in_runs(part == low[number]) + in_runs(part == high[number]))
    notes = _constant_notes(low, high, names)
    share = clipped / np.maximum(known, 1)
    if odd := np.flatnonzero(share > CLIPPED_SHARE).tolist():
        said = join_names([f"{names[channel]} ({share[channel]:.1%})" for channel in odd])
        notes.append(f"channels that may be clipped, by samples that stay at the least or largest value: {said}")
    with np.errstate(invalid="ignore"):
        most = np.fmax(np.abs(low), np.abs(high)).max(axis=0, initial=0)
    if odd := np.flatnonzero(np.isfinite(most) & (most > HUGE)).tolist():
        said = join_names([f"{names[channel]} ({most[channel]:.3g})" for channel in odd])
        notes.append(f"channels with huge values, which may be a code for none: {said}")
    return notes


def in_runs(hits: np.ndarray) -> np.ndarray:
    """How many samples (C,) of hits (L, C) lie in runs of RUN or more."""
    length = len(hits)
    if length < RUN:
        return np.zeros(hits.shape[1])
    inside = np.zeros(hits.shape, bool)
    whole = np.logical_and.reduce([hits[place : length - RUN + 1 + place] for place in range(RUN)])
    for place in range(RUN):
        inside[place : length - RUN + 1 + place] |= whole
    return inside.sum(axis=0)


def _constant_notes(low: np.ndarray, high: np.ndarray, names: Sequence[str]) -> list[str]:
    """Sentences on channels that never change, in all recordings or in some, from their ranges (R, C)."""
    still, known = low == high, low <= high
    same = np.array([len(np.unique(low[known[:, c], c])) <= 1 for c in range(low.shape[1])])
    always = still.all(axis=0) & same
    notes = []
    if always.any():
        said = join_names([f"{names[channel]} ({low[0, channel]:.6g})" for channel in np.flatnonzero(always).tolist()])
        notes.append(f"channels that never change: {said}")
    some = still.any(axis=0) & ~always
    if some.any():
        said = join_names([f"{names[c]} in {still[:, c].sum()} of {len(low)}" for c in np.flatnonzero(some).tolist()])
        notes.append(f"channels that do not change within a recording: {said}")
    empty = (~known).all(axis=0)
    if empty.any():
        notes.append(f"channels without any value: {join_names([names[c] for c in np.flatnonzero(empty).tolist()])}")
    return notes
