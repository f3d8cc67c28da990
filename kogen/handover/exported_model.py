"""An exported model: a network with its head and all that is known of both, in one file that holds no code."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kogen.augmentation.views import View, evaluation_view
from kogen.backbones import make_backbone
from kogen.backbones._network_facts import NetworkFacts, read_network_facts
from kogen.backbones.published import load_weights
from kogen.common.contracts import from_plain, to_plain
from kogen.common.devices import default_device
from kogen.common.files import check_regular_file
from kogen.common.outputs import STAMP
from kogen.common.protocols import TUNING
from kogen.common.tensors import load_tensors, save_tensors
from kogen.data.images import Images
from kogen.evaluation.features import LinearHead, embed
from kogen.modules.base import Backbone

HEADS = ("linear",)  # probes whose answer is a layer; how each is fitted: fitted_model.py
MODEL = "model"  # key of the metadata, beside that of the network
MAX_BYTES = 1 << 33  # of a file of tensors
CURE = "export the run again"
NETWORK, PARTS = "network.", ("mean", "scale", "coefficient", "bias")  # names of its tensors


@dataclass(frozen=True)
class Origin:
    """Where a model comes from and how its images are read; what its network needs besides is in NetworkFacts."""

    head: str
    run: str  # id
    name: str  # of the model in its study
    seed: int
    images: str  # digest of the images that the network was trained on
    labels: str  # digest of the images and labels that the head has learnt from
    labelled: int  # how many these are
    stored_side: int  # pixels of a side up to which a set is kept as it is, see RESIZE in card.py
    bits: int  # of a pixel, 8 or 16
    pixels: str  # as the network sees an image: whole numbers (uint8), or with fractions (float32), 0 to 2^bits - 1
    depth: str = ""  # what is white in 16-bit and float images, as --depth takes it
    pool: str = ""  # part of the images that the network was pre-trained on, `10%`; "" for all of them
    chosen: dict[str, float] = field(default_factory=dict)  # what the head chose by itself
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What a person reads of it, as of its run: its model, and the part of the images."""
        return f"{self.name} on {self.pool}" if self.pool else self.name


@dataclass(frozen=True)
class ExportedModel(ABC):
    """A model that says what is on images; each format of file is a subclass."""

    network: NetworkFacts  # its classes are those that the head tells apart
    origin: Origin

    @property
    def view(self) -> View:
        """How the network sees an image."""
        return evaluation_view(self.network.input_size, mean=self.network.mean, std=self.network.std)

    @abstractmethod
    def features(self, images: Images) -> np.ndarray:
        """Features (N, D) float32. ValueError for images of other channels, and for features that are not finite."""

    @abstractmethod
    def probability(self, images: Images) -> np.ndarray:
        """Probabilities (N, K) float32 of the classes; ValueError as of `features`."""

    def metadata(self) -> dict[str, str]:
        """What its file says of it. The stamp stands first, where it is looked for."""
        model = json.dumps(to_plain(self.origin), sort_keys=True)
        return {"by": STAMP, MODEL: model, **self.network.to_metadata()}


@dataclass(frozen=True)
class TorchModel(ExportedModel):
    """A model that torch computes, with a head that does not round: as the study computed it."""

    backbone: Backbone
    head: LinearHead

    def features(self, images: Images) -> np.ndarray:
        return embed(self.backbone, images.with_channels(self.network.channels), self.view).values

    def probability(self, images: Images) -> np.ndarray:
        return self.head.probability(self.features(images))


def save_model(model: TorchModel, path: Path) -> None:
    """Write a model as safetensors."""
    tensors = {NETWORK + name: value.contiguous().cpu() for name, value in model.backbone.network.state_dict().items()}
    tensors |= {f"head.{part}": torch.from_numpy(np.ascontiguousarray(getattr(model.head, part))) for part in PARTS}
    save_tensors(path, tensors, model.metadata())


def load_model(path: Path) -> TorchModel:
    """Read what `save_model` wrote. ValueError for any other file, and for one that is damaged."""
    check_regular_file(path, MAX_BYTES)
    tensors, facts = load_tensors(path, CURE)
    network, origin = read_metadata(facts, path)
    weights = {name.removeprefix(NETWORK): value for name, value in tensors.items() if name.startswith(NETWORK)}
    if odd := set(tensors) ^ {*(NETWORK + name for name in weights), *(f"head.{part}" for part in PARTS)}:
        raise ValueError(f"{path} is no model that kogen writes (its tensor {sorted(odd)[0][:60]!r}); {CURE}")
    backbone = make_backbone(network.architecture, network.channels, network.input_size)
    load_weights(backbone, weights, path)
    head = read_head({part: tensors[f"head.{part}"] for part in PARTS}, backbone.dim, len(network.classes), path)
    return TorchModel(network, origin, backbone.to(default_device()).eval(), head)


def read_head(tensors: Mapping[str, Tensor], dim: int, classes: int, path: Path) -> LinearHead:
    """The head of a file. ValueError where its numbers do not fit the network or are none."""
    wanted = {"mean": (dim,), "scale": (dim,), "coefficient": (dim, classes), "bias": (classes,)}
    for name, shape in wanted.items():
        value = tensors[name]
        if value.dtype != torch.float64 or tuple(value.shape) != shape:
            got = f"{value.dtype} {tuple(value.shape)}, wanted torch.float64 {shape}"
            raise ValueError(f"{path}: the head's {name} is {got}; {CURE}")
        least = value.clamp(min=0) if name == "bias" else value  # a class that was never shown has a bias of -inf
        if not least.isfinite().all() or not value.isfinite().any():
            raise ValueError(f"{path}: the head's {name} holds values that are no finite numbers; {CURE}")
    return LinearHead(**{name: tensors[name].numpy() for name in PARTS})


def read_metadata(facts: Mapping[str, str], path: Path) -> tuple[NetworkFacts, Origin]:
    """What a file says of its network and of itself. ValueError for one without a head, and for odd values."""
    network = read_network_facts(facts, path)
    if network is None or MODEL not in facts:
        got = "a network without a head" if network is not None else "no model of kogen"
        raise ValueError(f"{path} holds {got}: write one with kogen export STUDY/runs/ID --head linear --out {path}")
    try:
        origin = from_plain(Origin, json.loads(facts[MODEL]), str(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} describes itself in a way that kogen does not write ({error}); {CURE}") from error
    sound = (
        (origin.head in HEADS or TUNING.fullmatch(origin.head) is not None)
        and origin.bits in (8, 16)
        and origin.pixels in ("uint8", "float32")
        and 1 <= origin.stored_side <= 4096
    )
    if not sound or len(network.classes) < 2 or len(set(network.classes)) < len(network.classes):
        raise ValueError(f"{path} describes itself in a way that kogen does not write (odd values); {CURE}")
    return network, origin


def is_onnx(path: Path) -> bool:
    """Whether a file is called as ONNX files are."""
    return path.suffix.lower() == ".onnx"
