"""Any network of timm as a backbone, with a stem that fits small images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from kogen.common.text import hint
from kogen.modules.base import Backbone
from kogen.modules.blueprint import KOGEN_SETTINGS, Blueprint, Layer, check_timm_name, put_parts

__all__ = ["timm"]

MAX_PATCHES = 128 * 128  # of an image; attention takes the square of it
STEMS = {"half": (3, 2, 1), "full": (3, 1, 1), "padded": (3, 1, 2)}  # kernel, stride and padding; no max-pool after it
VIT_NAMES = ("vit_", "deit", "eva", "beit", "cait")  # of timm: built for one image size


class TimmBackbone(Backbone):
    """A timm network without its classifier; `spec` is the name that makes it at any image size, with every setting."""

    def __init__(self, network: nn.Module, blueprint: Blueprint, spec: str, channels: int, image_size: int) -> None:
        super().__init__()
        self.inner, self.blueprint, self.spec = network, blueprint, spec
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


def timm(
    name: str,
    *,
    in_chans: int = 3,
    image_size: int = 32,
    stem: str = "auto",
    norm_eps: float | None = None,
    **settings: Any,
) -> Backbone:
    """A network of timm by its name, untrained, for images of `in_chans` channels and `image_size` pixels.

    `stem` (ResNets): `original` (7x7 stride 2 and a max-pool), `half` (3x3 stride 2), `full` (3x3 stride 1, no
    max-pool: SimCLR's section B.9 for CIFAR) or `padded` (`full` with padding 2: solo-learn's for CIFAR); `auto`
    chooses full up to 40 px, half up to 112 px. `norm_eps`: epsilon of every LayerNorm. `settings` go to
    `timm.create_model`. A ViT's patch is that of its name from 128 px on, below an eighth of the image.
    Raises ValueError for a name timm does not know, with the nearest one, and for a stem where there is none to choose.
    """
    check_timm_name(name)
    if stem not in ("auto", "original", *STEMS):
        raise ValueError(f"unknown stem {stem!r}: {hint(str(stem), ['auto', 'original', *STEMS])}")
    arguments = {"num_classes": 0, "in_chans": in_chans, **settings}
    if name.startswith(VIT_NAMES):
        arguments["img_size"] = image_size
        if image_size < 128:
            arguments.setdefault("patch_size", max(image_size // 8, 1))
        check_patches(arguments.get("patch_size"), image_size)
    blueprint = Blueprint(name, arguments)
    network = blueprint.build()
    fixed = {key: value for key, value in arguments.items() if key not in KOGEN_SETTINGS}
    stem = resolve_stem(network, stem, image_size)
    parts = replace_stem(network, in_chans, stem) | replace_norms(network, norm_eps)
    if parts:
        blueprint = replace(blueprint, parts=parts)
        put_parts(network, parts)
    if "conv1" in parts:
        first = network.get_parameter("conv1.weight")  # drawn as timm draws the others
        nn.init.kaiming_normal_(first, mode="fan_out", nonlinearity="relu")
    if isinstance(network, VisionTransformer):  # what its name stands for, said in full
        blocks: Any = network.blocks
        fixed |= {"patch_size": network.patch_embed.patch_size[0], "embed_dim": network.embed_dim}
        fixed |= {"depth": len(blocks), "num_heads": blocks[0].attn.num_heads}
    fixed |= ({"stem": stem} if stem else {}) | ({"norm_eps": norm_eps} if norm_eps is not None else {})
    return TimmBackbone(network, blueprint, format_spec(name, fixed), in_chans, image_size)


def format_spec(name: str, settings: Mapping[str, Any]) -> str:
    """A name and its settings as `parse_spec` reads them."""
    lists = {key: ",".join(map(str, v)) + "," * (len(v) == 1) for key, v in settings.items() if isinstance(v, tuple)}
    said = [f"{key}={lists.get(key, value)}" for key, value in settings.items()]
    return name + ("?" + "&".join(said) if said else "")


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


def resolve_stem(network: nn.Module, stem: str, image_size: int) -> str:
    """The stem of a ResNet that `auto` stands for, empty for other networks; ValueError for one that it cannot have."""
    plain = isinstance(network, ResNet) and isinstance(network.conv1, nn.Conv2d)
    if not plain and stem not in ("auto", "original" if isinstance(network, ResNet) else "auto"):
        raise ValueError(f"stem = {stem!r}: this network has no stem to choose, only a ResNet with one convolution has")
    if stem == "auto" and plain:
        return "full" if image_size <= 40 else "half" if image_size <= 112 else "original"
    return "" if stem == "auto" else stem


def replace_stem(network: nn.Module, in_chans: int, stem: str) -> dict[str, Layer]:
    """The layers that give a ResNet another stem than its own, in place of that."""
    if stem not in STEMS or not isinstance(network, ResNet):
        return {}
    sizes = (in_chans, network.conv1.out_channels, *STEMS[stem])
    return {"conv1": Layer("Conv2d", sizes, {"bias": False}), "maxpool": Layer("Identity")}


def replace_norms(network: nn.Module, eps: float | None) -> dict[str, Layer]:
    """LayerNorms with another epsilon in place of a network's own."""
    norms = {path: part for path, part in network.named_modules() if isinstance(part, nn.LayerNorm)}
    if eps is not None and not norms:
        raise ValueError(f"norm_eps = {eps!r}: this network has no LayerNorm; leave it out")
    sizes = {path: tuple(part.normalized_shape) for path, part in norms.items()} if eps is not None else {}
    return {path: Layer("LayerNorm", (size,), {"eps": eps}) for path, size in sizes.items()}
