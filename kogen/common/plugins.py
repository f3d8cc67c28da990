"""Plug-ins: things from outside kogen on its shelves, out of a user's file, a module, an object or a package.

Code runs only where a command or a call names it: what a study.toml or the record of a run names is never imported.
"""

import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from kogen.common.own_modules import (
    FILES,
    describe_in,
    digest_of,
    frames_in,
    import_file,
    import_module,
    module_content,
)
from kogen.common.text import hint

SHELVES = ("methods", "backbones", "datasets", "probes", "metrics", "views", "corruptions", "directions", "statistics")
# FILE.py:NAME, at the beginning of what an option says; of MODULE:NAME an option must know that it may be one.
FILE_SPEC = re.compile(r"(?P<place>[^?]+?\.py):(?P<name>[^\W\d]\w*)(?=$|[?:,])")
MODULE_SPEC = re.compile(r"(?P<place>[^\W\d][\w.]*):(?P<name>[^\W\d]\w*)(?=$|[?,])")
INTERACTIVE = "defined at a prompt"
DIGEST_MARK = " sha256:"  # between what is named and the digest of its code


@dataclass(frozen=True)
class Plugin:
    """A thing from outside on a shelf, under a name."""

    shelf: str
    name: str
    place: str  # its file, its module, or the package that brings it with its version
    digest: str  # of the content of its file
    thing: Any

    @property
    def record(self) -> str:
        """What plans and pages say of it, `methods=mine.py:MySSL sha256:0123456789abcdef`."""
        place = Path(self.place).name if self.place.endswith(".py") else self.place
        return f"{self.shelf}={place}:{self.name}{DIGEST_MARK}{self.digest}"


OPENED: dict[tuple[str, str], Plugin] = {}  # by shelf and name, those that this process was told to use


def find_plugin(shelf: str, name: str) -> Plugin | None:
    """The plug-in of this name on a shelf, opened before or brought by an installed package; None for none."""
    if (shelf, name) not in OPENED and name in installed(shelf):
        OPENED[shelf, name] = load_installed(shelf, name, installed(shelf)[name])
    return OPENED.get((shelf, name))


def plugin_names(shelf: str) -> list[str]:
    """The names of a shelf's plug-ins, opened or installed."""
    return list(dict.fromkeys([*(name for place, name in OPENED if place == shelf), *installed(shelf)]))


