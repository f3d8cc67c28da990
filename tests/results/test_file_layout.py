"""How a file is written, from its first bytes."""

from pathlib import Path

import pytest

from kogen.results.file_layout import Layout, find_layout, split_spaces


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
