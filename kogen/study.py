"""What was asked: a Study (the whole question) and a Plan (one run of it); frozen, validated, hashed to an id."""

import hashlib
import inspect
import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kogen import corruptions, shelf
from kogen.method import Recipe

Value = bool | int | float | str
WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}


class Plan(BaseModel):
    """One run, fully resolved: whatever changes the weights is in here, so equal ids mean equal runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    method: str
    seed: int = Field(default=0, ge=0)
    backbone: str = "tiny"
    image_size: int = Field(default=32, ge=8, le=1024)
    channels: int = 3
    classes: tuple[str, ...] = ()
    views: str = "natural"
    epochs: int = Field(default=50, ge=0)
    batch_size: int = Field(default=256, ge=2)
    accumulate: int = Field(default=1, ge=1)
    precision: str = "auto"
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    settings: dict[str, Value] = Field(default_factory=dict)  # hyperparameters of the method and numbers of its recipe
    weights: str = ""  # file the untrained network is replaced by (stock); of a run's record, a digest of its content
    name: str = ""  # what a published candidate competes under
    framework: str = ""  # that trained a published candidate
    images: int = 0
    data: str = ""  # digest of the training images


class Study(BaseModel):
    """The question a study asks, as `kogen pilot` takes it and study.toml keeps it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    labels: str | None = None
    test: str | None = None
    shifts: dict[str, str] = Field(default_factory=dict)
    corrupt: str | None = None  # shifts made of the reference set: all, all:1-5, blur:5,jpeg:2
    methods: tuple[str, ...] = ("byol", "simclr", "supervised", "random")
    stock: str | None = None  # published weights on disk, a baseline more
    candidates: dict[str, str] = Field(default_factory=dict)  # name to FILE[?backbone=...&image_size=...&framework=...]
    seeds: int = Field(default=3, ge=1, le=100)
    epochs: int = Field(default=50, ge=1)
    batch_size: Annotated[int, Field(ge=2)] | Literal["auto"] = 256  # auto: 256, in as few parts as fit into memory
    accumulate: int = Field(default=1, ge=1)
    backbone: str = "tiny"
    image_size: int = Field(default=32, ge=8, le=1024)
    views: str = "natural"
    probes: tuple[str, ...] = ("linear", "knn")  # the first one decides
    margin: float = Field(default=1.0, ge=0, le=100)  # points; the smallest difference worth money
    precision: str = "auto"
    max_bad: float = Field(default=0.05, ge=0, le=1)
    keep: int = Field(default=0, ge=0)  # checkpoints of each run on its way, for a landscape of its trajectory
    settings: dict[str, dict[str, Value]] = Field(default_factory=dict)  # per method, as --set method.name=value
    lang: str = "en"


def read_study(path: Path) -> Study:
    """A study from its toml file. ValueError names unknown keys with the nearest right ones, and wrong values."""
    try:
        asked = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"cannot read the study {path}: {error}") from error
    return checked(Study, asked, str(path))


def checked(kind: type[Any], asked: dict[str, Any], where: str) -> Any:
    """`kind(**asked)`, its complaints turned into one sentence a person can act on."""
    try:
        made = kind(**asked)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"] if part not in ("constrained-int", "literal['auto']"))
        if first["type"] == "extra_forbidden":
            raise ValueError(f"{where}: unknown key {name!r}: {shelf.hint(name, list(kind.model_fields))}") from error
        raise ValueError(f"{where}: {name} = {first['input']!r}: {first['msg']}") from error
    if isinstance(made, Study):
        check_names(made)
    return made


def check_names(study: Study) -> None:
    """Every name a study uses is known, before anything loads."""
    for method in study.methods:
        shelf.load("methods", method)
    for probe in study.probes:
        shelf.load("probes", probe)
    if study.corrupt:
        corruptions.asked(study.corrupt)
    for method, settings in study.settings.items():
        check_settings(method, settings)
        if method not in (*study.methods, "stock"):
            raise ValueError(f"settings for {method!r}, which is not among the methods: {', '.join(study.methods)}")
    if not study.methods and not study.candidates:
        raise ValueError("no methods: name one or more, for instance --methods byol,random")
    if taken := sorted({*study.methods, "stock"} & set(study.candidates)):
        raise ValueError(f"a candidate has the name of a method, {taken[0]!r}: call it something else")
    if "stock" in study.methods and not study.stock:
        raise ValueError("the method 'stock' needs published weights: give --stock FILE.safetensors")
    if len(set(study.methods)) < len(study.methods):
        raise ValueError(f"methods {', '.join(study.methods)}: one is named twice; name each once")


def check_settings(method: str, settings: dict[str, Value]) -> None:
    """ValueError for what is no hyperparameter of the method and no number of its recipe, or not of its kind."""
    recipe = shelf.load("methods", method).recipe
    known = {name: getattr(recipe, name) for name in recipe_numbers()} | hyperparameters(method)
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"{method} has no setting {name!r}: {shelf.hint(name, list(known))}")
        kind = type(known[name])
        if kind in WANTED and type(value) is not kind and not (kind is float and type(value) is int):
            raise ValueError(f"{method}: {name} = {value!r}, wanted {WANTED[kind]} such as {known[name]!r}")


def hyperparameters(method: str) -> dict[str, Any]:
    """The hyperparameters of a method with their defaults: the keyword-only names of its signature."""
    signature = inspect.signature(shelf.load("methods", method).__init__)
    taken = {"classes", "images"}  # what the engine tells every method
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in taken
    }


def recipe_numbers() -> list[str]:
    """Names of the recipe that a user may set."""
    return ["optimiser", "rate", "weight_decay", "warmup"]


def recipe_of(plan: Plan) -> Recipe:
    """The method's recipe with the plan's numbers put in."""
    recipe: Recipe = shelf.load("methods", plan.method).recipe
    own = set(hyperparameters(plan.method))
    chosen = {k: v for k, v in plan.settings.items() if k not in own}
    return replace(recipe, **chosen)  # type: ignore[arg-type]


def digest(data: Any) -> str:
    """blake2b of the canonical JSON of `data`, hex."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()


def to_toml(study: Study) -> str:
    """The study as toml that `read_study` reads back to an equal study."""
    fields = {key: value for key, value in study.model_dump(mode="json").items() if value is not None}
    lines = [f"{key} = {toml(value)}" for key, value in fields.items() if not isinstance(value, dict)]
    tables = {key: value for key, value in fields.items() if isinstance(value, dict) and key != "settings"}
    tables |= {f"settings.{toml(method)}": values for method, values in study.settings.items()}
    for head, table in tables.items():
        lines += ["", f"[{head}]", *(f"{toml(key)} = {toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A scalar or list as toml: JSON, but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
