"""Cells as people write them, each beside the number a reader would see."""

import numpy as np
import pytest

from kogen.results.cells import (
    column_decimal,
    find_decimal,
    is_missing,
    parse_cell,
    parse_cells,
    parse_number,
    plain_number,
    plain_text,
    to_float,
)

NUMBERS = {
    "80.1": 80.1,
    " 80.1 ": 80.1,
    "80,1": 80.1,
    "80.1%": 80.1,
    "80.1 %": 80.1,
    "+10": 10,
    "-3": -3,
    "\u22123.5": -3.5,
    ".5": 0.5,
    "1e3": 1000,
    "25,557,032": 25_557_032,
    "1,013.01": 1013.01,
    "1 013": 1013,
    "\uff18\uff10\uff0e\uff11": 80.1,
    "65.6*": 65.6,
    "80.1\u2020": 80.1,
    "71.3\u00b2": 71.3,
    "71.3^1": 71.3,
    "71.3 [1]": 71.3,
    "71.3 [^a]": 71.3,
    "80.1\u2191": 80.1,
    "&nbsp;80.1": 80.1,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_those_a_reader_sees(text: str) -> None:
    found = parse_cells([text])
    assert found.value[0] == NUMBERS[text]
    assert np.isnan(found.lo[0])
    assert np.isnan(found.hi[0])
    assert not found.wrong[0]
    assert bool(found.percent[0]) == ("%" in text)


@pytest.mark.parametrize(
    "text", ["", "-", "\u2013", "\u2014", "n/a", "N/A", "NA", "nan", "None", "?", "...", " ", "\u306a\u3057", "#N/A"]
)
def test_signs_for_nothing_are_no_numbers_and_not_wrong(text: str) -> None:
    assert is_missing(text)
    found = parse_cells([text])
    assert np.isnan(found.value[0])
    assert not found.wrong[0]


@pytest.mark.parametrize("text", ["abc", "3x", "79.8 (78.1)", "70 71", "1_000", "1.2.3", "12,34,5", "80.1 / 79"])
def test_what_is_no_number_is_wrong(text: str) -> None:
    found = parse_cells([text, "50"])
    assert found.wrong.tolist() == [True, False]
    assert np.isnan(found.value[0])


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("71.3 \u00b1 0.2", 71.1, 71.5),
        ("71.3\u00b10.2", 71.1, 71.5),
        ("71.3 (0.2)", 71.1, 71.5),
        ("71.3 (\u00b10.2)", 71.1, 71.5),
        ("71.3+-0.2", 71.1, 71.5),
        ("71.3 +/- 0.2", 71.1, 71.5),
        ("71.3 \\pm 0.2", 71.1, 71.5),
        ("71.3% \u00b1 0.2%", 71.1, 71.5),
        ("71.3 [70.1, 72.5]", 70.1, 72.5),
        ("71.3 (70.1-72.5)", 70.1, 72.5),
    ],
)
def test_intervals_beside_a_number_are_kept(text: str, lo: float, hi: float) -> None:
    found = parse_cells([text])
    assert found.value[0] == 71.3
    assert [found.lo[0], found.hi[0]] == pytest.approx([lo, hi])
    assert bool(found.percent[0]) == ("%" in text)


def test_a_spread_in_brackets_is_at_most_a_quarter() -> None:
    assert not parse_cells(["80 (20)"]).wrong[0]
    assert parse_cells(["80 (20.1)"]).wrong[0]
    assert parse_cells(["71.3 [72, 73]"]).wrong[0]  # does not hold its number


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["80,1", "25.557.032"], ","),
        (["80,1", "70,25", "25,557"], ","),
        (["1.013,01"], ","),
        (["80.1", "25,557"], "."),
        (["1,013.01"], "."),
        (["25,557,032"], "."),
        (["80", "25,557", "resnet50"], ""),
        (["71,3 \u00b1 0,2"], ","),
    ],
)
def test_the_decimal_mark_of_a_table_is_what_its_numbers_show(texts: list[str], mark: str) -> None:
    assert find_decimal(texts) == mark


def test_a_comma_before_three_digits_follows_the_table_or_is_unclear() -> None:
    assert parse_cells(["80,123"], ",").value[0] == 80.123
    assert parse_cells(["80,123"], ".").value[0] == 80_123
    assert not parse_cells(["80,123"], ".").unclear[0]
    open_ = parse_cells(["80,123"])
    assert open_.value[0] == 80_123
    assert open_.unclear[0]
    assert parse_cells(["80,123", "80,1"]).value.tolist() == [80.123, 80.1]  # the column shows it
    dots = parse_cells(["25.557"], ",")
    assert dots.value[0] == 25_557
    assert dots.unclear[0]


