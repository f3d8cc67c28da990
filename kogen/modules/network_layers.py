"""The layers of a network in order: what is before its stages, the stages (blocks of a Transformer), what is beside."""

from typing import NamedTuple

from torch import nn


class Layers(NamedTuple):
    """The layers of a network, from its input on; what comes behind the stages is not among them."""

    stem: list[nn.Module]  # parts before the stages
    stages: list[nn.Module]  # or blocks; none of a network whose layers are not known
    beside: list[nn.Parameter]  # parameters of the network itself: class token, positions


def split_layers(network: nn.Module) -> Layers:
    """The layers of a network by the names that timm gives its children."""
    stem: list[nn.Module] = []
    stages: list[nn.Module] = []
    for name, child in network.named_children():
        inside = list(child.children()) if name in ("blocks", "stages", "layers") else []
        numbered = name.rstrip("0123456789") in ("layer", "stages") and name[-1:].isdigit()
        if inside or numbered:
            stages += inside or [child]
        elif not stages:
            stem.append(child)
    return Layers(stem, stages, list(network.parameters(recurse=False)))
