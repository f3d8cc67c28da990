"""Forms: how a text of the command line becomes the value of an option, by the name of its form."""

from collections.abc import Callable, Sequence
from typing import Any

from kogen.common.text import parse_value

Text = str
Texts = Sequence[str]


def parse_names(text: Text, flag: str) -> tuple[str, ...]:
    """`a,b` to its parts. ValueError for a text that names nothing, but for the empty one."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if text.strip() and not parts:
        raise ValueError(f"--{flag} {text}: write one name or more, with commas between")
    return parts


def parse_pairs(texts: Texts, flag: str) -> dict[str, str]:
    """Several `NAME=VALUE`, each name once."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise ValueError(f"--{flag} {text}: write NAME=VALUE, for instance line2=imgs/line2")
        if name in found:
            raise ValueError(f"two --{flag} are named {name!r}, {found[name]} and {value}: give each its own name")
        found[name] = value
    return found


def parse_counts(texts: Texts, flag: str) -> dict[str, int]:
    """Several `SET=NUMBER`, whole."""
    return parse_numbers_as(texts, flag, int)


def parse_numbers(texts: Texts, flag: str) -> dict[str, float]:
    """Several `SET=NUMBER`."""
    return parse_numbers_as(texts, flag, float)


def parse_numbers_as(texts: Texts, flag: str, kind: Callable[[str], Any]) -> dict[str, Any]:
    """Several `SET=NUMBER` of a kind."""
    try:
        return {name: kind(value) for name, value in parse_pairs(texts, flag).items()}
    except ValueError as error:
        raise ValueError(f"--{flag} {' '.join(texts)}: write SET=NUMBER, for instance val=50000") from error


def parse_groups(texts: Texts, flag: str) -> tuple[tuple[str, ...], ...]:
    """Several `SET,SET`."""
    return tuple(parse_names(text, flag) for text in texts)


def mark_lower_better(texts: Texts, flag: str) -> dict[str, bool]:
    """Names of which lower is better."""
    return dict.fromkeys(texts, False)


def parse_settings(texts: Texts, flag: str) -> dict[str, Any]:
    """Several `NAME=VALUE`, values as Python writes them."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"--{flag} {text}: write --{flag} NAME=VALUE")
        found[name.rpartition(".")[2]] = parse_value(value)
    return found


def parse_method_settings(texts: Texts, flag: str) -> dict[str, dict[str, Any]]:
    """Several `METHOD.NAME=VALUE`, by method."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        method, _, _ = text.partition("=")[0].rpartition(".")
        if not method or "=" not in text:
            raise ValueError(f"--{flag} {text}: several methods train, so write --{flag} METHOD.NAME=VALUE")
        found.setdefault(method, {}).update(parse_settings([text], flag))
    return found


def parse_share(text: Text, flag: str) -> float:
    """`5%` or `0.05` to 0.05."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise ValueError(f"--{flag} {text}: write a share such as 5% or 0.05") from error


def parse_batch_size(text: Text, flag: str) -> int | str:
    """`256` to 256, and `auto` as it is."""
    if text == "auto" or text.isdecimal():
        return text if text == "auto" else int(text)
    raise ValueError(f"--{flag} {text}: write a whole number such as 256, or auto")


def collect_texts(texts: Texts, flag: str) -> tuple[str, ...]:
    """The option as often as it was given."""
    return tuple(texts)


SINGLE_FORMS: dict[str, Callable[[str, str], Any]] = {
    "names": parse_names,
    "share": parse_share,
    "batch": parse_batch_size,
}
REPEATABLE_FORMS: dict[str, Callable[[Sequence[str], str], Any]] = {
    "pairs": parse_pairs,
    "counts": parse_counts,
    "numbers": parse_numbers,
    "groups": parse_groups,
    "lower": mark_lower_better,
    "setting": parse_settings,
    "settings": parse_method_settings,
    "each": collect_texts,
}
