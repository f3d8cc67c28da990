"""Writing a tape: channels, rates and holes, resampling, and nothing left of what failed."""

from pathlib import Path

import numpy as np
import pytest

from kogen.data.series.recording import GAP, Block, Reading, Recording, Refused
from kogen.data.series.tape_writer import TapeWriter, resample


def record(values, name: str = "a.csv", **said) -> Recording:
    blocks = values if isinstance(values, list) and isinstance(values[0], Block) else [Block(np.asarray(values, float))]
    return Recording(name, blocks, blocks[0].values.shape[1], **said)


def written(folder: Path, *recordings: Recording, **reading) -> tuple[np.ndarray, dict]:
    writer = TapeWriter(folder / "values", Reading(**reading))
    for number, one in enumerate(recordings):
        writer.add(one, number)
    about = writer.close()
    return np.fromfile(folder / "values", "<f4").reshape(-1, about["channels"]), about


def test_values_pieces_and_holes(tmp_path: Path):
    first = np.array([[1.0, 2], [3, np.nan], [np.inf, 6], [7, 1e39]])
    blocks = [Block(first, label="x"), Block(np.ones((2, 2)), GAP, "y"), Block(np.zeros((1, 2)), "", "y")]
    values, about = written(tmp_path, record(blocks), record(np.full((2, 2), 5.0), "b.csv"))
    assert values.shape == (9, 2)
    np.testing.assert_array_equal(values[:4], [[1, 2], [3, np.nan], [np.nan, 6], [7, np.nan]])
    assert about["holes"] == [[1, 4]]
    assert about["pieces"] == {
        "recording": [0, 0, 1],
        "start": [0, 4, 7],
        "stop": [4, 7, 9],
        "label": ["x", "y", ""],
        "cut": ["", GAP, ""],
    }
    assert about["recordings"]["start"] == [0, 7]
    assert about["recordings"]["stop"] == [7, 9]


def test_channels_are_put_into_the_order_of_the_first(tmp_path: Path):
    first = record([[1.0, 2.0]], channel_names=("u", "v"))
    values, _ = written(tmp_path, first, record([[4.0, 3.0]], "b.csv", channel_names=("v", "u")))
    assert values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("second", "reading", "message"),
    [
        (
            record([[1.0]], "b.csv"),
            {},
            r"a.csv has 2 channels \(u, v\), b.csv has 1 channel: choose those that all have",
        ),
        (record([[1.0, 2]], "b.csv", channel_names=("u", "w")), {}, r"a.csv has .*\(u, v\), b.csv has .*\(u, w\)"),
        (
            record([[1.0, 2]], "b.csv", channel_names=("u", "v"), rate=50),
            {},
            "a.csv has 100 samples a second and b.csv 50 samples a second: bring them to one rate, give rate=",
        ),
        (
            record([[1.0, 2]], "b.csv", channel_names=("u", "v")),
            {},
            "b.csv no rate that is known: bring them to one rate, give own_rate=",
        ),
        (
            record([[1.0, 2]], "b.csv", channel_names=("u", "v")),
            {"rate": 10},
            "b.csv does not say how many .*own_rate=",
        ),
        (
            record([[1.0, 2]], "b.csv", channel_names=("u", "v"), rate=100),
            {"own_rate": 30},
            "a.csv says itself that it has 100 samples a second, and own_rate = 30",
        ),
        (record([[1.0, 2]], channel_names=("u", "v"), rate=1e7), {"rate": 100}, "a rate of 1e-05 times .* too far"),
    ],
)
def test_recordings_that_do_not_belong_together_are_refused(second, reading, message: str, tmp_path: Path):
    with pytest.raises(Refused, match=message):
        written(tmp_path, record([[1.0, 2]], channel_names=("u", "v"), rate=100), second, **reading)


def test_rates_that_differ_by_rounding_are_one(tmp_path: Path):
    _, about = written(tmp_path, record([[1.0]], rate=99.98), record([[1.0]], rate=100.01), record([[1.0]], rate=100))
    assert about["rate"] == 100


def test_a_sine_is_resampled_to_a_sine_whatever_its_blocks():
    time = np.arange(1000) / 100
    wave = np.sin(2 * np.pi * 3 * time)[:, None]
    found = resample(wave, 0.5)
    assert len(found) == 500
    np.testing.assert_allclose(found[20:-20], wave[::2][20:-20], atol=2e-3)
    level = resample(np.full((300, 1), 9.0), 1.5)
    np.testing.assert_allclose(level, 9.0, rtol=1e-3)  # no ringing at the ends


def test_blocks_of_a_piece_are_resampled_as_one(tmp_path: Path):
    wave = np.sin(np.arange(400) / 9)[:, None]
    blocks = [Block(wave[:150]), Block(wave[150:300]), Block(wave[300:], GAP)]
    values, about = written(tmp_path, record(blocks, rate=100), rate=50)
    assert about["pieces"]["stop"] == [150, 200]
    np.testing.assert_array_equal(
        values, np.concatenate([resample(wave[:300], 0.5), resample(wave[300:], 0.5)]).astype("<f4")
    )


def test_nothing_is_left_of_a_recording_that_fails(tmp_path: Path):
    writer = TapeWriter(tmp_path / "values", Reading())

    def broken():
        yield Block(np.full((3, 1), np.nan))
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"), writer.or_nothing():
        writer.add(Recording("a", broken(), 1), 0)
    writer.add(record([[1.0, 2.0]]), 1)
    with pytest.raises(ValueError, match="cut off"), writer.or_nothing():
        writer.add(Recording("b", (block for block in (Block(np.ones((2, 2))), *broken())), 2), 2)
    about = writer.close()
    assert np.fromfile(tmp_path / "values", "<f4").tolist() == [1, 2]
    assert about["holes"] == []
    assert about["recordings"]["name"] == ["a.csv"]


def test_a_recording_without_samples_is_bad(tmp_path: Path):
    with pytest.raises(ValueError, match="it has no samples"):
        written(tmp_path, record(np.empty((0, 2))))
