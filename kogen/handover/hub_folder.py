"""A model as a folder that a hub holds and timm opens: model.safetensors, config.json and README.md, its card."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kogen.backbones._network_facts import NetworkFacts, read_network_facts
from kogen.common.files import write_atomically, write_json
from kogen.common.outputs import STAMP
from kogen.common.tensors import save_tensors
from kogen.evaluation.cost_measurement import random_pixels
from kogen.handover.backbone_card import write_backbone_card
from kogen.handover.exported_model import TorchModel, is_onnx, load_model
from kogen.modules.base import Backbone
from kogen.training.build import network_facts
from kogen.training.run import load_run

FILES = ("model.safetensors", "config.json", "README.md")
PARITY = 1e-4  # largest difference of a feature, as a share of the largest, or of a probability
TRIED = 2  # images
CARD_HEAD = """---
library_name: timm
pipeline_tag: {task}
tags:
- {task}
- timm
- kogen
---
"""


@dataclass(frozen=True)
class HubModel:
    """What a folder of a hub is made of."""

    run: str  # id
    backbone: Backbone
    network: nn.Module  # of timm, with the head where there is one
    facts: NetworkFacts
    card: str
    wanted: Tensor  # features (N, D), or probabilities (N, K), of `images`
    images: Tensor  # (N, C, S, S)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that its head tells apart; none without a head."""
        return self.facts.classes if getattr(self.network, "num_classes", 0) else ()


def open_hub_model(place: Path) -> HubModel:
    """The model of a finished run, or of a file that `kogen export --head` wrote.

    ValueError for anything else, and for a network that timm cannot make from a config.json.
    """
    return open_run(place) if place.is_dir() else open_classifier(place)


def open_run(folder: Path) -> HubModel:
    """The backbone of a run."""
    record, plan, backbone = load_run(folder)
    refuse_parts(backbone)
    facts = read_network_facts(network_facts(plan, backbone), folder)
    assert facts is not None
    images = random_pixels(backbone, TRIED)
    with torch.inference_mode():
        wanted = backbone(images)
    network = backbone.blueprint.build()
    network.load_state_dict(backbone.network.state_dict())
    card = write_backbone_card(folder, record, plan, facts)
    return HubModel(record["id"], backbone, network, facts, card, wanted, images)


def open_classifier(file: Path) -> HubModel:
    """The network of an exported classifier, with its standardisation and head in one layer."""
    if is_onnx(file):
        raise ValueError(f"{file}: timm reads no ONNX; export the same head as .safetensors and push that")
    card = file.with_suffix(".md")
    model = load_model(file)
    if not card.is_file() or model.origin.run not in card.read_text(encoding="utf-8"):
        raise ValueError(f"{card} is not there, or is the card of another model than {file}: export the model again")
    backbone = model.backbone.cpu()
    refuse_parts(backbone)
    images = random_pixels(backbone, TRIED)
    with torch.inference_mode():
        wanted = torch.from_numpy(model.head.probability(backbone(images).numpy()))
    network, said = with_head(model), card.read_text(encoding="utf-8")
    return HubModel(model.origin.run, backbone, network, model.network, said, wanted, images)


def refuse_parts(backbone: Backbone) -> None:
    """ValueError for a network with layers in place of timm's own, which no config.json can say."""
    if parts := ", ".join(backbone.blueprint.parts):
        raise ValueError(
            f"timm cannot make this network from a config.json: {parts} are not those of {backbone.blueprint.name} "
            "(the stem of a ResNet for small images, or other norms). `kogen export` writes it with the line of Python "
            "that makes it; a ResNet that is trained with stem=original, or from 113 pixels on, can be pushed"
        )


def with_head(model: TorchModel) -> nn.Module:
    """The plain network of timm with a classifier that computes the head on features as they are.

    ValueError for a network of timm whose classifier is no single layer on the features.
    """
    blueprint, head = model.backbone.blueprint, model.head
    classes = len(model.network.classes)
    network: Any = replace(blueprint, settings={**blueprint.settings, "num_classes": classes}).build()
    layer = network.get_classifier()
    if not isinstance(layer, nn.Linear) or layer.weight.shape != (classes, model.backbone.dim):
        raise ValueError(
            f"the classifier of {blueprint.name} in timm is {layer}, wanted one layer from {model.backbone.dim} "
            f"features to {classes} classes: push the run instead, without a head"
        )
    network.load_state_dict(model.backbone.network.state_dict(), strict=False)
    scaled = head.scale[:, None] * head.coefficient  # (D, K), float64
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(scaled.T))
        layer.bias.copy_(torch.from_numpy(head.bias - head.mean @ scaled))
    return network.eval()


def timm_config(model: HubModel) -> dict[str, Any]:
    """The config.json, as timm writes and reads it: name, settings, preprocessing; kogen's own part is the run."""
    facts, classes = model.facts, model.classes
    usual: Any = model.network.pretrained_cfg
    settings = {key: value for key, value in model.backbone.blueprint.settings.items() if key != "num_classes"}
    mean, std = (np.broadcast_to(np.array(values), facts.channels).tolist() for values in (facts.mean, facts.std))
    how: dict[str, Any] = {
        "input_size": [facts.channels, facts.input_size, facts.input_size],
        "fixed_input_size": "img_size" in settings,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "squash",  # the whole image becomes a square
        "mean": mean,
        "std": std,
        "num_classes": len(classes),
    }
    how |= {key: usual[key] for key in ("first_conv", "classifier") if usual.get(key)}
    found = {"architecture": model.backbone.blueprint.name, "num_classes": len(classes)}
    found |= {"num_features": model.backbone.dim, "model_args": settings, "pretrained_cfg": how}
    labels = {"label_names": list(classes)} if classes else {}
    return found | labels | {"kogen": {"run": model.run, "method": facts.framework, "writer": STAMP}}


def write_hub_folder(model: HubModel, folder: Path) -> None:
    """Write the files of a model, and open them with timm: ValueError where its outputs are not the model's."""
    tensors = {name: value.contiguous() for name, value in model.network.state_dict().items()}
    facts = {"run": model.run, "writer": STAMP} | model.facts.to_metadata()
    save_tensors(folder / "model.safetensors", tensors, facts)
    write_json(folder / "config.json", timm_config(model))
    task = "image-classification" if model.classes else "image-feature-extraction"
    text = CARD_HEAD.format(task=task) + model.card
    write_atomically(folder / "README.md", lambda place: place.write_text(text, encoding="utf-8"))
    compare_with_timm(model, folder)


def compare_with_timm(model: HubModel, folder: Path) -> None:
    """ValueError where timm, from the folder alone, computes something else."""
    opened = timm.create_model(f"local-dir:{folder}", pretrained=False).eval()
    opened.load_state_dict(load_file(folder / FILES[0]))
    with torch.inference_mode():
        found = opened(model.images)
    got, largest = (found.softmax(dim=1), 1.0) if model.classes else (found, float(model.wanted.abs().max()))
    worst = float((got - model.wanted).abs().max()) / largest
    if not worst <= PARITY:
        raise ValueError(f"timm's outputs differ from the model's by {worst:.1e}, at most {PARITY:.0e} is allowed")
