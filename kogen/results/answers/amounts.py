"""Amounts: an estimate with the ends of its 95 % interval, and the arithmetic that keeps the interval wide enough."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """An estimate and its interval; an end that is None is not known."""

    value: float
    lo: float | None
    hi: float | None

    def times(self, factor: float) -> "Amount":
        """The amount times a number of 0 or more."""
        ends = [None if end is None else end * factor for end in (self.lo, self.hi)]
        return Amount(self.value * factor, *ends)

    def minus(self, other: "Amount") -> "Amount":
        """The difference; its ends lie as far apart as those of both together."""
        lo = None if self.lo is None or other.hi is None else self.lo - other.hi
        hi = None if self.hi is None or other.lo is None else self.hi - other.lo
        return Amount(self.value - other.value, lo, hi)


def exactly(value: float) -> Amount:
    """An amount without an error."""
    return Amount(value, value, value)


def add_amounts(parts: Iterable[Amount]) -> Amount:
    """The sum of amounts; its ends are the sums of theirs, which errs on the wide side."""
    listed = list(parts)
    los, his = [one.lo for one in listed], [one.hi for one in listed]
    lo = None if None in los else sum(end for end in los if end is not None)
    hi = None if None in his else sum(end for end in his if end is not None)
    return Amount(sum(one.value for one in listed), lo, hi)


def divide(above: Amount, below: Amount) -> Amount | None:
    """A quotient of amounts of which `above` is 0 or more; None where `below` is 0 or less.

    The upper end is None where `below` may be 0, the lower end where the upper end of `below` is not known.
    """
    if below.value <= 0:
        return None
    lo = None if above.lo is None or below.hi is None else max(above.lo, 0.0) / below.hi
    hi = None if above.hi is None or below.lo is None or below.lo <= 0 else above.hi / below.lo
    return Amount(above.value / below.value, lo, hi)
