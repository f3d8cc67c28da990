"""The network that tensors belong to: what their shapes show, what only the framework that trained it knows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kogen.backbones._networks_in_files import NetworkTensors
from kogen.backbones._tensor_names import EFFICIENTNET, TIMM_RESNET

# Width of a ViT to timm's word for it, its depth and its heads.
VIT_SIZES = {192: ("tiny", 12, 3), 384: ("small", 12, 6), 768: ("base", 12, 12), 1024: ("large", 24, 16)}
VIT_SIZES |= {1280: ("huge", 32, 16), 1536: ("giant", 40, 24)}  # giant: DINOv2 only
# Heads of a ViT-S, the one size that frameworks disagree about: DeiT's, or MoCo v3's (arXiv 2104.02057, section 5).
SMALL_HEADS = {"moco_v3": 12, "dino": 6, "dinov2": 6, "supervised": 6, "mae": 6, "rc_mae": 6}
# The 3x3 stem of frameworks that have one, all of them for CIFAR (SimCLR: arXiv 2002.05709, appendix B.9).
SMALL_STEMS = {"simclr": "full", "lightly": "full", "solo_learn": "padded"}
GATED_RATIO = 2.66667 * 2  # of DINOv2's giant, as timm writes it: hidden channels of both halves to the width
HALF = (0.5, 0.5, 0.5)
# Blocks, whether they squeeze and excite, and last width of an EfficientNet to timm's word for it and its pixels.
EFFICIENTNETS = {
    (16, True, 320): ("b0", 224),
    (23, True, 320): ("b1", 240),
    (23, True, 352): ("b2", 260),
    (26, True, 384): ("b3", 300),
    (32, True, 448): ("b4", 380),
    (39, True, 512): ("b5", 456),
    (45, True, 576): ("b6", 528),
    (55, True, 640): ("b7", 600),
    (61, True, 704): ("b8", 672),
    (16, False, 320): ("lite0", 224),
    (21, False, 320): ("lite1", 240),
    (21, False, 352): ("lite2", 260),
    (24, False, 384): ("lite3", 300),
    (30, False, 448): ("lite4", 380),
}


class OpenQuestion(ValueError):
    """What neither the file nor the user says, with the readings and the option that chooses one."""


@dataclass(frozen=True)
class Architecture:
    """A network by its name, and what it is fed."""

    name: str  # of a network of timm or a backbone of kogen
    settings: dict[str, Any]
    image_size: int  # pixels; 0: the file does not show it
    channels: int = 3
    mean: tuple[float, ...] = ()  # of the network's own preprocessing; empty: the framework's
    std: tuple[float, ...] = ()


def infer_architecture(found: NetworkTensors, framework: str, said: Mapping[str, Any]) -> Architecture:
    """The architecture of a ResNet, ViT or EfficientNet, from its tensors, its framework and what is `said` of it.

    Raises OpenQuestion where these do not decide, KeyError for a tensor that is missing, and errors of all kinds for
    shapes of no such network.
    """
    if TIMM_RESNET in found.tensors:
        return infer_resnet(found.tensors, framework, said)
    if found.marker == EFFICIENTNET:
        return infer_efficientnet(found.tensors)
    return infer_vit(found.tensors, framework, said, "dinov2" in found.frameworks)


def infer_resnet(tensors: Mapping[str, Tensor], framework: str, said: Mapping[str, Any]) -> Architecture:
    """A ResNet's name with its depth, widths and stem."""
    bottleneck = "layer1.0.conv3.weight" in tensors
    last, wider = ("conv3", 4) if bottleneck else ("conv2", 1)
    layers = tuple(count_blocks(tensors, f"layer{s}.{{}}.conv1.weight") for s in range(1, 5))
    planes = tuple(tensors[f"layer{s}.0.{last}.weight"].shape[0] // wider for s in range(1, 5))
    stem, channels, kernel, _ = tensors["conv1.weight"].shape
    settings: dict[str, Any] = {}
    if layers != ((3, 4, 6, 3) if bottleneck else (2, 2, 2, 2)):
        settings["layers"] = layers
    if bottleneck:
        inner, each = tensors["layer1.0.conv2.weight"].shape[:2]
        if inner != each:
            settings["cardinality"] = inner // each
        if (base := math.ceil(each * 64 / planes[0])) != 64:
            settings["base_width"] = base
    if stem != 64 and bottleneck and kernel == 7:
        return Architecture("wide", {"width": stem, **settings}, 224, channels)
    if planes != (64, 128, 256, 512):
        settings["channels"] = planes
    name = said.get("stem") or settle_stem(kernel, framework)
    size = {"original": 224, "half": 0}.get(name, 32)
    return Architecture("resnet50" if bottleneck else "resnet18", {"stem": name, **settings}, size, channels)


def count_blocks(tensors: Mapping[str, Tensor], key: str) -> int:
    """How many blocks there are, numbered from 0 in `key`; at least 1."""
    return next(n for n in range(1, 99) if key.format(n) not in tensors)


def settle_stem(kernel: int, framework: str) -> str:
    """The stem of a ResNet whose first convolution has this kernel. OpenQuestion where several have it."""
    if kernel != 3:
        return "original"
    if framework in SMALL_STEMS:
        return SMALL_STEMS[framework]
    raise OpenQuestion(
        "its first convolution is 3x3, and its shape shows neither stride nor padding: add ?stem=full (stride 1, "
        "no max-pool: SimCLR and lightly for CIFAR), ?stem=padded (as full, padding 2: solo-learn for CIFAR) or "
        "?stem=half (stride 2, no max-pool), or the framework that trained it, such as ?framework=solo_learn"
    )


def infer_vit(tensors: Mapping[str, Tensor], framework: str, said: Mapping[str, Any], dinov2: bool) -> Architecture:
    """A ViT's name with its patch, depth, heads, registers and layer scale; `dinov2`: it is made as DINOv2's are."""
    _, channels, high, patch = tensors["patch_embed.proj.weight"].shape
    width = tensors["pos_embed"].shape[2]
    hidden, inner = tensors["blocks.0.mlp.fc1.weight"].shape[0], tensors["blocks.0.mlp.fc2.weight"].shape[1]
    gated, registers = hidden == 2 * inner, "reg_token" in tensors
    size, deep, _ = VIT_SIZES.get(width, ("", 12, 0))
    if gated:
        size, deep = "giant", 40
    scaled = gated or (dinov2 and size in ("small", "base", "large"))  # DINOv2's own sizes, with their layer scale
    if not scaled and size in ("", "giant"):
        size, deep = "tiny", 12
    kind = f"patch14{'_reg4' if registers else ''}_dinov2" if scaled else f"patch{14 if size == 'huge' else 16}_224"
    settings: dict[str, Any] = {"patch_size": patch if patch == high else (high, patch)}
    if VIT_SIZES.get(width, ("",))[0] != size:
        settings["embed_dim"] = width
    settings["num_heads"] = said.get("num_heads") or settle_heads(width, framework)
    if (depth := count_blocks(tensors, "blocks.{}.norm1.weight")) != deep:
        settings["depth"] = depth
    if hidden != int(width * (GATED_RATIO if gated else 4)):
        ratio = hidden / width
        settings["mlp_ratio"] = ratio if int(width * ratio) == hidden else (hidden + 0.5) / width
    grid, without_class = infer_grid(tensors, scaled and registers, said)
    settings |= infer_tokens(tensors, scaled, said) | ({"no_embed_class": True} if without_class else {})
    native = 224 if dinov2 else grid * patch
    return Architecture(f"vit_{size}_{kind}", settings, native, channels)


def infer_tokens(tensors: Mapping[str, Tensor], scaled: bool, said: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a ViT's tokens and layers; `scaled`: its name already says that it has DINOv2's."""
    settings: dict[str, Any] = {}
    if "blocks.0.attn.qkv.bias" not in tensors:
        settings["qkv_bias"] = False
    if "fc_norm.weight" in tensors or "cls_token" not in tensors:
        settings["global_pool"] = "avg"
    if "cls_token" not in tensors:
        settings["class_token"] = False
    if "cls_token" not in tensors or "global_pool" in said:  # timm would conclude it from the pooling
        settings["fc_norm"] = "fc_norm.weight" in tensors
    registers = tensors["reg_token"].shape[1] if "reg_token" in tensors else 0
    if registers != (4 if scaled and registers else 0):
        settings["reg_tokens"] = registers
    if "blocks.0.ls1.gamma" in tensors and not scaled:
        settings["init_values"] = 1e-5
    return settings


def infer_grid(tensors: Mapping[str, Tensor], named: bool, said: Mapping[str, Any]) -> tuple[int, bool]:
    """Rows of patches, as many as columns, and whether the setting no_embed_class says that only these have positions.

    `named`: its name says so already. OpenQuestion for positions that make no square, or one in two ways.
    """
    places, tokens = tensors["pos_embed"].shape[1], int("cls_token" in tensors)
    tokens += tensors["reg_token"].shape[1] if "reg_token" in tensors else 0
    if "dist_token" in tensors:
        raise OpenQuestion("it is a distilled DeiT: name it, FILE?backbone=deit_tiny_distilled_patch16_224 or another")
    readings = {count == 0: math.isqrt(max(places - count, 0)) for count in ((0,) if named else (tokens, 0))}
    readings = {bare: grid for bare, grid in readings.items() if grid and grid**2 + (not bare) * tokens == places}
    if isinstance(said.get("no_embed_class"), bool) and tokens:
        readings = {bare: grid for bare, grid in readings.items() if bare == said["no_embed_class"]}
    if len(readings) == 2:
        raise OpenQuestion(
            f"its position embedding has {places:,} places, which are {readings[True]} x {readings[True]} patches, or "
            f"{readings[False]} x {readings[False]} and its {tokens} class and register tokens: add "
            "?no_embed_class=true (patches alone have positions) or ?no_embed_class=false"
        )
    for bare, grid in readings.items():
        return grid, bare and tokens > 0 and not named
    raise OpenQuestion(
        f"its position embedding has {places:,} places, which are those of no square image: kogen feeds square images "
        "alone; resample the positions to a square, or choose another file"
    )


def settle_heads(width: int, framework: str) -> int:
    """Attention heads of a ViT of this width: the shapes do not show them. OpenQuestion where nobody knows."""
    if width == 384 and framework not in SMALL_HEADS:
        raise OpenQuestion(
            "it is a ViT-S, whose 384 channels are 6 heads (DeiT, DINO, MAE) or 12 (MoCo v3), and its tensors do not "
            "show which: add ?num_heads=6 or ?num_heads=12, or the framework that trained it, such as ?framework=dino "
            "or ?framework=moco_v3"
        )
    if width not in VIT_SIZES:
        some = [f"?num_heads={width // each} ({each} channels each)" for each in (64, 32) if width >= each]
        raise OpenQuestion(
            f"it is a ViT of {width} channels, none of the sizes that are published, and its tensors do not show its "
            f"heads: add {' or '.join([*some, '?num_heads=NUMBER'])}, whichever it was trained with"
        )
    return SMALL_HEADS[framework] if width == 384 else VIT_SIZES[width][2]


def infer_efficientnet(tensors: Mapping[str, Tensor]) -> Architecture:
    """An EfficientNet's name, in timm's port of the original, which pads as TensorFlow does."""
    widest = max(value.shape[0] for key, value in tensors.items() if key.endswith("conv_pwl.weight"))
    blocks = sum(key.endswith("conv_dw.weight") for key in tensors)
    excites = "blocks.0.0.se.conv_reduce.weight" in tensors
    kind = (blocks, excites, widest)
    if kind not in EFFICIENTNETS:
        raise OpenQuestion(
            f"it is an EfficientNet of {blocks} blocks up to {kind[2]} channels, none of b0 to b8 and lite0 to lite4: "
            "name it, FILE?backbone=NAME"
        )
    word, size = EFFICIENTNETS[kind]
    usual = {} if excites and word != "b8" else {"mean": HALF, "std": HALF}  # as they are published
    return Architecture(f"tf_efficientnet_{word}", {}, size, tensors["conv_stem.weight"].shape[1], **usual)
