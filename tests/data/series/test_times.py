"""Times of samples: rates, gaps, counters, and times that cannot be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.data.series.recording import Refused
from kogen.data.series.times import read_clock


def where(row: int) -> str:
    return f"a.csv, row {row + 1}"


@given(st.integers(3, 200), st.floats(0.001, 100), st.data())
def test_gaps_are_found_where_samples_were_taken_out(length: int, rate: float, data):
    out = data.draw(st.sets(st.integers(1, length - 2), max_size=length // 8))
    kept = np.array([row for row in range(length) if row not in out])
    clock = read_clock(kept / rate + 17.0, where)
    expected = [place for place in range(1, len(kept)) if kept[place] - kept[place - 1] > 1]
    if (np.diff(kept) == 1).sum() <= len(expected):
        return  # most steps are gaps: nothing says what is usual
    assert clock.gaps.tolist() == expected
    if not clock.counted:
        assert clock.rate == pytest.approx(rate, rel=1e-3)


def test_times_that_count_samples_say_no_rate():
    clock = read_clock(np.arange(5.0), where)
    assert clock.counted
    assert clock.rate == 0
    assert not read_clock(np.arange(5.0) / 2, where).counted


def test_rounded_times_are_no_gaps_and_uneven_ones_are_counted():
    rounded = read_clock(np.round(np.arange(300) / 300, 3), where)
    assert not len(rounded.gaps)
    assert rounded.rate == pytest.approx(300, rel=2e-3)
    jumpy = np.cumsum(np.tile([0.01, 0.01, 0.012, 0.01], 25))
    assert read_clock(jumpy, where).uneven == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0, 0.1, 0.1, 0.2], r"a.csv, row 3: the time 0.1\d* stands twice: sort the rows"),
        ([0, 0.2, 0.1], r"a.csv, row 3: the time 0.1\d* is before that of the row above, 0.2"),
        ([0, np.nan, 0.2], "a.csv, row 2 has no time: fill it in"),
        ([0, np.inf], "a.csv, row 2 has no time"),
        ([1.7e12, 1.7e12 + 10], "a.csv, row 2 has the time 1700000000010, no time in seconds: call the column time_ms"),
    ],
)
def test_times_that_cannot_be_are_refused(times, message: str):
    with pytest.raises(Refused, match=message):
        read_clock(np.array(times, np.float64), where)


def test_one_sample_has_no_rate():
    assert read_clock(np.array([3.0]), where).rate == 0
