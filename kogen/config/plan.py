"""The Plan of a run: fully resolved, validated and frozen; and the settings that a method takes."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from kogen.augmentation.rendering import AnyView, evaluation_view_of
from kogen.common import registry, text
from kogen.common.files import json_digest
from kogen.common.kinds import Kind, input_shape
from kogen.common.plugins import check_records, find_plugin, plugin_records
from kogen.modules.base import OPTIMISERS, Method, Recipe
from kogen.modules.blueprint import class_parameters
from kogen.options.model import MAX_SEED, Value, shorten
from kogen.options.shared import MAX_BATCH, MAX_EPOCHS, MAX_LENGTH, MAX_PARTS
from kogen.options.study import CONTINUED

RECIPE_NUMBERS = ("optimiser", "rate", "weight_decay", "warmup", "least_area")  # of a recipe, which a user may set
# Ranges of settings, by name or METHOD.NAME; any other number has the widest range of its type.
SHARES = {"momentum", "memory", "centring", "masked", "warmup", "warming", "frozen", "queue_from"}  # in [0, 1]
SHARES |= {"pcl.warm", "supervised.smoothing", "least_area"}
ABOVE_ZERO = {"rate", "temperature", "student_temperature", "cold", "sharpness"}  # what is divided by
ABOVE_ZERO |= {"dino.warm", "swav.smoothing", "sela_v2.smoothing"}
LARGEST_COUNTS = {"local_crops": 100, "clusterings": 100, "scales": 100, "depth": 1000, "iterations": 10_000}
LARGEST_COUNTS |= {"knots": 10_000, "queue": 10_000_000}
MAY_BE_ZERO = {"swav.queue", "depth", "iterations", "obow.border"}  # counts whose default is not 0
LARGEST = 1_000_000  # of any other number
BRINGS = {"minirocket": "kernels1d"}  # methods that bring a network of their own, whatever --backbone says
CONTINUED_RATE, CONTINUED_WARMUP = 0.1, 0.1  # see `continued_recipe`
# Fields that runs without them do not write down, as before they existed.
LATER = ("depth", "init", "freeze", "pool", "code", "compile", "variant", "kind")
TYPE_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}


class Plan(BaseModel):
    """One run, fully resolved: it holds all that changes the weights, so equal ids mean equal runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    method: str
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    backbone: str = Field(default="tiny", validate_default=True)
    kind: Literal["", "series"] = ""  # of what it learns from; "" for images
    image_size: int = Field(default=32, ge=8, le=MAX_LENGTH)  # of series the samples of a window
    channels: int = Field(default=3, ge=1, le=1000)
    classes: tuple[str, ...] = ()
    views: str = "natural"
    variant: str = ""  # name of its views, where a study compares several; "" for the study's own
    epochs: int = Field(default=50, ge=0, le=MAX_EPOCHS * MAX_BATCH)  # supervised: more where few have labels
    batch_size: int = Field(default=256, ge=2, le=MAX_BATCH)
    accumulate: int = Field(default=1, ge=1, le=MAX_PARTS)
    precision: str = "auto"
    compile: bool = False  # by torch.compile: the same question, other last bits
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    settings: dict[str, Value] = Field(default_factory=dict)  # hyperparameters of the method and numbers of its recipe
    weights: str = ""  # file of published weights; in a run's record, a digest of its content
    name: str = ""  # of a published candidate
    framework: str = ""  # that a published candidate was trained with
    init: str = ""  # digest of the weights that a method goes on from, or of a candidate that is these weights
    init_file: str = Field(default="", exclude=True)  # where they lie on this machine: no part of the run
    freeze: str = ""  # the first layers, which stay as they are: `stages:2`
    remarks: str = Field(default="", exclude=True)  # on a published candidate, for the screen: no part of the run
    images: int = Field(default=0, ge=0, le=10**12)
    data: str = ""  # digest of the training images
    pool: str = ""  # the part of the images that it is pre-trained on, `10%`, drawn by its seed; "" for all of them
    code: tuple[str, ...] = ()  # records of plug-ins that it is made with, by file and digest
    depth: str = ""  # of 16-bit or float training images, as --depth takes it: what is white in all sets of the run

    @field_validator("mean", "std")
    @classmethod
    def check_channels(cls, values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        """One value, or one a channel; a std is above 0."""
        if len(values) not in (0, 1, info.data.get("channels")):
            raise ValueError(f"{len(values)} values for {info.data.get('channels')} channels")
        if info.field_name == "std" and min(values, default=1) <= 0:
            raise ValueError("wanted numbers above 0")
        return values

    @field_validator("backbone")
    @classmethod
    def check_backbone(cls, value: str, info: ValidationInfo) -> str:
        """The network of a method that brings its own is that one, and no other method has it."""
        method, name = info.data.get("method"), text.parse_spec(value)[0]
        if method in BRINGS:
            return value if name == BRINGS[method] else BRINGS[method]
        if name in BRINGS.values() and method != "stock":
            owner = next(one for one, brought in BRINGS.items() if brought == name)
            raise ValueError(f"{name} is the network of the method {owner}: write --methods {owner}")
        return value

    @field_validator("code")
    @classmethod
    def check_code(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """The code that a run was made with is there, as it was."""
        check_records(value)
        return value

    @field_validator("freeze")
    @classmethod
    def check_freeze(cls, value: str) -> str:
        """Nothing, or `stages:2`."""
        return value if not value or count_frozen(value) else ""

    @property
    def model(self) -> str:
        """The name that its rows are told under: of a candidate its own, else that of method, start and views."""
        trained = f"{self.method}{CONTINUED}" if self.init else self.method
        return self.name or (f"{trained} {self.variant}" if self.variant else trained)

    @property
    def title(self) -> str:
        """What a person reads of it: its model, and the part of the images that it is pre-trained on."""
        return f"{self.model} on {self.pool}" if self.pool else self.model

    @property
    def items(self) -> Kind:
        """What it learns from."""
        return self.kind or "image"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of what its network takes: (C, S, S) of an image, (C, T) of a window of a series."""
        return input_shape(self.items, self.channels, self.image_size)

    @property
    def evaluation_view(self) -> AnyView:
        """How an item is seen by its network where nothing is left to chance."""
        return evaluation_view_of(self.items, self.image_size, mean=self.mean, std=self.std)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every hyperparameter of the method, as chosen, or by default for this network."""
        own = hyperparameters(self.method)
        chosen = settings_for(self.method, self.backbone) | self.settings
        return own | {name: value for name, value in chosen.items() if name in own}

    @property
    def fingerprint(self) -> str:
        """Hash of the run, the same before its precision and its file of weights are resolved and afterwards."""
        later = {name for name in LATER if not getattr(self, name)}  # runs without these keep what they had before them
        without = {"precision", "weights"} | later
        return json_digest(self.model_dump(mode="json", exclude=without))

    @property
    def recipe(self) -> Recipe:
        """The method's recipe for this network, with the numbers that were chosen."""
        own = hyperparameters(self.method)
        chosen: dict[str, Any] = settings_for(self.method, self.backbone) | self.settings
        chosen = {name: value for name, value in chosen.items() if name not in own}
        recipe = registry.load("methods", self.method).recipe
        return replace(continued_recipe(recipe) if self.init else recipe, **chosen)


def continued_recipe(recipe: Recipe) -> Recipe:
    """The recipe of a training that goes on from published weights: a tenth of the rate, and a warm-up of a tenth.

    The tenth is our choice, and more careful than the practice it follows: the authors of "Self-supervised pretraining
    improves self-supervised pretraining" (Reed et al. 2021, arXiv 2103.12718) keep MoCo v2's full rate of .03
    (cjrd/self-supervised-pretraining, base-bdd-config.py) and train for few steps. The rate rises anew from 0, as
    Gupta et al. 2023 (arXiv 2308.04014) find for language models that go on with new data. All else is the method's.
    """
    return replace(recipe, rate=recipe.rate * CONTINUED_RATE, warmup=max(recipe.warmup, CONTINUED_WARMUP))


def continued_settings(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Settings of a method from scratch as those of the same method that goes on, as `continued_recipe`."""
    found = dict(settings)
    if "rate" in found:
        found["rate"] = float(found["rate"]) * CONTINUED_RATE
    if "warmup" in found:
        found["warmup"] = max(float(found["warmup"]), CONTINUED_WARMUP)
    return found


def count_frozen(freeze: str) -> int:
    """The number of `stages:2`. ValueError for anything else."""
    word, _, count = freeze.partition(":")
    if word != "stages" or not count.isdecimal() or not 1 <= int(count) <= 1000:
        raise ValueError(f"{freeze!r} says no layers: write --freeze stages:2 for the stem and the first two stages")
    return int(count)


def settings_for(method: str, backbone: str) -> dict[str, Any]:
    """The settings that a method has on this network instead of its defaults, see `Recipe.without_attention`."""
    settings = registry.load("methods", method).recipe.without_attention
    return dict(settings) if settings and not has_attention(backbone) else {}


def has_attention(backbone: str) -> bool:
    """Whether a network is a Transformer: its class in timm takes a number of heads. Those of the shelf are
    ResNets, but for patch1d."""
    name = text.parse_spec(backbone)[0]
    own = name in registry.own_names("backbones") or find_plugin("backbones", name)
    return name == "patch1d" or (not own and "num_heads" in class_parameters(name))


def check_method(method: str) -> None:
    """ValueError for a name that is no method, or none that is trained, with the nearest right name."""
    if method == "stock":
        raise ValueError("'stock' is published weights, nothing to train: name them with --candidates NAME=FILE")
    if method == "tune":
        raise ValueError("'tune' is a way to judge networks, no method: ask for it with --probe tune:all")
    if method == "detect":
        raise ValueError("'detect' trains detectors on boxes (kogen.detection), and this verb has none")
    check_contract(method, registry.load("methods", method))


def check_contract(name: str, made: Any) -> None:
    """ValueError for a method that the training loop could not build or call: no other code than a user's has this."""
    if not (inspect.isclass(made) and issubclass(made, Method)):
        kind = f"the class {made.__name__}" if inspect.isclass(made) else f"a {type(made).__name__}"
        raise ValueError(f"the method {name!r} is {kind}: wanted a class that inherits kogen.extend.Method")
    if inspect.isabstract(made):
        raise ValueError(f"the method {name!r} does not define {', '.join(sorted(made.__abstractmethods__))}: write it")
    if not isinstance(getattr(made, "recipe", None), Recipe):
        raise ValueError(f"the method {name!r} has no recipe: write recipe = kogen.extend.Recipe(source=..., ...)")
    parameters = list(inspect.signature(made).parameters.values())
    first, rest = next(iter(parameters), None), parameters[1:]
    wanted = f"{name}(backbone, *, classes=0, images=0, ...) with a default for every hyperparameter"
    if first is None or first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        raise ValueError(f"the method {name!r} takes no backbone: wanted {wanted}")
    told = ("classes", "images")  # by the training
    if odd := [p.name for p in rest if p.kind is not p.KEYWORD_ONLY or (p.default is p.empty and p.name not in told)]:
        raise ValueError(f"the method {name!r} takes {', '.join(odd)}: wanted {wanted}")
    if missing := {*told} - {one.name for one in rest}:
        raise ValueError(f"the method {name!r} does not take {' and '.join(sorted(missing))}: wanted {wanted}")


def code_records(plan: Plan) -> tuple[str, ...]:
    """The plug-ins that a run of this plan is made with."""
    backbone, views = (text.parse_spec(spec)[0] for spec in (plan.backbone, plan.views))
    used = ("methods", plan.method), ("backbones", backbone), ("views", views)
    return plugin_records(used)


def check_settings(method: str, settings: Mapping[str, Value]) -> None:
    """ValueError for a setting that neither the method nor its recipe has, of another type, or out of its range."""
    recipe = registry.load("methods", method).recipe
    known = {name: getattr(recipe, name) for name in RECIPE_NUMBERS} | hyperparameters(method)
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"{method} has no setting {name!r}: {text.hint(name, list(known))}")
        kind = type(known[name])
        if kind in TYPE_WORDS and type(value) is not kind and not (kind is float and type(value) is int):
            got = shorten(value)
            raise ValueError(f"{method}: {name} = {got}, wanted {TYPE_WORDS[kind]} such as {known[name]!r}")
        if name == "optimiser" and value not in OPTIMISERS:
            raise ValueError(f"unknown optimiser {value!r}: {text.hint(str(value), list(OPTIMISERS))}")
        if kind in (int, float):
            check_range(method, name, value, known[name])


def check_range(method: str, name: str, value: Any, default: float) -> None:
    """ValueError for a number out of the range of a setting with this default; NaN is in none."""
    names = {name, f"{method}.{name}"}
    if isinstance(default, int):
        least = 0 if default == 0 or names & MAY_BE_ZERO else 1
        largest = LARGEST_COUNTS.get(name, LARGEST)
    else:
        least, largest = 0, 1 if names & SHARES else LARGEST
    open_end = bool(names & ABOVE_ZERO)
    if not least <= value <= largest or (open_end and value == 0):
        low = "above 0" if open_end else f"from {least}"
        raise ValueError(f"{method}: {name} = {shorten(value)}, wanted a number {low} to {largest:,}")


def hyperparameters(method: str) -> dict[str, Any]:
    """The hyperparameters of a method with their defaults: the keyword-only names of its signature."""
    signature = inspect.signature(registry.load("methods", method).__init__)
    own = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: p.default for p in own if p.name not in ("classes", "images")}  # these two are set by the training
