"""A bottleneck ResNet whose stem is as wide as the rest: the wide networks of SimCLR, SwAV, BYOL and VICReg."""

from typing import Any

from kogen.backbones.timm import TimmBackbone, format_spec
from kogen.modules.base import Backbone
from kogen.modules.blueprint import Blueprint, Layer

__all__ = ["wide"]

NO_BIAS = {"bias": False}


def wide(
    *, in_chans: int = 3, image_size: int = 224, name: str = "resnet50", width: int = 128, **settings: Any
) -> Backbone:
    """A ResNet of timm with stages of `width`, 2, 4 and 8 `width` planes and a stem of `width`; features (B, 32 width).

    timm's own networks keep a stem of 64 however wide they are; these are 2 to 5 times wider all through (SimCLR,
    arXiv 2002.05709, appendix B.9). `settings` go to `timm.create_model` (layers, base_width ...).
    """
    channels = (width, 2 * width, 4 * width, 8 * width)
    arguments: dict[str, Any] = {"num_classes": 0, "in_chans": in_chans, "channels": channels, **settings}
    inner = arguments["channels"][0] * arguments.get("base_width", 64) // 64 * arguments.get("cardinality", 1)
    shortcut = Layer("Conv2d", (width, 4 * width, 1), NO_BIAS), Layer("BatchNorm2d", (4 * width,))
    parts = {
        "conv1": Layer("Conv2d", (in_chans, width, 7, 2, 3), NO_BIAS),
        "bn1": Layer("BatchNorm2d", (width,)),
        "layer1.0.conv1": Layer("Conv2d", (width, inner, 1), NO_BIAS),
        "layer1.0.downsample": Layer("Sequential", shortcut),
    }
    blueprint = Blueprint(name, arguments, parts)
    spec = format_spec("wide", {"name": name, "width": width, **settings})
    return TimmBackbone(blueprint.build(), blueprint, spec, in_chans, image_size)
