"""Names of tensors: every layout, made from a network of timm by its library's names, gives its features."""

import copy
import re
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from checkpoints import at, dinov2, drawn, original_names, same, vit
from torch import nn

from kogen.backbones.published import describe_checkpoint, published

TRANSFORMERS = (  # from timm's names to those of transformers, ViT and ViTMAE before version 5
    (r"^(cls_token)$", r"embeddings.\1"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^norm\.", "layernorm."),
    (r"^blocks\.(\d+)\.norm1\.", r"encoder.layer.\1.layernorm_before."),
    (r"^blocks\.(\d+)\.norm2\.", r"encoder.layer.\1.layernorm_after."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layer.\1.output.dense."),
)
DINOV2 = (  # Dinov2 has other names for some
    (r"^(cls_token|mask_token|register_tokens)$", r"embeddings.\1"),
    *TRANSFORMERS[1:4],
    (r"^blocks\.(\d+)\.norm", r"encoder.layer.\1.norm"),
    (r"^blocks\.(\d+)\.ls([12])\.gamma$", r"encoder.layer.\1.layer_scale\2.lambda1"),
    TRANSFORMERS[6],
    (r"^blocks\.(\d+)\.mlp\.w12\.", r"encoder.layer.\1.mlp.weights_in."),
    (r"^blocks\.(\d+)\.mlp\.w3\.", r"encoder.layer.\1.mlp.weights_out."),
    (r"^blocks\.(\d+)\.mlp\.", r"encoder.layer.\1.mlp."),
)
TORCHVISION = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^norm\.", "encoder.ln."),
    (r"^blocks\.(\d+)\.norm", r"encoder.layers.encoder_layer_\1.ln_"),
    (r"^blocks\.(\d+)\.attn\.qkv\.(\w+)", r"encoder.layers.encoder_layer_\1.self_attention.in_proj_\2"),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layers.encoder_layer_\1.self_attention.out_proj."),
    (r"^blocks\.(\d+)\.mlp\.fc([12])\.", r"encoder.layers.encoder_layer_\1.mlp.linear_\2."),
)


def renamed(state: dict[str, torch.Tensor], rules) -> dict[str, torch.Tensor]:
    found = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        found[key] = value
    return found


def split(state: dict[str, torch.Tensor], names: tuple[str, str, str]) -> dict[str, torch.Tensor]:
    """Query, key and value apart, as transformers keeps them."""
    found = {}
    for key, value in state.items():
        place = re.match(r"blocks\.(\d+)\.attn\.qkv\.(\w+)", key)
        parts = zip(names, value.chunk(3), strict=True) if place else []
        found |= (
            {f"encoder.layer.{place[1]}.{name}.{place[2]}": part for name, part in parts} if place else {key: value}
        )
    return found


OLD = tuple(f"attention.attention.{name}" for name in ("query", "key", "value"))
NEW = tuple(f"attention.{name}" for name in ("q_proj", "k_proj", "v_proj"))
V = vit()
SCALED = vit(embed_dim=384, num_heads=6, patch_size=16, init_values=1e-5)
REGISTERS = vit(embed_dim=384, num_heads=6, patch_size=16, init_values=1e-5, reg_tokens=4, no_embed_class=True)
GIANT = drawn(
    timm.create_model("vit_giant_patch14_dinov2", img_size=32, patch_size=16, depth=1, embed_dim=1536, num_classes=0)
)
LAYOUTS = {
    "chunks of DINOv2": (SCALED, renamed(dinov2(SCALED), ((r"^blocks\.(\d)\.", r"blocks.0.\1."),))),
    "transformers, ViT": (V, renamed(split(at("", V, "pooler.dense.weight"), OLD), TRANSFORMERS)),
    "transformers, ViTMAE": (
        V,
        {f"vit.{k}": v for k, v in renamed(split(at("", V), OLD), TRANSFORMERS).items()}
        | {"decoder.decoder_embed.weight": torch.zeros(2), "decoder.mask_token": torch.zeros(2)},
    ),
    "transformers 5, ViT": (
        V,
        renamed(
            split(at("", V), NEW),
            (
                *TRANSFORMERS,
                (r"^encoder\.layer\.", "layers."),
                (r"attention\.output\.dense", "attention.o_proj"),
                (r"intermediate\.dense", "mlp.fc1"),
                (r"(?<!attention\.)output\.dense", "mlp.fc2"),
            ),
        ),
    ),
    "transformers, Dinov2": (SCALED, renamed(split(dinov2(SCALED), OLD), DINOV2)),
    "transformers, registers": (REGISTERS, renamed(split(dinov2(REGISTERS), OLD), DINOV2)),
    "transformers, giant": (
        GIANT,
        renamed(split(dinov2(GIANT), OLD), ((r"mlp\.fc1", "mlp.w12"), (r"mlp\.fc2", "mlp.w3"), *DINOV2)),
    ),
    "torchvision": (V, renamed(at("", V, "heads.head.weight"), TORCHVISION)),
    "torchvision, new": (
        V,
        renamed(at("", V), (*TORCHVISION, (r"linear_1", "0"), (r"linear_2", "3"))),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_a_vit_gives_its_features(layout: str, tmp_path: Path):
    network, state = LAYOUTS[layout]
    torch.save(state, tmp_path / "weights.pth")
    checkpoint = describe_checkpoint(str(tmp_path / "weights.pth"), image_size=32)
    frameworks = {"transformers, ViTMAE": "mae"} | {name: "dinov2" for name in LAYOUTS if "DINO" in name.upper()}
    frameworks |= dict.fromkeys(("transformers, registers", "transformers, giant"), "dinov2")
    assert checkpoint.framework == frameworks.get(layout, "published")
    ours = published(file=str(tmp_path / "weights.pth"), backbone=checkpoint.backbone, image_size=32)
    same(ours, network, 32, within=1e-5)


def test_gates_apart_are_joined(tmp_path: Path):
    """Since version 5 transformers keeps the two halves of a gated MLP apart."""
    state = LAYOUTS["transformers, giant"][1]
    parted = {}
    for key, value in state.items():
        halves = value.chunk(2) if ".weights_in." in key else ()
        names = [key.replace("weights_in", name) for name in ("gate_proj", "up_proj")]
        parted |= dict(zip(names, halves, strict=True)) if halves else {key.replace("weights_out", "down_proj"): value}
    torch.save(parted, tmp_path / "weights.pth")
    same(published(file=str(tmp_path / "weights.pth"), image_size=32), GIANT, 32, within=1e-5)


def test_torchvisions_own_vit_gives_its_features(tmp_path: Path):
    network = torchvision.models.VisionTransformer(32, 8, 2, 4, 64, 128)  # px, patch, layers, heads, width, hidden
    network.heads = nn.Identity()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    checkpoint = describe_checkpoint(str(tmp_path / "weights.pth"), num_heads=4)
    same(published(file=str(tmp_path / "weights.pth"), backbone=checkpoint.backbone), network, 32, within=1e-5)


@pytest.mark.parametrize("word", ["b0", "b3", "lite0", "lite2"])
def test_the_original_names_of_an_efficientnet_give_its_features(word: str, tmp_path: Path):
    network = timm.create_model(f"tf_efficientnet_{word}", num_classes=0).eval()
    state = dict(zip(original_names(network), network.state_dict().values(), strict=True))
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "weights.pth")
    checkpoint = describe_checkpoint(str(tmp_path / "weights.pth"))
    assert checkpoint.backbone == f"tf_efficientnet_{word}"
    assert checkpoint.mean == ((0.5,) * 3 if "lite" in word else (0.485, 0.456, 0.406))
    same(published(file=str(tmp_path / "weights.pth")), network, 64, within=1e-5)


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        ("transformers, ViT", "encoder.layer.1.attention.attention.key.weight"),
        ("transformers, ViTMAE", "vit.encoder.layer.1.attention.attention.value.bias"),
    ],
)
def test_a_layout_that_lacks_a_part_is_refused(layout: str, key: str, tmp_path: Path):
    state = copy.copy(LAYOUTS[layout][1])
    del state[key]
    torch.save(state, tmp_path / "weights.pth")
    lacks = r"blocks.1.(key.weight|value.bias)"
    with pytest.raises(ValueError, match=rf"has names of a known layout, but not whole \(it lacks '{lacks}'\)"):
        describe_checkpoint(str(tmp_path / "weights.pth"))


def test_names_that_collide_are_refused(tmp_path: Path):
    """Blocks of chunks that are numbered from 0 in each: the later ones would take the place of the first."""
    state = at("", vit(depth=4))
    chunks = {
        re.sub(r"^blocks\.(\d)", lambda m: f"blocks.{int(m[1]) // 2}.{int(m[1]) % 2}", k): v for k, v in state.items()
    }
    torch.save(chunks, tmp_path / "weights.pth")
    with pytest.raises(
        ValueError, match=r"blocks\.0\.0\.\S+ and blocks\.1\.0\.\S+ are both blocks\.0\.\S+ of the network: number its"
    ):
        describe_checkpoint(str(tmp_path / "weights.pth"))
