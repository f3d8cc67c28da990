"""Names of a network's tensors: from every published layout to those that timm has."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# One key that every network of a layout has, and no other network: what stands before it is the network's prefix.
TIMM_RESNET, TIMM_VIT = "layer1.0.conv1.weight", "blocks.0.attn.qkv.weight"
CHILDREN, OBOW = "4.0.conv1.weight", "_feature_blocks.1.0.conv1.weight"
CHUNKED_VIT = "blocks.0.0.attn.qkv.weight"  # DINOv2, block_chunks
TORCHVISION_VIT = "encoder.layers.encoder_layer_0.self_attention.in_proj_weight"
TRANSFORMERS = (  # ViT, ViTMAE, Dinov2; before and since transformers 5
    "encoder.layer.0.attention.attention.query.weight",
    "encoder.layer.0.attention.q_proj.weight",
    "layers.0.attention.q_proj.weight",
)
EFFICIENTNET = "_blocks.0._depthwise_conv.weight"  # lukemelas/EfficientNet-PyTorch
MARKERS = (TIMM_RESNET, TIMM_VIT, CHUNKED_VIT, CHILDREN, OBOW, TORCHVISION_VIT, *TRANSFORMERS, EFFICIENTNET)
TORCHVISION_NAMES = (
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.ln\.", "norm."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(3|linear_2)\.", ".mlp.fc2."),
)
TRANSFORMERS_NAMES = (
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^layernorm\.", "norm."),
    (r"^(encoder\.layer|layers)\.(\d+)\.", r"blocks.\2."),
    (r"\.attention\.attention\.(query|key|value)\.", r".\1."),
    (r"\.attention\.q_proj\.", ".query."),
    (r"\.attention\.k_proj\.", ".key."),
    (r"\.attention\.v_proj\.", ".value."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"\.mlp\.weights_in\.", ".mlp.fc1."),
    (r"\.mlp\.(weights_out|down_proj)\.", ".mlp.fc2."),
)


def to_timm_names(tensors: Mapping[str, Tensor], marker: str) -> dict[str, Tensor]:
    """A network's tensors as timm names and cuts them; `marker` is the key of MARKERS that it was found by.

    ValueError for a layout of which a part is missing, with its name.
    """
    found = dict(tensors)
    try:
        if marker == CHILDREN:  # torchvision's children in order: conv1, bn1, relu, maxpool, layer1 ... layer4
            order = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
            found = {re.sub(r"^\d+", lambda m: order.get(m[0], m[0]), key): value for key, value in found.items()}
        elif marker == OBOW:  # obow/feature_extractor.py
            rules = ((r"^_feature_blocks\.0\.Conv\.", "conv1."), (r"^_feature_blocks\.0\.bn\.", "bn1."))
            found = rename(found, (*rules, (r"^_feature_blocks\.(\d)\.", r"layer\1.")))
        elif marker == CHUNKED_VIT:  # blocks of FSDP: blocks.CHUNK.NUMBER, numbered through all chunks
            found = rename(found, ((r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),))
        elif marker == TORCHVISION_VIT:
            found = rename(found, TORCHVISION_NAMES)
        elif marker in TRANSFORMERS:
            found = join_parts(rename(found, TRANSFORMERS_NAMES))
        elif marker == EFFICIENTNET:
            found = rename_efficientnet(found)
        return finish_dinov2(found) if "pos_embed" in found else found
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from error


def rename(tensors: Mapping[str, Tensor], rules: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    """The tensors with every rule, a pattern and its replacement, applied to each name in turn.

    ValueError where two tensors come to the same name: one of them would be lost.
    """
    before: dict[str, str] = {}
    renamed: dict[str, Tensor] = {}
    for old, value in tensors.items():
        key = old
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        if key in renamed:
            raise ValueError(f"{before[key]} and {old} are both {key} of the network: number its blocks through")
        renamed[key], before[key] = value, old
    return renamed


def join_parts(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value, and the two halves of a gated MLP, one below the other, as timm keeps them."""
    found: dict[str, Tensor] = {}
    for key, value in tensors.items():
        block, _, rest = key.rpartition(".query.")
        gated, _, end = key.rpartition(".mlp.gate_proj.")
        if block:
            parts = [tensors[f"{block}.{part}.{rest}"] for part in ("query", "key", "value")]
            found[f"{block}.attn.qkv.{rest}"] = torch.cat(parts)  # (3 D, D) or (3 D,)
        elif gated:
            found[f"{gated}.mlp.fc1.{end}"] = torch.cat([value, tensors[f"{gated}.mlp.up_proj.{end}"]])
        elif not re.search(r"\.(key|value|mlp\.up_proj)\.", key):
            found[key] = value
    return found


def finish_dinov2(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A ViT's tensors without DINOv2's mask token, its gates renamed, its class token apart from its registers."""
    tensors.pop("mask_token", None)
    if "register_tokens" in tensors:  # timm adds the class token's position once and for all
        positions = tensors["pos_embed"]  # (1, 1 + N, D)
        tensors["cls_token"] = tensors["cls_token"] + positions[:, :1]
        tensors |= {"reg_token": tensors.pop("register_tokens"), "pos_embed": positions[:, 1:]}
    return rename(tensors, ((r"\.mlp\.w12\.", ".mlp.fc1."), (r"\.mlp\.w3\.", ".mlp.fc2.")))


def rename_efficientnet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An EfficientNet's tensors: blocks are counted within stages, and a stage begins where the width changes."""
    places: dict[str, str] = {}
    stage, number = -1, 0
    for block in range(sum(key.endswith("._project_conv.weight") for key in tensors)):
        mine = f"_blocks.{block}."
        wide = f"{mine}_expand_conv.weight" in tensors
        width = tensors[f"{mine}_expand_conv.weight"].shape[1] if wide else tensors[f"{mine}_bn1.weight"].shape[0]
        new = width != tensors[f"{mine}_project_conv.weight"].shape[0]
        stage, number = (stage + 1, 0) if new else (stage, number + 1)
        names = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}
        names = names if wide else {"_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
        names |= {"_depthwise_conv": "conv_dw", "_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
        places |= {mine + old: f"blocks.{stage}.{number}.{name}" for old, name in names.items()}
    places |= {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    found: dict[str, Tensor] = {}
    for key, value in tensors.items():
        module, _, last = key.rpartition(".")
        found[f"{places.get(module, module)}.{last}"] = value
    return found
