"""What was asked: a Study (the whole question) and a Plan (one run of it); frozen, validated, hashed to an id."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kogen.augmentation import corruptions
from kogen.common import registry, text
from kogen.common.text import check_language
from kogen.config.plan import Value, check_settings


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
            raise ValueError(f"{where}: unknown key {name!r}: {text.hint(name, list(kind.model_fields))}") from error
        raise ValueError(f"{where}: {name} = {first['input']!r}: {first['msg']}") from error
    if isinstance(made, Study):
        check_names(made)
    return made


def check_names(study: Study) -> None:
    """Every name a study uses is known, before anything loads."""
    check_language(study.lang)
    for method in study.methods:
        registry.load("methods", method)
    for probe in study.probes:
        registry.load("probes", probe)
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
