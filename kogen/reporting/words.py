"""Words: every sentence and label of the report, kept in words.toml (English, Japanese), and how they are filled in."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from kogen.common.kinds import Kind
from kogen.common.text import check_language

LONGEST = 56  # letters of a name that are shown: published checkpoints differ in the middle of longer names
# Kogen's own names of sets that nobody named, and their words.
OWN_SETS = {"reference": "set_reference", "validation": "set_validation", "unseen groups": "set_unseen"}
OWN_METRIC = "name_of_"  # and the name of a metric, which a user's own is shown by as it is
# What a study is of; its sentences are written of images, and of series they speak of windows instead.
ITEMS: ContextVar[Kind] = ContextVar("ITEMS", default="image")
AN_IMAGE = re.compile(r"(?<![-\w])([Aa])n image(?![-\w])|(?<![-\w])([Ii])mage(s?)(?![-\w])")
LISTED = 4  # names that are listed before "and n more"


@dataclass(frozen=True)
class Sentence:
    """A sentence as data: the part of the page it belongs to, its key in words.toml, and the values filled in."""

    part: str  # headline | evidence | shift | alarm | caution | change
    key: str
    values: Annotated[dict[str, Any], Field(alias="with")] = field(default_factory=dict)  # "with" in verdict.json


def sentence(part: str, key: str, /, **values: Any) -> Sentence:
    """A sentence with these values."""
    return Sentence(part, key, values)


def phrase(key: str, /, **values: Any) -> dict[str, Any]:
    """A value of a sentence that is itself a piece of words.toml with values."""
    return {"phrase": key, "with": values}


def say(lang: str, key: str, /, **values: Any) -> str:
    """The sentence or label `key` in the language, filled with values: numbers are formatted, names cleaned and joined.

    Floats are shown with one decimal, whole numbers with thousands separators, None as a dash, lists as a list of
    names or phrases, a `phrase` in the language. ValueError for a language that is not known.
    """
    templates = load_templates(lang)
    if key.startswith(OWN_METRIC) and key not in templates:
        return clean(key.removeprefix(OWN_METRIC))
    return templates[key].format(**{name: format_value(lang, value) for name, value in values.items()})


@contextmanager
def words_for(items: Kind) -> Iterator[None]:
    """While inside, sentences speak of windows where a study is of series."""
    token = ITEMS.set(items)
    try:
        yield
    finally:
        ITEMS.reset(token)


def load_templates(lang: str) -> Mapping[str, str]:
    """The templates of a language, of what the study is of; ValueError names the languages there are."""
    check_language(lang)
    return read_templates(lang, ITEMS.get())


@cache
def read_templates(lang: str, items: Kind) -> Mapping[str, str]:
    """The templates as they are written, of series with the word for their windows."""
    words = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    found = {key: said[lang] for key, said in words.items()}
    return {key: of_windows(template) for key, template in found.items()} if items == "series" else found


def of_windows(template: str) -> str:
    """A template that speaks of windows of series where it spoke of images; what stands in braces stays."""

    def window(match: re.Match[str]) -> str:
        article, first, plural = match.groups()
        return f"{article} window" if article else f"{'W' if first == 'I' else 'w'}indow{plural}"

    parts = re.split(r"(\{[^}]*\})", template)
    return "".join(
        part if part.startswith("{") else AN_IMAGE.sub(window, part).replace("画像", "ウィンドウ") for part in parts
    )


def format_value(lang: str, value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        return say(lang, value["phrase"], **value["with"])
    if isinstance(value, list | tuple):
        names = [format_value(lang, one) if isinstance(one, dict) else display_name(lang, str(one)) for one in value]
        return list_in_words(lang, names)
    return display_name(lang, value) if isinstance(value, str) else format_number(value)


def display_name(lang: str, name: str) -> str:
    """A name made fit to show; kogen's own names of sets that got none in the reader's words."""
    return load_templates(lang)[OWN_SETS[name]] if name in OWN_SETS else clean(name)


def format_number(value: float | int | None, digits: int = 1, *, sign: bool = False) -> str:
    """A number with a true minus sign and thousands separators; None and NaN are a dash."""
    if value is None or value != value:
        return "–"
    digits = 0 if isinstance(value, int) else digits
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    zero = not any(letter in "123456789" for letter in text)
    return text.lstrip("+-") if zero else text.replace("-", "−")


def format_points(value: float | None, *, sign: bool = False) -> str:
    """A number of points as short as it may be: two decimals below 1, where the second one matters, else one."""
    return format_number(value, 2 if value and abs(value) < 0.995 else 1, sign=sign)


def list_in_words(lang: str, names: list[str]) -> str:
    """Names as a list in a sentence: a, b and c; long lists are cut and the rest is counted."""
    words = load_templates(lang)
    if len(names) > LISTED:
        return words["and_more"].format(names=words["comma"].join(names[:LISTED]), n=len(names) - LISTED)
    if len(names) < 2:
        return "".join(names)
    return words["and"].format(names=words["comma"].join(names[:-1]), last=names[-1])


def clean(name: str, longest: int = LONGEST) -> str:
    """A name made fit to show: one line, nothing invisible, its middle left out when it is long.

    The middle goes because names made by people and machines differ at their ends (`line2-2024`, `run-0031`).
    """
    name = name[: 100 * longest] + name[-longest:] if len(name) > 101 * longest else name
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name)
    plain = " ".join(plain.split()) or "?"
    if len(plain) <= longest:
        return plain
    tail = (longest - 1) // 3
    return f"{plain[: longest - 1 - tail]}…{plain[-tail:]}"
