"""The contact sheet of series: a picture that opens, small enough, the same for a seed, with the right lines."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kogen.augmentation.view_sets import view_set
from kogen.augmentation.waves import Wave, render_waves
from kogen.common.rng import StepRng
from kogen.data.images import Images
from kogen.data.series import line_sheet
from kogen.data.series.line_sheet import write_line_sheet


def recordings(count: int = 5, channels: int = 3, length: int = 200, rate: float = 0.0) -> Images:
    rng = np.random.default_rng(0)
    time, speed = np.arange(length) / length, rng.uniform(3, 9, (count, channels, 1))
    values = 7 + 2 * np.sin(2 * np.pi * speed * time) + rng.normal(0, 0.3, (count, channels, length))
    names = np.array([f"folder/run {i}.csv 0-2 s" for i in range(count)])
    names_of = tuple(f"axis {c}" for c in range(channels))
    every = (names, names, np.full(count, -1), (), names, np.ones(count, np.float32))
    return Images(values.astype(np.float32), *every, rate=rate, channel_names=names_of)


@pytest.mark.parametrize("name", ["motion", "process", "vibration"])
@pytest.mark.parametrize("channels", [1, 3, 11])
def test_a_sheet_opens_and_is_the_same_for_the_same_seed(tmp_path: Path, name: str, channels: int) -> None:
    images, pair = recordings(channels=channels), view_set(name, 200, channels=channels)
    for path, seed in ((tmp_path / "a.png", 0), (tmp_path / "b.png", 0), (tmp_path / "c.png", 1)):
        write_line_sheet(images, pair, path, seed=seed)
    first, again, other = ((tmp_path / f"{x}.png").read_bytes() for x in "abc")
    assert first == again
    assert first != other
    assert 5_000 < len(first) <= 300_000
    with Image.open(tmp_path / "a.png") as opened:
        seen = {tuple(colour) for colour in np.asarray(opened.convert("RGB")).reshape(-1, 3).tolist()}
    wanted = [tuple(bytes.fromhex(colour[1:])) for colour in line_sheet.COLOURS[: min(channels, 8)]]
    for colour in wanted:  # a palette of 256 colours may be off by little
        assert min(max(abs(a - b) for a, b in zip(colour, other, strict=True)) for other in seen) < 24, colour


def test_the_views_shown_are_those_that_are_rendered() -> None:
    values, pair = recordings().read(np.array([2])), view_set("motion", 100)
    shown = line_sheet.sheet_waves(values, pair, seed=5)
    assert shown.shape == (16, 3, 100)
    for number, which in ((0, 0), (7, 0), (8, 1), (15, 1)):
        wanted = render_waves(values, [pair[which]], StepRng(5, number, 1), tags=[str(which)])[0][0]
        assert torch.equal(shown[number], wanted)


def test_lines_go_through_their_values_each_in_its_lane() -> None:
    window = torch.stack([torch.linspace(-1, 1, 50), torch.zeros(50)])
    picture = np.asarray(line_sheet.draw_lines(window, line_sheet.line_limits([window, 2 * window]), (100, 80)))
    blue = (picture[..., 2].astype(int) - picture[..., 0]).clip(0)  # (80, 100), as the first colour is
    assert blue[40:].max() == 0  # the first lane is the upper half
    centre = 0.95 * 40 - 0.5 * 0.9 * 40  # 0 of a range of -2 to 2
    for x in (10, 50, 90):
        wanted = centre - (2 * (x + 0.5) / 100 - 1) * 0.9 * 40 / 4
        assert np.average(np.arange(80) + 0.5, weights=blue[:, x]) == pytest.approx(wanted, abs=0.7)


def test_a_sheet_says_how_long_the_window_is() -> None:
    assert line_sheet.title_of(recordings(rate=100.0), 1) == "run 1.csv 0-2 s, 2 s, 200 samples"
    assert line_sheet.title_of(recordings(), 1) == "run 1.csv 0-2 s, 200 samples"


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a sheet of views wants windows, got 0"):
        write_line_sheet(recordings(0), [Wave(size=8)], tmp_path / "sheet.png")
