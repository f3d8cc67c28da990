"""Backbones of timm: names mean what they say at any size of images, and the spec of one makes it again."""

import pytest
import torch
from checkpoints import drawn, same

from kogen.backbones import make_backbone

SPECS = {
    "tiny?width=8": (64, "resnet18?layers=1,1,1,1&channels=8,16,32,64&stem=half"),
    "resnet18?layers=1,1,1,1": (32, "resnet18?layers=1,1,1,1&stem=full"),
    "resnet18?layers=1,1,1,1&stem=padded": (32, "resnet18?layers=1,1,1,1&stem=padded"),
    "wide?width=8&layers=1,1,1,1": (32, "wide?name=resnet50&width=8&layers=1,1,1,1"),
    "vit_tiny_patch16_224?depth=1": (32, "vit_tiny_patch16_224?depth=1&patch_size=4&embed_dim=192&num_heads=3"),
    "vit_tiny_patch16_224?depth=1&norm_eps=0.01": (
        32,
        "vit_tiny_patch16_224?depth=1&patch_size=4&embed_dim=192&num_heads=3&norm_eps=0.01",
    ),
    "resnet50d?layers=1,1,1,1": (64, "resnet50d?layers=1,1,1,1"),
    "convnext_atto?depths=1,1,1,1": (32, "convnext_atto?depths=1,1,1,1"),
}


@pytest.mark.parametrize("name", SPECS)
def test_the_spec_makes_the_same_network_at_any_size(name: str):
    size, spec = SPECS[name]
    first = make_backbone(name, 3, size)
    drawn(first.network)
    assert first.spec == spec
    other = make_backbone(spec, 3, 2 * size)
    assert other.spec == spec
    again = make_backbone(spec, 3, size)
    again.network.load_state_dict(first.network.state_dict())
    same(again, first, size)
    scope: dict[str, torch.nn.Module] = {}
    exec(first.blueprint.to_python(), scope)  # the line that a user pastes
    scope["m"].load_state_dict(first.network.state_dict())
    same(scope["m"], first, size)


@pytest.mark.parametrize(
    ("name", "size", "patch"),
    [
        ("vit_small_patch8_224?depth=1", 224, 8),
        ("vit_small_patch32_224?depth=1", 224, 32),
        ("vit_small_patch14_dinov2?depth=1", 224, 14),
        ("vit_small_patch16_224?depth=1", 128, 16),
        ("vit_small_patch16_224?depth=1", 64, 8),
        ("vit_small_patch8_224?depth=1&patch_size=16", 224, 16),
    ],
)
def test_a_patch_is_what_the_name_says_where_images_are_large_enough(name: str, size: int, patch: int):
    network = make_backbone(name, 3, size).network
    assert network.patch_embed.patch_size == (patch, patch)  # type: ignore[union-attr]


def test_the_epsilon_is_that_of_every_norm():
    backbone = make_backbone("vit_tiny_patch16_224?depth=1&norm_eps=0.01", 3, 32)
    norms = [part.eps for part in backbone.network.modules() if isinstance(part, torch.nn.LayerNorm)]
    assert norms == [0.01] * 3


def test_stems_are_strided_and_padded_as_they_say():
    for stem, stride, padding in (("half", 2, 1), ("full", 1, 1), ("padded", 1, 2)):
        network = make_backbone(f"resnet18?stem={stem}", 3, 128).network
        first: torch.nn.Conv2d = network.conv1  # type: ignore[assignment]
        assert (first.kernel_size, first.stride, first.padding) == ((3, 3), (stride,) * 2, (padding,) * 2)
        assert isinstance(network.maxpool, torch.nn.Identity)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18?stem=ful", r"unknown stem 'ful': did you mean 'full'"),
        (
            "vit_tiny_patch16_224?stem=full",
            r"stem = 'full': this network has no stem to choose, only a ResNet",
        ),
        ("resnet50d?stem=half", r"stem = 'half': this network has no stem to choose"),
        ("resnet18?norm_eps=1e-6", r"norm_eps = 1e-06: this network has no LayerNorm; leave it out"),
        ("resnet18?num_classes=10", r"num_classes is set by kogen: leave it out$"),
        (
            "vit_tiny_patch16_224?img_size=96",
            r"img_size is set by kogen: leave it out; the size of the images",
        ),
    ],
)
def test_settings_that_would_be_lost_or_harm_are_refused(name: str, message: str):
    with pytest.raises(ValueError, match=message):
        make_backbone(name, 3, 32)
