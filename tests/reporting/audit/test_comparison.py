"""Comparing: everything exactly, floats to a billionth; what only one side has is said."""

from typing import Any

import pytest

from kogen.reporting.audit.comparison import ABSENT, ABSOLUTE, LISTED, RELATIVE, Comparison


def compare(was: Any, now: Any) -> Comparison:
    found = Comparison()
    found.add("file", was, now)
    return found


def test_the_same_is_the_same() -> None:
    data = {"a": [1, 2.5, None, "x", True], "b": {"c": []}}
    found = compare(data, data)
    assert (found.fields, found.differing, found.near) == (5, 0, 0)


def test_floats_that_a_sum_could_differ_in_are_counted_and_no_difference() -> None:
    found = compare({"p": [0.1 + 0.2, 5e-14]}, {"p": [0.3, 6e-14]})
    assert (found.differing, found.near) == (0, 2)
    assert 0 < found.largest < 1e-12


@pytest.mark.parametrize(
    ("was", "now"), [(1, 2), (1, 1.0), (1, True), (0.3, 0.3 + 1e-8), (3e-11, 2e-9), ("a", "b"), (None, 0), ([], {})]
)
def test_all_else_is_exact(was: Any, now: Any) -> None:
    (one,) = compare({"x": [{"y": was}]}, {"x": [{"y": now}]}).differences
    assert (one.file, one.field, one.was, one.now) == ("file", "x[0].y", was, now)


def test_what_one_side_lacks_is_absent() -> None:
    found = compare({"a": 1, "rows": [1]}, {"b": 2, "rows": [1, 2]})
    assert {(one.field, one.was, one.now) for one in found.differences} == {
        ("a", 1, ABSENT),
        ("b", ABSENT, 2),
        ("rows[1]", ABSENT, 2),
    }


def test_long_lists_are_cut_and_counted() -> None:
    found = compare(list(range(1000)), list(range(1, 1001)))
    assert (found.differing, len(found.differences)) == (1000, LISTED)


def test_two_hundred_fields_of_each_file_are_listed_and_floats_are_near_to_a_billionth() -> None:
    found = compare(list(range(201)), list(range(1, 202)))
    assert (LISTED, len(found.differences), found.differing, found.fields) == (200, 200, 201, 201)
    found.add("other", [1], [2])
    assert found.differences[-1].file == "other"
    assert (RELATIVE, ABSOLUTE) == (1e-9, 1e-12)
    assert compare(1.0, 1.0 + 9e-10).near == 1
    assert compare(1.0, 1.0 + 3e-9).near == 0
    assert compare(0.0, 9e-13).near == 1
    assert compare(0.0, 3e-12).near == 0
    both = compare([1.0, 2.0], [1.0 + 2e-10, 2.0 + 1e-10])
    assert both.largest == pytest.approx(2e-10, rel=1e-3)
