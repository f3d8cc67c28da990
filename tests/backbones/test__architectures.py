"""The architecture that tensors show, and what they leave open: asked for, decided by the framework, never guessed."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from checkpoints import at, drawn, original_names, resnet, same, vit
from timm.models import efficientnet
from torch import nn

from kogen.backbones import _architectures as home
from kogen.backbones._networks_in_files import NetworkTensors
from kogen.backbones._tensor_names import TIMM_RESNET
from kogen.backbones.published import describe_checkpoint, published

NAMED = {
    "resnet34": ("resnet18", {"layers": (3, 4, 6, 3)}),
    "resnet50": ("resnet50", {}),
    "resnet101": ("resnet50", {"layers": (3, 4, 23, 3)}),
    "wide_resnet50_2": ("resnet50", {"base_width": 128}),
    "resnext50_32x4d": ("resnet50", {"cardinality": 32, "base_width": 4}),
}


@pytest.mark.parametrize("name", NAMED)
def test_depth_and_width_of_a_resnet_are_seen(name: str):
    with torch.device("meta"):  # shapes alone
        network = getattr(torchvision.models, name)()
    seen = home.infer_architecture(NetworkTensors((), network.state_dict(), TIMM_RESNET, {}), "published", {})
    like, settings = NAMED[name]
    assert (seen.name, seen.settings, seen.image_size) == (like, {"stem": "original"} | settings, 224)


def test_the_table_of_efficientnets_is_timms():
    for (blocks, excites, width), (word, size) in home.EFFICIENTNETS.items():
        with torch.device("meta"):
            network = timm.create_model(f"tf_efficientnet_{word}")
        names = network.state_dict()
        assert blocks == sum(key.endswith("conv_dw.weight") for key in names)
        assert excites == any("se.conv_reduce" in key for key in names)
        assert width == max(value.shape[0] for key, value in names.items() if key.endswith("conv_pwl.weight"))
        assert network.pretrained_cfg["input_size"] == (3, size, size)


def test_an_efficientnet_of_another_size_is_asked_about(tmp_path: Path):
    network = efficientnet._gen_efficientnet_lite("tf_efficientnet_lite0", 0.5, num_classes=0, pad_type="same")
    state = dict(zip(original_names(network), network.state_dict().values(), strict=True))
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(
        ValueError, match=r"an EfficientNet of 16 blocks up to 160 channels, none of b0 to b8 and lite0"
    ):
        describe_checkpoint(str(tmp_path / "weights.pth"))


def save_small_stem(stem: str, place: Path) -> tuple[str, nn.Module]:
    """A file of a ResNet with a 3x3 stem, under torchvision's names, and the network."""
    network = resnet()
    stride, padding = {"full": (1, 1), "padded": (1, 2), "half": (2, 1)}[stem]
    network.conv1, network.maxpool = nn.Conv2d(3, 64, 3, stride, padding, bias=False), nn.Identity()
    drawn(network)
    torch.save({"state_dict": at("", network)}, place / "weights.pth")
    return str(place / "weights.pth"), network


@pytest.mark.parametrize(
    ("said", "stem"),
    [
        ({"framework": "solo_learn"}, "padded"),
        ({"framework": "simclr"}, "full"),
        ({"framework": "lightly"}, "full"),
        ({"stem": "padded"}, "padded"),
        ({"stem": "half", "image_size": 64}, "half"),
        ({"backbone": "resnet18", "framework": "solo_learn"}, "padded"),
        ({"backbone": "resnet18?stem=full"}, "full"),
        ({"backbone": "resnet18", "stem": "full"}, "full"),
    ],
)
def test_a_small_stem_is_the_frameworks_or_what_is_said(said: dict[str, object], stem: str, tmp_path: Path):
    place, network = save_small_stem(stem, tmp_path)
    checkpoint = describe_checkpoint(place, **said)
    assert checkpoint.backbone == f"resnet18?stem={stem}"
    assert checkpoint.image_size == (64 if stem == "half" else 32)
    same(
        published(file=place, backbone=checkpoint.backbone, image_size=checkpoint.image_size), network, 32, within=1e-5
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, r"first convolution is 3x3, .* neither stride nor padding: add \?stem=full .*\?stem=padded .*\?stem=half"),
        ({"framework": "moco_v2"}, r"first convolution is 3x3"),
        ({"backbone": "resnet18"}, r"first convolution is 3x3"),
        ({"backbone": "resnet18", "image_size": 64}, r"first convolution is 3x3"),
        ({"stem": "half"}, r"its tensors do not show the size of its images: add \?image_size=64 or another"),
        ({"stem": "original"}, r"conv1.weight has the shape \(64, 3, 3, 3\), wanted \(64, 3, 7, 7\); name the network"),
        ({"stem": "fuller"}, r"unknown stem 'fuller': did you mean 'full'"),
    ],
)
def test_a_small_stem_that_nobody_says_is_asked_for(said: dict[str, object], message: str, tmp_path: Path):
    place, _ = save_small_stem("full", tmp_path)
    with pytest.raises(ValueError, match=message):
        published(file=place, image_size=32, backbone=describe_checkpoint(place, **said).backbone)


