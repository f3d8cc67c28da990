"""From a plan to a network: the method around its backbone, weights from the seed or from a file, nothing else."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kogen.common import registry, text
from kogen.common.files import atomically
from kogen.config.plan import Plan
from kogen.modules.base import Backbone, Method


def build(plan: Plan) -> Method:
    """The plan's method around its backbone, weights drawn from the plan's seed and from nothing else."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)  # libraries draw weights from the global generator; it is put back afterwards
        backbone = backbone_of(plan)
        return registry.load("methods", plan.method)(
            backbone, classes=len(plan.classes), images=plan.images, **plan.hyperparameters
        )


def backbone_of(plan: Plan) -> Backbone:
    """The plan's backbone, its weights from the global generator, or from `plan.weights` where a file is named."""
    if plan.name:  # published weights, in whatever layout; or a run's own, which are in timm's
        size = {"in_chans": plan.channels, "image_size": plan.image_size}
        return registry.load("backbones", "published")(file=plan.weights, backbone=plan.backbone, **size)
    name, settings = text.parse(plan.backbone)
    if name in registry.names("backbones") and name != "timm":
        make = registry.load("backbones", name)
    else:
        make, settings = registry.load("backbones", "timm"), {"name": name, **settings}
    try:
        backbone: Backbone = make(in_chans=plan.channels, image_size=plan.image_size, **settings)
    except TypeError as error:
        raise ValueError(f"backbone {plan.backbone!r}: {error}") from error
    if plan.weights:
        load_weights(backbone, Path(plan.weights))
    return backbone


def load_weights(backbone: Backbone, path: Path) -> None:
    """Fill a backbone from a safetensors file. ValueError names keys that are missing, left over or misshapen."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"cannot read weights from {path}: {error}; give a .safetensors file") from error
    mine = backbone.network.state_dict()
    heads = ("fc.", "head.", "classifier.")  # a published network's classifier is not part of the backbone
    tensors = {key: value for key, value in tensors.items() if key in mine or not key.startswith(heads)}
    odd = sorted(set(tensors) ^ set(mine)) or [k for k in mine if mine[k].shape != tensors[k].shape]
    if odd:
        raise ValueError(
            f"{path} does not fit this backbone: {len(odd)} of {len(mine)} keys differ, first {odd[:3]}; "
            "give the backbone, image size and channels the weights were made with"
        )
    backbone.network.load_state_dict(tensors)


def save_weights(backbone: Backbone, path: Path) -> None:
    """Write a backbone's plain network to a safetensors file, atomically."""
    tensors = {key: value.contiguous() for key, value in backbone.network.state_dict().items()}
    atomically(path, lambda place: save_file(tensors, place))
