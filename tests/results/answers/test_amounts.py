"""Amounts: sums, differences and quotients hold whatever the parts may be."""

from hypothesis import given
from hypothesis import strategies as st

from kogen.results.answers.amounts import Amount, add_amounts, divide, exactly

NUMBERS = st.floats(0, 1000)


@st.composite
def amounts(draw: st.DrawFn) -> Amount:
    lo, value, hi = sorted(draw(st.lists(NUMBERS, min_size=3, max_size=3)))
    return Amount(value, lo, hi)


@given(st.lists(st.tuples(amounts(), st.floats(0, 1)), min_size=1, max_size=5))
def test_a_sum_holds_every_sum_of_what_the_parts_may_be(parts: list[tuple[Amount, float]]) -> None:
    total = add_amounts([one for one, _ in parts])
    inside = sum(one.lo + share * (one.hi - one.lo) for one, share in parts)  # type: ignore[operator]
    assert total.lo - 1e-6 <= inside <= total.hi + 1e-6  # type: ignore[operator]
    assert total.lo - 1e-6 <= total.value <= total.hi + 1e-6  # type: ignore[operator]


@given(amounts(), amounts(), st.floats(0, 1), st.floats(0, 1))
def test_a_difference_and_a_quotient_hold_theirs(above: Amount, below: Amount, first: float, second: float) -> None:
    top = above.lo + first * (above.hi - above.lo)  # type: ignore[operator]
    bottom = below.lo + second * (below.hi - below.lo)  # type: ignore[operator]
    gap = above.minus(below)
    assert gap.lo - 1e-6 <= top - bottom <= gap.hi + 1e-6  # type: ignore[operator]
    found = divide(above, below)
    if below.value == 0:
        assert found is None
        return
    assert found is not None
    if bottom > 1e-6:
        assert found.lo <= top / bottom * (1 + 1e-9) + 1e-12  # type: ignore[operator]
        assert found.hi is None or top / bottom <= found.hi * (1 + 1e-9) + 1e-12
    assert (found.hi is None) == (below.lo == 0)


def test_an_end_that_is_not_known_stays_unknown() -> None:
    assert add_amounts([exactly(1), Amount(2, None, 5)]) == Amount(3, None, 6)
    assert exactly(5).minus(Amount(2, None, 3)) == Amount(3, 2, None)
    assert Amount(2, None, 3).times(2) == Amount(4, None, 6)
    assert divide(exactly(1), Amount(2, -1, None)) == Amount(0.5, None, None)
    assert divide(exactly(1), Amount(-2, -3, 4)) is None
