"""The Plan of a run: fully resolved, validated and frozen; and the settings that a method takes."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from kogen.common import registry, text
from kogen.modules.base import Recipe
from kogen.options.model import Value

RECIPE_NUMBERS = ("optimiser", "rate", "weight_decay", "warmup")  # of a recipe, which a user may set
TYPE_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}


class Plan(BaseModel):
    """One run, fully resolved: it holds all that changes the weights, so equal ids mean equal runs."""

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
    weights: str = ""  # file of published weights; in a run's record, a digest of its content
    name: str = ""  # of a published candidate
    framework: str = ""  # that a published candidate was trained with
    images: int = 0
    data: str = ""  # digest of the training images

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every hyperparameter of the method, as chosen or by default."""
        own = hyperparameters(self.method)
        return own | {name: value for name, value in self.settings.items() if name in own}

    @property
    def recipe(self) -> Recipe:
        """The method's recipe with the numbers that were chosen."""
        own = hyperparameters(self.method)
        chosen: dict[str, Any] = {name: value for name, value in self.settings.items() if name not in own}
        return replace(registry.load("methods", self.method).recipe, **chosen)


def check_method(method: str) -> None:
    """ValueError for a name that is no method, or none that is trained, with the nearest right name."""
    if method == "stock":
        raise ValueError("'stock' is published weights, nothing to train: name them with --candidates NAME=FILE")
    registry.load("methods", method)


def check_settings(method: str, settings: Mapping[str, Value]) -> None:
    """ValueError for a setting that neither the method nor its recipe has, or whose value has another type."""
    recipe = registry.load("methods", method).recipe
    known = {name: getattr(recipe, name) for name in RECIPE_NUMBERS} | hyperparameters(method)
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"{method} has no setting {name!r}: {text.hint(name, list(known))}")
        kind = type(known[name])
        if kind in TYPE_WORDS and type(value) is not kind and not (kind is float and type(value) is int):
            raise ValueError(f"{method}: {name} = {value!r}, wanted {TYPE_WORDS[kind]} such as {known[name]!r}")


def hyperparameters(method: str) -> dict[str, Any]:
    """The hyperparameters of a method with their defaults: the keyword-only names of its signature."""
    signature = inspect.signature(registry.load("methods", method).__init__)
    own = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: p.default for p in own if p.name not in ("classes", "images")}  # these two are set by the training


def json_digest(data: Any) -> str:
    """blake2b of the canonical JSON of `data`, hex."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()
