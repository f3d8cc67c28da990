"""Descriptions beside a file: what transformers writes next to its weights decides heads, epsilon, mean and std."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import at, drawn, same, vit
from safetensors.torch import save_file
from torch import nn

from kogen.backbones.published import describe_checkpoint, published


def save_transformers(network: nn.Module, place: Path) -> str:
    """A ViT of timm in a file of transformers' names, with the names of its version 5."""
    rules = {
        "cls_token": "embeddings.cls_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "blocks.": "layers.",
        ".norm1.": ".layernorm_before.",
        ".norm2.": ".layernorm_after.",
        ".attn.proj.": ".attention.o_proj.",
    }
    state: dict[str, torch.Tensor] = {}
    for key, value in network.state_dict().items():
        for old, new in rules.items():
            key = key.replace(old, new)
        key = f"layernorm.{key.removeprefix('norm.')}" if key.startswith("norm.") else key
        parts = zip(("q_proj", "k_proj", "v_proj"), value.chunk(3), strict=True) if ".attn.qkv." in key else ()
        apart = {key.replace(".attn.qkv.", f".attention.{name}."): part.clone() for name, part in parts}
        state |= apart or {key: value}
    torch.save(state, place / "weights.pth")
    return str(place / "weights.pth")


CONFIG = {"model_type": "vit", "hidden_size": 96, "num_attention_heads": 4, "layer_norm_eps": 1e-3}


def test_the_config_beside_decides_heads_and_epsilon(tmp_path: Path):
    network = vit(embed_dim=96, num_heads=4)
    for part in network.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = 1e-3
    place = save_transformers(drawn(network), tmp_path)
    with pytest.raises(ValueError, match="a ViT of 96 channels, none of the sizes"):
        describe_checkpoint(place)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    checkpoint = describe_checkpoint(place)
    assert checkpoint.backbone.endswith("num_heads=4&depth=2&norm_eps=0.001")
    assert checkpoint.mean == (0.485, 0.456, 0.406)
    same(published(file=place), network, 32, within=1e-5)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    checkpoint = describe_checkpoint(place)
    assert (checkpoint.mean, checkpoint.std) == ((0.5,) * 3, (0.25,) * 3)
    with pytest.raises(ValueError, match="it says that num_heads is 4, and the option says that num_heads is 3"):
        describe_checkpoint(place, num_heads=3)


def test_without_a_config_the_epsilon_is_said_and_may_be_another(tmp_path: Path):
    place = save_transformers(vit(), tmp_path)
    assert describe_checkpoint(place).backbone.endswith("norm_eps=1e-06")
    checkpoint = describe_checkpoint(place, norm_eps=1e-12)
    assert checkpoint.backbone.endswith("norm_eps=1e-12")
    assert describe_checkpoint(place, backbone=checkpoint.backbone).backbone == checkpoint.backbone


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            CONFIG | {"hidden_size": 192},
            r"config.json is of another network: it has hidden_size 192 .* 96 channels: put",
        ),
        (CONFIG | {"num_attention_heads": "4"}, r"config.json is of another network: .* num_attention_heads '4'"),
        (CONFIG | {"hidden_act": "quick_gelu"}, r"hidden_act is 'quick_gelu', and a ViT of timm has 'gelu'"),
        (
            [1],
            r"config.json holds a list, wanted names and values; put the file there that transformers wrote, or none",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(config: Any, message: str, tmp_path: Path):
    place = save_transformers(vit(embed_dim=96, num_heads=4), tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        describe_checkpoint(place)


def test_preprocessing_that_is_no_numbers_is_refused(tmp_path: Path):
    place = save_transformers(vit(), tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5]}))
    with pytest.raises(ValueError, match=r"preprocessor_config.json: its mean is \[0.5\], wanted three numbers"):
        describe_checkpoint(place)


TIMM = {
    "architecture": "vit_tiny_patch16_224",
    "model_args": {"depth": 2, "act_layer": "quick_gelu", "num_heads": 6, "img_size": 32},
    "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3, "input_size": [3, 32, 32]},
}


@pytest.mark.parametrize("hub", [False, True])
def test_the_config_of_timm_beside_a_file_or_on_the_hub_is_read_whole(
    hub: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    network, place = vit(num_heads=6, act_layer="quick_gelu", patch_size=16), tmp_path / "model.safetensors"
    save_file(at("", network), place)
    (tmp_path / "config.json").write_text(json.dumps(TIMM))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda owner, name: str(tmp_path / name))
    told = describe_checkpoint("hf-hub:a/b" if hub else str(place))
    assert (told.mean, told.std, told.image_size) == ((0.5,) * 3, (0.25,) * 3, 32)
    assert hub or told.remarks == "network, size and pixels by config.json beside it"
    same(published(file=str(place), backbone=told.backbone, image_size=32), network, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_args": [1]}, r"config\.json: its model_args are none of timm: wanted settings of its architecture"),
        ({"model_args": {"checkpoint_path": "evil"}}, "has no setting 'checkpoint_path'"),
        ({"pretrained_cfg": {"input_size": [3, 32, 64]}}, r"its input_size is \(3, 32, 64\), and kogen feeds square"),
        ({"architecture": "resnet18", "model_args": {}}, "does not fit the backbone resnet18|does not hold resnet18"),
    ],
)
def test_a_config_of_timm_that_fits_nothing_is_refused(change: dict[str, Any], message: str, tmp_path: Path):
    save_file(at("", vit(patch_size=16)), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(TIMM | change))
    with pytest.raises(ValueError, match=message):
        published(file=str(tmp_path / "model.safetensors"))


def test_a_config_of_another_library_says_nothing(tmp_path: Path):
    torch.save(at("", vit()), tmp_path / "weights.pth")
    (tmp_path / "config.json").write_text('{"architecture": "mine", "lr": 0.1}')
    assert describe_checkpoint(str(tmp_path / "weights.pth")).remarks.startswith("assumed")


def test_a_network_that_is_named_has_the_pixels_that_timm_publishes(tmp_path: Path):
    torch.save(at("", vit(patch_size=16)), tmp_path / "weights.pth")
    place = str(tmp_path / "weights.pth")
    told = describe_checkpoint(place, backbone="vit_tiny_patch16_224?depth=2")
    assert (told.mean, told.std) == ((0.5,) * 3, (0.5,) * 3)
    told = describe_checkpoint(place, backbone="vit_tiny_patch16_224?depth=2", framework="dino")
    assert told.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize("eps", [0, 1, "1e-6", True])
def test_an_epsilon_of_a_config_is_one(eps: Any, tmp_path: Path):
    place = save_transformers(vit(), tmp_path)
    config = {"hidden_size": 192, "num_attention_heads": 3, "layer_norm_eps": eps}
    Path(place).with_name("config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"layer_norm_eps is .*, wanted a number above 0, at most 0\.1"):
        describe_checkpoint(place)
