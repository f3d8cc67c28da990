"""Times of samples: how many a second, where samples are missing, and times that cannot be."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kogen.data.series.recording import Refused

GAP_STEPS = 1.5  # a step that is longer than so many usual ones: samples are missing
UNEVEN = 0.1  # a step that differs from the usual one by more than this share is uneven
UNEVEN_SHARE = 0.01  # of steps, above which it is said
SINCE_1970 = 1e11  # a time that is larger is none in seconds


class Clock(NamedTuple):
    """What the times of a recording say."""

    rate: float  # samples a second; 0 where times only count samples
    gaps: np.ndarray  # (G,) int64, the samples before which others are missing
    counted: bool  # times are numbers of samples, 1 apart
    uneven: float  # share of the steps that are neither usual nor a gap


def read_clock(seconds: np.ndarray, where: Callable[[int], str]) -> Clock:
    """The clock of samples at these times (L,); `where` says which file and row a sample is.

    Refused for times that are missing, stand still or run backwards.
    """
    if len(odd := np.flatnonzero(~np.isfinite(seconds))):
        raise Refused(f"{where(int(odd[0]))} has no time: fill it in, or leave the row out")
    if len(seconds) and np.abs(seconds).max() > SINCE_1970:
        row = int(np.abs(seconds).argmax())
        raise Refused(
            f"{where(row)} has the time {seconds[row]:.17g}, no time in seconds: call the column time_ms, time_us or "
            "time_ns, or read none with columns=time=none and give own_rate="
        )
    steps = np.diff(seconds)
    if len(odd := np.flatnonzero(steps <= 0)):
        row = int(odd[0]) + 1
        how = "stands twice" if steps[odd[0]] == 0 else f"is before that of the row above, {seconds[row - 1]:.17g}"
        cure = "sort the rows, keep one for each time, and name each recording in a column `recording`"
        raise Refused(f"{where(row)}: the time {seconds[row]:.17g} {how}: {cure}")
    if not len(steps):
        return Clock(0.0, np.empty(0, np.int64), False, 0.0)
    usual = float(np.median(steps))
    is_gap = steps > GAP_STEPS * usual
    uneven = float((~is_gap & (np.abs(steps - usual) > UNEVEN * usual)).mean())
    counted = usual == 1 and bool((seconds == np.floor(seconds)).all())
    rate = 0.0 if counted else float(1 / steps[~is_gap].mean())
    return Clock(rate, np.flatnonzero(is_gap) + 1, counted, uneven)
