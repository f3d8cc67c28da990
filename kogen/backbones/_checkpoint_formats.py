"""Formats of published checkpoints: a file's tensors read safely, and their framework inferred from their names."""

import argparse
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from kogen.common.files import check_regular_file

MAX_ENTRIES, MAX_DEPTH = 100_000, 20  # of a checkpoint; the largest networks have some 3,000 tensors
IMAGENET_MEAN_STD = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and std that all but SimCLR were trained with
UNIT_MEAN_STD = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # SimCLR's code feeds [0, 1] as it is
FRAMEWORKS = (
    *("barlow_twins", "byol", "deepcluster_v2", "dino", "dinov2", "mae", "moco_v2", "moco_v3", "obow", "pcl"),
    *("published", "rc_mae", "sela_v2", "simclr", "simsiam", "supervised", "swav", "vicreg"),
)
# One key that every network of a kind has, and no other network: what stands before it is the network's prefix.
MARKERS = ("layer1.0.conv1.weight", "blocks.0.attn.qkv.weight", "4.0.conv1.weight", "_feature_blocks.1.0.conv1.weight")
# Of several networks in a file these are not the one the paper evaluates: targets and keys; DINO's student.
NOT_EVALUATED = re.compile(r"encoder_k|momentum|target|feature_extractor_teacher|student|decoder")
TEACHERS = re.compile(r"teacher|ema")  # of what is left, DINO and RC-MAE evaluate the teacher
HEAD_NAMES = re.compile(
    r"(fc|heads?|classifier|projection_head|prototypes|projector|predictor|projection|prediction|linear_classifier"
    r"|decoder_\w+|mask_token|queue\w*|bow_\w+|padding|head_dist)(\.|$)"
)
CONVERT_COMMAND = (  # run by people where they trust the file, never by us
    "import sys, torch; from safetensors.torch import save_file; d = torch.load(sys.argv[1], map_location='cpu', "
    "weights_only=False); d = next((d[k] for k in ('state_dict', 'model', 'network', 'teacher') if k in d), d); "
    "save_file({k: v.clone() for k, v in d.items() if torch.is_tensor(v)}, 'weights.safetensors')"
)


@dataclass(frozen=True)
class NetworkTensors:
    """One network's tensors, under the names timm and torchvision use, and what their place in the file says."""

    frameworks: tuple[str, ...]  # that write this layout; empty where the layout says nothing
    tensors: dict[str, Tensor]
    prefix: str  # what stood before every name


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a checkpoint, safetensors or torch's, by its path: nested dicts are joined by `/`.

    Nothing in the file is run: torch.load(weights_only=True), which refuses every type but tensors, plain containers
    and numbers; argparse.Namespace is let through and thrown away (DINO and MAE keep their options in one; making it
    sets attributes on an empty object and no more). ValueError says what a file holds that may not be loaded.
    """
    check_regular_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK" or start[:1] == b"\x80":
            if start == b"PK":
                check_archive(path)
            with torch.serialization.safe_globals([argparse.Namespace]):
                return flatten_tensors(torch.load(path, map_location="cpu", weights_only=True))
        with safe_open(path, framework="pt") as file:
            count = len(file.keys())
        if count > MAX_ENTRIES:
            raise ValueError(f"{count:,} tensors, at most {MAX_ENTRIES:,} are read")
        return load_file(path)
    except UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        wants = named[1] if named else "more than tensors"
        raise ValueError(
            f"{path} is a pickle that wants to load {wants}, which could run code: refused. If you trust where it "
            f'comes from, keep its tensors only: python -c "{CONVERT_COMMAND}" {path}'
        ) from error
    except Exception as error:  # bytes of anyone: the readers of torch and safetensors raise what they meet
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        wanted = "wanted safetensors or a file of torch.save, whole and not empty"
        raise ValueError(f"{path} is no checkpoint that can be read: {wanted} ({reason})") from error


def check_archive(path: Path) -> None:
    """ValueError for a zip file that unpacks to more than it is, or holds more parts than a network has tensors."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if len(parts) > MAX_ENTRIES or sum(part.file_size for part in parts) > path.stat().st_size:
        raise ValueError(f"{len(parts):,} parts that unpack to more than the file: nothing that torch writes")


