"""Windows: cut against a slow twin, checked when they are read, and never from two recordings."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.data.series.recording import CHANGE, GAP
from kogen.data.series.tape import Tape
from kogen.data.series.windows import HOLE, Windows, cut_windows, window_ids


@st.composite
def tapes(draw) -> Tape:
    """Recordings of some pieces each, with holes."""
    recordings, pieces = {"start": [], "stop": []}, {"recording": [], "start": [], "stop": [], "cut": [], "label": []}
    length = 0
    for number in range(draw(st.integers(1, 4))):
        recordings["start"].append(length)
        for part in range(draw(st.integers(1, 4))):
            size = draw(st.integers(1, 12))
            cut = draw(st.sampled_from([GAP, CHANGE])) if part else ""
            for key, value in zip(pieces, (number, length, length + size, cut, ""), strict=True):
                pieces[key].append(value)
            length += size
        recordings["stop"].append(length)
    missing = sorted(draw(st.sets(st.integers(0, length - 1), max_size=4)))
    record = {"recordings": recordings, "pieces": pieces, "holes": [[one, one + 1] for one in missing]}
    return Tape(Path(), record)


@given(tapes(), st.integers(2, 7), st.integers(1, 7))
def test_windows_are_those_of_a_slow_twin(tape: Tape, window: int, stride: int):
    cuts = cut_windows(tape, window, stride)
    pieces, holes = tape.pieces, {start for start, _ in tape.record["holes"]}
    kept, out, rest, short = [], {GAP: 0, CHANGE: 0, HOLE: 0}, 0, []
    bounds = zip(tape.recordings["start"], tape.recordings["stop"], strict=True)
    for recording, (begin, end) in enumerate(bounds):
        start = begin
        while start + window <= end:
            within = [
                piece
                for piece in range(len(pieces["start"]))
                if pieces["start"][piece] <= start and start + window <= pieces["stop"][piece]
            ]
            edges = [place for place in range(start + 1, start + window) if place in pieces["start"].tolist()]
            if edges:
                out[pieces["cut"][pieces["start"].tolist().index(edges[0])]] += 1
            elif holes & set(range(start, start + window)):
                out[HOLE] += 1
            else:
                kept.append((start, recording, within[0]))
            start += stride
        short += [recording] if end - begin < window else []
        rest += 0 if end - begin < window else end - (start - stride + window)
    assert list(zip(cuts.starts.tolist(), cuts.recording.tolist(), cuts.piece.tolist(), strict=True)) == kept
    assert (cuts.left_out, cuts.rest, cuts.short.tolist()) == (out, rest, short)


VALUES = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
STARTS = np.array([0, 5, 10, 31])


def windows() -> Windows:
    return Windows(VALUES.copy(), STARTS, 8, window_ids(VALUES, STARTS, 8, progress=False), "PLACE")


@pytest.mark.parametrize("index", [2, -1, slice(1, 3), np.array([3, 0, 0]), np.array([True, False, False, True])])
def test_windows_are_those_values_whatever_the_index(index):
    whole = np.stack([VALUES[start : start + 8].T for start in STARTS])
    found = windows()[index]
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, whole[index])


def test_a_damaged_value_is_never_used():
    read = windows()
    damaged = VALUES.copy()
    damaged[33, 1] += 1
    odd = Windows(damaged, STARTS, 8, read.ids, "PLACE")
    odd[np.array([0, 1, 2])]
    with pytest.raises(ValueError, match="the stored series in PLACE are damaged: delete this folder"):
        odd[np.array([0, 3])]
