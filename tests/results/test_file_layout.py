"""How a file is written, from its first bytes."""

from pathlib import Path

import pytest

from kogen.results import file_layout
from kogen.results.file_layout import Layout, find_columns, find_layout, is_parquet, may_be_markdown, split_spaces


def layout(folder: Path, content: bytes, name: str = "t.csv", encoding: str | None = None) -> Layout:
    (folder / name).write_bytes(content)
    return find_layout(folder / name, encoding)


@pytest.mark.parametrize(
    ("text", "kind", "separator", "heads"),
    [
        ("model,val\na,1\n", "separated", ",", ("model", "val")),
        ("model\tval\na\t1\n", "separated", "\t", ("model", "val")),
        ("model;a, b;c, d\nx;1,5;2,5\n", "separated", ";", ("model", "a, b", "c, d")),
        ('"a;b";"c"\nx;1\n', "separated", ";", ("a;b", "c")),
        ("model|val\na|1\n", "separated", "|", ("model", "val")),
        ("sep=;\nmodel;val\na;1\n", "separated", ";", ("model", "val")),
        ("model  val\na b  1\n", "spaces", r"\s+", ("model", "val")),
        ("model val\na 1\n", "spaces", r"\s+", ("model", "val")),
        ("some words\nand three words\n", "separated", ",", ("some words",)),
        ("|model|val|\n|-|-|\n|a|1|\n", "markdown", ",", ()),
        ("text\n\nmodel | val\n:-- | --:\na | 1\n", "markdown", ",", ()),
    ],
)
def test_separators_and_markdown(tmp_path: Path, text: str, kind: str, separator: str, heads: tuple[str, ...]) -> None:
    found = layout(tmp_path, text.encode())
    assert (found.kind, found.separator, found.heads) == (kind, separator, heads)
    assert found.skipped == text.startswith("sep=")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04xx", "it is a zip archive or an Excel file: open it and save it as csv"),
        (b"\x1f\x8bxx", "it is packed by gzip"),
        (b"", "it is empty"),
        (b" \n \n", "it is empty"),
        ("model,val\n".encode("utf-32"), "it is text in UTF-32"),
        ("model,val\na,1\n".encode("utf-16-le"), "every second byte is 0, as in UTF-16 without a mark"),
        ("model,größe\n".encode("latin-1"), "line 1 has bytes that are not utf-8"),
    ],
)
def test_what_is_no_text_is_refused_with_what_to_do(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=rf"cannot read the table .*t\.csv: {words}"):
        layout(tmp_path, content)


def test_encodings(tmp_path: Path) -> None:
    text = "モデル,検証\nネット,1\n"
    assert layout(tmp_path, text.encode("cp932")).encoding == "cp932"
    assert layout(tmp_path, text.encode("utf-16")).encoding == "utf-16"
    assert layout(tmp_path, text.encode("utf-8-sig")).encoding == "utf-8-sig"
    assert layout(tmp_path, "model,größe\n".encode("latin-1"), encoding="cp1252").heads == ("model", "größe")
    with pytest.raises(ValueError, match="--encoding utf-9: there is no such encoding"):
        layout(tmp_path, b"a,b\n", encoding="utf-9")


def test_cells_that_spaces_part() -> None:
    assert split_spaces("res net  80.1   70") == ["res net", "80.1", "70"]
    assert split_spaces(" a 1\t2 ") == ["a", "1", "2"]


def test_a_file_that_goes_on_is_judged_without_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "model val\na 1\nb"  # whole: words, since its last line has one
    assert find_columns(tmp_path, text, "utf-8").kind == "separated"
    for limit, kind in ((4 * len(text), "spaces"), (4 * len(text) + 4, "separated")):
        monkeypatch.setattr(file_layout, "LINE_BYTES", limit)
        assert find_columns(tmp_path, text, "utf-8").kind == kind
    assert find_columns(tmp_path, "a;b;c;d;e;f;g", "utf-8").heads == tuple("abcdefg")  # one line alone is kept


def test_a_name_may_hold_a_line_break_and_a_file_of_blanks_has_no_rows(tmp_path: Path) -> None:
    assert layout(tmp_path, b'"a\nb",c\n1,2\n').heads == ("a\nb", "c")
    with pytest.raises(ValueError, match="it has no rows"):
        find_columns(tmp_path, "sep=;\n\n \n", "utf-8")
    assert find_columns(tmp_path, "\n\na,b\n1,2\n", "utf-8").separator == ","


def test_parquet_is_known_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    assert layout(tmp_path, b"anything", "t.PARQUET").kind == "parquet"
    assert layout(tmp_path, b"anything", "t.pq").kind == "parquet"
    assert layout(tmp_path, b"PAR1....", "t.csv").kind == "parquet"
    assert [is_parquet(Path(name)) for name in ("a.parquet", "a.pq", "a.csv", "parquet")] == [True, True, False, False]


def test_a_text_with_a_pipe_and_a_dash_need_not_be_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").write_text("x" * 100)
    table = "|a|b|\n|-|-|\n"
    assert may_be_markdown(tmp_path / "t", table)
    assert may_be_markdown(tmp_path / "t", "text\n" + table)
    assert not may_be_markdown(tmp_path / "t", "a|b\n1-2|3\n")
    assert not may_be_markdown(tmp_path / "t", "|-|-|\n|a|b|\n")
    assert not may_be_markdown(tmp_path / "t", "text\n|-|-|\n")
    monkeypatch.setattr(file_layout, "MAX_MARKDOWN_BYTES", 100)
    assert may_be_markdown(tmp_path / "t", table)
    monkeypatch.setattr(file_layout, "MAX_MARKDOWN_BYTES", 99)
    assert not may_be_markdown(tmp_path / "t", table)
