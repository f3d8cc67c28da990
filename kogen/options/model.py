"""The base of all options: how one is declared, how values are checked, and how a verb takes them as keywords."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce, wraps
from operator import or_
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kogen.common.objects import hold, with_texts
from kogen.common.system import give_back_memory
from kogen.common.text import hint
from kogen.options.own_code import PLUGINS_HELP, open_plugins

Value = bool | int | float | str
Bound = float | None
MAX_SEED = 2**63 - 1  # what every generator takes, and a column of a table holds

BOUNDS = {"greater_than_equal": ("ge", "or more"), "less_than_equal": ("le", "or less")}  # pydantic's error to ours
NO_NUMBER = ("finite_number", "float_type", "float_parsing")  # pydantic's errors of what is no number


def source_text(value: Any) -> Any:
    """A Path as its text; ValueError for a text that no file's name can be."""
    value = str(value) if isinstance(value, Path) else value
    if isinstance(value, str) and "\0" in value:
        raise ValueError("no name of a file has a NUL in it: wanted a path, or a name of a data source")
    return value


Source = Annotated[str, BeforeValidator(source_text)]
"""A path, or a name of a data source; a Path becomes its text."""

if TYPE_CHECKING:
    ImageSource = Any
else:
    ImageSource = Source
"""A source of images or labels: for who calls a verb an object too, whose text `takes` puts in its place."""

FirstArgument = TypeVar("FirstArgument")
Keywords = ParamSpec("Keywords")
AnyOptions = TypeVar("AnyOptions", bound="Options")
Result = TypeVar("Result")
Model = TypeVar("Model", bound=BaseModel)


def option(default: Any, help: str, group: str, *, ge: Bound = None, le: Bound = None, **more: str) -> Any:
    """One option: its default, its help in one line, and the group that lists it.

    `ge` and `le`: the least and the largest number allowed. `more`: see `cli_metadata`.
    """
    return Field(default, description=help, ge=ge, le=le, json_schema_extra=cli_metadata(group, **more))


def cli_metadata(group: str, flag: str = "", form: str = "", shelf: str = "") -> dict[str, Any]:
    """What the command line must know of an option; alone, of one that has no default.

    `flag`: its name on the command line, if not the field's. `form`: how a text becomes its value, see forms.py.
    `shelf`: what it names, which may be code of the user's own, see own_code.py.
    """
    return {"group": group, "flag": flag, "form": form, "shelf": shelf}


class Options(BaseModel):
    """Options of a verb; frozen, unknown names are refused. The first line of a subclass is the verb's help."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    plugins: tuple[str, ...] = option((), PLUGINS_HELP, "Own code", form="each")


def validate(kind: type[Model], given: Mapping[str, Any], where: str) -> Model:
    """`kind(**given)`; ValueError names the wrong value, or the unknown name and the nearest right one."""
    for name, field in kind.model_fields.items():
        value, types = given.get(name), types_in(field.annotation)
        parts = value.values() if isinstance(value, dict) else [value]
        if types & {int, float} and bool not in types and any(isinstance(part, bool) for part in parts):
            raise ValueError(f"{where}: {name} = {value!r}: wanted a number")  # pydantic takes True as 1
    try:
        return kind(**given)
    except ValidationError as error:
        # Of a value that may be of several types there is an error for each: one about its size says most.
        first = min(error.errors(), key=lambda each: each["type"] not in (*BOUNDS, "finite_number"))
        name = path_of(first["loc"], given)
        if first["type"] == "extra_forbidden":
            raise ValueError(f"{where}: unknown key {name!r}: {hint(name, list(kind.model_fields))}") from error
        if first["type"] == "missing":
            raise ValueError(f"{where}: {name} is missing: {kind.model_fields[name].description}") from error
        key, words = BOUNDS.get(first["type"], ("", ""))
        bound: Any = first.get("ctx", {}).get(key)
        wanted = f"wanted {number_text(bound)} {words}" if key else first["msg"].removeprefix("Value error, ")
        if first["type"] in NO_NUMBER:
            wanted = endless_words(first["input"]) or wanted
        if wanted.startswith(("--", "[")):  # which names the option, or the table of study.toml, and the value
            raise ValueError(f"{where}: {wanted}") from error
        raise ValueError(f"{where}: {name} = {shorten(first['input'])}: {wanted}") from error


def endless_words(value: Any) -> str:
    """What is wrong with a number that is infinite or none, also as text; "" for every other value."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return ""
    return "no number: wanted one" if math.isnan(number) else "infinite: wanted a number" if math.isinf(number) else ""


