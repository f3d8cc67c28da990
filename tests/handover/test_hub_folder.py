"""The folder for a hub, opened by timm from the disk: the same outputs, the same preprocessing, and kogen reads it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from small import blobs, plan_for

import kogen
from kogen.backbones.published import describe_checkpoint, published
from kogen.handover.exported_model import load_model
from kogen.handover.hub_folder import open_hub_model, write_hub_folder
from kogen.training.run import load_run, train_run

VIT = "vit_tiny_patch16_224?embed_dim=48&depth=1&num_heads=3"
NETWORKS = {  # pixels
    VIT: 16,
    f"{VIT}&reg_tokens=2&no_embed_class=true&init_values=0.1": 32,
    f"{VIT}&global_pool=avg": 16,
    "tiny?width=8&stem=original": 32,
    "resnet18?layers=1,1,1,1&channels=8,16,32,64&stem=original": 64,
    "convnext_atto?depths=1,1,1,1&dims=8,16,32,64": 32,
}


def run_of(backbone: str, size: int, folder: Path, channels: int = 3) -> Path:
    images = blobs(channels=channels)
    plan = plan_for(images, "random", backbone=backbone, image_size=size)
    train_run(plan.model_copy(update={"mean": (0.4,) * channels, "std": (0.3,) * channels}), images, folder / "run")
    return folder / "run"


def pushed(place: Path, folder: Path) -> Any:
    """What timm opens of the folder that would be uploaded."""
    folder.mkdir()
    write_hub_folder(open_hub_model(place), folder)
    assert {file.name for file in folder.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    return timm.create_model(f"local-dir:{folder}", pretrained=True).eval()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_timm_opens_the_run_with_the_same_features(name: str, channels: int, tmp_path: Path):
    size = NETWORKS[name]
    run = run_of(name, size, tmp_path, channels)
    opened = pushed(run, tmp_path / "hub")
    images = torch.randn(3, channels, size, size, generator=torch.Generator().manual_seed(5))
    wanted = load_run(run)[2](images)
    assert (opened(images) - wanted).abs().max() <= 1e-6 * wanted.abs().max()
    how = timm.data.resolve_model_data_config(opened)
    assert how["input_size"] == (channels, size, size)
    assert (how["mean"], how["std"], how["crop_pct"]) == ([0.4] * channels, [0.3] * channels, 1.0)
    assert (how["interpolation"], how["crop_mode"]) == ("bicubic", "squash")
    again = published(file=str(tmp_path / "hub" / "model.safetensors")).eval()
    assert (again(images) - wanted).abs().max() <= 1e-6 * wanted.abs().max()
    known = describe_checkpoint(str(tmp_path / "hub" / "model.safetensors"))
    assert (known.framework, known.channels, known.image_size) == ("random", channels, size)


@pytest.mark.parametrize("name", [VIT, "tiny?width=8&stem=original", "convnext_atto?depths=1,1,1,1&dims=8,16,32,64"])
def test_a_classifier_is_one_network_with_its_head(name: str, tmp_path: Path):
    run = run_of(name, 32, tmp_path)
    (tmp_path / "imgs").mkdir()
    images = blobs(count=60, size=32)
    for number, (pixels, label) in enumerate(zip(images.read(np.arange(60)).numpy(), images.labels, strict=True)):
        place = tmp_path / "imgs" / images.classes[label]
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(place / f"{number}.png")
    file = tmp_path / "model.safetensors"
    kogen.export(run, head="linear", train=str(tmp_path / "imgs"), out=file)
    opened = pushed(file, tmp_path / "hub")
    model = load_model(file)
    seen = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        wanted = model.head.probability(model.backbone(seen).numpy())
        got = opened(seen).softmax(dim=1).numpy()
    assert np.abs(got - wanted).max() <= 1e-5
    config = json.loads((tmp_path / "hub" / "config.json").read_text())
    assert config["label_names"] == list(model.network.classes) == opened.pretrained_cfg["label_names"]
    card = (tmp_path / "hub" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: timm\npipeline_tag: image-classification\n")
    assert card.endswith(file.with_suffix(".md").read_text())
    file.with_suffix(".md").unlink()
    with pytest.raises(
        ValueError, match=r"model.md is not there, or is the card of another model than .*export the model"
    ):
        open_hub_model(file)
    with pytest.raises(ValueError, match="timm reads no ONNX"):
        open_hub_model(tmp_path / "model.onnx")


def test_a_network_that_timm_cannot_make_alone_is_refused(tmp_path: Path):
    run = run_of("tiny?width=8", 32, tmp_path)
    with pytest.raises(ValueError, match=r"conv1, maxpool are not those of resnet18 .* stem=original"):
        open_hub_model(run)


def test_outputs_that_differ_are_not_handed_on(tmp_path: Path):
    model = open_hub_model(run_of(VIT, 16, tmp_path))
    (tmp_path / "hub").mkdir()
    model = replace(model, wanted=model.wanted * 1.01)
    with pytest.raises(ValueError, match=r"timm's outputs differ from the model's by .*, at most 1e-04 is allowed"):
        write_hub_folder(model, tmp_path / "hub")


def test_the_card_says_what_is_known_and_what_is_not(tmp_path: Path):
    run = run_of(VIT, 16, tmp_path)
    card = open_hub_model(run).card
    assert card.startswith("<!-- written-by-kogen -->\n# random, run ")
    assert "not trained (random)" in card
    assert "this run was not judged in a study, so nobody knows how good it is" in card
    assert "mean [0.4, 0.4, 0.4], std [0.3, 0.3, 0.3]" in card
    assert str(tmp_path) not in card
