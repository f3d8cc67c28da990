"""Levels: how bits are found over a whole set, what may be asked for, how values are brought to them."""

import math

import numpy as np
import pytest

from kogen.data.levels import Levels, apply_levels, find_levels, outside_levels, parse_levels, value_range, whole_levels


def facts(*rows: tuple[float, float, int]) -> dict[str, np.ndarray]:
    return {
        name: np.array(column) for name, column in zip(("low", "high", "depth"), zip(*rows, strict=True), strict=True)
    }


@pytest.mark.parametrize(
    ("highs", "bits"),
    [([200], 8), ([256], 10), ([1023], 10), ([1024], 12), ([900, 4095], 12), ([16383], 14), ([16384], 16)],
)
def test_the_largest_value_of_the_set_decides(highs: list[int], bits: int) -> None:
    found = find_levels(facts(*[(0.0, float(high), 16) for high in highs]), np.ones(len(highs), bool))
    assert found == whole_levels(bits)
    assert found.bits == bits
    assert str(found) == str(bits)


def test_what_says_its_own_depth_does_not_decide() -> None:
    rows = facts((0.0, 255.0, 8), (0.0, 60000.0, 12), (0.0, 4000.0, 16), (0.0, 65535.0, 16))
    assert find_levels(rows, np.array([True, True, True, False])) == whole_levels(12)
    assert find_levels(rows, np.array([True, True, False, False])) is None


def test_floats_from_the_least_to_the_largest() -> None:
    rows = facts((-0.5, 0.7, 32), (0.0, 1.25, 32))
    assert find_levels(rows, np.ones(2, bool)) == Levels(-0.5, 1.25)
    assert find_levels(facts((3.0, 3.0, 32)), np.ones(1, bool)) == Levels(3.0, 4.0)
    unknown = find_levels(facts((math.nan, math.nan, 32), (0.0, 1.0, 32)), np.ones(2, bool))
    assert unknown is not None
    assert not unknown.known


@pytest.mark.parametrize("text", ["12", "8", "16", "0:1", "-160:240", "-0.5:1e3", ".5:2"])
def test_what_may_be_asked_for(text: str) -> None:
    levels = parse_levels(text)
    assert levels.black < levels.white
    assert parse_levels(str(levels)) == levels


@pytest.mark.parametrize("text", ["7", "17", "", "x", "1:0", "1:1", "0:inf", "nan:1", "0:1:2", "12 bits", "0:1e999"])
def test_what_may_not(text: str) -> None:
    with pytest.raises(ValueError, match="wanted the bits of 16-bit images, 8 to 16, or LOW:HIGH, the values of black"):
        parse_levels(text)


def test_values_are_brought_to_the_levels() -> None:
    pixels = np.array([[[0], [4095], [2048]]], np.uint16)
    assert apply_levels(pixels, whole_levels(12), 0).ravel().tolist() == [0, 65535, round(2048 / 4095 * 65535)]
    inverted = ~pixels  # as a file with white as 0 is decoded
    assert apply_levels(inverted, whole_levels(12), 1).ravel().tolist() == [
        65535,
        0,
        65535 - round(2048 / 4095 * 65535),
    ]
    assert value_range(inverted, 1) == value_range(pixels, 0) == (0, 4095)
    window = Levels(-160, 240, window=True)
    floats = np.array([[[-1000], [40], [3000]]], np.float32)
    assert apply_levels(floats, window, 0).ravel().tolist() == [0, 32768, 65535]


def test_images_outside_the_levels() -> None:
    rows = facts((0.0, 5000.0, 16), (0.0, 5000.0, 8), (-1.0, 1.0, 32), (math.nan, math.nan, 16))
    assert outside_levels(rows, whole_levels(12)).tolist() == [True, False, True, False]
    assert not outside_levels(rows, None).any()
