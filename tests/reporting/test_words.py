"""Words: how names, numbers and lists are shown, at the lengths and numbers where that changes."""

import pytest

from kogen.reporting.words import (
    LISTED,
    LONGEST,
    Sentence,
    clean,
    format_number,
    format_points,
    format_value,
    list_in_words,
    phrase,
    say,
    sentence,
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("net", "net"),
        (" a\tb\n c ", "a b c"),
        ("\u200b\u202e", "?"),  # invisible, or turns the text around
        ("", "?"),
        ("a" * LONGEST, "a" * LONGEST),
        ("a" * 30 + "b" * 27, "a" * 30 + "b" * 7 + "…" + "b" * 18),
    ],
)
def test_a_name_is_one_line_whose_middle_goes_where_it_is_long(name: str, shown: str) -> None:
    assert clean(name) == shown
    assert len(clean(name)) <= LONGEST


def test_of_a_very_long_name_both_ends_are_read_and_no_more() -> None:
    just = "a" + " " * (101 * 10 - 6) + "-tail"  # as long as a name is read in whole
    assert clean(just, 10) == "a -tail"
    ends = "abc" + "x" * (101 * 10) + "tail"
    assert clean(ends, 10) == "abcxxx…ail"
    spaces = " " * 999 + "a" + "y" * 500 + "tail"  # 100 lengths from the start, one from the end
    assert clean(spaces, 10) == "ayyyyyytail"[:6] + "…" + "ail"


@pytest.mark.parametrize(
    ("value", "digits", "sign", "shown"),
    [
        *[(None, 1, False, "–"), (float("nan"), 1, False, "–"), (7, 3, False, "7"), (1234567, 1, False, "1,234,567")],
        *[(-1.25, 1, False, "−1.2"), (1.25, 2, True, "+1.25"), (-0.04, 1, True, "0.0"), (0.04, 1, True, "0.0")],
        *[(0.06, 1, True, "+0.1"), (-0.0, 1, False, "0.0"), (0, 1, True, "0")],
    ],
)
def test_a_number_has_a_true_minus_and_zero_has_no_sign(value: float | None, digits: int, sign: bool, shown: str):
    assert format_number(value, digits, sign=sign) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "0.0"), (0.994, "0.99"), (0.995, "1.0"), (-0.994, "−0.99"), (-0.996, "−1.0"), (12.34, "12.3")],
)
def test_points_have_a_second_decimal_below_one(value: float | None, shown: str) -> None:
    assert format_points(value) == shown


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        (["a", "b", "c", "d", "e"], "a, b, c, d and 1 more"),
    ],
)
def test_a_list_names_four_and_counts_the_rest(names: list[str], shown: str) -> None:
    assert format_value("en", names) == shown
    assert format_value("en", tuple(names)) == shown


def test_a_value_may_be_a_name_a_number_or_a_phrase() -> None:
    assert [format_value("en", value) for value in ("net", 2, 2.25, None)] == ["net", "2", "2.2", "–"]
    assert format_value("en", "reference") != "reference"  # a set that nobody named is said in words
    assert format_value("en", phrase("num_rules", n=7, total=8)) == "7 of 8 rules"
    assert say("en", "to", lo="1", hi="2") == "1 to 2"
    assert sentence("catch", "to", lo="1") == Sentence("catch", "to", {"lo": "1"})


def test_the_lengths_that_are_shown() -> None:
    assert (LONGEST, LISTED) == (56, 4)
    assert clean("x" * 56) == "x" * 56
    long = clean("a" * 30 + "b" * 30)
    assert (len(long), long) == (56, "a" * 30 + "b" * 7 + "…" + "b" * 18)
    assert clean("abcdef", 4) == "ab…f"
    at_most = 101 * 4  # letters of which all are read: blanks in the middle count
    assert clean("a" + " " * (at_most - 2) + "b", 4) == "a b"
    assert clean("a" + " " * (at_most - 1) + "b", 4) == "a b"
    assert clean("a" * 3 + " " * (at_most + 1) + "b" * 4, 4) == clean("aaa bbbb", 4)


def test_names_in_a_list_are_joined_by_the_language() -> None:
    names = list("abcde")
    assert list_in_words("en", names[:4]) == "a, b, c and d"
    assert list_in_words("en", names).startswith("a, b, c, d")
    assert "1" in list_in_words("en", names)
    assert (list_in_words("en", ["a"]), list_in_words("en", [])) == ("a", "")
    assert list_in_words("en", ["a", "b"]) == "a and b"
