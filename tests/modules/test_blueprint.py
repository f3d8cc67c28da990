"""Blueprints: what is built is what the line says, and no word reaches timm that its network does not know."""

from pathlib import Path

import pytest
import torch
from torch import nn

from kogen.backbones import make_backbone
from kogen.modules.blueprint import Blueprint, Layer


@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        ("tiny?width=8", 16),
        ("resnet18", 64),
        ("wide?width=16&layers=1,1,1,1", 64),
        ("vit_tiny_patch16_224?depth=1", 32),
    ],
)
def test_what_is_built_is_what_the_line_says(backbone: str, size: int):
    network = make_backbone(backbone, 3, size).eval()
    scope: dict[str, nn.Module] = {}
    exec(network.blueprint.to_python(), scope)  # as a user pastes it
    images = torch.rand(2, 3, size, size)
    for same in (network.blueprint.build().eval(), scope["m"].eval()):
        same.load_state_dict(network.network.state_dict())
        with torch.inference_mode():
            torch.testing.assert_close(same(images), network(images))


@pytest.mark.parametrize(
    "setting",
    ["checkpoint_path=evil.pth", "pretrained_cfg=a", "pretrained_cfg_overlay=a", "cache_dir=a", "features_only=True",
     "scriptable=True", "device=meta", "kwargs=1", '**(__import__("os").system("touch PWNED") or {}), act_layer=None'],
)  # fmt: skip
@pytest.mark.parametrize("backbone", ["resnet18", "regnety_002", "wide"])
def test_no_foreign_word_reaches_timm(backbone: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    name = "resnet50" if backbone == "wide" else backbone
    with pytest.raises(ValueError, match=f"backbone '{name}' has no setting .*: choose one of|did you mean"):
        make_backbone(f"{backbone}?{setting}", 3, 64)
    assert not list(tmp_path.iterdir())


def test_layers_are_put_in_place():
    parts = {"layer1.0.act1": Layer("GELU", (), {"approximate": "tanh"}), "maxpool": Layer("Identity")}
    made = Blueprint("resnet18", {"num_classes": 0}, parts)
    assert isinstance(made.build().get_submodule("layer1.0.act1"), nn.GELU)
    assert made.to_python().endswith(
        "; m.layer1[0].act1 = torch.nn.GELU(approximate='tanh'); m.maxpool = torch.nn.Identity()"
    )
