"""Feature pyramid: maps of one width at known strides, for networks with stages and for Transformers."""

import pytest
import torch
from torch import nn

from kogen.backbones import make_backbone
from kogen.modules.feature_pyramid import FeaturePyramid

NETWORKS = {
    "tiny?width=8&stem=original": (64, [4, 8, 16, 32, 64]),
    "tiny?width=8&stem=half": (64, [4, 8, 16, 32]),
    "tiny?width=8&stem=full": (64, [2, 4, 8, 16]),
    "resnet18?channels=8,16,24,32&stem=original": (64, [4, 8, 16, 32, 64]),
    "vit_tiny_patch16_224?embed_dim=48&depth=2&num_heads=3&patch_size=8": (64, [2, 4, 8, 16, 32]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_have_the_strides_that_are_said(name: str):
    size, strides = NETWORKS[name]
    backbone = make_backbone(name, 1, size)
    pyramid = FeaturePyramid(backbone.network, 1, size, 16)
    maps = pyramid(torch.zeros(2, 1, size, size))
    assert [size / each.shape[2] for each in maps.values()][: len(strides)] == pyramid.strides == strides
    assert {each.shape[:2] for each in maps.values()} == {(2, 16)}


def test_the_weights_of_the_network_are_its_own():
    backbone = make_backbone("tiny?width=8&stem=original", 1, 64)
    pyramid = FeaturePyramid(backbone.network, 1, 64, 16)
    mine = {id(weight) for weight in pyramid.parameters()}
    assert not mine & {id(weight) for weight in backbone.parameters()}
    sum(each.sum() for each in pyramid(torch.rand(2, 1, 64, 64)).values()).backward()
    assert backbone.network.get_parameter("conv1.weight").grad is not None


def test_a_network_without_maps_is_named():
    with pytest.raises(ValueError, match=r"a Sequential has no maps of its stages: use a ResNet"):
        FeaturePyramid(nn.Sequential(), 1, 64, 16)
