"""A network of a user's own is a backbone where it makes features of images, else a sentence."""

from typing import Any

import pytest
import torch
from torch import nn

from kogen.backbones import make_backbone
from kogen.common import plugins
from kogen.common.plugins import Plugin


class Lucky(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(images.mean((2, 3)), 0.5, training=True)


class Crowd(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) - images.mean((0, 2, 3))


class Lost(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.body(images)


class Net(nn.Module):
    def __init__(self, in_chans: int = 3, width: int = 8) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(in_chans, width, 3, 2, 1), nn.BatchNorm2d(width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(images)).relu().mean((2, 3))


def open_network(thing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "OPENED", {("backbones", "Own"): Plugin("backbones", "Own", "mine.py", "0", thing)})


def test_it_is_told_its_channels_and_its_features_are_measured(monkeypatch: pytest.MonkeyPatch):
    open_network(Net, monkeypatch)
    made = make_backbone("Own?width=12", 4, 16)
    assert (made.dim, made.channels, made.image_size, made.spec) == (12, 4, 16, "Own?width=12")
    assert made.training
    assert made.network.norm.num_batches_tracked == 0  # trying it changed no statistic
    assert made(torch.zeros(2, 4, 16, 16)).shape == (2, 12)
    assert list(made.network.state_dict()) == list(Net().state_dict())
    assert made.blueprint.to_python() == "import torch; from mine import Own; m = Own(in_chans=4, width=12)"


def flat(in_chans: int = 3) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * 256, 5))


def test_a_function_may_make_it(monkeypatch: pytest.MonkeyPatch):
    open_network(flat, monkeypatch)
    assert make_backbone("Own", 1, 16).dim == 5
    with pytest.raises(ValueError, match=r"backbone 'Own' on images of 8 pixels and 1 channels: mat1"):
        make_backbone("Own", 1, 8)


@pytest.mark.parametrize(
    ("thing", "spec", "match"),
    [
        (Net, "Own?depth=3", "has no setting 'depth': its settings are in_chans, width"),
        (lambda width: nn.Identity(), "Own", r"wants width: give Own\?width=..., or a default"),
        (lambda: 3, "Own", "made a int: wanted a class or function that makes a torch.nn.Module"),
        (nn.Identity(), "Own", "is a Identity: wanted a class or function"),
        (nn.Identity, "Own", r"gives features of shape \(2, 3, 16, 16\), wanted a tensor \(B, D\)"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Threshold(1e9, float("nan"))), "Own", "gives NaN or infinity before"),
        (
            Lucky,
            "Own",
            "gives other features when it is asked again: in eval mode they may depend on nothing but the image",
        ),
        (Crowd, "Own", "gives other features for an image alone: in eval mode"),
        (Lost, "Own", "'Own' on images of 16 pixels and 3 channels: .* has no attribute 'body': mend it"),
    ],
)
def test_what_is_no_network_is_a_sentence(thing: Any, spec: str, match: str, monkeypatch: pytest.MonkeyPatch):
    open_network(thing, monkeypatch)
    with pytest.raises(ValueError, match=match):
        make_backbone(spec, 3, 16)
