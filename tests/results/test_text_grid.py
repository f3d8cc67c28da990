"""Names in one row or two, above the rows of a text."""

from pathlib import Path

import pytest

from kogen.options.lottery import TableOptions
from kogen.results.bounds import MAX_NAME_LENGTH
from kogen.results.file_layout import find_layout
from kogen.results.markdown import MarkdownTable
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable
from kogen.results.text_grid import (
    are_two_headers,
    columns_of,
    describe_table,
    holds_scores,
    merge_headers,
    name_columns,
    read_text_table,
)


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


def names_of(*rows: list[str]) -> list[str]:
    return list(name_columns("t", columns_of(rows), []).columns)


def test_a_title_is_one_cell_above_two_names_or_more_of_three_columns_or_more() -> None:
    assert names_of(["T", "", ""], ["m", "a", ""], ["x", "1", "2"]) == ["m", "a", "column 3"]
    assert names_of(["T", "", ""], ["m", "", ""], ["x", "1", "2"]) == ["T", "column 2", "column 3"]
    assert names_of(["T", ""], ["m", "a"], ["x", "1"]) == ["T / m", "T / a"]  # two columns: a name for both
    assert names_of(["T", "U", ""], ["m", "a", "b"], ["x", "y", "z"]) == ["T", "U", "column 3"]
    assert names_of(["T", "", ""], ["m", "a", "b"]) == ["T", "column 2", "column 3"]  # nothing below: no title
    assert names_of(["T", "", ""], ["", "A", ""], ["m", "x", "y"], ["a", "1", "2"]) == ["T", "column 2", "column 3"]
    titled = name_columns("t", columns_of([["T", "", ""], ["m", "a", "b"], ["x", "1", "2"]]), [])
    assert (titled.rows, titled.notes) == (1, [])
    both = name_columns("t", columns_of([["", "A", "", "B", ""], ["m", *"wxyz"], ["a", *"1234"]]), [])
    assert both.notes[0].values == {"names": ["A / w", "A / x", "B / y"]}


def test_a_table_has_scores_where_one_column_is_text_and_another_has_two_numbers_or_more() -> None:
    def holds(*rows: list[str]) -> bool:
        return holds_scores(MarkdownTable("", [["m", "a"], *rows]))

    assert holds(["x", "1"], ["y", "2"])
    assert not holds(["x", "1"])
    assert not holds(["x", "1"], ["y", "n"])
    assert not holds(["1", "1"], ["y", "2"])  # as many names as numbers
    assert not holds(["1", "1"], ["2", "2"])
    assert not holds(["x", "a"], ["y", "b"])


def test_tables_of_a_markdown_file_are_listed_by_their_numbers(tmp_path: Path) -> None:
    one = "| m | a |\n|---|---|\n| x | 1 |\n| y | 2 |\n"
    (tmp_path / "t.md").write_text("# Words\n\n| p | q |\n|---|---|\n| x | y |\n\n" + "".join(
        f"# H{i}\n\n{one}\n" for i in range(13)))  # fmt: skip
    asked = Questions(None, TableOptions())
    table = read_text_table(find_layout(tmp_path / "t.md"), None, asked)
    assert asked.answers == {"table_number": 2}
    assert "holds 13 tables of numbers" in asked.sentences[0]
    assert "2: H0 (m, a; 2 rows); 3: H1" in asked.sentences[0]
    assert asked.sentences[0].endswith("13: H11 (m, a; 2 rows)")  # twelve are listed
    assert table.notes[-1].values == {"n": 2, "of": 14, "name": "H0"}
    chosen = read_text_table(find_layout(tmp_path / "t.md"), 14, Questions(None, TableOptions()))
    assert chosen.notes[-1].values == {"n": 14, "of": 14, "name": "H12"}
    with pytest.raises(ValueError, match=r"--table-number 15: .* holds 14 tables; useful: .2, 3"):
        read_text_table(find_layout(tmp_path / "t.md"), 15, Questions(None, TableOptions()))
    assert describe_table(MarkdownTable("", [["a"], ["1"]])) == "no heading (a; 1 rows)"


def test_the_one_table_of_numbers_is_taken_and_none_is_refused(tmp_path: Path) -> None:
    words = "| p | q |\n|---|---|\n| x | y |\n\n"
    (tmp_path / "t.md").write_text(words + "| m | a |\n|---|---|\n| x | 1 |\n| y | 2 |\n")
    asked = Questions(None, TableOptions())
    assert list(read_text_table(find_layout(tmp_path / "t.md"), None, asked).columns) == ["m", "a"]
    assert asked.sentences == []
    (tmp_path / "u.md").write_text(words)
    with pytest.raises(ValueError, match="holds 1 tables in markdown and none of numbers"):
        read_text_table(find_layout(tmp_path / "u.md"), None, asked)


def test_rows_of_spaces_have_as_many_cells_as_the_first(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("model  a  b\nx  1  2\n\ny  3  4\n")
    found = read_text_table(find_layout(tmp_path / "t.txt"), None, Questions(None, TableOptions()))
    assert (list(found.columns), found.rows) == (["model", "a", "b"], 2)
    assert [(note.key, note.values) for note in found.notes] == [("read_separator", {"name": "spaces"})]
    (tmp_path / "u.txt").write_text("model  a  b\nx  1  2\ny  3  4\nz  5\n")
    layout = find_layout(tmp_path / "u.txt")
    if layout.kind == "spaces":
        with pytest.raises(ValueError, match="row 4 has 2 cells, the first has 3: write commas between"):
            read_text_table(layout, None, Questions(None, TableOptions()))


def test_separators_and_encodings_that_are_not_the_usual_ones_are_said(tmp_path: Path) -> None:
    assert raw(tmp_path, "model,a\nx,1\n").notes == []
    assert [note.key for note in raw(tmp_path, "model;a\nx;1\n").notes] == ["read_separator"]
    (tmp_path / "t.csv").write_bytes("modèle,a\nx,1\n".encode("cp1252"))
    found = read_text_table(find_layout(tmp_path / "t.csv", "cp1252"), None, Questions(None, TableOptions()))
    assert [(note.key, note.values) for note in found.notes] == [("read_encoding", {"name": "cp1252"})]
    assert list(found.columns) == ["modèle", "a"]
    with pytest.raises(ValueError, match=r"--table-number .table_number=. is for markdown"):
        raw(tmp_path, "model,a\nx,1\n", number=1)
