"""Backbones: `name(**settings) -> Backbone`, an image batch (B, C, S, S) in, features (B, D) out."""

from kogen.common import registry, text
from kogen.modules.base import Backbone


def make_backbone(backbone: str, channels: int, image_size: int) -> Backbone:
    """The network that `--backbone` names, untrained. ValueError for unknown names and settings."""
    name, settings = text.parse_spec(backbone)
    if name not in registry.names("backbones") or name == "timm":
        name, settings = "timm", {"name": name, **settings}
    try:
        return registry.load("backbones", name)(in_chans=channels, image_size=image_size, **settings)
    except TypeError as error:
        raise ValueError(f"backbone {backbone!r}: {error}") from error
