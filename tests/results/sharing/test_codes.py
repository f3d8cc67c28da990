"""Codes: equal for equal texts under one salt, without order, and of letters that make no words."""

import re
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from kogen.results.sharing.codes import Codes, letters


@given(st.text(), st.text(), st.binary(min_size=1, max_size=32))
def test_ids_are_equal_where_texts_are(one: str, other: str, salt: bytes):
    codes = Codes(salt)
    assert (codes.identity(one) == codes.identity(other)) == (one == other)
    assert re.fullmatch("[bcdfghjklmnpqrst]{16}", codes.identity(one))
    assert codes.identity(one) != Codes(salt + b"1").identity(one)


def test_the_order_of_codes_is_not_that_of_names():
    names = [f"name{place:02d}" for place in range(20)]
    found = [Codes(bytes([salt])).number("set", names) for salt in range(1, 5)]
    orders = {tuple(codes[name] for name in names) for codes in found}
    assert len(orders) == 4
    assert all(sorted(order) == sorted(f"set {place}" for place in range(1, 21)) for order in orders)


def test_kept_names_are_themselves_and_letters_go_on_behind_z():
    assert Codes(b"1", keep_names=True).number("set", ["b", "a"]) == {"b": "b", "a": "a"}
    assert Codes(b"1", keep_names=True).letter("probe", ["b"]) == {"b": "probe A"}
    assert list(islice(letters(), 28))[-3:] == ["Z", "AA", "AB"]
