"""What is said of recorded values: still channels, clipped sensors, huge values; and nothing of sound ones."""

import numpy as np

from kogen.data.series.tape_facts import in_runs, tape_notes


def sound(length: int = 400) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(length, 3)).astype(np.float32)


NAMES = ("u", "v", "w")


def test_nothing_is_said_of_sound_values():
    assert tape_notes(sound(), [(0, 200), (200, 400)], NAMES) == []


def test_still_channels_are_said_by_name():
    values = sound()
    values[:, 1] = 22.5
    values[200:, 2] = 1
    notes = tape_notes(values, [(0, 200), (200, 400)], NAMES)
    assert notes == [
        "channels that never change: v (22.5)",
        "channels that do not change within a recording: w in 1 of 2",
    ]


def test_a_clipped_sensor_is_said_with_its_share():
    values = sound()
    values[:, 0] = np.clip(np.sin(np.arange(400) / 10), -0.8, 0.8)
    share = (np.abs(values[:, 0]) == np.float32(0.8)).mean()
    (note,) = tape_notes(values, [(0, 400)], NAMES)
    assert note == f"channels that may be clipped, by samples that stay at the least or largest value: u ({share:.1%})"


def test_huge_values_and_channels_without_any_are_said():
    values = sound()
    values[7, 0], values[:, 2] = 1e30, np.nan
    notes = tape_notes(values, [(0, 400)], NAMES)
    assert "channels with huge values, which may be a code for none: u (1e+30)" in notes
    assert "channels without any value: w" in notes


def test_runs_are_counted_as_by_hand():
    hits = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1], bool)[:, None]
    assert in_runs(hits).tolist() == [7]
    assert in_runs(hits[:2]).tolist() == [0]
