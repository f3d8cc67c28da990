"""The network of a checkpoint that is evaluated: where it lies in the file, and the framework that wrote it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kogen.backbones._checkpoint_formats import CheckpointContent
from kogen.backbones._tensor_names import CHILDREN, MARKERS, to_timm_names
from kogen.common.text import join_names

FRAMEWORKS = (
    *("barlow_twins", "byol", "deepcluster_v2", "dino", "dinov2", "lejepa", "lightly", "mae", "moco_v2", "moco_v3"),
    *("obow", "pcl", "published", "random", "rc_mae", "sela_v2", "simclr", "simsiam", "solo_learn", "supervised"),
    *("swav", "vicreg"),
)
# Of several networks in a file these are not the one the paper evaluates: targets and keys; DINO's student.
# Whole words, as `semantic` is no `ema`.
NOT_EVALUATED = re.compile(r"(?<![a-z])(encoder_k|momentum|target|feature_extractor_teacher|student|decoder)(?![a-z])")
TEACHERS = re.compile(r"(?<![a-z])(teacher|ema)(?![a-z])")  # of what is left, DINO and RC-MAE evaluate the teacher
TARGET = "target_encoder/"  # beside an `encoder`: I-JEPA (arXiv 2301.08243, section 4) and MSN evaluate this one
HEAD_NAMES = re.compile(
    r"(fc|heads?|classifier|projection_head|prototypes|projector|predictor|projection|prediction|linear_classifier"
    r"|decoder|decoder_\w+|mask_token|queue\w*|bow_\w+|padding|head_dist|pooler)(\.|$)"
)


@dataclass(frozen=True)
class NetworkTensors:
    """One network's tensors, under the names timm and torchvision use, and what their place in the file says."""

    frameworks: tuple[str, ...]  # that write this layout; empty where the layout says nothing
    tensors: dict[str, Tensor]
    marker: str  # of MARKERS, or a name of another network, that it was found by
    attributes: Mapping[str, Any]  # that a pickled network keeps, by its names
    chosen: str = ""  # of which networks this one was taken; empty where there is one
    part: str = ""  # the prefix of its names in the file


def find_network(content: CheckpointContent, path: Path, marker: str = "") -> NetworkTensors | None:
    """The one network of a file that is evaluated, its prefix taken off; `marker` is a name it is known to have.

    None where there is no network of a known kind. ValueError where there are several with nothing to choose by.
    """
    tensors = content.tensors
    parts: dict[str, str] = {}
    for known in ((marker,) if marker and marker not in MARKERS else (), MARKERS):
        parts = parts or {key.removesuffix(end): end for end in known for key in tensors if key.endswith(end)}
        # `layer4.0.conv1` and OBoW's blocks end as a Sequential's fourth child does, and are none.
        parts = {part: end for part, end in parts.items() if not part or part[-1] in "./"}
        parts = {part: end for part, end in parts.items() if end != CHILDREN or not part.endswith("_feature_blocks.")}
    if not parts:
        return None
    part = choose_part(sorted(parts), tensors, path)
    names = {each: each or "(without prefix)" for each in sorted(parts)}
    chosen = f"network {names[part]} of {join_names([*names.values()])}" if len(parts) > 1 else ""
    mine = cut_prefix(tensors, part)
    for key, value in mine.items():
        check_tensor(key, value, path)
    try:
        named = to_timm_names(mine, parts[part])
    except (ValueError, IndexError, RuntimeError) as error:
        raise ValueError(f"{path}: its network has names of a known layout, but not whole ({error})") from error
    attributes = cut_prefix(content.attributes, part)
    return NetworkTensors(guess_frameworks(part, content), named, parts[part], attributes, chosen, part)


def choose_part(parts: list[str], tensors: Mapping[str, Tensor], path: Path) -> str:
    """The prefix of the network that is evaluated, among several. ValueError where nothing says which."""
    jepa = [part for part in parts if part.startswith(TARGET) and part.removeprefix("target_") in parts]
    kept = jepa or [part for part in parts if not NOT_EVALUATED.search(part)] or parts
    if len(kept) > 1:
        kept = [part for part in kept if TEACHERS.search(part)] or kept
    first = cut_prefix(tensors, kept[0])
    # RC-MAE saves each network twice, wrapped for several GPUs and not: `teacher` and `teacher_without_ddp`.
    odd = [part for part in kept[1:] if not same_tensors(first, cut_prefix(tensors, part), path)]
    if odd:
        names = ", ".join(sorted([kept[0], *odd]))
        raise ValueError(f"{path} holds {len(odd) + 1} networks, {names}: keep one of them in a file")
    return kept[0]


