"""Patches of every kind of network: which blocks, the neighbourhood, and what is left as it was."""

import numpy as np
import pytest
import torch
from small import blobs
from torch.nn import functional as F

from kogen.augmentation.views import evaluation_view
from kogen.backbones import make_backbone
from kogen.evaluation.features import NonFiniteFeatures
from kogen.evaluation.patches import IMAGES_AT_ONCE, join_maps, middle_blocks, patch_batches

NETWORKS = [  # spec, size, which blocks, (D, h, w)
    ("tiny?width=8", 32, [2, 3], (48, 16, 16)),
    ("wide?width=8&layers=1,1,1,1", 64, [2, 3], (192, 8, 8)),
    ("resnet18?layers=1,1,1,1", 64, [2, 3], (384, 16, 16)),
    ("vit_tiny_patch16_224?embed_dim=48&depth=4&num_heads=3", 32, [2, 3], (96, 8, 8)),
    ("deit_tiny_distilled_patch16_224?embed_dim=48&depth=2&num_heads=3", 32, [1], (48, 8, 8)),
    ("tf_efficientnet_lite0", 64, [2, 3], (152, 8, 8)),
    ("convnext_atto?depths=1,1,1,1", 64, [1, 2], (240, 8, 8)),
    ("swin_tiny_patch4_window7_224?depths=1,1,1,1", 224, [1, 2], (576, 28, 28)),
]


@pytest.mark.parametrize(
    ("spec", "size", "blocks", "shape"), NETWORKS, ids=[name[0].partition("?")[0] for name in NETWORKS]
)
def test_every_network_has_patches(spec, size, blocks, shape):
    torch.manual_seed(0)
    backbone = make_backbone(spec, 3, size).train()
    assert middle_blocks(backbone) == blocks
    (patches,) = patch_batches(backbone, blobs(2, size=16), evaluation_view(size))
    assert tuple(patches.shape) == (2, *shape)
    assert patches.dtype == torch.float32
    assert patches.std() > 0
    assert backbone.training


def test_patches_of_a_resnet_are_those_of_its_layers():
    torch.manual_seed(0)
    backbone, images = make_backbone("tiny?width=8", 3, 32).eval(), blobs(40, size=32)
    batches = list(patch_batches(backbone, images, evaluation_view(32)))
    assert [len(batch) for batch in batches] == [IMAGES_AT_ONCE, 40 - IMAGES_AT_ONCE]
    network, x = backbone.network, images.read(np.arange(40)).float() / 255
    with torch.no_grad():
        x = network.layer1(network.maxpool(network.act1(network.bn1(network.conv1(x)))))
        second = network.layer2(x)
        third = network.layer3(second)
    torch.testing.assert_close(torch.cat(batches), join_maps([second, third]), rtol=1e-4, atol=1e-4)


def test_each_place_is_the_mean_of_its_neighbourhood():
    maps = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    wide = F.pad(maps, (1, 1, 1, 1))
    wanted = torch.stack([wide[:, :, y : y + 3, x : x + 3].mean((2, 3)) for y in range(5) for x in range(5)], -1)
    torch.testing.assert_close(join_maps([maps]), wanted.view(1, 2, 5, 5))


def test_a_network_without_maps_is_refused():
    backbone = make_backbone("tiny?width=8", 3, 32)
    backbone.inner = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 4))
    with pytest.raises(
        ValueError, match=r"shows no maps of its middle blocks: choose another --backbone, or detectors"
    ):
        middle_blocks(backbone)


def test_broken_weights_are_named():
    backbone = make_backbone("tiny?width=8", 3, 32)
    torch.nn.init.constant_(backbone.network.conv1.weight, float("nan"))
    with pytest.raises(NonFiniteFeatures, match=r"not finite: the weights are broken"):
        list(patch_batches(backbone, blobs(2, size=32), evaluation_view(32)))
