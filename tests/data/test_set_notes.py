"""What is said of a set: its levels, images that look as if something went wrong."""

from pathlib import Path

import numpy as np
import pytest
from pictures import png, write_all

from kogen.data.levels import Levels, parse_levels, whole_levels
from kogen.data.open import open_images
from kogen.data.set_notes import set_notes


def facts(
    high: list[float], depth: int = 16, low: float = 0.0, ids: list[str] | None = None, mode: str = "I;16"
) -> dict:
    count = len(high)
    columns = {
        "low": [low] * count,
        "high": high,
        "depth": [depth] * count,
        "reason": [""] * count,
        "mode": [mode] * count,
    }
    columns["id"] = ids or [str(number) for number in range(count)]
    return {
        name: np.array(column, object if name in ("id", "reason", "mode") else None) for name, column in columns.items()
    }


def test_found_levels_are_said() -> None:
    (note,) = set_notes(facts([4095.0, 900.0, 800.0]), whole_levels(12), given=False)
    assert note == (
        "16-bit images do not say what is white: their largest value is 4,095, that of half of them at most 900; "
        "read as 12 bits; or give --depth"
    )
    (note,) = set_notes(facts([1.0, 0.5], 32, -0.5), Levels(-0.5, 1.0), given=False)
    assert note.startswith(
        "float images do not say what is white: black is -0.5 and white 1, the least and the largest"
    )


def test_given_levels_and_what_they_cut_off_are_said() -> None:
    (note,) = set_notes(facts([4095.0, 900.0]), whole_levels(12), given=True)
    assert note == "16-bit or float images: black is 0 and white 4,095, as given"
    (note,) = set_notes(facts([4095.0, 900.0]), parse_levels("0:1000"), given=True)
    assert note.endswith("as given; images with values outside, which are cut off: 1 of 2")


def test_eight_bits_need_no_word() -> None:
    assert set_notes(facts([255.0, 254.0], 8), None, given=False) == ()
    assert set_notes(facts([255.0], 8), whole_levels(12), given=True) == ()


@pytest.mark.parametrize(("constant", "said"), [(1, False), (2, True)])
def test_more_than_a_tenth_of_one_value_is_said_first(tmp_path: Path, monkeypatch, constant: int, said: bool) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    images = [
        np.full((8, 8), 40 + n, np.uint8) if n < constant else rng.integers(0, 255, (8, 8), dtype=np.uint8)
        for n in range(11)
    ]
    notes = open_images(write_all(tmp_path / "in", [png(image) for image in images], "png")).notes
    assert bool(notes) == said
    if said:
        assert notes[0] == "look at the images before you trust a result: of one value throughout 2 of 11"


def test_copies_are_said() -> None:
    (note,) = set_notes(facts([9.0, 9.0, 9.0], 8, ids=["a", "a", "b"]), None, given=False)
    assert note.endswith("the same as another, pixel for pixel, 1 of 3")


def test_dicom_is_said() -> None:
    (note,) = set_notes(facts([9.0], 8, mode="DICOM MONOCHROME2"), None, given=False)
    assert note.startswith("DICOM: slope and intercept are applied, the window of a viewer is not; for one window")
