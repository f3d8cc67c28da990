"""The forms of options: how a text of the command line becomes a value, by the name of the form."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kogen.common.text import parse_value

Texts = Sequence[str]  # of an option that may be repeated


def parse_names(text: str, flag: str) -> tuple[str, ...]:
    """`a,b` to its parts; an empty text names nothing. ValueError for commas alone."""
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


def parse_numbers(texts: Texts, flag: str, kind: Callable[[str], Any] = float) -> dict[str, Any]:
    """Several `SET=NUMBER` of a kind."""
    try:
        return {name: kind(value) for name, value in parse_pairs(texts, flag).items()}
    except ValueError as error:
        raise ValueError(f"--{flag} {' '.join(texts)}: write SET=NUMBER, for instance val=50000") from error


def parse_settings(texts: Texts, flag: str) -> dict[str, Any]:
    """Several `NAME=VALUE`, values as Python writes them."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"--{flag} {text}: write --{flag} NAME=VALUE")
        if name in found:
            raise ValueError(f"--{flag} {name} was given twice, the second time as {value}: give it once")
        found[name] = parse_value(value)
    return found


def parse_method_settings(texts: Texts, flag: str) -> dict[str, dict[str, Any]]:
    """Several `METHOD.NAME=VALUE`, by method."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        if "." not in text.partition("=")[0] or "=" not in text:
            raise ValueError(f"--{flag} {text}: several methods train, so write --{flag} METHOD.NAME=VALUE")
    for key, value in parse_settings(texts, flag).items():
        method, _, name = key.rpartition(".")
        found.setdefault(method, {})[name] = value
    return found


def parse_prices(texts: Texts, flag: str) -> dict[str, Any]:
    """Prices from files, toml with a table [prices] or without, and from NAME=VALUE; what is named later stands."""
    found: dict[str, Any] = {}
    for text in texts:
        if "=" in text:
            found |= parse_settings([text], flag)
            continue
        if not text.endswith(".toml"):
            raise ValueError(f"--{flag} {text}: write a file.toml, or NAME=VALUE such as label=0.5")
        from kogen.common.files import read_toml  # loads pandas: what has no file does without

        content = read_toml(Path(text))
        found |= content.get("prices", content)
    return found


def parse_share(text: str, flag: str) -> float:
    """`5%` or `0.05` to 0.05."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise ValueError(f"--{flag} {text}: write a share such as 5% or 0.05") from error


def parse_batch_size(text: str, flag: str) -> int | str:
    """`256` to 256, and `auto` as it is."""
    if text == "auto" or text.isdecimal():
        return text if text == "auto" else int(text)
    raise ValueError(f"--{flag} {text}: write a whole number such as 256, or auto")


SINGLE_FORMS = {"names": parse_names, "share": parse_share, "batch": parse_batch_size}
REPEATABLE_FORMS: dict[str, Callable[[Texts, str], Any]] = {
    "pairs": parse_pairs,
    "counts": lambda texts, flag: parse_numbers(texts, flag, int),
    "numbers": parse_numbers,
    "groups": lambda texts, flag: tuple(parse_names(text, flag) for text in texts),
    "lower": lambda texts, flag: dict.fromkeys(texts, False),  # of these names lower is better
    "setting": parse_settings,
    "settings": parse_method_settings,
    "prices": parse_prices,
    "each": lambda texts, flag: tuple(texts),
    "several": lambda texts, flag: tuple(name for text in texts for name in parse_names(text, flag)),
}
