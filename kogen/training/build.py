"""From a plan to a network: the method around its backbone, weights from the seed or from a file, nothing else."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from kogen.backbones import make_backbone
from kogen.backbones.published import load_weights, published
from kogen.common import registry
from kogen.common.files import write_atomically
from kogen.config.plan import Plan
from kogen.modules.base import Backbone, Method


def build_method(plan: Plan) -> Method:
    """The plan's method around its backbone, weights drawn from the plan's seed and from nothing else."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)  # libraries draw weights from the global generator; it is put back afterwards
        backbone = build_backbone(plan)
        return registry.load("methods", plan.method)(
            backbone, classes=len(plan.classes), images=plan.images, **plan.hyperparameters
        )


def build_backbone(plan: Plan) -> Backbone:
    """The plan's backbone, its weights from the global generator, or from `plan.weights` where a file is named."""
    if plan.name:  # published weights, in whatever layout; or a run's own, which are in timm's
        size = {"in_chans": plan.channels, "image_size": plan.image_size}
        return published(file=plan.weights, backbone=plan.backbone, **size)
    backbone = make_backbone(plan.backbone, plan.channels, plan.image_size)
    if plan.weights:
        load_weights(backbone, read_weights(Path(plan.weights)), Path(plan.weights))
    return backbone


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. ValueError where it cannot be read."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"cannot read weights from {path}: {error}; give a .safetensors file") from error


def save_weights(backbone: Backbone, path: Path) -> None:
    """Write a backbone's plain network to a safetensors file, atomically."""
    tensors = {key: value.contiguous() for key, value in backbone.network.state_dict().items()}
    write_atomically(path, lambda place: save_file(tensors, place))