def plugin_records(used: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The records of those of these (shelf, name) that are plug-ins."""
    found = (find_plugin(shelf, name) for shelf, name in used)
    return tuple(one.record for one in found if one)


def check_records(records: Iterable[str]) -> None:
    """ValueError where code that a run was made with is another one now, or is not named by this command."""
    missing: list[str] = []
    for record in records:
        named, digest = split_listing(record)
        known = find_plugin(*plugin_key(named))
        if known is None:
            missing.append(f"--plugins {named}")
        elif known.digest != digest:
            got = f"holds other code (SHA-256 {known.digest}) than the run was made with ({digest})"
            raise ValueError(f"--plugins {named}: {known.place} {got}: give the file as it was, or train anew")
    if missing:
        why = "the run was made with code of your own, which runs only where a command names it"
        raise ValueError(f"{' '.join(missing)} is wanted: {why}")


def refuse_unopened(where: str, listed: Iterable[str], shelves: Iterable[str] = SHELVES) -> None:
    """ValueError where a file lists code, SHELF=FILE.py:NAME, that this command does not name: it is not run."""
    unopened = [text for text in listed if text.partition("=")[0] in shelves and listed_plugin(text) is None]
    missing = [split_listing(text)[0] for text in unopened]
    if missing:
        add = " ".join(f"--plugins {text}" for text in missing)
        raise ValueError(f"{where} was made with code of your own, which runs only where a command names it: add {add}")


def split_listing(text: str) -> tuple[str, str]:
    """SHELF=FILE.py:NAME and the digest behind it, SHELF=FILE.py:NAME sha256:0123456789abcdef; "" for none."""
    named, _, digest = text.partition(DIGEST_MARK)
    return named, digest


def plugin_key(text: str) -> tuple[str, str]:
    """Shelf and name of SHELF=FILE.py:NAME, with a digest behind it or without."""
    named, _ = split_listing(text)
    return named.partition("=")[0], named.rpartition(":")[2]


def with_digest(text: str) -> str:
    """SHELF=FILE.py:NAME with the digest of the code that was opened."""
    plugin = listed_plugin(text)
    return f"{split_listing(text)[0]}{DIGEST_MARK}{plugin.digest}" if plugin else text


def refuse_changed(where: str, listed: Iterable[str]) -> None:
    """ValueError where listed code, with a digest, is another one than was opened."""
    for text in listed:
        (named, digest), known = split_listing(text), listed_plugin(text)
        if known and digest and known.digest != digest:
            got = f"{known.place} holds other code (SHA-256 {known.digest}) than {where} has of {named} ({digest})"
            raise ValueError(f"{got}: give the file as it was, or ask the whole command again to have it changed")


def opened_listings() -> list[str]:
    """What this process was told to use, as another one is told: SHELF=PLACE:NAME with the digest of the code."""
    named = [plugin for plugin in OPENED.values() if plugin.place != INTERACTIVE]
    return [f"{one.shelf}={one.place}:{one.name}{DIGEST_MARK}{one.digest}" for one in named]


def listed_plugin(text: str) -> Plugin | None:
    """The opened plug-in of SHELF=FILE.py:NAME."""
    return OPENED.get(plugin_key(text))


def open_spec(shelf: str, spec: str, taken: Iterable[str] = ()) -> str:
    """Import `FILE.py:NAME` or `MODULE:NAME` for a shelf and return its name there.

    ValueError for a file that is not there or cannot be imported, a name that it does not have, and a name of kogen's
    own, `taken`.
    """
    match = FILE_SPEC.fullmatch(spec) or MODULE_SPEC.fullmatch(spec)
    if not match:
        raise ValueError(f"{spec!r} is no plug-in: write FILE.py:NAME, such as mine.py:MySSL, or MODULE:NAME")
    place, name = match["place"], match["name"]
    digest, module = import_file(place) if place.endswith(".py") else import_module(place)
    if not hasattr(module, name):
        own = {key: thing for key, thing in vars(module).items() if not key.startswith("_")}
        known = [key for key, thing in own.items() if getattr(thing, "__module__", "") == module.__name__] or [*own]
        raise ValueError(f"{place} has no {name!r}: {hint(name, known) if known else 'it defines nothing'}")
    return add_plugin(Plugin(shelf, name, place, digest, getattr(module, name)), taken)


def open_object(shelf: str, thing: Any, taken: Iterable[str] = ()) -> str:
    """Put an object that was passed in Python on a shelf, under its own name, and return that.

    ValueError for an object without a name, such as a lambda, and one whose source cannot be read.
    """
    name = getattr(thing, "__name__", "")
    if not name.isidentifier():
        got = "a lambda" if name == "<lambda>" else f"an object of the type {type(thing).__name__}"
        wanted = "a name, a text FILE.py:NAME, or a class or function with a name"
        raise ValueError(f"{shelf}: got {got}, which has no name: wanted {wanted}")
    try:
        file = inspect.getsourcefile(thing) or ""
    except TypeError:  # a class of a notebook: its module has no file
        file = ""
    if file and Path(file).is_file():
        return add_plugin(Plugin(shelf, name, file, digest_of(Path(file).read_bytes()), thing), taken)
    parts = [thing, *(part for part in vars(thing).values() if inspect.isfunction(part))]
    sources = [text for part in parts if (text := source_of(part))]
    if not sources:
        raise ValueError(f"{shelf}: the source of {name} cannot be read, so no record could say what it was: "
                         "define it in a file, or in a cell of a notebook")  # fmt: skip
    return add_plugin(Plugin(shelf, name, INTERACTIVE, digest_of("\n".join(sources).encode()), thing), taken)


def add_plugin(plugin: Plugin, taken: Iterable[str]) -> str:
    """Put a plug-in on its shelf, in place of one of its name; its name. ValueError for a name of kogen's own."""
    if plugin.shelf not in SHELVES:
        raise ValueError(f"there is no shelf {plugin.shelf!r}: {hint(plugin.shelf, list(SHELVES))}")
    refuse_taken(plugin, taken)
    OPENED[plugin.shelf, plugin.name] = plugin
    return plugin.name


def refuse_taken(plugin: Plugin | None, taken: Iterable[str]) -> None:
    """ValueError for a plug-in under a name of kogen's own, which would be used in its place."""
    if plugin and plugin.name in taken:
        raise ValueError(f"{plugin.place}:{plugin.name}: kogen's own {plugin.shelf} have one of this name: rename it")


def check_call(title: str, thing: Any, arguments: Iterable[str], wanted: str) -> None:
    """ValueError for what cannot be called with so many arguments by place."""
    try:
        inspect.signature(thing).bind(*arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{title} cannot be called so ({error}): wanted {wanted}") from error


@cache
def installed(shelf: str) -> dict[str, EntryPoint]:
    """The things that installed packages add to a shelf (entry points of the group `kogen.SHELF`), by name."""
    return {point.name: point for point in entry_points(group=f"kogen.{shelf}")}


def load_installed(shelf: str, name: str, point: EntryPoint) -> Plugin:
    """The thing of an entry point. ValueError where it cannot be imported."""
    package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    try:
        thing = point.load()
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"{shelf}: {name!r} of the package {package} cannot be imported ({what})") from error
    content = module_content(sys.modules[point.module])
    return Plugin(shelf, name, package, digest_of(content), thing)


def source_of(part: Any) -> str:
    """The source of a class or function; "" where it cannot be read."""
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        return ""


def blame(error: BaseException) -> str:
    """Where in a plug-in an error arose, and what it is: `mine.py, line 31, in forward: ...`; "" for another's."""
    return describe_error(error) if frames_in(error, plugin_files()) else ""


def describe_error(error: BaseException) -> str:
    """An error in words, with the last line of a plug-in that it passed."""
    return describe_in(error, plugin_files())


def plugin_files() -> set[str]:
    """The files of all plug-ins."""
    return {*FILES, *(str(Path(plugin.place).resolve()) for plugin in OPENED.values() if plugin.place.endswith(".py"))}


def unknown_name(shelf: str, name: str, known: list[str]) -> str:
    """The sentence for a name that is not on a shelf."""
    if FILE_SPEC.match(name):
        return f"{name} is code that this command does not name itself: add --plugins {shelf}={name} to run it"
    if ".py" in name:
        return f"{name!r} names no code: write FILE.py:NAME, such as mine.py:MySSL"
    if "?" in name:
        return f"{name!r}: {shelf} take no settings there: write the name alone"
    own = f"; one of your own: --plugins {shelf}=FILE.py:{name}" if name.isidentifier() else ""
    return f"unknown name {name!r} among the {shelf}: {hint(name, known)}{own}"
