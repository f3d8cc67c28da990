"""A command line from options: what a user types to ask for them again."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from kogen.common.text import parse_value
from kogen.options.model import Options, flag_of


def command_line(verb: str, subjects: tuple[str, ...], options: type[Options], given: Mapping[str, Any]) -> str:
    """`kogen VERB SUBJECT --option value ...`, for a shell; options without a value are left out.

    Defaults that are given are written down too: those of another version may be others.
    """
    words = ["kogen", verb, *subjects]
    for name, field in options.model_fields.items():
        if given.get(name) is not None:
            more: Any = field.json_schema_extra
            words += option_words(flag_of(options, name), more["form"], given[name])
    return shlex.join(words)


def option_words(flag: str, form: str, value: Any) -> Iterator[str]:
    """The words of one option, which the parser of its form (see forms.py) reads back to the value."""
    if isinstance(value, bool):
        yield from [flag] if value else []
    elif form == "names":
        yield from (flag, ",".join(map(str, value)))
    elif form == "pairs":
        yield from (word for name, source in value.items() for word in (flag, f"{name}={source}"))
    elif form == "settings":
        for method, settings in value.items():
            for name, chosen in settings.items():
                yield from (flag, f"{method}.{name}={setting_text(chosen)}")
    elif form == "prices":
        yield from (word for name, price in value.items() for word in (flag, f"{name}={setting_text(price)}"))
    elif form in ("each", "several"):
        yield from (word for one in value for word in (flag, one))
    else:
        yield from (flag, str(value))


def setting_text(value: Any) -> str:
    """The value of a setting as it is typed; a text that would be read as a number is quoted."""
    plain = str(value)
    return plain if parse_value(plain) == value else repr(value)