def flag_of(options: type[BaseModel], name: str) -> str:
    """An option as the command line writes it, `--image-size`; a name that is none of them as it would be."""
    known = options.model_fields.get(name)
    more: Any = known.json_schema_extra if known else {}
    return f"--{(more.get('flag') or name).replace('_', '-')}"


def path_of(place: Sequence[int | str], given: Any) -> str:
    """Where a wrong value stands in what was given, `settings.byol.rate`."""
    first, *rest = place
    name, inside = str(first), given.get(first)
    return f"{name}.{path_of(rest, inside)}" if isinstance(inside, Mapping) and rest else name


def types_in(annotation: Any) -> set[Any]:
    """The plain types that an annotation is made of."""
    inside = get_args(annotation)
    return set().union(*map(types_in, inside)) if inside else {annotation} if isinstance(annotation, type) else set()


def number_text(number: float) -> str:
    """A number as messages write it, `1,000,000`."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.15g}"


def shorten(value: Any) -> str:
    """A wrong value as Python writes it, cut where it is long."""
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of over 70 digits"  # Python refuses to write out one of thousands
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def takes(
    options: Callable[Keywords, AnyOptions],
) -> Callable[[Callable[[FirstArgument, AnyOptions], Result]], Callable[Concatenate[FirstArgument, Keywords], Result]]:
    """Let a verb be called with its options as keywords, which are checked before it starts.

    `verb(subject, options)` becomes `verb(subject, *, labels=None, seeds=3, ...)`, also for type checkers and `help`.
    """

    def decorate(
        verb: Callable[[FirstArgument, AnyOptions], Result],
    ) -> Callable[Concatenate[FirstArgument, Keywords], Result]:
        kind: Any = options
        first, *_ = inspect.signature(verb).parameters.values()

        @wraps(verb)
        def call(*positional: Any, **given: Any) -> Result:
            if first.name in given and not positional:
                positional = (given.pop(first.name),)
            if len(positional) != 1:
                want = f"{verb.__name__} takes one positional argument, {first.name}, and options by keyword"
                raise TypeError(f"{want}; got {len(positional)}")
            with hold():
                subject, given = open_plugins(kind, first.name, positional[0], given)
                texts = {name: with_texts(name, value) for name, value in given.items()}
                try:
                    return verb(with_texts(first.name, subject), validate(kind, texts, verb.__name__))
                finally:
                    give_back_memory()  # a notebook lives on

        parameters, result = [first, *keyword_parameters(kind)], verb.__annotations__["return"]
        call.__signature__ = inspect.Signature(parameters, return_annotation=result)  # type: ignore[attr-defined]
        del call.__wrapped__  # its face is this one: nobody should look through it
        lines = [f"    {name}: {field.description}" for name, field in kind.model_fields.items()]
        call.__doc__ = "\n".join([inspect.cleandoc(verb.__doc__ or ""), "", "Args:", *lines])
        return call  # type: ignore[return-value]

    return decorate


def keyword_parameters(kind: type[Options]) -> list[inspect.Parameter]:
    """The fields of a model as keyword parameters."""
    keyword, fields = inspect.Parameter.KEYWORD_ONLY, kind.model_fields.items()
    defaults = {name: inspect.Parameter.empty if field.is_required() else field.default for name, field in fields}
    types = {name: plain_type(field.annotation) for name, field in fields}
    return [inspect.Parameter(name, keyword, default=defaults[name], annotation=types[name]) for name in types]


def plain_type(annotation: Any) -> Any:
    """A type as people read it, without the checks of pydantic."""
    kind, inside = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return plain_type(inside[0])
    if kind in (None, Literal):
        return annotation
    parts = [plain_type(part) for part in inside]
    return reduce(or_, parts) if kind in (Union, UnionType) else kind[tuple(parts)]
