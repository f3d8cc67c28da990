"""Text: names with settings, lists and hints for messages, values as Python writes them."""

import ast
import difflib
from collections.abc import Sequence
from typing import Any

LANGUAGES = ("en", "ja")  # of pages and sentences


def check_language(lang: str) -> None:
    """ValueError for a language that pages are not written in."""
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}: {hint(lang, list(LANGUAGES))}")


def hint(name: str, known: list[str]) -> str:
    """The words that help after a wrong name: the nearest right name, or all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"


def parse_spec(text: str) -> tuple[str, dict[str, Any]]:
    """`name?key=value&key=value` to the name and its settings; numbers, booleans and `1,2,3` become Python's.

    Raises ValueError for a setting without `=`.
    """
    name, _, query = text.partition("?")
    settings = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{text!r}: {part!r} is not key=value; write name?key=value&key=value")
        settings[key] = parse_value(value)
    return name, settings


def parse_value(text: str) -> Any:
    """A number, boolean, None or tuple written as Python writes it, otherwise the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text, text)


def join_names(names: Sequence[Any], most: int = 8) -> str:
    """Names for a message: the first few, and how many more."""
    texts = [str(name) if len(str(name)) <= 60 else f"{str(name)[:57]}..." for name in names]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
