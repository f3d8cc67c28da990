"""Pickled networks: what they compute beyond their tensors is taken from them, or named as what differs."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from checkpoints import drawn, resnet, same, vit
from torch import nn

from kogen.backbones.published import describe_checkpoint, published


def with_eps(network: nn.Module, kind: type[nn.Module]) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, kind):
            layer.eps = 1e-2  # type: ignore[assignment]
    return network


def with_pool(pool: nn.Module) -> nn.Module:
    network = resnet()
    network.maxpool = pool
    return network


def timm_resnet(name: str = "resnet18", **settings: Any) -> nn.Module:
    return drawn(timm.create_model(name, num_classes=0, **settings))


def torchvision_vit() -> nn.Module:
    network = torchvision.models.VisionTransformer(32, 8, 2, 3, 192, 768)
    network.heads = nn.Identity()  # type: ignore[assignment]
    return drawn(network)


TOLD = {
    "silu": lambda: timm_resnet(act_layer="silu"),
    "relu": lambda: vit(act_layer="relu"),
    "mean of patches": lambda: vit(global_pool="avg", fc_norm=False),
    "max": lambda: vit(global_pool="max"),
    "no class token": lambda: vit(class_token=False, global_pool="avg"),
    "registers with positions": lambda: vit(reg_tokens=8),
    "registers without": lambda: vit(reg_tokens=8, no_embed_class=True),
    "epsilon": lambda: with_eps(vit(), nn.LayerNorm),
    "torchvision": torchvision_vit,
}


@pytest.mark.parametrize("kind", TOLD)
def test_what_a_pickled_network_tells_is_set(kind: str, tmp_path: Path):
    network, place = TOLD[kind](), str(tmp_path / "weights.pth")
    torch.save({"model": network}, place)
    told = describe_checkpoint(place)
    same(published(file=place, backbone=told.backbone, image_size=32), network, 32, within=1e-5)


ODD = {
    "dilated": (
        lambda: timm_resnet(output_stride=8),
        r"in its convolutions: it has kernel .* dilation 2 .*: add the setting of timm that says it, such as \?output_",
    ),
    "dilated, torchvision": (
        lambda: torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True]),
        r"differs from resnet50\?stem=original in its convolutions",
    ),
    "anti-aliased": (lambda: timm_resnet("resnetaa50"), r"in its convolutions"),
    "epsilon": (lambda: with_eps(resnet(), nn.BatchNorm2d), r"in its norms and their epsilons: .*0\.01"),
    "mean in the stem": (lambda: with_pool(nn.AvgPool2d(3, 2, 1)), r"in its pools: .*AvgPool2d"),
    "small pool": (lambda: with_pool(nn.MaxPool2d(2, 2)), r"in its pools: .*MaxPool2d.*, 2, 2, 0.* wanted .*3, 2, 1"),
    "max of features": (lambda: timm_resnet(global_pool="max"), r"in its pooling of features: it has max, wanted avg"),
    "post-norm": (
        lambda: drawn(timm.create_model("vit_base_patch16_rpn_224", depth=1, num_classes=0)),
        r"in its blocks: it has ResPostBlock, wanted Block",
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_kogen_would_compute_otherwise_is_refused_by_name(kind: str, tmp_path: Path):
    make, message = ODD[kind]
    torch.save({"model": make()}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=message):
        describe_checkpoint(str(tmp_path / "weights.pth"))


def test_the_setting_that_is_missing_may_be_said(tmp_path: Path):
    network, place = timm_resnet(output_stride=8), str(tmp_path / "weights.pth")
    torch.save({"model": network}, place)
    same(published(file=place, backbone=describe_checkpoint(place, output_stride=8).backbone), network, 64, within=1e-5)
