"""What is said of a file behind `?`: any setting of the network, checked before and against the tensors."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from checkpoints import at, drawn, resnet, same, vit
from safetensors.torch import save_file

from kogen.backbones.published import describe_checkpoint, published
from kogen.study.plans import read_candidate
from kogen.training.build import build_method


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"size": 3}, r"unknown setting 'size': did you mean 'image_size'"),
        ({"num_head": 3}, r"unknown setting 'num_head': did you mean 'num_heads'"),
        ({"img_size": 96}, r"unknown setting 'img_size': did you mean 'image_size'"),
        ({"checkpoint_path": "evil.pth"}, r"unknown setting 'checkpoint_path'"),
        ({"mean": 0.5}, r"mean and std are said together, got mean alone: add the other"),
        ({"mean": "0.5,a,0.5", "std": 0.5}, r"mean = '0.5,a,0.5': wanted numbers such as 0.5,0.5,0.5$"),
        ({"mean": 0.5, "std": 0}, r"std = 0: wanted numbers such as 0.5,0.5,0.5, above 0"),
        (
            {"mean": (0.5, 0.5), "std": (0.5, 0.5)},
            r"mean and std are 2 and 2 numbers: give one, or one for each of 3 channels",
        ),
        ({"mean": (123.6,) * 3, "std": (58.4,) * 3}, r"wanted those of pixels from 0 to 1; of 0 to 255, divide by 255"),
        ({"mean": -0.5, "std": 0.5}, r"wanted those of pixels from 0 to 1"),
        ({"norm_eps": 0}, r"norm_eps = 0: wanted a number above 0, at most 0.1, such as 1e-6"),
        ({"norm_eps": -1}, r"norm_eps = -1: wanted a number above 0"),
        ({"norm_eps": 5.0}, r"norm_eps = 5.0: wanted a number above 0"),
        ({"num_heads": True}, r"num_heads = True: wanted a whole number from 1 to 1000"),
        ({"num_heads": 0}, r"num_heads = 0: wanted a whole number"),
        ({"stem": "full"}, r"stem = 'full': this network has no stem to choose"),
    ],
)
def test_settings_that_are_none_get_a_sentence(said: dict[str, Any], message: str, tmp_path: Path):
    torch.save(at("", vit()), tmp_path / "weights.pth")
    spec = "&".join(f"{k}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for k, v in said.items())
    with pytest.raises(ValueError, match=message):
        build_method(read_candidate("ours", f"{tmp_path / 'weights.pth'}?{spec}"))


def test_mean_and_std_may_be_said(tmp_path: Path):
    torch.save(at("", resnet()), tmp_path / "weights.pth")
    plan = read_candidate("ours", f"{tmp_path / 'weights.pth'}?mean=0.5,0.5,0.5&std=0.2,0.2,0.2")
    assert (plan.mean, plan.std) == ((0.5,) * 3, (0.2,) * 3)
    plan = read_candidate("ours", f"{tmp_path / 'weights.pth'}?mean=0.5&std=0.25")
    assert (plan.mean, plan.std) == ((0.5,), (0.25,))


def test_any_setting_of_the_network_may_be_said_and_is_checked(tmp_path: Path):
    """Behind the file, or behind the name of the network."""
    network = drawn(timm.create_model("resnet26", layers=(1, 1, 1, 1), num_classes=0))
    save_file(at("", network), tmp_path / "weights.safetensors")
    place = str(tmp_path / "weights.safetensors")
    for said in ("layers=1,1,1,1&backbone=resnet26", "backbone=resnet26?layers=1,1,1,1", "layers=1,1,1,1"):
        plan = read_candidate("ours", f"{place}?{said}")
        same(published(file=place, backbone=plan.backbone), network, 64)
    with pytest.raises(ValueError, match=r"does not fit the backbone resnet50.* it lacks 15 of the network's tensors"):
        build_method(read_candidate("ours", f"{place}?layers=1,1,1,2"))


def test_activations_that_no_shape_shows_may_be_said(tmp_path: Path):
    network = drawn(timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, act_layer="relu"))
    network.head = torch.nn.Identity()
    torch.save(at("", network), tmp_path / "weights.pth")
    place = str(tmp_path / "weights.pth")
    checkpoint = describe_checkpoint(place, act_layer="relu")
    same(published(file=place, backbone=checkpoint.backbone), network, 32)