def test_a_cell_of_two_hundred_letters_is_no_number() -> None:
    found = parse_cells(["0" * 197 + "7%", "0" * 198 + "7%"])
    assert found.wrong.tolist() == [False, True]
    assert found.value[0] == 7


def test_numbers_with_a_known_mark() -> None:
    assert parse_number("1.013,01", ",") == 1013.01
    assert parse_number("80.1", ",") == 80.1  # a point among decimal commas, no thousands
    assert parse_number("1,013.01", ".") == 1013.01
    assert parse_number("1013,01", ".") is None
    assert parse_number("80,1,2", ",") is None
    assert [parse_number(text, ".") for text in ("123,456", "1234,567", ",123", "1,23,456")] == [
        123_456,
        None,
        None,
        None,
    ]


def test_what_is_written_beside_a_number_is_read_or_the_cell_is_wrong() -> None:
    assert parse_cell("80.1", ".") == (
        80.1,
        pytest.approx(np.nan, nan_ok=True),
        pytest.approx(np.nan, nan_ok=True),
        False,
    )
    assert parse_cell("80.1 [0, 90]", ".") == (80.1, 0.0, 90.0, False)
    assert parse_cell("80.1 [79%, 81%]", ".") == (80.1, 79.0, 81.0, True)
    assert parse_cell("80.1 [80.1, 80.1]", ".") == (80.1, 80.1, 80.1, False)
    assert parse_cell("80.1 [80.2, 81]", ".") is parse_cell("80.1 [79, 80]", ".") is None
    assert parse_cell("80 (20)", ".") == (80.0, 60.0, 100.0, False)
    assert parse_cell("-80 (20)", ".") == (-80.0, -100.0, -60.0, False)
    assert parse_cell("80 (20.1)", ".") is None
    assert parse_cell("80 (±30)", ".") == (80.0, 50.0, 110.0, False)
    assert parse_cell("80 ± 30 %", ".") == (80.0, 50.0, 110.0, True)
    assert parse_cell("80 % ± 30", ".") == (80.0, 50.0, 110.0, True)
    assert parse_cell("80 apples", ".") is parse_cell("apples", ".") is None
    assert parse_cell("1.2.3", ".") is None
    assert parse_cell("80 (1.2.3)", ".") is None
    assert parse_cell("0" * 198 + "7", ".") is not None
    assert parse_cell("0" * 199 + "7", ".") is None


def test_entities_marks_and_wide_digits_are_as_a_reader_sees_them() -> None:
    assert plain_text(" &plusmn;1 ") == "±1"
    assert plain_text("\ufeffa ") == "a"
    assert plain_number("８０．１*") == "80.1"
    assert plain_number("\u22125") == "-5"
    assert is_missing(" N/A ")
    assert is_missing("&mdash;")
    assert not is_missing("0")


@pytest.mark.parametrize(
    ("texts", "mark"),
    [(["80,1", "25,557"], ","), (["25,557"], "."), (["80,123", "70"], "."), (["1,23"], ","), ([], ".")],
)
def test_a_column_shows_its_own_decimal_mark(texts: list[str], mark: str) -> None:
    assert column_decimal(texts) == mark


def test_points_among_decimal_commas_and_the_other_way_round() -> None:
    found = parse_cells(["80.5", "70,25", "1.234,5"], ",")
    assert found.value.tolist() == [80.5, 70.25, 1234.5]
    assert parse_cells(["80.5", "1,234"], ".").value.tolist() == [80.5, 1234.0]
    assert [parse_number(text, ",") for text in ("80.123", "80.1234", "80.12")] == [80123.0, 80.1234, 80.12]
    assert [to_float(text) for text in ("1_0", "inf", "nan", "x", "1e400", "1.5")] == [
        None,
        None,
        None,
        None,
        None,
        1.5,
    ]
    assert [parse_number(text, ".") for text in ("1,234,567", "1234,567", "1,23", "12,345.5", "0,123")] == [
        *[1234567.0, None, None, 12345.5, 123.0],
    ]
    long = "1" * 198 + ",1"  # of two hundred letters: it still shows the mark
    assert find_decimal([long]) == ","
    assert find_decimal([long + "1"]) == ""
