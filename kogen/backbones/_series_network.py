"""Networks of windows of series (B, C, T) as backbones: features along time, and their mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from kogen.backbones.timm import format_spec
from kogen.modules.allocation import AllocationLimit
from kogen.modules.base import Backbone
from kogen.modules.blueprint import Blueprint, check_plain


class SeriesNetwork(nn.Module):
    """A plain network over time: a stem, then `stages` one after another; its features are the mean over time."""

    def __init__(self, stem: nn.Module, stages: nn.Sequential) -> None:
        super().__init__()
        self.stem, self.stages = stem, stages

    def steps(self, series: Tensor) -> Tensor:
        """Windows (B, C, T) to features at each of their steps, (B, D, T'), T' <= T."""
        return self.stages(self.stem(series))

    def forward(self, series: Tensor) -> Tensor:
        return self.steps(series).mean(dim=2)  # (B, D)

    def forward_intermediates(
        self,
        series: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        intermediates_only: bool = True,
    ) -> list[Tensor]:
        """What stages give, as maps of one row (B, D, 1, T'), as timm's networks do: all, the last few, or some."""
        maps, passed = [], self.stem(series)
        for stage in self.stages:
            passed = stage(passed)
            maps.append(passed.unsqueeze(2))
        if isinstance(indices, int):
            if indices > len(maps):
                raise ValueError(f"{indices} stages are wanted, and {type(self).__name__} has {len(maps)}")
            return maps[-indices:]
        return maps if indices is None else [maps[place] for place in indices]


@dataclass(frozen=True)
class SeriesBlueprint(Blueprint):
    """How a network of series is made: by its class in kogen, with these settings."""

    made_by: type[nn.Module] = field(default=nn.Module, repr=False)

    def build(self) -> nn.Module:
        """The network, untrained. ValueError for values that it cannot be built with, or that need too much memory."""
        title = f"backbone {self.name!r}"
        for setting, value in self.settings.items():
            check_plain(f"{title}: {setting}", value)
            if type(value) is not int or value < 1:
                raise ValueError(f"{title}: {setting} = {value!r}, wanted a whole number of 1 or more")
        try:
            with AllocationLimit(title):
                return self.made_by(**self.settings)
        except (RuntimeError, ZeroDivisionError, AssertionError, TypeError, IndexError) as error:
            raise ValueError(f"{title} cannot be built ({error}): choose other values") from error

    def to_python(self) -> str:
        """A line of Python that makes the same network as `m`: of series timm has none, so that kogen is needed."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        made = self.made_by
        return f"import torch; from {made.__module__} import {made.__name__}; m = {made.__name__}({settings})"


class SeriesBackbone(Backbone):
    """A network of series; `spec` is the name that makes it for any length, with every setting."""

    kind = "series"

    def __init__(self, blueprint: SeriesBlueprint, spec: str, channels: int, length: int) -> None:
        super().__init__()
        self.inner, self.blueprint, self.spec = blueprint.build(), blueprint, spec
        self.channels, self.image_size = channels, length
        self.dim = self.try_out()

    def try_out(self) -> int:
        """Length D of the features, by trying. ValueError for windows that are too short for the network."""
        was = self.inner.training
        try:
            with torch.no_grad():
                features = self.inner.eval()(torch.zeros(1, *self.input_shape))  # (1, D)
        except (RuntimeError, AssertionError) as error:
            got = f"windows of {self.image_size} samples and {self.channels} channels"
            raise ValueError(f"{self.blueprint.name} cannot take {got} ({error}): choose a longer window") from error
        self.inner.train(was)
        return features.shape[1]

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images)  # (B, D)

    def steps(self, series: Tensor) -> Tensor:
        """Windows (B, C, T) to features along time, (B, D, T'), T' <= T; their mean is what `forward` gives."""
        assert isinstance(self.inner, SeriesNetwork)
        return self.inner.steps(series)

    @property
    def network(self) -> nn.Module:
        return self.inner


def series_backbone(
    name: str, made_by: type[SeriesNetwork], in_chans: int, length: int, settings: Mapping[str, Any]
) -> SeriesBackbone:
    """The backbone of a file of the shelf: its network with `settings`, which its `spec` repeats in full."""
    blueprint = SeriesBlueprint(name, {"in_chans": in_chans, **settings}, made_by=made_by)
    return SeriesBackbone(blueprint, format_spec(name, settings), in_chans, length)