def cut_prefix(named: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What stands under a prefix, by its name without it; what lies in dicts deeper below is none of a network."""
    own = {key[len(part) :]: value for key, value in named.items() if key.startswith(part)}
    return {key: value for key, value in own.items() if "/" not in key}


def same_tensors(first: Mapping[str, Tensor], second: Mapping[str, Tensor], path: Path) -> bool:
    """Whether two networks have the same tensors under the same names."""
    if first.keys() != second.keys():
        return False
    for key, value in first.items():
        check_tensor(key, value, path)
        check_tensor(key, second[key], path)
    return all(torch.equal(value, second[key]) for key, value in first.items())


def check_tensor(key: str, tensor: Tensor, path: Path) -> None:
    """ValueError for a tensor without plain values in memory, or one that claims to be larger than its file."""
    odd = "quantised" if tensor.is_quantized else "nested" if tensor.is_nested else ""
    odd = odd or ("a meta tensor" if tensor.is_meta else "sparse" if tensor.layout != torch.strided else "")
    if odd:
        raise ValueError(f"{path}: {key} is {odd}, wanted plain tensors with their values: save them as such")
    if tensor.numel() * tensor.element_size() > path.stat().st_size:
        raise ValueError(
            f"{path}: {key} has the shape {tuple(tensor.shape)}, which is larger than the file: give it whole"
        )


def guess_frameworks(part: str, content: CheckpointContent) -> tuple[str, ...]:
    """The frameworks whose official code writes a network at `part` beside the file's other tensors."""

    def has(pattern: str) -> bool:
        return any(re.search(pattern, key) for key in content.tensors)

    # spijkervet/SimCLR: two linear layers without biases. VICReg and others have a projector beside their encoder too.
    simclr = has(r"(^|/|module\.)projector\.0\.weight") and has(r"(^|/|module\.)projector\.2\.weight")
    simclr = simclr and not has(r"(^|/|module\.)projector\.(1\.|\d+\.bias)")
    rules: list[tuple[bool, tuple[str, ...]]] = [
        (has(r"_feature_blocks\.1\.0\."), ("obow",)),
        ("base_encoder." in part, ("moco_v3",)),
        ("encoder_q." in part, ("moco_v2", "pcl") if has(r"encoder_q\.(fc|1\.mlp)\.2\.") else ("pcl", "moco_v2")),
        (has(r"prototypes\.prototypes\d"), ("deepcluster_v2", "sela_v2")),
        (has(r"(^|/|module\.)prototypes\.weight"), ("swav",)),
        ("online_" in part, ("byol",)),
        (has(r"decoder_embed\."), ("rc_mae",) if TEACHERS.search(part) else ("mae", "rc_mae")),
        (has(r"(dino|ibot)_head\.") or has(r"register_tokens$"), ("dinov2",)),
        (has(r"blocks\.0\.(\d+\.)?ls1\.gamma") and has(r"mask_token$"), ("dinov2",)),  # DeiT III has no such token
        (has(r"layer\.0\.layer_scale1\.lambda1$"), ("dinov2",)),
        (bool(re.search(r"(teacher|student)/", part)) and has(r"head\.last_layer"), ("dino",)),
        (part.endswith("encoder.") and has(r"(^|/|module\.)predictor\."), ("simsiam",)),
        (part.endswith("convnet."), ("simclr",)),
        (part.endswith("encoder.") and simclr and not content.lightning, ("simclr",)),
        (part.endswith("module.backbone.") and has(r"module\.bn\.running_mean"), ("barlow_twins",)),
        (part.endswith("module.backbone.") and has(r"module\.projector\."), ("vicreg",)),
        (content.lightning and has(r"(^|/)projection_head\.layers\."), ("lightly",)),
        (content.lightning and has(r"(^|/)(classifier|projector)\."), ("solo_learn",)),
        (part.endswith("backbone.") and has(r"(^|/)projection_head\.layers\."), ("lightly",)),
    ]
    return next((names for holds, names in rules if holds), ())
