"""Any network of timm as a backbone, with a stem that fits small images."""

from dataclasses import replace
from typing import Any

import torch
from timm.models.resnet import ResNet
from torch import Tensor, nn

from kogen.common.text import hint
from kogen.modules.base import Backbone
from kogen.modules.blueprint import Blueprint, Layer, check_timm_name, put_parts

__all__ = ["timm"]

MAX_PATCHES = 128 * 128  # of an image; attention takes the square of it
STEMS = ("auto", "original", "half", "full")


class TimmBackbone(Backbone):
    """A timm network without its classifier."""

    def __init__(self, network: nn.Module, blueprint: Blueprint, channels: int, image_size: int) -> None:
        super().__init__()
        self.inner, self.blueprint = network, blueprint
        self.channels, self.image_size = channels, image_size
        self.dim = feature_dim(network, channels, image_size)
        # Convolutions on CPUs and tensor cores are 1.5 to 2 times faster with channels last.
        convolutions = sum(isinstance(m, nn.Conv2d) for m in network.modules())  # a ViT has one, its patch embedding
        self.layout = torch.channels_last if convolutions > 1 else torch.contiguous_format
        self.to(memory_format=self.layout)

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images.contiguous(memory_format=self.layout))  # (B, D)

    @property
    def network(self) -> nn.Module:
        return self.inner


def timm(name: str, *, in_chans: int = 3, image_size: int = 32, stem: str = "auto", **settings: Any) -> Backbone:
    """A network of timm by its name, untrained, for images of `in_chans` channels and `image_size` pixels.

    `stem` (ResNets): `original` (7x7 stride 2 and a max-pool), `half` (3x3 stride 2) or `full` (3x3 stride 1, no
    max-pool, as SimCLR's section B.9 for CIFAR); `auto` chooses full up to 40 px, half up to 112 px. `settings` go to
    `timm.create_model`. Raises ValueError for a name timm does not know, with the nearest one.
    """
    check_timm_name(name)
    if stem not in STEMS:
        raise ValueError(f"unknown stem {stem!r}: {hint(str(stem), list(STEMS))}")
    arguments = {"num_classes": 0, "in_chans": in_chans, **settings}
    if name.startswith(("vit_", "deit", "eva", "beit", "cait")):  # built for one image size
        arguments["img_size"] = image_size
        arguments.setdefault("patch_size", max(image_size // 8, 1) if image_size < 128 else 16)
        check_patches(arguments["patch_size"], image_size)
    blueprint = Blueprint(name, arguments)
    network = blueprint.build()
    if isinstance(network, ResNet) and (parts := replace_stem(network, in_chans, stem, image_size)):
        blueprint = replace(blueprint, parts=parts)
        put_parts(network, parts)
        first = network.get_parameter("conv1.weight")  # drawn as timm draws the others
        nn.init.kaiming_normal_(first, mode="fan_out", nonlinearity="relu")
    return TimmBackbone(network, blueprint, in_chans, image_size)


def check_patches(patch: Any, image_size: int) -> None:
    """ValueError for patches so small that the attention between them would take hours."""
    least = min(patch) if isinstance(patch, tuple) and patch else patch
    if isinstance(least, int) and least > 0 and (image_size // least) ** 2 > MAX_PATCHES:
        count = (image_size // least) ** 2
        got = f"patch_size = {patch!r} cuts {image_size} pixels into {count:,} patches"
        raise ValueError(f"{got}, at most {MAX_PATCHES:,} are wanted: give a larger one")


def feature_dim(network: nn.Module, channels: int, image_size: int) -> int:
    """Length D of the features, by trying; ValueError for a network that cannot take such images."""
    was = network.training
    try:
        with torch.no_grad():
            features = network.eval()(torch.zeros(1, channels, image_size, image_size))  # (1, D)
    except Exception as error:  # the code of timm meets an image that its settings do not fit
        raise ValueError(
            f"this backbone cannot take images of {image_size} pixels and {channels} channels ({error}): "
            "choose another --image-size or --backbone"
        ) from error
    network.train(was)
    if features.ndim != 2:
        raise ValueError(f"this backbone gives features of shape {tuple(features.shape)}, wanted (B, D)")
    return features.shape[1]


def replace_stem(network: ResNet, in_chans: int, stem: str, image_size: int) -> dict[str, Layer]:
    """The layers that give a ResNet the stem that fits the image, in place of its own."""
    if stem == "auto":
        stem = "full" if image_size <= 40 else "half" if image_size <= 112 else "original"
    if stem == "original" or not isinstance(network.conv1, nn.Conv2d):
        return {}
    sizes = (in_chans, network.conv1.out_channels, 3, 1 if stem == "full" else 2, 1)
    return {"conv1": Layer("Conv2d", sizes, {"bias": False}), "maxpool": Layer("Identity")}
