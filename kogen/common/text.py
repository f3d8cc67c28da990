"""Text: names with settings, lists and hints for messages, values as Python writes them."""

import ast
import difflib
import math
from collections.abc import Sequence
from typing import Any

LANGUAGES = ("en", "ja")  # of pages and sentences
LONGEST_NAME = 200  # letters of a wrong name that are compared with the right ones
LONGEST_VALUE = 1000  # letters; a longer text is no number and no list of numbers
LARGEST_WHOLE = 2**63 - 1  # what fits into 64 bits; a larger one is no number that anything here could use


def check_language(lang: str) -> None:
    """ValueError for a language that pages are not written in."""
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}: {hint(lang, list(LANGUAGES))}")


def hint(name: str, known: list[str]) -> str:
    """The words that help after a wrong name: the nearest right name, or all of them."""
    near = difflib.get_close_matches(name[:LONGEST_NAME], known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {join_names(known, 60)}"


def parse_spec(text: str) -> tuple[str, dict[str, Any]]:
    """`name?key=value&key=value` to the name and its settings; numbers, booleans and `1,2,3` become Python's.

    Raises ValueError for a setting without `=`, for one that is said twice, and for one whose key is no plain word.
    """
    name, _, query = text.partition("?")
    settings = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{text!r}: {part!r} is not key=value; write name?key=value&key=value")
        if not key.isidentifier() or key.startswith("__"):
            raise ValueError(f"{text!r}: there is no setting {key!r}: wanted a plain word, as in name?key=value")
        if key in settings:
            raise ValueError(f"{text!r}: {key} is said twice: leave one of them out")
        settings[key] = parse_value(value)
    return name, settings


def parse_value(text: str) -> Any:
    """A number, boolean, None, text or tuple of them written as Python writes it, otherwise the text itself."""
    try:
        value = to_plain_value(ast.literal_eval(text)) if len(text) <= LONGEST_VALUE else text
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two: nested too deep for the parser
        return {"true": True, "false": False}.get(text, text)
    return value


def to_plain_value(value: Any) -> Any:
    """The value with tuples for lists; ValueError for what is no finite number of 64 bits, boolean, None or text."""
    if isinstance(value, tuple | list):
        return tuple(map(to_plain_value, value))
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST_WHOLE:
        return value
    if value is None or isinstance(value, str):
        return value
    raise ValueError("no plain value")


def join_names(names: Sequence[Any], most: int = 8) -> str:
    """Names for a message: the first few, and how many more."""
    texts = [str(name) if len(str(name)) <= 60 else f"{str(name)[:57]}..." for name in names]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
