"""A published checkpoint as a backbone: its framework, network and preprocessing, and its weights loaded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timm.layers import resample_abs_pos_embed
from torch import Tensor, zeros

from kogen.backbones import make_backbone
from kogen.backbones._architectures import Architecture, OpenQuestion
from kogen.backbones._assumptions import ask_dilation, tell_assumptions
from kogen.backbones._checkpoint_formats import read_content
from kogen.backbones._checkpoint_options import (
    CheckpointOptions,
    check_agreement,
    check_options,
    check_settings,
    check_size,
)
from kogen.backbones._descriptions import fetch_checkpoint, read_transformers_config
from kogen.backbones._heads_in_files import Heads, find_heads
from kogen.backbones._network_choice import (
    attribute_settings,
    complete_named,
    explain_absence,
    explain_names,
    infer_unnamed,
    join_settings,
    marker_key,
)
from kogen.backbones._network_facts import NetworkFacts, read_network_facts
from kogen.backbones._networks_in_files import FRAMEWORKS, HEAD_NAMES, NetworkTensors, find_network
from kogen.backbones._pickled_networks import check_pickled_network
from kogen.backbones._tensor_names import TRANSFORMERS
from kogen.backbones.timm import format_spec
from kogen.modules.base import Backbone

__all__ = ["published"]

IMAGENET_MEAN_STD = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and std that all but SimCLR were trained with
Tensors = Mapping[str, Tensor]
UNIT_MEAN_STD = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # SimCLR's code feeds [0, 1] as it is


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
    remarks: str = ""  # which network of several, and what is assumed; nothing of it changes the network


def published(*, file: str, in_chans: int = 0, image_size: int = 0, backbone: str = "") -> Backbone:
    """The network of a published checkpoint with its weights, without heads; `backbone` names it where no file does.

    `file` is safetensors, a file of torch.save, or `hf-hub:OWNER/NAME`; the position embedding of a ViT is resampled
    to `image_size` (0: as published, DINOv2 224); `in_chans` 0: as many channels as the file says. Raises ValueError
    for files that are no checkpoint or hold code, for unknown layouts, for what neither the file nor `backbone` says,
    and for names and shapes that do not fit.
    """
    said: dict[str, Any] = {"backbone": backbone, "image_size": image_size}
    checkpoint, tensors, _ = read_checkpoint(file, "", {key: value for key, value in said.items() if value})
    network = make_backbone(checkpoint.backbone, in_chans or checkpoint.channels, checkpoint.image_size, None)
    load_weights(network, tensors, Path(checkpoint.file))
    return network


def describe_checkpoint(file: str, *, name: str = "", **said: Any) -> PublishedCheckpoint:
    """What a checkpoint is, from its metadata or its tensors' names and shapes, and from what is `said` of it.

    `said`: backbone, framework, image_size, mean and std, and any setting of the network. `name` is what the user calls
    it: it decides where the file leaves a choice of frameworks. ValueError as `published`, and for what is `said`
    against the metadata; not for names and shapes that do not fit: no weights are loaded.
    """
    return read_checkpoint(file, name, said)[0]


def read_checkpoint(file: str, name: str, said: Mapping[str, Any]) -> tuple[PublishedCheckpoint, Tensors, Heads]:
    """A checkpoint, its tensors under timm's names, and the head of its method, read once."""
    options = check_options(file, said)
    place, config = fetch_checkpoint(str(file))
    backbone = options.backbone or config.get("architecture", "")
    named = make_backbone(backbone, 3, options.image_size or 224, None) if backbone else None
    content = read_content(place)
    facts = read_network_facts(content.facts, place)
    if facts is not None:
        check_agreement(options, facts, place)
        return describe_exported(facts, options.image_size, place), content.tensors, Heads()
    found = find_network(content, place, marker_key(named) if named else "")
    if found is None:
        raise ValueError(explain_absence(content.tensors, named, backbone, place))
    called = name in FRAMEWORKS and (not found.frameworks or name in found.frameworks)
    framework = options.framework or (name if called else [*found.frameworks, "published"][0])
    beside = read_transformers_config(place, found.tensors) if found.marker in TRANSFORMERS else {}
    config |= {key: beside.pop(key) for key in ("mean", "std") if key in beside}
    try:
        settings = join_settings(attribute_settings(found) | beside, options.settings)
        if named is None:
            ask_dilation(content, found, settings)
            architecture = infer_unnamed(found, framework, settings, place)
        else:
            architecture = complete_named(backbone, named, found, framework, settings)
        check_settings(options.settings, architecture.name, file)
        size = options.image_size or choose_size(config, found, architecture)
        check_size(f"{file}: the image size that its tensors fit", size)
        mean, std = choose_mean_std(options, config, framework, architecture)
        spec = format_spec(architecture.name, architecture.settings)
        if found.attributes:
            check_pickled_network(found, make_backbone(spec, architecture.channels, size))
    except OpenQuestion as question:
        raise ValueError(f"{place}: {question}") from question
    assumed = "" if named else tell_assumptions(found, architecture, settings)
    remarks = "; ".join(filter(None, (found.chosen, assumed, config.get("remark", ""))))
    told = (str(place), framework, spec, size, architecture.channels, mean, std, remarks)
    return PublishedCheckpoint(*told), found.tensors, find_heads(content.tensors, found.part, framework)


