"""Which network a file holds: the one that the user names, or the one that the tensors show."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from timm.models.resnet import ResNet
from torch import Tensor

from kogen.backbones._architectures import (
    Architecture,
    OpenQuestion,
    infer_architecture,
    settle_heads,
    settle_stem,
)
from kogen.backbones._networks_in_files import NetworkTensors
from kogen.backbones._pickled_networks import pickled_settings
from kogen.backbones._tensor_names import MARKERS, TRANSFORMERS
from kogen.backbones.timm import STEMS, VIT_NAMES
from kogen.common.text import hint, join_names, parse_spec
from kogen.modules.base import Backbone

ODD_SHAPES = (ValueError, IndexError, ZeroDivisionError, RuntimeError, OverflowError, TypeError)


def marker_key(backbone: Backbone) -> str:
    """A name that a checkpoint of this network must have and no part of it: a known one, or its first matrix."""
    mine = backbone.network.state_dict()
    known = [key for key in MARKERS if key in mine]
    return next(iter(known or (key for key, value in mine.items() if value.ndim > 1)))


def infer_unnamed(found: NetworkTensors, framework: str, settings: dict[str, Any], place: Path) -> Architecture:
    """The network of a file by the shapes of its tensors, with what is known of it besides, `settings`.

    Raises OpenQuestion where a framework or a setting must be said, ValueError for shapes of no known network.
    """
    try:
        seen = infer_architecture(found, framework, settings)
    except OpenQuestion:
        raise
    except (KeyError, StopIteration) as error:
        raise ValueError(
            f"{place}: its network is nearly a ResNet or ViT of timm, but lacks {error}: name it, FILE?backbone=NAME"
        ) from error
    except ODD_SHAPES as error:
        raise ValueError(
            f"{place}: its tensors have names of a ResNet or ViT and shapes of none ({error}): name it, "
            "FILE?backbone=NAME"
        ) from error
    return replace(seen, settings=seen.settings | usual_settings(found) | settings)


def usual_settings(found: NetworkTensors) -> dict[str, Any]:
    """What a layout leaves open and its published networks have in common: said in the output, and may be overruled."""
    scaled = "blocks.0.ls1.gamma" in found.tensors  # Dinov2, whose class has this epsilon; the others' have 1e-12
    return {"norm_eps": 1e-6} if found.marker in TRANSFORMERS and not scaled else {}


def join_settings(told: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What a file tells of a network and what the user says. OpenQuestion where they contradict each other."""
    if odd := [key for key in said if key in told and told[key] != said[key]]:
        got = f"{odd[0]} is {said[odd[0]]!r}"
        raise OpenQuestion(f"it says that {odd[0]} is {told[odd[0]]!r}, and the option says that {got}: leave it out")
    return told | dict(said)


def complete_named(
    backbone: str, named: Backbone, found: NetworkTensors, framework: str, settings: dict[str, Any]
) -> Architecture:
    """The network that the user names, with the settings that its tensors and its framework decide.

    Raises OpenQuestion where a 3x3 stem leaves several networks of this name.
    """
    name, named_settings = parse_spec(backbone)
    said = named_settings | join_settings(settings, named_settings)
    said |= {key: value for key, value in usual_settings(found).items() if key not in said}
    tensors, network = found.tensors, named.network
    first, patch = tensors.get("conv1.weight"), tensors.get("patch_embed.proj.weight")
    stems = isinstance(network, ResNet) and name != "wide"
    if stems and "stem" not in said and first is not None and first.ndim == 4:
        said["stem"] = settle_stem(first.shape[3], framework)
    if name.startswith(VIT_NAMES) and "patch_size" not in said and patch is not None and patch.ndim == 4:
        said["patch_size"] = patch.shape[3]
    if framework == "moco_v3" and patch is not None and patch.shape[0] == 384:
        said.setdefault("num_heads", settle_heads(384, framework))
    usual: Any = getattr(network, "pretrained_cfg", {})  # as timm publishes a network of this name
    mean, std = tuple(usual.get("mean", ())), tuple(usual.get("std", ()))
    try:
        seen = infer_architecture(found, framework, {"num_heads": 1} | said)
        return Architecture(name, said, seen.image_size, seen.channels, mean, std)
    except (KeyError, StopIteration, *ODD_SHAPES):  # no ResNet, ViT or EfficientNet of a known layout
        return Architecture(name, said, usual.get("input_size", (3, 224, 224))[-1], 3, mean, std)


def attribute_settings(found: NetworkTensors) -> dict[str, Any]:
    """What a pickled network says of itself beyond its tensors: heads, activation, pooling, the stem of a ResNet.

    OpenQuestion for a stem that kogen has not.
    """
    heads = {value for key, value in found.attributes.items() if key.endswith(".num_heads")}
    settings = pickled_settings(found) | ({"num_heads": heads.pop()} if len(heads) == 1 else {})
    first, pools = found.tensors.get("conv1.weight"), {"maxpool.stride", "3.stride"} & set(found.attributes)
    stems: dict[Any, str] = {(size, (step, step), (pad, pad)): stem for stem, (size, step, pad) in STEMS.items()}
    stems = {(7, (2, 2), (3, 3)): "original"} if pools else stems
    for conv in ("conv1", "0", "_feature_blocks.0.Conv"):  # the names of torchvision's, a Sequential's, OBoW's
        stride, padding = (found.attributes.get(f"{conv}.{name}") for name in ("stride", "padding"))
        if stride is None or first is None or first.ndim != 4:
            continue
        sizes = (first.shape[3], stride, padding)
        if sizes not in stems:
            raise OpenQuestion(
                f"its first convolution has the kernel {sizes[0]}, the stride {stride} and the padding {padding}, "
                f"{'with' if pools else 'without'} a max-pool: a ResNet of kogen begins as {join_names([*STEMS])} or "
                "original, see backbones/timm.py; train or choose another file"
            )
        settings["stem"] = stems[sizes]
    return settings


def explain_absence(tensors: dict[str, Tensor], named: Backbone | None, backbone: str, place: Path) -> str:
    """The sentence for a file in which no network was found."""
    if named is None:
        return (
            f"{place} holds no network of a known layout (tensors: {len(tensors)}, first {sorted(tensors)[:3]}): a "
            "ResNet or ViT of timm, torchvision, transformers or one of the frameworks is wanted, or name it: "
            "FILE?backbone=NAME"
        )
    mine = list(named.network.state_dict())
    return f"{place} does not hold {backbone}: {explain_names(mine, list(tensors))}"


def explain_names(wanted: list[str], got: list[str]) -> str:
    """Which names a network wants and a file lacks, and the other way round, with the nearest ones."""
    told: list[str] = []
    for odd, other, what in (
        (sorted(set(wanted) - set(got)), got, "it lacks {} of the network's tensors"),
        (sorted(set(got) - set(wanted)), wanted, "{} of its tensors the network does not have"),
    ):
        if odd:
            near = hint(odd[0], other)
            like = f"the nearest is {near.removeprefix('did you mean ').rstrip('?')}" if near.startswith("did") else ""
            told.append(f"{what.format(len(odd))}: {join_names(odd, 3)} ({like or 'nothing is like the first'})")
    return "; ".join(told)
