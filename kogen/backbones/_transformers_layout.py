"""A ViT of timm as transformers lays it out: ViTMAE with its decoder, or Dinov2, in names that all its versions read.

Sources: the classes ViTMAEForPreTraining, Dinov2Model and Dinov2WithRegistersModel of transformers, whose layers are
those of timm's VisionTransformer under other names; a layer scale of 1 changes nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from kogen.common.text import join_names

BICUBIC = 3  # Pillow's number of it
# Of a block; timm's names are to the left. The first two layouts have had these names since they are published.
BLOCKS = {
    "vit_mae": {"norm1": "layernorm_before", "norm2": "layernorm_after", "mlp.fc1": "intermediate.dense",
                "mlp.fc2": "output.dense"},
    "dinov2": {"norm1": "norm1", "norm2": "norm2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"},
}  # fmt: skip
WANTED = ("cls_token", "pos_embed", "patch_embed.proj.bias", "norm.weight")
IN_BLOCKS = ("attn.qkv.weight", "attn.proj.bias", "mlp.fc1.bias", "norm1.weight", "norm2.weight")
PLAIN = re.compile(
    r"cls_token|reg_token|pos_embed|(patch_embed\.proj|norm)\.(weight|bias)|"
    r"blocks\.\d+\.((norm[12]|attn\.qkv|attn\.proj|mlp\.fc[12])\.(weight|bias)|ls[12]\.gamma)"
)
ATTENTION = {"proj": "output.dense", "q": "attention.query", "k": "attention.key", "v": "attention.value"}


@dataclass(frozen=True)
class TransformersModel:
    """What a folder of transformers holds of a network."""

    config: dict[str, Any]  # of config.json
    tensors: dict[str, Tensor]

    @property
    def architecture(self) -> str:
        """Its class."""
        return self.config["architectures"][0]

    @property
    def processor(self) -> dict[str, Any]:
        """The preprocessor_config.json, without mean and std: the whole image becomes a square."""
        side = self.config["image_size"]
        how = {"do_resize": True, "size": {"height": side, "width": side}, "resample": BICUBIC, "do_rescale": True}
        return {"image_processor_type": "ViTImageProcessor", **how, "rescale_factor": 1 / 255, "do_normalize": True}


def as_vit_mae(network: nn.Module, decoder: Mapping[str, Tensor], masked: float) -> TransformersModel:
    """An encoder as ViTMAE; with a `decoder` (the tensors of `modules/heads.py`'s) for pre-training, else alone.

    ValueError for a network that is none.
    """
    config, tensors = read_vit(network, "ViTMAE", "vit_mae")
    if config.pop("registers"):
        raise ValueError("ViTMAE has no register tokens: this network has some, and nothing in transformers is like it")
    if any(".layer_scale" in name for name in tensors):
        raise ValueError("ViTMAE has no layer scale: this network has one, and nothing in transformers is like it")
    config |= {"mask_ratio": masked, "norm_pix_loss": True, "architectures": ["ViTMAEModel"]}
    if not decoder:
        return TransformersModel(config, tensors)
    width, patch, channels = decoder["embed.weight"].shape[0], config["patch_size"], config["num_channels"]
    config |= {"architectures": ["ViTMAEForPreTraining"], "decoder_hidden_size": width}
    config |= {"decoder_num_attention_heads": width // 32, "decoder_intermediate_size": 4 * width}
    config["decoder_num_hidden_layers"] = sum(name.endswith(".norm1.weight") for name in decoder)
    found = {f"vit.{name}": value for name, value in tensors.items()}
    found |= rename_blocks(decoder, "decoder.decoder_layers", "vit_mae")
    for ours, theirs in (("embed", "decoder_embed"), ("norm", "decoder_norm"), ("values", "decoder_pred")):
        for part in ("weight", "bias"):
            found[f"decoder.{theirs}.{part}"] = decoder[f"{ours}.{part}"]
    for part in ("weight", "bias"):  # values of a patch: theirs are rows, columns, channels, ours channels first
        value = found[f"decoder.decoder_pred.{part}"]
        found[f"decoder.decoder_pred.{part}"] = value.unflatten(0, (channels, patch**2)).transpose(0, 1).flatten(0, 1)
    places = decoder["positions"]  # (N, W)
    found["decoder.mask_token"] = decoder["mask_token"]
    found["decoder.decoder_pos_embed"] = torch.cat([torch.zeros_like(places[:1]), places])[None]  # (1, 1 + N, W)
    return TransformersModel(config, found)


def as_dinov2(network: nn.Module) -> TransformersModel:
    """A network as Dinov2, or Dinov2WithRegisters where it has register tokens. ValueError for one that is none."""
    config, tensors = read_vit(network, "Dinov2", "dinov2")
    width, registers = config["hidden_size"], config.pop("registers")
    ratio, rest = divmod(config.pop("intermediate_size"), width)
    if rest:
        raise ValueError("Dinov2's MLP is a whole number of times as wide as its tokens: this network's is not")
    for block in range(config["num_hidden_layers"]):
        for part in ("layer_scale1", "layer_scale2"):
            tensors.setdefault(f"encoder.layer.{block}.{part}.lambda1", torch.ones(width))
    tensors["embeddings.mask_token"] = torch.zeros(1, width)  # of masked patches, which nobody has here
    kind = "Dinov2WithRegistersModel" if registers else "Dinov2Model"
    config |= {"mlp_ratio": ratio, "use_swiglu_ffn": False, "layerscale_value": 1.0, "architectures": [kind]}
    config |= {"model_type": "dinov2_with_registers", "num_register_tokens": registers} if registers else {}
    return TransformersModel(config, tensors)


def read_vit(network: nn.Module, title: str, layout: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config of a plain ViT, with the number of its registers, and its tensors. ValueError for other networks."""
    if odd := difference(network):
        raise ValueError(
            f"{title} of transformers is a plain Vision Transformer whose feature is its class token, and this network "
            f"{odd}: leave out --format transformers, and `kogen export` writes what timm loads"
        )
    assert isinstance(network, VisionTransformer)
    vit: Any = network
    block, prefix = vit.blocks[0], vit.num_prefix_tokens
    tensors: dict[str, Tensor] = {key: value.detach().cpu() for key, value in vit.state_dict().items()}
    places = tensors["pos_embed"]  # (1, P + N, D), or (1, N, D)
    ahead = torch.zeros(1, prefix, vit.embed_dim) if vit.no_embed_class else places[:, :prefix]
    tokens = torch.cat([tensors["cls_token"], *([tensors["reg_token"]] if prefix > 1 else [])], dim=1) + ahead
    patches = places if vit.no_embed_class else places[:, prefix:]
    found = {
        "embeddings.cls_token": tokens[:, :1],  # its position is in it, and 0 where the layout has one
        "embeddings.position_embeddings": torch.cat([torch.zeros_like(patches[:, :1]), patches], dim=1),
        "embeddings.patch_embeddings.projection.weight": tensors["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": tensors["patch_embed.proj.bias"],
        "layernorm.weight": tensors["norm.weight"],
        "layernorm.bias": tensors["norm.bias"],
    }
    if prefix > 1:
        found["embeddings.register_tokens"] = tokens[:, 1:]
    found |= rename_blocks(tensors, "encoder.layer", layout)
    config: dict[str, Any] = {
        "model_type": layout,
        "hidden_size": vit.embed_dim,
        "num_hidden_layers": len(vit.blocks),
        "num_attention_heads": block.attn.num_heads,
        "intermediate_size": block.mlp.fc1.out_features,
        "hidden_act": "gelu",
        "layer_norm_eps": vit.norm.eps,
        "image_size": vit.patch_embed.img_size[0],
        "patch_size": vit.patch_embed.patch_size[0],
        "num_channels": vit.patch_embed.proj.in_channels,
        "qkv_bias": block.attn.qkv.bias is not None,
        "registers": prefix - 1,
    }
    return config, {name: value.contiguous() for name, value in found.items()}


def rename_blocks(tensors: Mapping[str, Tensor], place: str, layout: str) -> dict[str, Tensor]:
    """The tensors of all blocks of timm under the names of a layout, whose blocks lie in `place`."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.startswith("blocks."):
            number, rest = name.removeprefix("blocks.").split(".", 1)
            found |= {f"{place}.{number}.{key}": part for key, part in rename_block(rest, value, layout).items()}
    return found


def rename_block(name: str, value: Tensor, layout: str) -> dict[str, Tensor]:
    """A tensor of a block of timm under the names of a layout; query, key and value are three."""
    part, _, last = name.rpartition(".")
    if part == "attn.qkv":
        pieces = zip("qkv", value.chunk(3), strict=True)
        return {f"attention.{ATTENTION[which]}.{last}": piece.contiguous() for which, piece in pieces}
    if part == "attn.proj":
        return {f"attention.{ATTENTION['proj']}.{last}": value}
    if scale := re.fullmatch(r"ls([12])\.gamma", name):
        return {f"layer_scale{scale[1]}.lambda1": value}
    return {f"{BLOCKS[layout][part]}.{last}": value}


def difference(network: nn.Module) -> str:
    """What a network has that no layout here has, in words; empty for a plain ViT.

    Its tensors say almost all; what no tensor shows is asked of its layers.
    """
    if not isinstance(network, VisionTransformer):
        return f"is a {type(network).__name__}"
    vit: Any = network
    shapes = {name: tuple(value.shape) for name, value in vit.state_dict().items()}
    if odd := sorted(name for name in shapes if not PLAIN.fullmatch(name)):
        return f"has {odd[0]}, which none there has"
    missing = [name for name in WANTED if name not in shapes]
    missing += [name for name in IN_BLOCKS if f"blocks.{len(vit.blocks) - 1}.{name}" not in shapes]
    if missing:
        return f"has no {missing[0]}"
    if vit.global_pool != "token":
        return f"pools by {vit.global_pool!r}"
    if len(set(shapes["patch_embed.proj.weight"][2:])) > 1:
        return "has patches that are no squares"
    epsilons = {part.eps for part in vit.modules() if isinstance(part, nn.LayerNorm)}
    if len(epsilons) > 1:
        return f"has norms of several epsilons ({join_names([f'{each:g}' for each in sorted(epsilons)])})"
    for block in vit.blocks:
        act = block.mlp.act
        if block.mlp.fc1.out_features != block.mlp.fc2.in_features:
            return "has gates in its blocks"
        if not isinstance(act, nn.GELU) or act.approximate != "none":
            return f"has {act} in its blocks"
    return ""