def choose_size(config: Mapping[str, Any], found: NetworkTensors, architecture: Architecture) -> int:
    """Pixels of a side that the description or the tensors say. OpenQuestion where neither does."""
    size = 0 if "dinov2" in found.frameworks else int(config.get("input_size", (0,))[-1])
    if not (size or architecture.image_size):
        raise OpenQuestion("its tensors do not show the size of its images: add ?image_size=64 or another")
    return size or architecture.image_size


def describe_exported(facts: NetworkFacts, image_size: int, place: Path) -> PublishedCheckpoint:
    """A file that kogen wrote, from its metadata alone; `image_size` is another size that is wished for, or 0."""
    size, network = image_size or facts.input_size, facts.architecture
    return PublishedCheckpoint(str(place), facts.framework, network, size, facts.channels, facts.mean, facts.std)


def choose_mean_std(
    options: CheckpointOptions, config: Mapping[str, Any], framework: str, architecture: Architecture
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of the pixels it is fed: what is said, described, known of the framework or of the network."""
    if options.mean:
        if not {len(options.mean), len(options.std)} <= {1, architecture.channels}:
            got = f"{len(options.mean)} and {len(options.std)} numbers"
            raise OpenQuestion(f"mean and std are {got}: give one, or one for each of {architecture.channels} channels")
        return options.mean, options.std
    if architecture.channels != 3:  # nobody publishes those: the data's own mean and std are put in
        return (), ()
    mean, std = UNIT_MEAN_STD if framework == "simclr" else IMAGENET_MEAN_STD
    if framework == "published" and architecture.mean and architecture.std:
        mean, std = architecture.mean, architecture.std
    return config.get("mean", mean), config.get("std", std)


def load_weights(backbone: Backbone, tensors: Mapping[str, Tensor], place: Path) -> None:
    """Put a checkpoint's tensors into the network; ValueError names what is missing, left over or misshapen."""
    mine = backbone.network.state_dict()
    title = f"{place} does not fit the backbone {backbone.spec}"
    try:
        given = resample_positions(dict(tensors), backbone)
    except (KeyError, IndexError, RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise ValueError(f"{title}: its position embedding cannot be resampled ({error})") from error
    given = {key: value for key, value in given.items() if key in mine or not HEAD_NAMES.match(key)}
    counts = {key for key in mine if key.endswith("num_batches_tracked")}  # files made from other libraries have none
    given = {key: zeros((), dtype=mine[key].dtype) for key in counts} | given
    if mine.keys() != given.keys():
        raise ValueError(f"{title}: {explain_names(list(mine), list(given))}; give it whole, or the network that it is")
    if odd := [key for key in mine if mine[key].shape != given[key].shape]:
        shapes = f"{tuple(given[odd[0]].shape)}, wanted {tuple(mine[odd[0]].shape)}"
        raise ValueError(f"{title}: {odd[0]} has the shape {shapes}; name the network, or the settings, that it has")
    for key, value in given.items():
        real = value.is_floating_point() or not mine[key].is_floating_point()
        if not real or value.is_complex() or not value.to(mine[key].dtype).isfinite().all():
            raise ValueError(f"{place}: {key} holds values that are no finite numbers ({value.dtype}): give it whole")
    backbone.network.load_state_dict(given)


def resample_positions(tensors: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """A ViT's tensors with its positions resampled to the network's image size."""
    network: Any = backbone.network
    places = getattr(network, "pos_embed", None)
    if "pos_embed" not in tensors or places is None or tensors["pos_embed"].shape[1] == places.shape[1]:
        return tensors
    prefix = 0 if network.no_embed_class else network.num_prefix_tokens
    count = tensors["pos_embed"].shape[1] - prefix
    if math.isqrt(max(count, 0)) ** 2 != count:
        raise ValueError(f"{count:,} places are those of no square image")
    grid = list(network.patch_embed.grid_size)
    return tensors | {"pos_embed": resample_abs_pos_embed(tensors["pos_embed"], grid, num_prefix_tokens=prefix)}
