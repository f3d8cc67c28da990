"""A blueprint: how timm and torch alone make a network, as data that is built, and printed as a line of Python."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import timm
import torch
from torch import nn

from kogen.common.text import hint
from kogen.modules.allocation import AllocationLimit

LARGEST_NUMBER = 1_000_000  # of a setting
# Where a network's sizes lie, what reads files, what reaches a network, what changes the kind of what is built.
NEVER_SET = re.compile(
    "device$|dtype$|checkpoint_path|pretrained$|pretrained_cfg|pretrained_strict|cache_dir|features_only|scriptable"
    "|exportable|no_jit|kwargs|__"
)
KOGEN_SETTINGS = ("num_classes", "in_chans", "img_size")  # kogen sets these for every network


@dataclass(frozen=True)
class Layer:
    """A layer of torch.nn by its class, with its arguments; those of a Sequential are layers."""

    kind: str
    arguments: tuple[Any, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """The layer, untrained."""
        inside = [part.build() if isinstance(part, Layer) else part for part in self.arguments]
        return getattr(nn, self.kind)(*inside, **self.settings)

    def __repr__(self) -> str:
        inside = [*map(repr, self.arguments), *(f"{name}={value!r}" for name, value in self.settings.items())]
        return f"torch.nn.{self.kind}({', '.join(inside)})"


@dataclass(frozen=True)
class Blueprint:
    """A network of timm: its name, keyword arguments, and layers put in place of timm's own (`layer1.0.conv1`)."""

    name: str
    settings: Mapping[str, Any]
    parts: Mapping[str, Layer] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """The network, untrained.

        ValueError for a name or a setting that timm does not have, for a value that the network cannot be built with,
        and for a network that is larger than the memory of this machine.
        """
        check_timm_settings(self.name, self.settings)
        said = ", ".join(f"{name}={value!r}" for name, value in self.settings.items() if name not in KOGEN_SETTINGS)
        title = f"backbone {self.name!r} with {said or 'no settings'}"
        try:
            with AllocationLimit(title):
                network = timm.create_model(self.name, pretrained=False, **self.settings)
                put_parts(network, self.parts)
        except Exception as error:  # timm checks few values: whatever its code meets comes out
            if isinstance(error, ValueError) and str(error).startswith(title):
                raise
            why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise ValueError(f"{title} cannot be built ({why}): choose other values") from error
        return network

    def to_python(self) -> str:
        """A line of Python that makes the same network as `m`, with nothing but timm and torch."""
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        made = [f"import timm, torch; m = timm.create_model({self.name!r}{settings})"]
        for path, layer in self.parts.items():
            place = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split("."))
            made.append(f"m{place} = {layer!r}")
        return "; ".join(made)


def put_parts(network: nn.Module, parts: Mapping[str, Layer]) -> None:
    """Put new layers in place of a network's own."""
    for path, layer in parts.items():
        parent, _, last = path.rpartition(".")
        setattr(network.get_submodule(parent), last, layer.build())


def check_timm_name(name: Any) -> None:
    """ValueError for what is not the plain name of a network of timm, with the nearest one.

    timm would also take names that read folders or download (`local-dir:`, `hf-hub:`).
    """
    if name not in network_names():
        raise ValueError(f"unknown backbone {name!r}: {hint(str(name), network_names())}")


def check_timm_settings(name: str, settings: Mapping[str, Any]) -> None:
    """ValueError for a setting that is no parameter of the network's class, or whose value is no plain one.

    No other setting reaches timm, which would also take some that read files, download weights or name code.
    """
    check_timm_name(name)
    known = class_parameters(name) if set(settings) - set(KOGEN_SETTINGS) else []
    for setting, value in settings.items():
        if setting not in (*known, *KOGEN_SETTINGS):
            raise ValueError(f"backbone {name!r} has no setting {setting!r}: {hint(setting, known)}")
        check_plain(f"backbone {name!r}: {setting}", value)


def check_plain(title: str, value: Any) -> None:
    """ValueError for a value that is no boolean, word, finite number of limited size, None, or tuple of them."""
    for item in value if isinstance(value, tuple | list) else [value]:
        if isinstance(item, tuple | list):
            check_plain(title, item)
        elif isinstance(item, int | float) and not abs(item) <= LARGEST_NUMBER:
            raise ValueError(f"{title} = {value!r}: wanted numbers from -{LARGEST_NUMBER:,} to {LARGEST_NUMBER:,}")
        elif not isinstance(item, int | float | str | None):
            raise ValueError(f"{title} = {value!r}: wanted numbers, words, true, false or None")


@cache
def network_names() -> list[str]:
    """The names of all networks of timm."""
    return timm.list_models()


@cache
def class_parameters(name: str) -> list[str]:
    """The parameters of the class of a timm network; kept, because a study builds the same network many times."""
    try:
        with torch.device("meta"):  # the class alone is wanted: no memory, no random draw
            made = type(timm.create_model(name, pretrained=False))
    except (RuntimeError, NotImplementedError):  # older timm computes with values while it builds some networks
        with torch.random.fork_rng(devices=[]), AllocationLimit(f"backbone {name!r}"):
            made = type(timm.create_model(name, pretrained=False))
    found: dict[str, None] = {}
    for kind in made.__mro__:  # a class that hands its keywords on has those of its base too
        if kind is nn.Module or "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(kind).parameters.values()
        found |= {p.name: None for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return [parameter for parameter in found if not NEVER_SET.match(parameter)]
