"""Blueprints: what is built is what the line says, and no word reaches timm that its network does not know."""

import time
from pathlib import Path
from typing import Any

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


FOREIGN = [
    "checkpoint_path=evil.pth",
    "pretrained=true",
    "pretrained_cfg=a",
    "pretrained_cfg_overlay=a",
    "pretrained_strict=a",
    "cache_dir=a",
    "features_only=true",
    "scriptable=true",
    "exportable=true",
    "no_jit=true",
    "device=meta",
    "dtype=a",
    "kwargs=1",
]
NO_WORDS = [
    "__class__=a",
    "a-b=1",
    "a b=1",
    "a\nb=1",
    "=1",
    '**(__import__("os").system("touch PWNED") or {}), act_layer=1',
]


@pytest.mark.parametrize("setting", FOREIGN + NO_WORDS)
@pytest.mark.parametrize("backbone", ["resnet18", "regnety_002", "wide"])
def test_no_foreign_word_reaches_timm(backbone: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    name, key = "resnet50" if backbone == "wide" else backbone, setting.partition("=")[0]
    known = rf"backbone '{name}' has no setting '{key}': (choose one of|did you mean)"
    with pytest.raises(
        ValueError, match=known if setting in FOREIGN else "there is no setting .*: wanted a plain word"
    ):
        make_backbone(f"{backbone}?{setting}", 3, 64)
    assert not list(tmp_path.iterdir())


def test_layers_are_put_in_place():
    parts = {"layer1.0.act1": Layer("GELU", (), {"approximate": "tanh"}), "maxpool": Layer("Identity")}
    made = Blueprint("resnet18", {"num_classes": 0}, parts)
    assert isinstance(made.build().get_submodule("layer1.0.act1"), nn.GELU)
    assert made.to_python().endswith(
        "; m.layer1[0].act1 = torch.nn.GELU(approximate='tanh'); m.maxpool = torch.nn.Identity()"
    )


@pytest.mark.parametrize(
    "name",
    [
        "hf-hub:timm/resnet18.a1_in1k",
        "local-dir:/tmp",
        "hf_hub:a/b",
        "resnet18\n",
        "__import__",
        "os.system",
        "",
        "timm",
    ],
)
@pytest.mark.parametrize("spec", ["{}", "wide?name={}"])
def test_only_plain_names_reach_timm(name: str, spec: str):
    with pytest.raises(ValueError, match=r"unknown backbone .*: (choose one of|did you mean)"):
        make_backbone(spec.format(name), 3, 32)
    with pytest.raises(ValueError, match="unknown backbone"):
        Blueprint(name, {}).build()


def test_a_name_is_said_once_and_files_of_weights_are_no_backbones():
    with pytest.raises(ValueError, match=r"backbone 'resnet18\?name=resnet50': .*multiple values"):
        make_backbone("resnet18?name=resnet50", 3, 32)
    with pytest.raises(ValueError, match="published weights are judged with --candidates NAME=FILE"):
        make_backbone("published?file=a.pth", 3, 32)


TINY_VIT = "vit_tiny_patch16_224"


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("resnet18?layers=9999999999,1,1,1", r"layers = \(9999999999, 1, 1, 1\): wanted numbers from -1,000,000 to"),
        ("resnet18?layers=999999,1,1,1", "has more than 6,000 tensors, the most allowed: use fewer layers"),
        ("resnet18?layers=1,1", "has no attribute 'layer3'"),
        ("resnet18?layers=((1,2),3)", r"layers=\(\(1, 2\), 3\) cannot be built \(TypeError"),
        ("resnet18?act_layer=foo", r"act_layer='foo' cannot be built \(KeyError: 'foo'\): choose other values"),
        ("resnet18?block=1", "block=1 cannot be built"),
        (f"{TINY_VIT}?num_heads=0", "num_heads=0, patch_size=4 cannot be built"),
        (f"{TINY_VIT}?depth=1000000000", "depth = 1000000000: wanted numbers from"),
        (f"{TINY_VIT}?depth=-5", "depth=-5, patch_size=4 cannot be built"),
        (f"{TINY_VIT}?embed_dim={2**40}", "embed_dim = 1099511627776: wanted numbers from"),
        (f"{TINY_VIT}?embed_dim=960000", r"needs [\d,.]+ GB of memory or more, this machine has [\d,.]+: make it smal"),
        (f"{TINY_VIT}?patch_size=0", "patch_size=0 cannot be built"),
        ("tiny?width=1000000000", "channels = .*: wanted numbers from -1,000,000 to 1,000,000"),
        ("tiny?width=100000", "needs [\\d,.]+ GB of memory or more"),
        ("tiny?width=a", "cannot be built"),
        ("tiny?widht=8", "unexpected keyword argument 'widht'"),
        ("wide?channels=", r"backbone 'wide\?channels=': string index out of range; choose other values"),
        ("wide?width=None", "unsupported operand"),
        (f"wide?name={TINY_VIT}", "has no setting 'channels'"),
        ("resnet18?stem=5", "unknown stem 5: choose one of auto"),
    ],
)
def test_odd_values_are_refused_at_once_and_named(backbone: str, message: str):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        make_backbone(backbone, 3, 32)
    assert time.perf_counter() - start < 30  # a busy machine; 2 s alone


def test_patches_that_would_take_hours_are_refused():
    with pytest.raises(ValueError, match="patch_size = 1 cuts 1024 pixels into 1,048,576 patches, at most 16,384 are"):
        make_backbone(f"{TINY_VIT}?patch_size=1", 3, 1024)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {"a": 1}, 1j, [1, {2}]])
def test_only_plain_values_reach_timm(value: Any):
    with pytest.raises(ValueError, match=r"layers = .*: wanted numbers"):
        Blueprint("resnet18", {"layers": value}).build()


def test_a_class_that_hands_its_keywords_on_has_those_of_its_base():
    assert make_backbone("deit_tiny_distilled_patch16_224?depth=1", 3, 32).dim == 192
