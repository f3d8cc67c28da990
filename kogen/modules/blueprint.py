"""A blueprint: how timm and torch alone make a network, as data that is built, and printed as a line of Python."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import timm
import torch
from torch import nn

from kogen.common.text import hint

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
        """The network, untrained. ValueError for a setting that its class does not have."""
        check_timm_settings(self.name, self.settings)
        network = timm.create_model(self.name, pretrained=False, **self.settings)
        put_parts(network, self.parts)
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


def check_timm_settings(name: str, settings: Mapping[str, Any]) -> None:
    """ValueError for a setting that is no parameter of the network's class.

    No other setting reaches timm, which would also take some that read files, download weights or name code.
    """
    if set(settings) <= set(KOGEN_SETTINGS):
        return
    known = class_parameters(name)
    for setting in settings:
        if setting not in (*known, *KOGEN_SETTINGS):
            raise ValueError(f"backbone {name!r} has no setting {setting!r}: {hint(setting, known)}")


@cache
def class_parameters(name: str) -> list[str]:
    """The parameters of the class of a timm network; kept, because a study builds the same network many times."""
    with torch.device("meta"):  # the class alone is wanted: no memory, no random draw
        made = inspect.signature(type(timm.create_model(name, pretrained=False))).parameters
    return [
        key for key, value in made.items() if value.kind is not value.VAR_KEYWORD and key not in ("device", "dtype")
    ]
