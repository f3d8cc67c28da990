"""Tables as text, whoever wrote them: their encoding, what parts their columns, and what is no text at all."""

import codecs
import re
from collections.abc import Sequence

LINE_BYTES = 1 << 20  # longest line of a csv
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
SPACES = r"\s+"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
OTHER_FORMATS = {
    b"\x1f\x8b": "packed by gzip",
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}
EXCEL_LINE = re.compile(r"sep=(.)\r?\n?$", re.IGNORECASE)  # a first line that Excel reads, and no row
JAPANESE = re.compile(r"[\u3041-\u30ff\uff21-\uff5a]|[\u4e00-\u9fff]{2}")  # kana, wide letters, two kanji in a row
UNLIKELY = re.compile(r"[\ue000-\uf8ff\u0080-\u009f]")  # what bytes of another encoding become in cp932


def mark_encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a file name by their mark; None without one."""
    return next((name for mark, name in MARKS if head.startswith(mark)), None)


def other_format(head: bytes) -> str | None:
    """What a file is by its first bytes, if it is no text; None otherwise."""
    return next((what for mark, what in OTHER_FORMATS.items() if head.startswith(mark)), None)


def check_lines(path: str, *, wide: bool) -> None:
    """ValueError where a csv has bytes that no text has (but in UTF-16), or a line that is too long."""
    open_line = 0  # bytes of the line that the block before ended in
    with open(path, "rb") as file:
        while block := file.read(LINE_BYTES):
            lines = block.splitlines(keepends=True)
            longest = max(open_line + len(lines[0]), *map(len, lines))
            if b"\0" in block and not wide:
                raise ValueError("it has NUL bytes: it is no text, or UTF-16 without a mark (--encoding utf-16-le)")
            if longest > LINE_BYTES:
                raise ValueError(f"it has a line of over {LINE_BYTES:,} bytes")
            ended = lines[-1].endswith((b"\n", b"\r"))
            open_line = 0 if ended else len(lines[-1]) + (open_line if len(lines) == 1 else 0)


def check_encoding(path: str, encoding: str | None) -> str:
    """The encoding of a table without a mark: as asked, or UTF-8. ValueError where its bytes are of another one."""
    wanted = encoding or "utf-8-sig"
    try:
        decode = codecs.getincrementaldecoder(wanted)()
    except LookupError:
        raise ValueError(f"--encoding {encoding}: there is no such encoding; utf-8, cp932, cp1252, utf-16-le") from None
    lines = 0  # in the blocks before
    with open(path, "rb") as file:
        while block := file.read(LINE_BYTES):
            try:
                decode.decode(block)
            except UnicodeDecodeError as error:  # its positions may count bytes that were left of the block before
                start = min(error.start, len(error.object) - 1)
                row = lines + error.object[:start].count(b"\n") + 1
                got = f"line {row} has bytes that are not {wanted.removesuffix('-sig')}"
                raise ValueError(
                    f"cannot read the table {path}: {got} ({error.object[start : start + 4]!r}): say its encoding, for "
                    "instance --encoding cp932 (Excel in Japan) or cp1252 (Excel in the West), or save it as UTF-8"
                ) from None
            lines += block.count(b"\n")
    return wanted


def find_encoding(path: str, head: bytes, asked: str | None) -> str:
    """The encoding of a table: by its mark, as asked, UTF-8, or cp932 where its bytes make Japanese and nothing odd.

    `head`: its first bytes, which alone are looked at where they are UTF-8. ValueError where none of these fits.
    """
    marked = mark_encoding(head)
    if marked or asked:
        return check_encoding(path, marked or asked)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8-sig"
    except UnicodeDecodeError:
        text = _decode_japanese(path)
    if text is None or UNLIKELY.search(text) or not JAPANESE.search(text):
        return check_encoding(path, None)  # says where, and what to do
    return "cp932"


def _decode_japanese(path: str) -> str | None:
    """The text of a file in cp932; None where it is none."""
    with open(path, "rb") as file:
        try:
            return file.read(LINE_BYTES * 256).decode("cp932")
        except UnicodeDecodeError:
            return None


def find_separator(lines: Sequence[str]) -> str:
    """What parts the columns, from the first lines: what is as often in each, else the most frequent of the first.

    One of SEPARATORS, else spaces, else a comma.
    """
    plain = [re.sub(r'"[^"]*"', "", line) for line in lines]

    def fit(mark: str) -> tuple[bool, int, bool]:
        counts = [line.count(mark) for line in plain]
        # of two that fit the comma may be that of decimals
        return counts[0] > 0 and len(set(counts)) == 1, counts[0], mark != "," and len(plain) > 1

    found = max(SEPARATORS, key=fit)
    if plain[0].count(found):
        return found
    return SPACES if len(plain[0].split()) > 1 else ","