def flatten_tensors(data: Any) -> dict[str, Tensor]:
    """Tensors of nested dicts by their path, names of nested dicts joined by `/`; everything else is left out.

    ValueError for more entries or levels than a checkpoint has: a dict may hold itself, or another one many times.
    """
    found: dict[str, Tensor] = {}
    waiting: list[tuple[str, Any, int]] = [("", data, 0)]
    for path, value, depth in waiting:  # it grows while it is read
        if isinstance(value, Tensor):
            found[path] = value
        elif isinstance(value, Mapping):
            if depth == MAX_DEPTH or len(waiting) + len(value) > MAX_ENTRIES:
                raise ValueError(f"more than {MAX_ENTRIES:,} entries, or more than {MAX_DEPTH} levels of them")
            waiting += [(f"{path}/{key}" if path else str(key), inner, depth + 1) for key, inner in value.items()]
            if "pytorch-lightning_version" in value:  # which framework's `encoder.` it is depends on this
                found["lightning"] = torch.zeros(0)
    return found


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


def find_network(tensors: Mapping[str, Tensor], path: Path, marker: str) -> NetworkTensors:
    """The one network of a file that is evaluated, its prefix taken off; `marker` is a name it is known to have.

    Raises ValueError where there is no network of a known kind, or several with nothing to choose by.
    """
    known = (marker,) if marker and marker not in MARKERS else MARKERS
    parts = {key.removesuffix(end): end for end in known for key in tensors if key.endswith(end)}
    # `layer4.0.conv1` and OBoW's blocks end as a Sequential's fourth child does, and are none.
    parts = {part: end for part, end in parts.items() if not part or part[-1] in "./"}
    parts = {part: end for part, end in parts.items() if end[0] != "4" or not part.endswith("_feature_blocks.")}
    if not parts:
        raise ValueError(
            f"{path} holds no network of a known layout: {len(tensors)} tensors, first {sorted(tensors)[:3]}; "
            "a ResNet or ViT of timm, torchvision or one of the frameworks is wanted, or name it: FILE?backbone=NAME"
        )
    kept = [part for part in parts if not NOT_EVALUATED.search(part)] or list(parts)
    if len(kept) > 1:
        kept = [part for part in kept if TEACHERS.search(part)] or kept
    if len(kept) > 1:
        raise ValueError(f"{path} holds {len(kept)} networks, {', '.join(sorted(kept))}: keep one of them in a file")
    part = kept[0]
    mine = {key[len(part) :]: value for key, value in tensors.items() if key.startswith(part)}
    own = [key for key in mine if "/" not in key and key != "lightning"]
    for key in own:
        check_tensor(key, mine[key], path)
    mine = {torchvision_name(key, parts[part]): mine[key] for key in own}
    return NetworkTensors(guess_frameworks(part, tensors), mine, part)


def torchvision_name(key: str, marker: str) -> str:
    """A name as torchvision's ResNet has it, from a Sequential of its children or from OBoW's blocks."""
    if marker.startswith("4."):  # torchvision's children in order: conv1, bn1, relu, maxpool, layer1 ... layer4
        first, _, rest = key.partition(".")
        names = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
        return f"{names.get(first, first)}.{rest}"
    if marker.startswith("_feature"):  # OBoW, obow/feature_extractor.py
        key = key.replace("_feature_blocks.0.Conv.", "conv1.").replace("_feature_blocks.0.bn.", "bn1.")
        return re.sub(r"^_feature_blocks\.(\d)\.", r"layer\1.", key)
    return key


def guess_frameworks(part: str, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The frameworks whose official code writes a network at `part` beside the file's other tensors."""

    def has(pattern: str) -> bool:
        return any(re.search(pattern, key) for key in tensors)

    rules: list[tuple[bool, tuple[str, ...]]] = [
        (has(r"_feature_blocks\.1\.0\."), ("obow",)),
        ("base_encoder." in part, ("moco_v3",)),
        ("encoder_q." in part, ("moco_v2", "pcl") if has(r"encoder_q\.fc\.2\.") else ("pcl", "moco_v2")),
        (has(r"prototypes\.prototypes\d"), ("deepcluster_v2", "sela_v2")),
        (has(r"(^|/|module\.)prototypes\.weight"), ("swav",)),
        ("online_" in part, ("byol",)),
        (has(r"decoder_embed\."), ("rc_mae",) if TEACHERS.search(part) else ("mae", "rc_mae")),
        (has(r"(dino|ibot)_head\.") or has(r"register_tokens$") or has(r"blocks\.0\.ls1\.gamma"), ("dinov2",)),
        (bool(re.search(r"(teacher|student)/", part)) and has(r"head\.last_layer"), ("dino",)),
        (part.endswith("encoder.") and has(r"(^|/|module\.)predictor\."), ("simsiam",)),
        (part.endswith("convnet."), ("simclr",)),
        (part.endswith("encoder.") and has(r"proj") and "lightning" not in tensors, ("simclr",)),
        (part.endswith("module.backbone.") and has(r"module\.bn\.running_mean"), ("barlow_twins",)),
        (part.endswith("module.backbone.") and has(r"module\.projector\."), ("vicreg",)),
    ]
    return next((names for holds, names in rules if holds), ())
