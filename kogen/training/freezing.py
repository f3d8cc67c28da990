"""Freezing: the first layers of a backbone, and of its teacher, stay bit for bit as they are while the rest learns."""

from torch import nn

from kogen.modules.base import Backbone, Method
from kogen.modules.network_layers import split_layers


def freeze_stages(method: Method, count: int) -> None:
    """Take the stem and the first `count` stages of the backbone, and of teachers, out of the training.

    Their parameters get no gradient; `hold_frozen` keeps their batch norm from counting. ValueError as `frozen_parts`.
    """
    for backbone in backbones_of(method):
        parts, beside = frozen_parts(backbone.network, count)
        for part in parts:
            part.requires_grad_(False)
        for parameter in beside:
            parameter.requires_grad_(False)


def hold_frozen(method: Method, count: int) -> None:
    """Put the frozen layers of a method that trains into eval mode: batch norm uses the statistics that it has."""
    for backbone in backbones_of(method):
        for part in frozen_parts(backbone.network, count)[0]:
            part.eval()


def backbones_of(method: Method) -> list[Backbone]:
    """The backbone of a method and those of its teachers."""
    return [part for part in method.modules() if isinstance(part, Backbone)]


def frozen_parts(network: nn.Module, count: int) -> tuple[list[nn.Module], list[nn.Parameter]]:
    """The stem and the first `count` stages of a network (blocks of a Transformer), and parameters beside them.

    ValueError for a network without stages, or with as many or fewer: its last ones have to learn.
    """
    stem, stages, beside = split_layers(network)
    kind = type(network).__name__
    if not stages:
        raise ValueError(f"--freeze stages:{count}: no stages or blocks are known of a {kind}: leave it out")
    if count >= len(stages):
        got = f"--freeze stages:{count}: this {kind} has {len(stages)} stages or blocks, and the last has to learn"
        raise ValueError(f"{got}: freeze {len(stages) - 1} or fewer")
    return [*stem, *stages[:count]], beside
