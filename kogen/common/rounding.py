"""Rounding that keeps a bound true: "at most" goes up, "at least" goes down."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

EXACT_DIGITS = 9  # beyond these a number is calculation's noise: 1.1000000000000001 is 1.1


def round_outward(value: float, digits: int, *, up: bool) -> float:
    """The value rounded to `digits` decimals, never inward: up for "at most", down (`up=False`) for "at least".

    1.049 is "at most 1.1" and "at least 1.0". Numbers that are not finite stay as they are.
    """
    if not math.isfinite(value):
        return value
    exact = Decimal(repr(round(float(value), EXACT_DIGITS)))
    return float(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_CEILING if up else ROUND_FLOOR))
