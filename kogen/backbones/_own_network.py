"""A network of the user's own as a backbone: a class or function of a plug-in that makes an nn.Module."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kogen.common.plugins import Plugin
from kogen.modules.base import Backbone
from kogen.modules.blueprint import Blueprint


@dataclass(frozen=True)
class OwnBlueprint(Blueprint):
    """How a network of the user's own is made: by its own code, which is named."""

    plugin: Plugin | None = field(default=None, repr=False)

    def build(self) -> nn.Module:
        """The network, untrained."""
        assert self.plugin is not None
        return self.plugin.thing(**self.settings)

    def to_python(self) -> str:
        """A line of Python that makes the same network as `m`, with the user's own code."""
        assert self.plugin is not None
        module = Path(self.plugin.place).stem if self.plugin.place.endswith(".py") else self.plugin.place
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"import torch; from {module} import {self.name}; m = {self.name}({settings})"


class OwnBackbone(Backbone):
    """A network of the user's own, around which methods train."""

    def __init__(self, network: nn.Module, blueprint: Blueprint, spec: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner, self.blueprint, self.spec = network, blueprint, spec
        self.channels, self.image_size, self.kind = shape[0], shape[-1], "series" if len(shape) == 2 else "image"
        self.dim = feature_dim(blueprint.name, network, shape)

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images)  # (B, D)

    @property
    def network(self) -> nn.Module:
        return self.inner


def own_network(plugin: Plugin, spec: str, settings: Mapping[str, Any], shape: tuple[int, ...]) -> Backbone:
    """The network of a plug-in: `NAME(**settings)`, told `in_chans` and `image_size` where its signature has them.

    `shape`: of an item, (C, S, S) of an image, (C, T) of a window of a series, whose T is the `image_size`.
    ValueError for what makes no nn.Module, for settings that it does not take, and where images of this size do not
    come out as features (B, D).
    """
    title = f"backbone {plugin.name!r}"
    takes = "images (B, C, S, S)" if len(shape) == 3 else "series (B, C, T)"
    wanted = f"a class or function that makes a torch.nn.Module, {takes} to features (B, D)"
    if not callable(plugin.thing) or isinstance(plugin.thing, nn.Module):
        raise ValueError(f"{title} is a {type(plugin.thing).__name__}: wanted {wanted}")
    parameters = inspect.signature(plugin.thing).parameters
    open_ended = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    if odd := [name for name in settings if name not in parameters and not open_ended]:
        known = ", ".join(parameters) or "none"
        raise ValueError(f"{title} has no setting {odd[0]!r}: its settings are {known}")
    facts = {"in_chans": shape[0], "image_size": shape[-1]}
    given = {name: value for name, value in facts.items() if name in parameters} | dict(settings)
    if missing := [p.name for p in parameters.values() if p.default is p.empty and p.name not in given
                   and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)]:  # fmt: skip
        raise ValueError(f"{title} wants {', '.join(missing)}: give {plugin.name}?{missing[0]}=..., or a default")
    blueprint = OwnBlueprint(plugin.name, given, plugin=plugin)
    network = blueprint.build()
    if not isinstance(network, nn.Module):
        raise ValueError(f"{title} made a {type(network).__name__}: wanted {wanted}")
    return OwnBackbone(network, blueprint, spec, shape)


def feature_dim(name: str, network: nn.Module, shape: tuple[int, ...]) -> int:
    """Length D of the features, by trying. ValueError where a network does not make finite features (B, D), each of
    its image alone."""
    modes = {part: part.training for part in network.modules()}
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    kind = f"images of {shape[-1]} pixels" if len(shape) == 3 else f"windows of {shape[-1]} samples"
    title = f"backbone {name!r} on {kind} and {shape[0]} channels"
    try:
        with torch.no_grad():
            features = network.eval()(images)  # (2, D)
            again = network(images)
            alone = [network(image[None]) for image in images]
    except Exception as error:  # code of anyone, which raises what it meets
        raise ValueError(f"{title}: {error}: mend it, or choose another --image-size") from error
    for part, mode in modes.items():
        part.training = mode
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 2:
        got = f"features of shape {tuple(features.shape)}" if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(f"{title} gives {got}, wanted a tensor (B, D): pool what it gives, for instance by its mean")
    if not bool(torch.isfinite(features).all()):
        raise ValueError(f"{title} gives NaN or infinity before any training: mend its first weights")
    for other, why in ((again, "when it is asked again"), (torch.cat(alone), "for an image alone")):
        if other.shape != features.shape or not torch.allclose(
            features, other, 1e-3, 1e-3 * float(features.abs().mean())
        ):
            rule = "in eval mode they may depend on nothing but the image"
            raise ValueError(f"{title} gives other features {why}: {rule}")
    return features.shape[1]
