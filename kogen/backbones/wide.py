"""A bottleneck ResNet whose stem is as wide as the rest: the wide networks of SimCLR, SwAV, BYOL and VICReg."""

from typing import Any

import timm as library
from torch import nn

from kogen.backbones.timm import Network
from kogen.modules.base import Backbone

__all__ = ["wide"]


def wide(
    *, in_chans: int = 3, image_size: int = 224, name: str = "resnet50", width: int = 128, **settings: Any
) -> Backbone:
    """A ResNet of timm with stages of `width`, 2, 4 and 8 `width` planes and a stem of `width`; features (B, 32 width).

    timm's own networks keep a stem of 64 however wide they are; these are 2 to 5 times wider all through (SimCLR,
    arXiv 2002.05709, appendix B.9). `settings` go to `timm.create_model` (layers, base_width ...).
    """
    arguments = {"num_classes": 0, "in_chans": in_chans, "channels": (width, 2 * width, 4 * width, 8 * width)}
    arguments |= settings
    network: Any = library.create_model(name, pretrained=False, **arguments)
    inner = network.layer1[0].conv1.out_channels
    stem = [
        f"conv1 = torch.nn.Conv2d({in_chans}, {width}, 7, 2, 3, bias=False)",
        f"bn1 = torch.nn.BatchNorm2d({width})",
        f"layer1[0].conv1 = torch.nn.Conv2d({width}, {inner}, 1, bias=False)",
        f"layer1[0].downsample = torch.nn.Sequential(torch.nn.Conv2d({width}, {4 * width}, 1, bias=False), "
        f"torch.nn.BatchNorm2d({4 * width}))",
    ]
    network.conv1 = nn.Conv2d(in_chans, width, 7, 2, 3, bias=False)
    network.bn1 = nn.BatchNorm2d(width)
    network.layer1[0].conv1 = nn.Conv2d(width, inner, 1, bias=False)
    down = nn.Conv2d(width, 4 * width, 1, bias=False)
    network.layer1[0].downsample = nn.Sequential(down, nn.BatchNorm2d(4 * width))
    listed = "".join(f", {key}={value!r}" for key, value in arguments.items())
    line = f"import timm, torch; m = timm.create_model({name!r}{listed})"
    return Network(network, line + "".join(f"; m.{part}" for part in stem), in_chans, image_size)
