"""Bounds are rounded outward."""

import math

import pytest

from kogen.common.rounding import round_outward


@pytest.mark.parametrize(
    ("value", "digits", "most", "least"),
    [
        (1.049, 1, 1.1, 1.0),
        (1.1, 1, 1.1, 1.1),
        (0.1 + 0.2, 1, 0.3, 0.3),  # 0.30000000000000004 is 0.3
        (-0.04, 1, 0.0, -0.1),
        (2.0, 0, 2.0, 2.0),
        (2.001, 0, 3.0, 2.0),
        (99.99, 1, 100.0, 99.9),
        (1.00000001, 1, 1.1, 1.0),
    ],
)
def test_at_most_goes_up_and_at_least_goes_down(value: float, digits: int, most: float, least: float) -> None:
    assert round_outward(value, digits, up=True) == most
    assert round_outward(value, digits, up=False) == least


def test_what_is_not_finite_stays() -> None:
    assert math.isnan(round_outward(math.nan, 1, up=True))
    assert round_outward(math.inf, 1, up=False) == math.inf
