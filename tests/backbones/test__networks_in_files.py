"""The network of a training file: whatever lies beside it, the one that is evaluated is taken."""

import argparse
import pathlib
import sys
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import at, resnet, same, vit
from torch import nn

from kogen.backbones.published import describe_checkpoint, published

R, OTHER, V, W = resnet(), resnet(seed=1), vit(), vit(seed=1)
DECODER = ("mask_token", "decoder_embed.weight", "decoder_blocks.0.attn.qkv.weight")
OPTIONS = argparse.Namespace(lr=np.float32(0.1), output_dir=pathlib.PosixPath("/out"), best=np.arange(3))
FILES: dict[str, tuple[str, nn.Module, Any]] = {
    "rc_mae": (
        "rc_mae",
        V,
        {
            "student": at("module.", W, *(f"module.{name}" for name in DECODER)),
            "teacher": at("module.", V, *(f"module.{name}" for name in DECODER)),
            "student_without_ddp": at("", W, *DECODER),
            "teacher_without_ddp": at("", V, *DECODER),
            "args": OPTIONS,
            "epoch": 3,
        },
    ),
    "dino": (
        "dino",
        R,
        {
            "student": at("module.backbone.", OTHER, "module.head.last_layer.weight_v"),
            "teacher": at("backbone.", R, "head.last_layer.weight_v"),
            "optimizer": {"state": {0: {"step": 3}}, "param_groups": [{"lr": np.float64(0.1), "params": [0]}]},
            "args": OPTIONS,
            "epoch": np.int64(3),
        },
    ),
    "swav": (
        "swav",
        R,
        {
            "state_dict": at("module.", R, "module.prototypes.weight"),
            "epoch": 1,
            "loss": np.float64(2.0),
            "arch": "resnet18",
        },
    ),
    "a network": ("published", R, R),
    "a network in a dict": ("published", R, {"model": R, "epoch": 3}),
    "a network for several GPUs": ("published", R, {"state_dict": nn.DataParallel(R)}),
    "a network of timm": ("published", V, {"model": V}),
    "compiled": ("published", R, at("_orig_mod.", R)),
    "i-jepa": ("published", V, {"encoder": at("module.", W), "target_encoder": at("module.", V)}),
    "distilled": ("published", R, at("student.", OTHER) | at("teacher.", R)),
    "vicreg's own": ("published", R, at("encoder.", R, "projector.0.weight", "projector.1.weight")),
    "a ViT of an encoder": ("published", V, at("encoder.", V)),
    "mmselfsup": ("moco_v2", R, at("encoder_q.0.", R, "encoder_q.1.mlp.2.weight") | at("encoder_k.0.", OTHER)),
    "counts of words": ("published", R, {"model": at("", R), "seen": defaultdict(list, a=[1])}),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore")
def test_the_network_that_is_evaluated_is_taken(kind: str, tmp_path: Path):
    framework, network, data = FILES[kind]
    torch.save(data, tmp_path / "weights.pth")
    assert describe_checkpoint(str(tmp_path / "weights.pth")).framework == framework
    same(published(file=str(tmp_path / "weights.pth")), network, 32, within=1e-5)


def test_options_of_configuration_libraries_are_held_inert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Dicts and objects of libraries that need not be installed; the class itself is not even looked for."""
    kinds = types.ModuleType("omegaconf.dictconfig"), types.ModuleType("pytorch_lightning.utilities.parsing")
    parents = map(types.ModuleType, ("omegaconf", "pytorch_lightning", "pytorch_lightning.utilities"))
    for module in (*parents, *kinds):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    config = type("DictConfig", (), {"__module__": kinds[0].__name__})
    words = type("AttributeDict", (dict,), {"__module__": kinds[1].__name__})
    kinds[0].DictConfig, kinds[1].AttributeDict = config, words  # type: ignore[attr-defined]
    settings = config()
    settings.__dict__ |= {"_content": {"lr": 0.1}, "_type": dict, "_flags": None}
    data = {"state_dict": at("", R), "hyper_parameters": words(method="byol", config=settings)}
    torch.save(data, tmp_path / "weights.pth")
    monkeypatch.undo()
    same(published(file=str(tmp_path / "weights.pth")), R, 32)


def test_which_of_several_networks_was_taken_is_said(tmp_path: Path):
    torch.save(at("student.", OTHER) | at("teacher.", R), tmp_path / "weights.pth")
    told = describe_checkpoint(str(tmp_path / "weights.pth")).remarks
    assert told.startswith("network teacher. of student., teacher.; assumed: ReLU")
    torch.save(at("", R), tmp_path / "weights.pth")
    assert describe_checkpoint(str(tmp_path / "weights.pth")).remarks.startswith("assumed")


def test_a_part_of_a_word_is_no_teacher(tmp_path: Path):
    torch.save(at("semantic.", OTHER) | at("image.", R), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"holds 2 networks, image\., semantic\.: keep one of them"):
        describe_checkpoint(str(tmp_path / "weights.pth"))


def test_two_teachers_that_differ_are_not_chosen_between(tmp_path: Path):
    data = {"teacher": at("", V, *DECODER), "teacher_without_ddp": at("", W, *DECODER)}
    torch.save(data, tmp_path / "weights.pth")
    with pytest.raises(
        ValueError, match=r"holds 2 networks, teacher/, teacher_without_ddp/: keep one of them in a file"
    ):
        describe_checkpoint(str(tmp_path / "weights.pth"))


def test_a_pickled_network_tells_what_its_shapes_do_not(tmp_path: Path):
    place = str(tmp_path / "weights.pth")
    network = resnet()
    network.conv1, network.maxpool = nn.Conv2d(3, 64, 3, 1, 2, bias=False), nn.Identity()
    torch.save({"model": network}, place)
    assert describe_checkpoint(place).backbone == "resnet18?stem=padded"
    same(published(file=place), network, 32, within=1e-5)
    torch.save(vit(embed_dim=64, num_heads=4), place)
    assert "num_heads=4" in describe_checkpoint(place).backbone
    with pytest.raises(
        ValueError, match=r"it says that num_heads is 4, and the option says that num_heads is 2: leave it"
    ):
        describe_checkpoint(place, num_heads=2)
    with pytest.raises(
        ValueError, match=r"it says that num_heads is 4, and the option says that num_heads is 1: leave it"
    ):
        describe_checkpoint(place, backbone="vit_tiny_patch16_224?embed_dim=64&depth=2&num_heads=1")


@pytest.mark.parametrize(("stem", "pool"), [((3, 1, 1), True), ((7, 1, 3), True), ((7, 2, 3), False)])
def test_a_pickled_network_with_a_stem_of_its_own_is_refused(stem: tuple[int, int, int], pool: bool, tmp_path: Path):
    network = resnet()
    network.conv1 = nn.Conv2d(3, 64, *stem, bias=False)
    network.maxpool = network.maxpool if pool else nn.Identity()
    torch.save({"model": network}, tmp_path / "weights.pth")
    with pytest.raises(
        ValueError, match=rf"kernel {stem[0]}, the stride .* {'with' if pool else 'without'} a max-pool: a"
    ):
        describe_checkpoint(str(tmp_path / "weights.pth"))
