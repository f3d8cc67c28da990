"""Code of a user's own in options: `mine.py:MySSL`, or a class in Python, is opened and replaced by its name."""

import inspect
import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from kogen.common import registry
from kogen.common.plugins import (
    FILE_SPEC,
    MODULE_SPEC,
    SHELVES,
    find_plugin,
    open_object,
    open_spec,
    plugin_key,
    refuse_changed,
    split_listing,
    with_digest,
)
from kogen.common.text import hint

PLUGINS_HELP = (
    "code of your own that may run, SHELF=FILE.py:NAME, such as methods=mine.py:MySSL; repeatable; what other options "
    "name as FILE.py:NAME may run without"
)
SUBJECTS = {"source": "datasets", "images": "datasets"}  # shelves of the first arguments of verbs
BY_MODULE = ("methods", "backbones")  # shelves whose names have no other meaning of a colon
PARTS = ("corruptions",)  # whose option is a list with commas in one text


def open_plugins(
    kind: type[BaseModel], first: str, subject: Any, given: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The first argument and the options of a verb with names for code, which is imported and put on its shelf.

    `plugins` then lists all of it, as SHELF=FILE.py:NAME. Only for what a person typed or passed: files name no code.
    ValueError as `open_spec` and `open_object`.
    """
    found = dict(given)
    opened: list[str] = list(given.get("plugins") or ())
    for text in opened:
        open_listed(text)
    for name, value in given.items():
        if shelf := shelf_of(kind, name):
            found[name] = replace_code(shelf, value, opened)
    if first in SUBJECTS:
        subject = replace_code(SUBJECTS[first], subject, opened)
    refuse_two(opened)
    if opened:
        found["plugins"] = tuple(dict.fromkeys(map(with_digest, opened)))
    return subject, found


def refuse_two(opened: list[str]) -> None:
    """ValueError where two files have a thing of one shelf and name: one would stand in the place of the other."""
    places: dict[tuple[str, str], str] = {}
    for text in opened:
        shelf, name = plugin_key(text)
        file = split_listing(text)[0].removeprefix(f"{shelf}=").rpartition(":")[0]
        first = places.setdefault((shelf, name), file)
        if os.path.realpath(first) != os.path.realpath(file):
            raise ValueError(f"{first} and {file} both have a {name!r} for the {shelf}: rename one of them")


def shelf_of(kind: type[BaseModel], name: str) -> str:
    """The shelf that an option names things of; "" for none."""
    field = kind.model_fields.get(name)
    more: Any = field.json_schema_extra if field else {}
    return more.get("shelf", "")


def open_listed(text: str) -> None:
    """Open what `--plugins` says."""
    shelf, equals, spec = split_listing(text)[0].partition("=")
    if not equals or shelf not in SHELVES:
        near = f": {hint(shelf, list(SHELVES))}" if equals else ""
        raise ValueError(f"--plugins {text}: write SHELF=FILE.py:NAME, such as methods=mine.py:MySSL{near}")
    open_code(shelf, spec)
    refuse_changed("--plugins", [text])


def open_code(shelf: str, spec: str) -> str:
    """Open FILE.py:NAME; its name. ValueError as `open_spec`, and for a source that a path of this name would hide."""
    name = open_spec(shelf, spec, own_names(shelf))
    if shelf == "datasets" and os.path.exists(name):
        raise ValueError(f"{spec}: {name!r} is a path here too, which would be read in its place: rename the function")
    return name


def replace_code(shelf: str, value: Any, opened: list[str]) -> Any:
    """A value with the names of what it has code for; `opened` gets each piece of code."""
    again = partial(replace_code, shelf, opened=opened)
    if isinstance(value, dict):
        return {key: again(part) for key, part in value.items()}
    if isinstance(value, tuple | list) and shelf not in (*PARTS, "datasets"):  # a list of images is one source
        return tuple(map(again, value))
    if isinstance(value, str) and shelf in PARTS:
        return ",".join(replace_spec(shelf, part.strip(), opened) for part in value.split(","))
    if isinstance(value, str):
        return replace_spec(shelf, value, opened)
    if value is None or (shelf == "datasets" and not inspect.isfunction(value)):  # whose objects are images
        return value
    name = open_object(shelf, value, own_names(shelf))
    plugin = find_plugin(shelf, name)
    if plugin and plugin.place.endswith(".py"):
        opened.append(f"{shelf}={plugin.place}:{name}")
    return name


def replace_spec(shelf: str, text: str, opened: list[str]) -> str:
    """A text whose FILE.py:NAME became NAME; what stands before (`NAME=` of a source) and behind stays."""
    before, equals, rest = text.partition("=")
    if shelf != "datasets" or "?" in before or not equals:
        before, equals, rest = "", "", text
    match = FILE_SPEC.match(rest) or (MODULE_SPEC.match(rest) if shelf in BY_MODULE else None)
    if not match or (shelf == "datasets" and os.path.exists(rest)):
        return text
    name = open_code(shelf, match[0])
    opened.append(f"{shelf}={match[0]}")
    return f"{before}{equals}{name}{rest[match.end() :]}"


def own_names(shelf: str) -> Iterable[str]:
    """The names of kogen's own on a shelf, which a plug-in may not take."""
    return registry.own_names(shelf) if shelf in registry.FOLDERS else ()