def test_a_large_stem_stays_whatever_the_size_of_the_images(tmp_path: Path):
    network = resnet()
    torch.save(at("", network), tmp_path / "weights.pth")
    for said in ({}, {"backbone": "resnet18"}):
        checkpoint = describe_checkpoint(str(tmp_path / "weights.pth"), image_size=32, **said)
        assert checkpoint.backbone == "resnet18?stem=original"
    same(published(file=str(tmp_path / "weights.pth"), image_size=32), network, 32)


SMALL = vit(embed_dim=384, num_heads=12)


@pytest.mark.parametrize(
    ("said", "heads"),
    [
        ({"framework": "moco_v3"}, 12),
        ({"name": "moco_v3"}, 12),
        ({"framework": "dino"}, 6),
        ({"num_heads": 12}, 12),
        ({"num_heads": 4, "framework": "dino"}, 4),
        ({"backbone": "vit_small_patch16_224?depth=2", "framework": "moco_v3"}, 12),
        ({"backbone": "vit_small_patch16_224?depth=2"}, 6),
    ],
)
def test_heads_of_a_vit_s_are_the_frameworks_or_what_is_said(said: dict[str, object], heads: int, tmp_path: Path):
    torch.save({"model": at("", SMALL)}, tmp_path / "weights.pth")  # MoCo v3's convert_to_deit.py writes it so
    place = str(tmp_path / "weights.pth")
    ours = published(file=place, backbone=describe_checkpoint(place, **said).backbone)
    assert ours.network.blocks[0].attn.num_heads == heads  # type: ignore[index,union-attr]
    if heads == 12:
        same(ours, SMALL, 32)


@pytest.mark.parametrize(
    ("width", "said", "message"),
    [
        (
            384,
            {},
            r"a ViT-S, whose 384 channels are 6 heads .* or 12 \(MoCo v3\).*\?num_heads=6 or \?num_heads=12, or the",
        ),
        (384, {"framework": "byol"}, r"a ViT-S, whose 384 channels"),
        (
            96,
            {},
            r"a ViT of 96 channels, none of .* \?num_heads=1 \(64 channels each\) or \?num_heads=3 \(32 channels each",
        ),
        (96, {"framework": "dino"}, r"a ViT of 96 channels, none of the sizes that are published"),
        (96, {"num_heads": 5}, r"cannot be built \(AssertionError: dim should be divisible by num_heads"),
        (96, {"num_heads": 3, "patch_size": 16}, r"patch_embed.proj.weight has the shape \(96, 3, 8, 8\), wanted"),
    ],
)
def test_heads_that_nobody_says_are_asked_for(width: int, said: dict[str, object], message: str, tmp_path: Path):
    torch.save(at("", vit(embed_dim=width, num_heads=3)), tmp_path / "weights.pth")
    place = str(tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=message):
        published(file=place, backbone=describe_checkpoint(place, **said).backbone)


@pytest.mark.parametrize(
    "settings",
    [
        {"class_token": False, "global_pool": "avg"},
        {"class_token": False, "global_pool": "avg", "fc_norm": False},
        {"global_pool": "avg"},
        {"no_embed_class": True, "init_values": 1e-5},  # DeiT III
        {"reg_tokens": 4},
        {"reg_tokens": 2, "no_embed_class": True},
        {"qkv_bias": False, "mlp_ratio": 3},
        {"mlp_ratio": 2.671},
    ],
)
def test_tokens_and_layers_of_a_vit_are_seen(settings: dict[str, object], tmp_path: Path):
    network = vit(**settings)
    torch.save(at("", network), tmp_path / "weights.pth")
    checkpoint = describe_checkpoint(str(tmp_path / "weights.pth"))
    assert checkpoint.image_size == 32
    same(published(file=str(tmp_path / "weights.pth")), network, 32)
