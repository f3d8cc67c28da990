"""Backbones: `name(**settings) -> Backbone`, an image batch (B, C, S, S) in, features (B, D) out."""

from kogen.backbones._own_network import own_network
from kogen.common import registry, text
from kogen.common.kinds import Kind, input_shape
from kogen.common.plugins import find_plugin
from kogen.modules.base import Backbone
from kogen.modules.blueprint import KOGEN_SETTINGS

SERIES_NETWORKS = ("tiny1d", "inception1d", "patch1d", "dilated1d")


def make_backbone(backbone: str, channels: int, image_size: int, kind: Kind | None = "image") -> Backbone:
    """The network that `--backbone` names, untrained. ValueError for unknown names and settings, and values that fail.

    `kind`: what it is to take, None for either; ValueError for a network of the other kind. Files of weights are no
    backbones: a run's record would not know their content.
    """
    name, settings = text.parse_spec(backbone)
    if name == "published":
        raise ValueError(f"backbone {backbone!r}: published weights are judged with --candidates NAME=FILE")
    if odd := [setting for setting in KOGEN_SETTINGS if setting in settings]:
        size = "; the size of the images is --image-size, image_size" if "img_size" in odd else ""
        raise ValueError(f"backbone {backbone!r}: {odd[0]} is set by kogen: leave it out{size}")
    own = name in registry.own_names("backbones") and name != "timm"
    named = () if own else (name,)
    if plugin := None if own else find_plugin("backbones", name):
        return own_network(plugin, backbone, settings, input_shape(kind or "image", channels, image_size))
    try:
        made = registry.load("backbones", name if own else "timm")(
            *named, in_chans=channels, image_size=image_size, **settings
        )
    except ValueError:
        raise
    except Exception as error:  # a value of another type than the signature says: whatever it leads to
        raise ValueError(f"backbone {backbone!r}: {error or type(error).__name__}; choose other values") from error
    if kind is not None:
        check_kind(backbone, made, kind)
    return made


def check_kind(backbone: str, made: Backbone, kind: Kind) -> None:
    """ValueError for a network of images where series are learnt from, and the other way round."""
    if made.kind == kind:
        return
    if kind == "series":
        raise ValueError(f"backbone {backbone!r} takes images, and these are series: use {', '.join(SERIES_NETWORKS)}")
    raise ValueError(f"backbone {backbone!r} takes series, and these are images: use tiny, or a network of timm")
