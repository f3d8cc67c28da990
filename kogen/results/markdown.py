"""Tables in markdown, as in a README: their cells without links, bold letters, tags and footnotes."""

import html
import re
from dataclasses import dataclass

ALIGNMENT = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(?:```|~~~)")
PIPE = re.compile(r"(?<!\\)\|")
IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\](?:\((?:[^()]|\([^)]*\))*\)|\[[^\]]*\])")
BARE_LINK = re.compile(r"^\[([^\]^][^\]]{3,})\]$")
NOTE_TAG = re.compile(r"(?<=\S)\s*<sup>\s*(?:<[^>]*>)*\s*[^<\s]{1,3}\s*(?:</[^>]*>)*\s*</sup>\s*$", re.IGNORECASE)
FOOTNOTE = re.compile(r"(?<=\S)\s*\[\^[^\]]*\]")
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
EMOJI = re.compile(r":[a-z][a-z0-9_+-]+:")


@dataclass(frozen=True)
class MarkdownTable:
    """One table of a file: the heading it stands under, and its rows of plain text, the header first."""

    heading: str
    rows: list[list[str]]


def find_markdown_tables(text: str) -> list[MarkdownTable]:
    """The tables of a text in markdown, with or without pipes at the ends of lines; rows are as long as the header."""
    lines, found, heading, fenced = text.splitlines(), [], "", False
    place = 0
    while place < len(lines):
        line = lines[place]
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and (title := HEADING.match(line)):
            heading = plain_cell(title[1])
        elif not fenced and is_table_start(lines, place):
            end = place + 2
            while end < len(lines) and PIPE.search(lines[end]) and not FENCE.match(lines[end]):
                end += 1
            rows = [split_row(row) for row in (line, *lines[place + 2 : end])]
            size = len(rows[0])
            found.append(MarkdownTable(heading, [[*row, *[""] * size][:size] for row in rows]))
            place = end
            continue
        place += 1
    return found


def is_table_start(lines: list[str], place: int) -> bool:
    """Whether a line is the header of a table: the line below has dashes for as many cells."""
    if place + 1 >= len(lines) or not PIPE.search(lines[place]) or not ALIGNMENT.match(lines[place + 1]):
        return False
    return len(split_row(lines[place])) == len(split_row(lines[place + 1]))


def split_row(line: str) -> list[str]:
    """The cells of a line as plain text."""
    inside = line.strip()
    inside = inside.removeprefix("|")
    inside = inside[:-1] if inside.endswith("|") and not inside.endswith("\\|") else inside
    return [plain_cell(cell.replace("\\|", "|")) for cell in PIPE.split(inside)]


def plain_cell(cell: str) -> str:
    """What a reader sees of a cell: without links, images, tags, marks of bold and italic, emoji and footnotes."""
    text = IMAGE.sub("", cell)
    for _ in range(2):  # a link in the text of a link
        text = LINK.sub(r"\1", text)
    text = FOOTNOTE.sub("", NOTE_TAG.sub("", text.strip()))
    text = EMOJI.sub("", TAG.sub("", text)).strip()
    text = BARE_LINK.sub(r"\1", text)
    for mark in ("***", "**", "__", "~~", "*", "`", "_"):
        while len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)].strip()
    text = re.sub(r"\*\*(.+?)\*\*|`(.+?)`", lambda found: found[1] or found[2], text)
    return re.sub(r"\s+", " ", re.sub(r"\\([\\`*_{}\[\]()#+.!-])", r"\1", html.unescape(text))).strip()
