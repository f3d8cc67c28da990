"""Windows of a tape: where they begin, which are left out and why, and their values, cut when they are asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kogen.common.speech.progress import progress_bar
from kogen.data.image_facts import content_id
from kogen.data.lazy_pixels import row_numbers
from kogen.data.series.recording import CHANGE, GAP
from kogen.data.series.tape import Tape

CHUNK = 4096  # windows read at once


@dataclass(frozen=True)
class Cuts:
    """Where the windows of a tape begin, and how many are left out."""

    starts: np.ndarray  # (N,) int64, the first sample on the tape
    recording: np.ndarray  # (N,) int64
    piece: np.ndarray  # (N,) int64
    left_out: dict[str, int]  # windows across a GAP, across a CHANGE of the label, with a value that is missing (HOLE)
    rest: int  # samples at the ends of recordings, too few for a window
    short: np.ndarray  # (S,) int64, recordings that are shorter than a window


HOLE = "hole"


def cut_windows(tape: Tape, window: int, stride: int) -> Cuts:
    """Windows of `window` samples, every `stride` samples from the beginning of each recording.

    A window lies in one piece of one recording, and has all its values.
    """
    begin, end = (np.array(tape.recordings[key], np.int64) for key in ("start", "stop"))
    counts = np.maximum((end - begin - window) // stride + 1, 0)
    recording = np.repeat(np.arange(len(begin)), counts)
    number = np.arange(len(recording)) - np.repeat(np.cumsum(counts) - counts, counts)  # within its recording
    starts = begin[recording] + number * stride
    pieces = tape.pieces
    piece = np.searchsorted(pieces["start"], starts, side="right") - 1
    across = starts + window > pieces["stop"][piece] if len(starts) else np.empty(0, bool)
    why = pieces["cut"][np.minimum(piece + 1, len(pieces["cut"]) - 1)] if len(starts) else np.empty(0, object)
    holes = np.array(tape.record["holes"], np.int64).reshape(-1, 2)
    next_hole = np.searchsorted(holes[:, 1], starts, side="right")  # the first that ends within or after the window
    reached = np.r_[holes[:, 0], np.iinfo(np.int64).max][next_hole] < starts + window
    left_out = {cause: int((across & (why == cause)).sum()) for cause in (GAP, CHANGE)}
    left_out[HOLE] = int((reached & ~across).sum())
    kept = ~across & ~reached
    rest = int((end - begin - np.where(counts > 0, (counts - 1) * stride + window, 0))[counts > 0].sum())
    return Cuts(starts[kept], recording[kept], piece[kept], left_out, rest, np.flatnonzero(counts == 0))


class Windows:
    """The values of windows (N, C, T) float32 of a tape; overlapping ones are stored once.

    Each is compared with its content id when it is first read. ValueError where the file has changed since.
    """

    def __init__(self, values: np.ndarray, starts: np.ndarray, window: int, ids: np.ndarray, place: str) -> None:
        self.starts, self.ids, self.place = starts, ids, place
        self.shape, self.dtype = (len(starts), values.shape[1], window), np.dtype(np.float32)
        self._views = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)  # (L - T + 1, C, T)
        self._unread = np.ones(len(starts), bool)

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = row_numbers(index, len(self.starts))
        cut = np.ascontiguousarray(self._views[self.starts[rows]])
        for place in np.flatnonzero(np.atleast_1d(self._unread[rows])).tolist():
            row = int(np.atleast_1d(rows)[place])
            if content_id(cut if rows.ndim == 0 else cut[place]) != self.ids[row]:
                raise ValueError(f"the stored series in {self.place} are damaged: delete this folder, and start again")
            self._unread[row] = False
        return cut


def window_ids(values: np.ndarray, starts: np.ndarray, window: int, *, progress: bool = True) -> np.ndarray:
    """Content ids (N,) of windows of values (L, C)."""
    ids = np.empty(len(starts), "<U16")
    if not len(starts):
        return ids
    views = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    with progress_bar("naming windows", show=progress, transient=True) as report:
        for first in range(0, len(starts), CHUNK):
            cut = np.ascontiguousarray(views[starts[first : first + CHUNK]])
            ids[first : first + len(cut)] = [content_id(one) for one in cut]
            report(first + len(cut), len(starts))
    return ids
