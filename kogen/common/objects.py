"""Objects that a caller in Python gives in place of a path: each is held under a text, which all that follows reads."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

DOOR = "kogen.data.objects.door"  # knows the kinds of objects; loaded when the first one is given
PREFIX = "object:"  # of the text, object:array-1000x32x32x3-uint8-<digest>
SETS = ("tests", "shifts", "transfers")  # parameters that are mappings of names to sources
SOURCES = ("source", "images", "data", "train", "test", *SETS)  # parameters of verbs that take images
LABELS = "labels"

_held: ContextVar[Mapping[str, Any] | None] = ContextVar("objects that are held", default=None)


@contextmanager
def hold(*objects: Any) -> Iterator[tuple[str, ...]]:
    """While inside, the images and labels of a study that was made from these `objects` can be opened again.

    For verbs that are given the study alone: `with kogen.hold(images, labels): kogen.export(run, head="linear")`.
    Yields the texts that study.toml holds of them. ValueError for an object that is neither images nor labels.
    """
    before = _held.get()
    token = _held.set(dict(before or {}))
    try:
        yield tuple(object_text(one, "object") for one in objects)
    finally:
        _held.reset(token)


def with_texts(name: str, value: Any) -> Any:
    """The value of a parameter of a verb with the text of each object that stands for images or labels.

    Only inside `hold`. A mapping of one of SETS is one of names to sources.
    """
    if name in SETS and isinstance(value, Mapping):
        return {title: object_text(one, f"{name}[{title!r}]") for title, one in value.items()}
    return object_text(value, name) if name in SOURCES or name == LABELS else value


def object_text(value: Any, where: str) -> Any:
    """The text under which an object is held from now on; a path, a text and a plain value as they are.

    `where`: the parameter that it is given as. ValueError for an object that is of no known kind.
    """
    if value is None or isinstance(value, str | Path | bool | int | float | bytes):
        return value
    thing = importlib.import_module(DOOR).open_door(value, where)
    held = _held.get()
    assert isinstance(held, dict)
    held[thing.text] = thing
    return thing.text


def find_object(text: str) -> Any:
    """What is held under a text. ValueError where it is not here: on the command line, and in a later process."""
    found = (_held.get() or {}).get(text)
    if found is None:
        raise ValueError(
            f"{text} stands for an object that was given in Python, and it is not here: give it again, by the same "
            f"call in Python, or around another verb by `with kogen.hold(...)`; the command line cannot"
        )
    return found
