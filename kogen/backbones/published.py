"""A published checkpoint as a backbone: its framework, network and preprocessing, and its weights loaded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timm.layers import resample_abs_pos_embed
from torch import Tensor, zeros

from kogen.backbones import _checkpoint_formats as formats
from kogen.backbones import make_backbone
from kogen.backbones._checkpoint_formats import FRAMEWORKS, NetworkTensors
from kogen.common.files import read_json
from kogen.common.text import hint
from kogen.modules.base import Backbone
from kogen.modules.blueprint import network_names

__all__ = ["published"]

# Width of a ViT to timm's word for it and its depth. Heads leave no trace in the shapes: the name stands for them.
VIT_SIZES = {192: ("tiny", 12), 384: ("small", 12), 768: ("base", 12), 1024: ("large", 24), 1280: ("huge", 32)}
VIT_SIZES |= {1536: ("giant", 40)}  # DINOv2 only
MAX_SIZE = 1024  # pixels of an image
KNOWN_SETTINGS = ("backbone", "framework", "image_size")  # what may follow FILE?


@dataclass(frozen=True)
class PublishedCheckpoint:
    """What a file of published weights is."""

    file: str  # on this machine
    framework: str  # that trained it, `published` where the file does not say
    backbone: str  # as `--backbone` takes it
    image_size: int  # pixels it is fed
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def published(*, file: str, in_chans: int = 3, image_size: int = 0, backbone: str = "") -> Backbone:
    """The network of a published checkpoint with its weights, without heads; `backbone` names it where no file does.

    `file` is safetensors, a file of torch.save, or `hf-hub:OWNER/NAME`; the position embedding of a ViT is resampled
    to `image_size` (0: as published, DINOv2 224). Raises ValueError for files that are no checkpoint or hold code, for
    unknown layouts and for names and shapes that do not fit, with the nearest names.
    """
    said: dict[str, Any] = {"backbone": backbone, "image_size": image_size}
    checkpoint, found = read_checkpoint(file, "", {key: value for key, value in said.items() if value})
    network = make_backbone(checkpoint.backbone, in_chans, checkpoint.image_size)
    load_weights(network, found.tensors, Path(checkpoint.file))
    return network


def describe_checkpoint(file: str, *, name: str = "", **said: Any) -> PublishedCheckpoint:
    """What a checkpoint is, from its tensors' names and shapes and from what is `said` of it (KNOWN_SETTINGS).

    `name` is what the user calls it: it decides where the file leaves a choice of frameworks. ValueError as
    `published`, but not for names and shapes that do not fit: no weights are loaded.
    """
    return read_checkpoint(file, name, said)[0]


def read_checkpoint(file: str, name: str, said: Mapping[str, Any]) -> tuple[PublishedCheckpoint, NetworkTensors]:
    """A checkpoint and its tensors, read once."""
    file, said = str(file), {key: value if key == "image_size" else str(value) for key, value in said.items()}
    if odd := sorted(set(said) - set(KNOWN_SETTINGS)):
        raise ValueError(f"{file}: unknown setting {odd[0]!r}: {hint(odd[0], list(KNOWN_SETTINGS))}")
    if said.get("framework", "published") not in FRAMEWORKS:
        raise ValueError(f"{file}: unknown framework {said['framework']!r}: {hint(said['framework'], [*FRAMEWORKS])}")
    place, config = fetch_checkpoint(file)
    backbone = said.get("backbone") or config.get("architecture", "")
    size = said.get("image_size", 0)
    if size != 0:
        check_size(f"{file}: image_size", size)
    marker = marker_key(make_backbone(backbone, 3, size or 224)) if backbone else ""
    found = formats.find_network(formats.read_tensors(place), place, marker)
    try:
        guess, native, channels = infer_network(found.tensors, found.frameworks, place)
    except ValueError:
        if not backbone:
            raise
        guess, native, channels = backbone, config.get("input_size", (3, 224, 224))[-1], 3
    if not size:
        check_size(f"{file}: the image size that its tensors fit", native)
    patch = found.tensors.get("patch_embed.proj.weight")
    if backbone.startswith("vit_") and "patch_size" not in backbone and patch is not None and patch.ndim == 4:
        backbone += f"{'&' if '?' in backbone else '?'}patch_size={patch.shape[-1]}"
    called = name in FRAMEWORKS and (not found.frameworks or name in found.frameworks)
    framework = said.get("framework") or (name if called else [*found.frameworks, "published"][0])
    mean, std = formats.UNIT_MEAN_STD if framework == "simclr" else formats.IMAGENET_MEAN_STD
    mean, std = config.get("mean", mean), config.get("std", std)
    if channels != 3:  # nobody publishes those: the data's own mean and std are put in
        mean, std = (), ()
    return PublishedCheckpoint(str(place), framework, backbone or guess, size or native, channels, mean, std), found


def check_size(title: str, size: Any) -> None:
    """ValueError for an image size that no network here is fed."""
    if type(size) is not int or not 8 <= size <= MAX_SIZE:
        raise ValueError(f"{title} = {size!r}: wanted a whole number from 8 to {MAX_SIZE}")


def fetch_checkpoint(file: str) -> tuple[Path, dict[str, Any]]:
    """Where a file lies on this machine, and the facts of timm's description of it; `hf-hub:` is downloaded."""
    if not file.startswith("hf-hub:"):
        return Path(file), {}
    from huggingface_hub import hf_hub_download

    owner = file.removeprefix("hf-hub:")
    try:
        weights, config = (Path(hf_hub_download(owner, part)) for part in ("model.safetensors", "config.json"))
    except (OSError, ValueError) as error:  # huggingface_hub's own errors are OSErrors and ValueErrors
        raise ValueError(
            f"cannot fetch {file}: {str(error).partition(chr(10))[0]}; wanted a repository with model.safetensors and "
            "timm's config.json, and a network; or download it yourself and give the file"
        ) from error
    return weights, check_hub_config(read_json(config), file)


