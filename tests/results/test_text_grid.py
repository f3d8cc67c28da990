"""Names in one row or two, above the rows of a text."""

from pathlib import Path

import pytest

from kogen.options.lottery import TableOptions
from kogen.results.bounds import MAX_NAME_LENGTH
from kogen.results.file_layout import find_layout
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable
from kogen.results.text_grid import are_two_headers, merge_headers, read_text_table


def raw(folder: Path, text: str, number: int | None = None) -> RawTable:
    (folder / "t.csv").write_text(text)
    return read_text_table(find_layout(folder / "t.csv"), number, Questions(None, TableOptions()))


def test_two_rows_of_names_are_merged(tmp_path: Path) -> None:
    found = raw(tmp_path, ",ImageNet,,ObjectNet,\nmodel,top-1,top-5,top-1,year\na,80,95,40,2020\n")
    assert list(found.columns) == [
        "model",
        "ImageNet / top-1",
        "ImageNet / top-5",
        "ObjectNet / top-1",
        "ObjectNet / year",
    ]
    assert found.rows == 1
    assert [note.key for note in found.notes] == ["read_two_headers"]


def test_one_row_of_names_is_not_merged(tmp_path: Path) -> None:
    found = raw(tmp_path, "model,val,\na,,n\nb,70,m\n")
    assert list(found.columns) == ["model", "val", "column 3"]
    assert found.rows == 2


@pytest.mark.parametrize(
    ("first", "second", "third", "two"),
    [
        (["", "A", ""], ["model", "x", "y"], ["a", "1", "2"], True),
        (["model", "A", "A"], ["", "x", "y"], ["a", "1", "2"], True),
        (["model", "A", "B"], ["", "x", "y"], ["a", "1", "2"], False),  # no gap: units, or a row of text
        (["", "A", ""], ["model", "1", "y"], ["a", "1", "2"], False),
        (["", "A", ""], ["model", "x", "y"], ["a", "b", "c"], False),
        (["", "A", ""], ["model", "", ""], ["a", "1", "2"], False),
    ],
)
def test_when_names_stand_in_two_rows(first: list[str], second: list[str], third: list[str], two: bool) -> None:
    assert are_two_headers(first, second, third) is two


def test_names_above_hold_for_the_gaps_to_their_right() -> None:
    assert merge_headers(["", "A", "", "B"], ["m", "x", "y", ""]) == ["m", "A / x", "A / y", "B"]
    assert merge_headers(["model", "A", ""], ["", "x", ""]) == ["model", "A / x", ""]


def test_a_title_above_the_table_is_no_row_of_names(tmp_path: Path) -> None:
    assert list(raw(tmp_path, "Results,,\nmodel,a,b\nx,1,2\n").columns) == ["model", "a", "b"]


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--table-number \(table_number=\) is for markdown, and .*t.csv is none"):
        raw(tmp_path, "model,val\na,1\n", 1)
    with pytest.raises(ValueError, match="Expected 2 columns, got 3"):
        raw(tmp_path, "model,val\na,1,2\n")
    with pytest.raises(ValueError, match="the column 'val' is there more than once"):
        raw(tmp_path, "model,val,val\na,1,2\n")
    with pytest.raises(ValueError, match="has a name of 20,001 letters, at most 20,000"):
        raw(tmp_path, f"model,val\n{'a' * (MAX_NAME_LENGTH + 1)},1\n")
    with pytest.raises(ValueError, match="holds 1 tables in markdown and none of numbers"):
        raw(tmp_path, "|a|b|\n|-|-|\n|x|y|\n")


TABLE = "| model | val |\n|---|---|\n| a | {} |\n| b | 71.5 |\n\n"


def test_two_tables_of_numbers_in_a_markdown_file_are_one_too_many(tmp_path: Path) -> None:
    place, asked = tmp_path / "t.md", Questions(None, TableOptions())
    place.write_text(TABLE.format("80.5") + "text\n\n" + TABLE.format("60.5"))
    read_text_table(find_layout(place), None, asked)
    assert "holds 2 tables of numbers: choose one with --table-number" in asked.sentences[0]
    named = Questions(None, TableOptions())
    assert list(read_text_table(find_layout(place), 2, named).columns["val"]) == ["60.5", "71.5"]
    assert named.sentences == []
    place.write_text(TABLE.format("80.5"))
    read_text_table(find_layout(place), None, named)
    assert named.sentences == []
