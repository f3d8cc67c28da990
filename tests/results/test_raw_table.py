"""Raw tables: names of columns, cells as text, cells as numbers, and what is refused in a column of scores."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.results.raw_table import (
    DECIMALS_FROM,
    Numbers,
    find_table_decimal,
    is_empty,
    is_number_column,
    make_raw_table,
    read_numbers,
    refuse_wrong_cells,
    table_from_frame,
    text_column,
)


def texts(*cells: Any) -> list[Any]:
    """Cells as the text of a column, None where nothing is written."""
    return [None if pd.isna(one) else one for one in text_column(pd.Series(list(cells)))]


def test_a_column_without_a_name_has_its_place_for_one_and_an_empty_one_is_left_out() -> None:
    empty, full = pd.Series(["", "  ", None]), pd.Series(["a", "", ""])
    table = make_raw_table("t", [("", empty), (" acc ", full), ("", full), ("kept", empty)])
    assert list(table.columns) == ["acc", "column 3", "kept"]
    assert (table.rows, table.title, make_raw_table("t", []).rows) == (3, "t", 0)
    with pytest.raises(ValueError, match="the column 'a' is there more than once"):
        make_raw_table("t", [("b", full), ("a", full), (" a", full), ("b", full)])
    with pytest.raises(ValueError, match="more than once"):
        table_from_frame(pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_text_is_kept_as_it_is_written_and_whole_numbers_have_no_point() -> None:
    assert texts("b", None, "a", "b") == ["b", None, "a", "b"]
    assert list(text_column(pd.Series(["b", "a", "b"])).cat.categories) == ["b", "a"]  # as they appear
    assert texts(1.0, np.nan, 20.0) == ["1", None, "20"]
    assert texts(1.5, 2.0) == ["1.5", "2.0"]
    assert texts(1e15, 1.0) == ["1000000000000000.0", "1.0"]  # too large to be whole for sure
    assert texts(9e14) == ["900000000000000"]
    assert texts(np.nan, np.nan) == [None, None]
    assert texts(True, None, 3) == ["True", None, "3"]
    coded = pd.Series(pd.Categorical(["b", "a"], ["a", "b", "unused"]))
    assert list(text_column(coded).cat.categories) == ["a", "b"]
    assert [str(one) for one in text_column(pd.Series(pd.Categorical([2, 1])))] == ["2", "1"]


def test_what_is_empty_and_what_is_a_number() -> None:
    assert is_empty(pd.Series([np.nan, np.nan]))
    assert not is_empty(pd.Series([np.nan, 1.0]))
    assert is_empty(pd.Series(["", " "]))
    assert not is_empty(pd.Series(["", "x"]))
    assert [is_number_column(pd.Series(one)) for one in ([1], [1.5], [True], ["1"])] == [True, True, False, False]


def test_numbers_are_read_with_their_signs_ends_and_the_cells_that_hold_text() -> None:
    found = read_numbers(pd.Series(["80 %", "75", None, "n/b", "oops", "n/b"]), ".")
    assert found.value[:2].tolist() == [80.0, 75.0]
    assert np.isnan(found.value[2:]).all()
    assert (found.percent, found.wrong, found.lo, found.is_text) == (0.5, (3, "n/b"), None, True)
    ends = read_numbers(pd.Series(["80 [78, 83]", "75"]), ".")
    assert ends.lo is not None
    assert ends.hi is not None
    assert (ends.lo[0], ends.hi[0], bool(np.isnan(ends.lo[1]))) == (78.0, 83.0, True)
    plain = read_numbers(pd.Series([1, None], dtype="Int64"), ".")
    assert (plain.value[0], bool(np.isnan(plain.value[1])), plain.wrong, plain.percent) == (1.0, True, (0, ""), 0.0)
    assert read_numbers(pd.Series([None, None], dtype=object), ".").percent == 0.0
    dates = read_numbers(pd.Series(pd.to_datetime(["2024-01-02", None])), ".")
    assert (dates.wrong, bool(np.isnan(dates.value).all())) == ((1, "2024-01-02 00:00:00"), True)
    assert read_numbers(pd.Series(pd.to_datetime([None])), ".").wrong == (0, "")
    assert read_numbers(pd.Series([True, False]), ".").wrong == (2, "True")


@pytest.mark.parametrize(("wrong", "text"), [(0, False), (1, False), (2, True)])
def test_a_column_is_text_where_more_cells_are_text_than_numbers(wrong: int, text: bool) -> None:
    assert Numbers(np.array([1.0, np.nan]), wrong=(wrong, "x")).is_text is text


def test_a_column_of_scores_with_text_infinity_or_an_unclear_comma_is_refused() -> None:
    refuse_wrong_cells("acc", Numbers(np.array([1.0])))
    with pytest.raises(
        ValueError, match=rf"column '{'c' * 60}' holds text in some cells .2., first '{'x' * 60}': write numbers"
    ):
        refuse_wrong_cells("c" * 61, Numbers(np.array([1.0]), wrong=(2, "x" * 61)))
    with pytest.raises(ValueError, match=rf"column '{'c' * 60}' holds infinity"):
        refuse_wrong_cells("c" * 61, Numbers(np.array([1.0, np.inf])))
    with pytest.raises(ValueError, match=rf"'{'c' * 60}' holds '1,234', which may be 1.234 or a number of thousands"):
        refuse_wrong_cells("c" * 61, Numbers(np.array([1.0]), unclear="1,234"))


def test_the_decimal_mark_is_found_from_text_alone_and_may_differ_by_column() -> None:
    assert find_table_decimal([pd.Series(["81,5", "79,25"])]) == ","
    assert find_table_decimal([pd.Series([True]), pd.Series([1.5]), pd.Series(["81.5"])]) == "."
    many = pd.Series([f"m{i}" for i in range(DECIMALS_FROM)])
    late = find_table_decimal([many, pd.Series(["81,5"])])
    assert (DECIMALS_FROM, late) == (20_000, find_table_decimal([pd.Series(["m0"])]))
    assert find_table_decimal([many[1:], pd.Series(["81,5", "79.5"])]) == ","  # one text of room is left
    table = table_from_frame(pd.DataFrame({"a": ["81,5"], "b": ["82,5"]}))
    table.decimals["b"] = "."
    assert (table.decimal_of("a"), table.decimal_of("b")) == (",", ".")
    assert table.rename({"a": "b", "b": "a"}).decimals == {"a": "."}
    assert table.numbers("a").value.tolist() == [81.5]
    kept = table_from_frame(pd.DataFrame({"a": [1, 2, 3]})).keep(np.array([False, True, True]))
    assert kept.columns["a"].tolist() == [2, 3]
    assert kept.columns["a"].index.tolist() == [0, 1]