def check_hub_config(config: Any, file: str) -> dict[str, Any]:
    """Architecture, mean, std and input size that a repository of the hub says; ValueError where they are none."""
    said = config.get("pretrained_cfg", {}) if isinstance(config, dict) else None
    if not isinstance(said, dict):
        raise ValueError(f"{file}: its config.json is none of timm: wanted names and values, with a pretrained_cfg")
    name = config.get("architecture", "")
    if name != "" and (not isinstance(name, str) or name not in network_names()):
        near = hint(str(name), network_names())
        raise ValueError(f"{file}: its architecture is {name!r}, wanted the plain name of a network of timm: {near}")
    found: dict[str, Any] = {"architecture": name}
    for key in ("mean", "std", "input_size"):
        if key not in said:
            continue
        numbers = said[key]
        most = MAX_SIZE if key == "input_size" else 1000
        wrong = not isinstance(numbers, list) or len(numbers) != 3 or any(type(x) not in (int, float) for x in numbers)
        if wrong or not all(abs(x) <= most for x in numbers) or (key != "mean" and min(numbers) <= 0):
            raise ValueError(f"{file}: its {key} is {str(numbers)[:100]}, wanted three numbers, such as 0.5")
        found[key] = tuple(numbers)
    return found


def marker_key(backbone: Backbone) -> str:
    """A name that a checkpoint of this network must have and no part of it: a known one, or its first matrix."""
    mine = backbone.network.state_dict()
    known = [key for key in formats.MARKERS if key in mine]
    return next(iter(known or (key for key, value in mine.items() if value.ndim > 1)))


def infer_network(tensors: Mapping[str, Tensor], frameworks: tuple[str, ...], place: Path) -> tuple[str, int, int]:
    """Backbone, image size and channels of a ResNet or ViT, from the shapes of its tensors."""
    try:
        if "layer1.0.conv1.weight" in tensors:
            return infer_resnet(tensors)
        return infer_vit(tensors, frameworks)
    except (KeyError, StopIteration) as error:
        raise ValueError(
            f"{place}: its network is nearly a ResNet or ViT of timm, but lacks {error}: name it, FILE?backbone=NAME"
        ) from error
    except (ValueError, IndexError, ZeroDivisionError, RuntimeError, OverflowError) as error:
        raise ValueError(
            f"{place}: its tensors have names of a ResNet or ViT and shapes of none ({error}): name it, "
            "FILE?backbone=NAME"
        ) from error


def infer_resnet(tensors: Mapping[str, Tensor]) -> tuple[str, int, int]:
    """A ResNet's name with its depth, widths and stem; 3x3 stems are of 32 px networks (SimCLR, appendix B.9)."""
    bottleneck = "layer1.0.conv3.weight" in tensors
    last, wider = ("conv3", 4) if bottleneck else ("conv2", 1)
    layers = tuple(next(n for n in range(1, 99) if f"layer{s}.{n}.conv1.weight" not in tensors) for s in range(1, 5))
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
    name = "resnet50" if bottleneck else "resnet18"
    if stem != 64 and bottleneck and kernel == 7:
        return format_spec("wide", {"width": stem, **settings}), 224, channels
    if planes != (64, 128, 256, 512):
        settings["channels"] = planes
    stem_name, size = ("original", 224) if kernel == 7 else ("full", 32)
    return format_spec(name, {"stem": stem_name, **settings}), size, channels


