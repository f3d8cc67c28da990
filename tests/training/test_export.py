"""Exports: a file of weights says what it is, and comes back as the same network without an option."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small import blobs, plan_for

from kogen.backbones.published import describe_checkpoint, published
from kogen.common.tensors import load_tensors, save_tensors
from kogen.modules.base import Backbone
from kogen.study.plans import read_candidate
from kogen.training.build import build_method
from kogen.training.export import export_run
from kogen.training.run import check_owner, load_run, train_run

NETWORKS = {
    "tiny?width=8": 64,  # stem half, by itself
    "tiny?width=8&stem=original": 32,
    "resnet18?layers=1,1,1,1&channels=8,16,32,64&stem=padded": 32,
    "resnet18?layers=1,1,1,1&channels=8,16,32,64&stem=full": 64,
    "wide?width=8&layers=1,1,1,1": 64,
    "vit_tiny_patch16_224?num_heads=3&embed_dim=96&depth=2": 32,
    "vit_small_patch16_224?num_heads=12&depth=1": 32,
    "vit_tiny_patch16_224?depth=1&norm_eps=0.001&class_token=false&global_pool=avg": 48,
    "vit_small_patch8_224?depth=1&embed_dim=96&num_heads=2": 128,
    "convnext_atto?depths=1,1,1,1&dims=8,16,32,64": 32,
}


def trained(backbone: str, size: int, root: Path) -> tuple[Path, Backbone]:
    """An untrained run on gray images with drawn statistics, and its backbone."""
    images = blobs(channels=1)
    plan = plan_for(images, "random", backbone=backbone, image_size=size)
    train_run(plan.model_copy(update={"mean": (0.4,), "std": (0.3,)}), images, root / "run")
    return root / "run", load_run(root / "run")[2]


def features(backbone: Backbone, size: int) -> torch.Tensor:
    images = torch.rand(2, backbone.channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return backbone.eval()(images)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_export_comes_back_as_the_network_it_is(name: str, tmp_path: Path):
    size = NETWORKS[name]
    run, network = trained(name, size, tmp_path)
    export_run(run, tmp_path / "out.safetensors")
    wanted = features(network, size)
    for file in (tmp_path / "out.safetensors", run / "weights.safetensors"):
        plan = read_candidate("ours", str(file))
        assert (plan.image_size, plan.channels, plan.mean, plan.std) == (size, 1, (0.4,), (0.3,))
        assert plan.framework == "random"
        again = build_method(plan).backbone
        assert (features(again, size) - wanted).abs().max() <= 1e-6 * wanted.abs().max()
        assert again.spec == network.spec == plan.backbone
        same = published(file=str(file))
        assert torch.equal(features(same, size), features(again, size))


def test_the_header_says_all_of_it(tmp_path: Path):
    run, _ = trained("tiny?width=8", 64, tmp_path)
    export_run(run, tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", framework="pt") as file:
        facts = json.loads(json.loads(file.metadata()["kogen"])["network"])
    assert facts == {
        "architecture": "resnet18?layers=1,1,1,1&channels=8,16,32,64&stem=half",
        "channels": 1,
        "classes": list(blobs().classes),
        "framework": "random",
        "input_size": 64,
        "mean": [0.4],
        "resize": "whole image to a square, bicubic",
        "std": [0.3],
    }


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"stem": "full"},
            "says of itself that its stem is 'half' .*, and the option says 'full': leave out stem",
        ),
        ({"layers": (2, 2, 2, 2)}, "its layers is"),
        ({"num_heads": 3}, r"its num_heads is None \(resnet18.*\), and the option says 3"),
        ({"backbone": "resnet18"}, "its backbone is 'resnet18.*, and the option says 'resnet18.stem=half'"),
        ({"framework": "dino"}, "its framework is 'random' .*, and the option says 'dino'"),
        ({"mean": 0.5, "std": 0.3}, r"its mean is \(0.4,\) .*, and the option says \(0.5,\)"),
    ],
)
def test_an_option_against_the_metadata_is_refused(said: dict[str, Any], message: str, tmp_path: Path):
    run, _ = trained("tiny?width=8", 64, tmp_path)
    with pytest.raises(ValueError, match=message):
        describe_checkpoint(str(run / "weights.safetensors"), **said)


def test_an_option_that_agrees_is_none_too_many_and_another_size_is_a_wish(tmp_path: Path):
    run, network = trained("vit_tiny_patch16_224?num_heads=3&embed_dim=96&depth=2", 32, tmp_path)
    place = str(run / "weights.safetensors")
    agreeing = ({"num_heads": 3}, {"framework": "random"}, {"backbone": network.spec}, {"mean": 0.4, "std": 0.3})
    agreeing += ({"backbone": "vit_tiny_patch16_224?num_heads=3&embed_dim=96&depth=2"},)
    whole = describe_checkpoint(place)
    assert all(describe_checkpoint(place, **said) == whole for said in agreeing)
    larger = published(file=place, image_size=48)
    assert (larger.image_size, larger.network.patch_embed.patch_size) == (48, (4, 4))  # type: ignore[union-attr]
    assert features(larger, 48).isfinite().all()


def test_a_damaged_export_is_refused(tmp_path: Path):
    run, _ = trained("tiny?width=8", 32, tmp_path)
    export_run(run, tmp_path / "out.safetensors")
    content = bytearray((tmp_path / "out.safetensors").read_bytes())
    content[-5] ^= 1
    (tmp_path / "out.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged \(its content does not fit its checksum"):
        describe_checkpoint(str(tmp_path / "out.safetensors"))


def test_an_export_without_its_header_is_asked_about(tmp_path: Path):
    run, _ = trained("tiny?width=8", 64, tmp_path)
    save_file(load_file(run / "weights.safetensors"), tmp_path / "bare.safetensors")
    with pytest.raises(ValueError, match=r"its first convolution is 3x3, .* add \?stem=full"):
        describe_checkpoint(str(tmp_path / "bare.safetensors"))


def test_a_candidates_own_run_is_read_back(tmp_path: Path):
    """A run of published weights keeps its framework, and is a candidate again."""
    run, network = trained("vit_tiny_patch16_224?num_heads=2&embed_dim=96&depth=1", 32, tmp_path)
    save_file(load_file(run / "weights.safetensors"), tmp_path / "bare.safetensors")
    plan = read_candidate("dino", f"{tmp_path / 'bare.safetensors'}?num_heads=2").model_copy(update={"mean": (0.5,)})
    train_run(plan.model_copy(update={"std": (0.2,)}), blobs(channels=1), tmp_path / "again")
    told = describe_checkpoint(str(tmp_path / "again" / "weights.safetensors"))
    assert (told.framework, told.mean, told.image_size) == ("dino", (0.5,), 32)
    ours = load_run(tmp_path / "again")[2]
    np.testing.assert_allclose(features(ours, 32), features(network, 32), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("start", [b"\x80", b"PK"])
def test_a_header_whose_length_begins_as_a_pickle_or_a_zip_file_loses_nothing(start: bytes, tmp_path: Path):
    """Headers are padded to 8 bytes: the length of one in 32 begins with 0x80."""
    run, _ = trained("vit_tiny_patch16_224?num_heads=3&embed_dim=96&depth=1&act_layer=relu", 32, tmp_path)
    tensors, facts = load_tensors(run / "weights.safetensors", "")
    place = tmp_path / "out.safetensors"
    for filling in range(0, 20_000, 8):
        if start == b"PK" and 0 < filling < 12_000:  # PK is 19,280 bytes
            continue
        save_tensors(place, tensors, facts | {"filling": "x" * filling})
        if place.read_bytes().startswith(start):
            break
    assert place.read_bytes().startswith(start)
    told = describe_checkpoint(str(place))
    assert (told.framework, told.mean, told.image_size) == ("random", (0.4,), 32)
    assert "act_layer=relu" in told.backbone
    content = bytearray(place.read_bytes())
    content[-5] ^= 1
    place.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        describe_checkpoint(str(place))


def test_weights_that_do_not_say_whose_they_are_are_refused_or_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run, _ = trained("tiny?width=8", 32, tmp_path)
    save_file(load_file(run / "weights.safetensors"), run / "weights.safetensors")
    with pytest.raises(ValueError, match=r"does not say of which run it is, as kogen .* writes: put its own back"):
        load_run(run)
    with pytest.raises(ValueError, match="does not say of which run it is"):
        export_run(run, tmp_path / "out.safetensors")
    check_owner(run / "weights.safetensors", {"id": "1", "versions": {"kogen": "0.0.1"}})
    told = "".join(capsys.readouterr())
    assert "was written by another version of kogen: whose weights these are is not" in " ".join(told.split())
