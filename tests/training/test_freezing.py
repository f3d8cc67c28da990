"""Frozen layers do not move by a bit, teachers' included, and their batch norm counts nothing."""

import pytest
import timm
import torch
from small import NARROW, blobs, plan_for

from kogen.config.plan import Plan
from kogen.training.build import build_method
from kogen.training.checkpoint import state_of
from kogen.training.freezing import freeze_stages, frozen_parts, hold_frozen
from kogen.training.loop import pretrain

RESNET = ("conv1", "bn1", "layer1", "layer2")
VIT = ("cls_token", "pos_embed", "patch_embed", "blocks.0")


@pytest.mark.parametrize(
    ("method", "freeze", "fixed", "backbone"),
    [
        ("byol", "stages:2", RESNET, "tiny?width=8"),
        ("supervised", "stages:2", RESNET, "tiny?width=8"),
        ("dino", "stages:1", VIT, "vit_tiny_patch16_224?embed_dim=48&depth=2&num_heads=3"),
        ("rc_mae", "stages:1", VIT, "vit_tiny_patch16_224?embed_dim=48&depth=2&num_heads=3"),
    ],
)
def test_frozen_layers_do_not_move_and_the_others_do(tmp_path, method, freeze, fixed, backbone):
    images = blobs(64)
    plan = plan_for(images, method, freeze=freeze, settings=NARROW.get(method, {}), backbone=backbone)
    before = {key: value.clone() for key, value in state_of(build_method(plan)).items()}
    list(pretrain(plan, images, tmp_path))
    after = {key: value.cpu() for key, value in trained_state(tmp_path).items()}
    inside = {key: key.split("inner.")[1] for key in before if "inner." in key}
    frozen = {key for key, name in inside.items() if name.startswith(fixed)}
    assert len(frozen) >= (2 if method in ("dino", "rc_mae", "byol") else 1) * len(fixed)
    assert [key for key in frozen if not torch.equal(before[key], after[key])] == []
    moved = {key for key in set(inside) - frozen if not torch.equal(before[key], after[key])}
    assert any("layer3" in key or "blocks.1" in key for key in moved)


def trained_state(folder):
    from kogen.common.tensors import load_tensors

    tensors, _ = load_tensors(folder / "checkpoint" / "state.safetensors", "")
    return {key.removeprefix("method."): value for key, value in tensors.items() if key.startswith("method.")}


def test_the_mode_of_frozen_layers_is_held_while_the_rest_trains():
    method = build_method(plan_for(blobs(64), "byol", freeze="stages:1")).train()
    hold_frozen(method, 1)
    for network in (method.backbone.network, method.target[0].network):
        assert not network.bn1.training
        assert not network.layer1[0].bn1.training
        assert network.layer2[0].bn1.training


@pytest.mark.parametrize(
    ("name", "count", "children", "beside"),
    [
        ("tf_efficientnet_lite0", 2, 4, 0),  # conv_stem, bn1 and two stages
        ("convnext_atto", 1, 2, 0),
        ("vit_tiny_patch16_224", 3, 4 + 3, 2),  # patch_embed and layers without weights; class token and positions
    ],
)
def test_the_stem_and_the_first_stages_of_other_networks(name, count, children, beside):
    with torch.device("meta"):
        parts, parameters = frozen_parts(timm.create_model(name), count)
    assert (len(parts), len(parameters)) == (children, beside)


def test_layers_that_cannot_be_frozen_are_refused():
    method = build_method(plan_for(blobs(64), "byol"))
    with pytest.raises(ValueError, match=r"stages:4: this ResNet has 4 stages or blocks.* freeze 3 or fewer"):
        freeze_stages(method, 4)
    with torch.device("meta"), pytest.raises(ValueError, match="stages:1: no stages or blocks are known of a DenseNet"):
        frozen_parts(timm.create_model("densenet121"), 1)
    for odd in ("layers:2", "stages:0", "stages:x", "stages", "2"):
        with pytest.raises(ValueError, match="says no layers: write --freeze stages:2 for the stem"):
            Plan(method="byol", freeze=odd)