def infer_vit(tensors: Mapping[str, Tensor], frameworks: tuple[str, ...]) -> tuple[str, int, int]:
    """A ViT's name with its patch, depth, heads, registers and layer scale."""
    _, channels, _, patch = tensors["patch_embed.proj.weight"].shape
    tokens, width = tensors["pos_embed"].shape[1:]
    depth = next(n for n in range(1, 99) if f"blocks.{n}.norm1.weight" not in tensors)
    registers = tensors.get("register_tokens", tensors.get("reg_token"))
    size, deep = VIT_SIZES.get(width, ("tiny", 12))
    dinov2 = "dinov2" in frameworks and width in VIT_SIZES
    name = f"{size}_patch14{'_reg4' if registers is not None else ''}_dinov2" if dinov2 else f"{size}_patch16_224"
    name = "huge_patch14_224" if size == "huge" else name
    settings: dict[str, Any] = {"patch_size": patch}
    if width not in VIT_SIZES:
        settings |= {"embed_dim": width, "num_heads": width // 64}
    if frameworks == ("moco_v3",) and width == 384:
        settings["num_heads"] = 12  # arXiv 2104.02057, section 5: twice as many as DeiT-S
    if depth != deep:
        settings["depth"] = depth
    hidden = tensors.get("blocks.0.mlp.fc1.weight")
    if hidden is not None and hidden.shape[0] != 4 * width and width != 1536:
        settings["mlp_ratio"] = hidden.shape[0] / width
    if "blocks.0.attn.qkv.bias" not in tensors:
        settings["qkv_bias"] = False
    if "fc_norm.weight" in tensors:
        settings["global_pool"] = "avg"
    if registers is not None and not dinov2:
        settings |= {"reg_tokens": registers.shape[1], "no_embed_class": True}
    if "blocks.0.ls1.gamma" in tensors and not dinov2:
        settings["init_values"] = 1e-5
    square = "register_tokens" in tensors or registers is None  # official files embed the class token, timm's do not
    native = math.isqrt(tokens - square) * patch
    return format_spec(f"vit_{name}", settings), 224 if "dinov2" in frameworks else native, channels


def format_spec(name: str, settings: Mapping[str, Any]) -> str:
    """A name and its settings as `parse_spec` reads them."""
    said = [f"{k}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for k, v in settings.items()]
    return name + ("?" + "&".join(said) if said else "")


def load_weights(backbone: Backbone, tensors: Mapping[str, Tensor], place: Path) -> None:
    """Put a checkpoint's tensors into the network; ValueError names what is missing, left over or misshapen."""
    mine = backbone.network.state_dict()
    try:
        given = to_timm_names(dict(tensors), backbone)
    except (KeyError, IndexError, RuntimeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{place} does not fit the backbone: its position embedding cannot be resampled ({error}); name the right "
            "network, FILE?backbone=NAME"
        ) from error
    given = {key: value for key, value in given.items() if key in mine or not formats.HEAD_NAMES.match(key)}
    counts = {key for key in mine if key.endswith("num_batches_tracked")}  # files made from other libraries have none
    given = {key: zeros((), dtype=mine[key].dtype) for key in counts} | given
    for odd, other, what in (
        (sorted(set(mine) - set(given)), list(given), "lacks"),
        (sorted(set(given) - set(mine)), list(mine), "has, unlike the network,"),
    ):
        if odd:
            near = hint(odd[0], other)
            raise ValueError(
                f"{place} does not fit the backbone: it {what} {len(odd)} names, first {odd[0]!r} "
                f"({near if near.startswith('did') else 'nothing like it'}); name the right network, FILE?backbone=NAME"
            )
    if odd := [key for key in mine if mine[key].shape != given[key].shape]:
        shapes = f"{tuple(given[odd[0]].shape)}, wanted {tuple(mine[odd[0]].shape)}"
        raise ValueError(f"{place} does not fit the backbone: {odd[0]} has the shape {shapes}; name the right network")
    for key, value in given.items():
        real = value.is_floating_point() or not mine[key].is_floating_point()
        if not real or value.is_complex() or not value.to(mine[key].dtype).isfinite().all():
            raise ValueError(f"{place}: {key} holds values that are no finite numbers ({value.dtype}): give it whole")
    backbone.network.load_state_dict(given)


def to_timm_names(tensors: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """A ViT's tensors as timm has them: DINOv2's registers and SwiGLU renamed, positions resampled to the network's."""
    network: Any = backbone.network
    if "pos_embed" not in tensors or getattr(network, "pos_embed", None) is None:
        return tensors
    tensors.pop("mask_token", None)
    if "register_tokens" in tensors:  # timm adds the class token's position once and for all
        positions = tensors["pos_embed"]
        tensors["cls_token"] = tensors["cls_token"] + positions[:, :1]
        tensors |= {"reg_token": tensors.pop("register_tokens"), "pos_embed": positions[:, 1:]}
    tensors = {k.replace("mlp.w12.", "mlp.fc1.").replace("mlp.w3.", "mlp.fc2."): v for k, v in tensors.items()}
    grid, prefix = network.patch_embed.grid_size, 0 if network.no_embed_class else network.num_prefix_tokens
    if tensors["pos_embed"].shape[1] != network.pos_embed.shape[1]:
        tensors["pos_embed"] = resample_abs_pos_embed(tensors["pos_embed"], list(grid), num_prefix_tokens=prefix)
    return tensors
