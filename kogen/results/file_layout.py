"""How a table of results is written: parquet, text with separators, markdown; found from its first bytes."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from kogen.common.files import check_regular_file, explain_unreadable
from kogen.common.text_tables import (
    EXCEL_LINE,
    LINE_BYTES,
    SPACES,
    find_encoding,
    find_separator,
    mark_encoding,
    other_format,
)
from kogen.results.bounds import MAX_CSV_BYTES, MAX_MARKDOWN_BYTES
from kogen.results.markdown import ALIGNMENT

LOOKED_AT = 20  # lines that the separator is found from
CURE = "give a csv, markdown or parquet file"


@dataclass(frozen=True)
class Layout:
    """How a file is written."""

    path: Path
    kind: str  # parquet | separated | spaces | markdown
    encoding: str = "utf-8-sig"
    separator: str = ","
    skipped: int = 0  # lines before the first one
    heads: tuple[str, ...] = ()  # cells of the first line of text with separators

    @property
    def title(self) -> str:
        """How messages name the file."""
        return f"the table {self.path}"


def is_parquet(path: Path) -> bool:
    """Whether a file's name says parquet; any other is text."""
    return path.suffix.lower() in (".parquet", ".pq")


def find_layout(path: Path, encoding: str | None = None) -> Layout:
    """How a file is written. ValueError for what is no file, too large, or no text."""
    with explain_unreadable(f"the table {path}", CURE):
        check_regular_file(path, None if is_parquet(path) else MAX_CSV_BYTES)
        with path.open("rb") as file:
            head = file.read(LINE_BYTES)
        if is_parquet(path) or head.startswith(b"PAR1"):
            return Layout(path, "parquet")
        if not head.strip():
            raise ValueError("it is empty")
        if what := other_format(head):
            raise ValueError(f"it is {what}: open it and save it as csv (UTF-8)")
        if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
            raise ValueError("it is text in UTF-32: save it as UTF-8")
        if not encoding and not mark_encoding(head) and head[1:400:2].count(0) > len(head[1:400:2]) // 2 and head[0]:
            raise ValueError("every second byte is 0, as in UTF-16 without a mark: say --encoding utf-16-le")
    found = find_encoding(str(path), head, encoding)
    with explain_unreadable(f"the table {path}", "say its --encoding, or save it as csv in UTF-8"):
        text = head.decode(found, errors="ignore")
        if may_be_markdown(path, text):
            return Layout(path, "markdown", found)
        return find_columns(path, text, found)


def find_columns(path: Path, text: str, encoding: str) -> Layout:
    """The layout of text with separators, from how it begins."""
    lines = text.split("\n")
    whole = lines if len(lines) == 1 or len(text) < LINE_BYTES // 4 else lines[:-1]
    asked = EXCEL_LINE.match(whole[0] + "\n")
    skipped = int(bool(asked))
    whole = [line for line in whole[skipped:] if line.strip()][:LOOKED_AT]
    if not whole:
        raise ValueError("it has no rows")
    separator = asked[1] if asked else find_separator(whole)
    if separator == SPACES:
        if len({len(split_spaces(line)) for line in whole}) > 1:
            separator = ","  # words, not columns
        else:
            return Layout(path, "spaces", encoding, separator, skipped, tuple(split_spaces(whole[0])))
    first = next(csv.reader(io.StringIO("\n".join(lines[skipped:]), newline=""), delimiter=separator))
    return Layout(path, "separated", encoding, separator, skipped, tuple(first))


def split_spaces(line: str) -> list[str]:
    """The cells of a line that spaces part: two or more where there are such, so that a name may hold one."""
    return re.split(r"\s{2,}|\t", line.strip()) if re.search(r"\S\s{2,}\S", line) else line.split()


def may_be_markdown(path: Path, text: str) -> bool:
    """Whether a text holds tables in markdown."""
    if path.stat().st_size > MAX_MARKDOWN_BYTES or "|" not in text or "-" not in text:
        return False
    lines = text.splitlines()
    return any(
        "|" in lines[place - 1] and "-" in line and ALIGNMENT.match(line) for place, line in enumerate(lines) if place
    )
