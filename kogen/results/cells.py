"""Cells as people write them: numbers with percent signs, commas, intervals and footnotes; what stands for nothing."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MISSING = {
    *("", "-", "--", "---", "\u2010", "\u2013", "\u2014", "\u2015", "\u2212", "\u30fc", "/", ".", "...", "\u2026", "?"),
    *("n/a", "na", "n.a.", "#n/a", "nan", "none", "null", "nil", "tbd", "todo", "missing", "<na>"),
    *("\u306a\u3057", "\u672a\u6e2c\u5b9a", "\u4e0d\u660e"),  # none, not measured, unknown
}
NUMBER = r"[+-]?(?:\d[\d,.'\u00a0\u202f ]*\d|\d)(?:[eE][+-]?\d+)?|[+-]?\.\d+"
PLUS_MINUS = r"(?:\u00b1|\+\s?/?\s?[-\u2212]|\$?\\pm\$?)"
CELL = re.compile(rf"(?P<value>{NUMBER})\s*(?P<percent>%?)\s*(?P<rest>.*)", re.DOTALL)
SPREAD = re.compile(rf"\(?\s*{PLUS_MINUS}\s*(?P<half>{NUMBER})\s*%?\s*\)?")
BRACKET = re.compile(rf"\(\s*(?P<half>{NUMBER})\s*%?\s*\)")
RANGE = re.compile(rf"[\[(]\s*(?P<lo>{NUMBER})\s*%?\s*(?:,\s|;|-|\u2013|\bto\b)\s*(?P<hi>{NUMBER})\s*%?\s*[\])]")
FOOTNOTE = re.compile(
    r"(?:\s*(?:[*\u2020\u2021\u00a7\u00b6\u2191\u2193]|[\u00b9\u00b2\u00b3\u2070-\u2079]|\^\{?\w{1,3}\}?|\[\^?\w{1,3}\]"
    r"|\u203b\d?|\u6ce8\d?))+\s*$"
)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
DOT_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+|[+-]?\d{1,3}(?:\.\d{3}){2,}")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,(?:\d{1,2}|\d{4,})")  # three digits may be thousands
UNCLEAR = re.compile(r"[+-]?\d{1,3}[.,]\d{3}\s*%?")  # 80,123 may be 80.123 or 80 thousand
SPACED = re.compile(r"(?<=\d)[' \u00a0\u202f](?=\d{3}(?:\D|$))")  # 25 557 032
MAX_CELL = 200  # letters of a cell that may be a number


@dataclass(frozen=True)
class Cells:
    """Distinct texts as numbers: nan where nothing was measured, or where the text is no number."""

    value: np.ndarray  # (k,) float
    lo: np.ndarray  # (k,) float, lower end of the interval that is written beside the number, nan without one
    hi: np.ndarray
    percent: np.ndarray  # (k,) bool, with a percent sign
    wrong: np.ndarray  # (k,) bool, neither a number nor nothing
    unclear: np.ndarray  # (k,) bool, 80,123 may be 80.123 or, as `value` has it, 80 thousand


def is_missing(text: str) -> bool:
    """Whether a cell says that nothing was measured."""
    return plain_text(text).casefold() in MISSING


def plain_text(text: str) -> str:
    """A cell without spaces at its ends and entities of HTML."""
    return html.unescape(text).replace("\ufeff", "").strip() if "&" in text or "\ufeff" in text else text.strip()


def plain_number(text: str) -> str:
    """The text of a cell in ASCII digits, without marks of footnotes."""
    text = FOOTNOTE.sub("", plain_text(text)[:MAX_CELL])
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()


def find_decimal(texts: Sequence[str]) -> str:
    """The decimal mark that the numbers of a table show: "," or "."; "" where none of them does."""
    comma = point = 0
    for text in texts:
        if len(text) > MAX_CELL or not any(letter.isdigit() for letter in text):
            continue
        for number in re.findall(r"(?<![\w.,])[+-]?\d[\d.,]*\d(?![\w.,])", plain_number(text)):
            comma += bool(DECIMAL_COMMA.fullmatch(number) or DOT_THOUSANDS.fullmatch(number))
            point += bool(
                re.fullmatch(r"[+-]?\d+\.\d+|[+-]?\d{1,3}(?:,\d{3})+\.\d+|[+-]?\d{1,3}(?:,\d{3}){2,}", number)
            )
    return "," if comma > point else "." if point else ""


def parse_cells(texts: Sequence[str], decimal: str = "") -> Cells:
    """Distinct texts (k,) as numbers; `decimal`: the mark the table uses, "" where that is not known.

    Without a mark a comma is a decimal one unless three digits follow it everywhere in the column; then it parts
    thousands, and is `unclear` where it could be the other.
    """
    plain_floats: Any = pd.to_numeric(pd.Series(list(texts), dtype=object), errors="coerce")
    value: np.ndarray = plain_floats.to_numpy(dtype=np.float64, copy=True)
    lo, hi = np.full((2, len(value)), np.nan)
    percent, wrong, unclear = np.zeros((3, len(value)), dtype=bool)
    rest = [k for k in range(len(value)) if np.isnan(value[k]) or (decimal == "," and "." in texts[k])]
    plain = {k: plain_number(texts[k]) for k in rest}
    mark = decimal or column_decimal(plain.values())
    for k, text in plain.items():
        value[k] = np.nan
        if text.casefold() in MISSING or is_missing(texts[k]):
            continue
        found = parse_cell(text, mark)
        if found is None:
            wrong[k] = True
            continue
        value[k], lo[k], hi[k], percent[k] = found
        unclear[k] = bool(UNCLEAR.fullmatch(text)) and ("." in text if mark == "," else not decimal)
    return Cells(value, lo, hi, percent, wrong, unclear)


def column_decimal(texts: Iterable[str]) -> str:
    """The decimal mark of a column whose table shows none: a comma where one is not followed by three digits."""
    found = [text for text in texts if "," in text]
    return "," if any(DECIMAL_COMMA.match(text) and not THOUSANDS.match(text) for text in found) else "."


def parse_cell(text: str, decimal: str) -> tuple[float, float, float, bool] | None:
    """Value, the ends of its interval (nan without one) and whether it is a percentage; None for what is no number."""
    if len(text) >= MAX_CELL or not (found := CELL.fullmatch(text)):
        return None
    value, rest = parse_number(found["value"], decimal), found["rest"].strip()
    percent = bool(found["percent"])
    if value is None:
        return None
    if not rest:
        return value, np.nan, np.nan, percent
    percent = percent or "%" in rest
    if both := RANGE.fullmatch(rest):
        lo, hi = parse_number(both["lo"], decimal), parse_number(both["hi"], decimal)
        inside = lo is not None and hi is not None and lo <= value <= hi
        return (value, float(lo or 0), float(hi or 0), percent) if inside else None
    if (spread := SPREAD.fullmatch(rest) or BRACKET.fullmatch(rest)) is None:
        return None
    half = parse_number(spread["half"], decimal)
    if half is None or half < 0 or (rest.startswith("(") and not SPREAD.fullmatch(rest) and half > abs(value) / 4):
        return None  # 79.8 (78.1) holds a second score, no spread
    return value, value - half, value + half, percent


def parse_number(text: str, decimal: str) -> float | None:
    """One number whose decimal mark is known; None for what is none, as 1.2.3."""
    text = SPACED.sub("", text.strip())
    other = "." if decimal == "," else ","
    if other == "." and re.fullmatch(r"[+-]?\d*\.(\d{1,2}|\d{4,})", text):
        return to_float(text)  # 80.1 among decimal commas
    whole, _, part = text.partition(decimal)
    digits = whole.lstrip("+-").split(other)
    if other in part or decimal in part:
        return None
    if len(digits) > 1 and not (1 <= len(digits[0]) <= 3 and all(len(digit) == 3 for digit in digits[1:])):
        return None
    return to_float(text.replace(other, "").replace(",", "."))


def to_float(text: str) -> float | None:
    """A text as a finite number; None for what is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None
