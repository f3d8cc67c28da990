"""A model as ONNX: pixels at the network's input size to probabilities and features, with any number of images."""

import copy
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kogen.augmentation.views import evaluation_view, render
from kogen.common.files import check_regular_file, explain_unreadable, write_atomically
from kogen.common.outputs import STAMP
from kogen.common.rng import StepRng
from kogen.data.images import Images
from kogen.evaluation.features import NonFiniteFeatures
from kogen.evaluation.onnx_program import MissingPackages, export_program, make_session
from kogen.handover.exported_model import CURE, ExportedModel, TorchModel, read_metadata

MAX_BYTES = 1 << 31  # what the format can hold
BATCH = 256
PARITY = 1e-4  # largest difference of a probability between torch and onnxruntime
INPUT, OUTPUTS = "pixels", ("probability", "features")
SUM, NO_SUM = "sha256", "0" * 64  # key of the metadata, and what stands there while the sum is made


class RawInput(nn.Module):
    """Pixels (N, S, S, C), uint8 or float32, to probabilities (N, K) and features (N, D), all in float32."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        network, head, channels = model.network, model.head, model.network.channels
        self.backbone = copy.deepcopy(model.backbone).cpu().eval()
        mean, std = (np.broadcast_to(np.array(values), channels) for values in (network.mean, network.std))
        self.rate = as_buffer(1 / (std * (2**model.origin.bits - 1)))[:, None, None]
        self.shift = as_buffer(-mean / std)[:, None, None]
        self.mean, self.scale, self.coefficient = map(as_buffer, (head.mean, head.scale, head.coefficient))
        # What float32 takes from the mean is put back here: of features that hardly vary it is scaled up.
        rounded = (head.mean - self.mean.double().numpy()) * head.scale @ head.coefficient
        self.bias = as_buffer(head.bias - rounded)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(pixels.float().permute(0, 3, 1, 2) * self.rate + self.shift)
        logits = ((features - self.mean) * self.scale) @ self.coefficient + self.bias
        return logits.softmax(dim=1), features


def as_buffer(values: np.ndarray) -> Tensor:
    """The values in float32."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


@dataclass(frozen=True)
class OnnxModel(ExportedModel):
    """A model that onnxruntime computes, on the CPU."""

    run: Callable[[np.ndarray], list[np.ndarray]]  # pixels (N, S, S, C) to the OUTPUTS

    def features(self, images: Images) -> np.ndarray:
        values = self._compute(images, 1)
        if broken := int((~np.isfinite(values)).any(axis=1).sum()):
            raise NonFiniteFeatures(f"the features of {broken} of {len(values)} images are not finite; {CURE}")
        return values

    def probability(self, images: Images) -> np.ndarray:
        return self._compute(images, 0)

    def _compute(self, images: Images, output: int) -> np.ndarray:
        images = images.with_channels(self.network.channels)
        parts = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
        return np.concatenate(
            [self.run(input_pixels(self, images, np.arange(len(images))[part]))[output] for part in parts]
        )


def input_pixels(model: ExportedModel, images: Images, index: np.ndarray) -> np.ndarray:
    """Some images as the file takes them: resized by kogen, (N, S, S, C)."""
    view, most = evaluation_view(model.network.input_size), 2**model.origin.bits - 1
    aspect = torch.from_numpy(images.aspect[index])
    seen = render(images.read(index), view, StepRng(0, 0, len(index)), tag="plain", aspect=aspect)  # (N, C, S, S)
    pixels = seen.mul(most).permute(0, 2, 3, 1).contiguous()
    return (pixels.round().to(torch.uint8) if model.origin.pixels == "uint8" else pixels).numpy()


def save_onnx(model: TorchModel, images: Images, path: Path) -> float:
    """Write a model as ONNX; the largest difference of a probability to torch's, on `images`, one at a time and all.

    ValueError without the packages, for a network that the format cannot hold, and for a difference above 1e-4.
    """
    images = images.with_channels(model.network.channels)
    pixels, raw = input_pixels(model, images, np.arange(len(images))), RawInput(model)
    content = seal(to_onnx(raw, pixels[:2] if len(pixels) > 1 else pixels.repeat(2, axis=0), model))
    run = open_session(content, path)[0]
    with torch.inference_mode():
        features = raw.backbone(torch.from_numpy(pixels).float().permute(0, 3, 1, 2) * raw.rate + raw.shift)
    wanted = model.head.probability(features.numpy())
    found = [run(pixels)[0], np.concatenate([run(pixels[i : i + 1])[0] for i in range(min(3, len(pixels)))])]
    worst = float(np.max([np.abs(part - wanted[: len(part)]).max() for part in found]))  # nan where any is
    if not worst <= PARITY:
        got = f"onnxruntime and torch differ by {worst:.1e} in a probability, at most {PARITY:.0e} is allowed"
        raise ValueError(f"{got}: this network cannot be handed over as ONNX; leave out --format onnx")
    write_atomically(path, lambda place: place.write_bytes(content))
    return worst


def to_onnx(raw: RawInput, example: np.ndarray, model: TorchModel) -> bytes:
    """The network as the bytes of an ONNX file with metadata. ValueError for one that cannot be written so."""
    try:
        proto = export_program(raw, torch.from_numpy(example), [INPUT], OUTPUTS)
    except MissingPackages:
        raise
    except ValueError as error:
        raise ValueError(f"{model.network.architecture} cannot be written as ONNX ({error})") from error
    import onnx
    import onnxscript

    facts = model.metadata() | {"onnx": onnx.__version__, "onnxscript": onnxscript.__version__}
    for key in [*sorted(set(facts) - {"by"}), SUM, "by"]:  # the stamp last, where it is looked for
        proto.metadata_props.add(key=key, value=NO_SUM if key == SUM else facts[key])
    proto.producer_name = STAMP
    return proto.SerializeToString()


def seal(content: bytes) -> bytes:
    """The file with a checksum of all of it in place of the zeros that stand for that."""
    assert content.count(NO_SUM.encode()) == 1
    return content.replace(NO_SUM.encode(), hashlib.sha256(content).hexdigest().encode())


def check_sum(content: bytes, said: str, path: Path) -> None:
    """ValueError for a file that is not what it was when its checksum was made."""
    known = bool(re.fullmatch("[0-9a-f]{64}", said)) and content.count(said.encode()) == 1
    if not known or hashlib.sha256(content.replace(said.encode(), NO_SUM.encode())).hexdigest() != said:
        raise ValueError(f"{path} is damaged or was not written by kogen (its checksum does not fit); {CURE}")


def load_onnx(path: Path) -> OnnxModel:
    """Read what `save_onnx` wrote. ValueError for any other file, and for one that is damaged."""
    check_regular_file(path, MAX_BYTES)
    content = path.read_bytes()
    run, facts, inputs, outputs = open_session(content, path)
    check_sum(content, facts.get(SUM, ""), path)
    network, origin = read_metadata(facts, path)
    side = network.input_size
    kind = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[origin.pixels]
    wanted = [(INPUT, kind, [side, side, network.channels])]
    if inputs != wanted or [name for name, *_ in outputs] != list(OUTPUTS):
        raise ValueError(f"{path} takes {inputs}, wanted {wanted}: it is no model that kogen writes; {CURE}")
    return OnnxModel(network, origin, run)


def open_session(
    content: bytes, path: Path
) -> tuple[Callable[[np.ndarray], list[np.ndarray]], dict[str, str], Any, Any]:
    """What computes a file, its metadata, its inputs and its outputs (name, type, shape without the images)."""
    with explain_unreadable(str(path), CURE):
        try:
            session = make_session(content)
        except MissingPackages as error:
            raise ValueError(f"{path}: {error}") from error
        facts = dict(session.get_modelmeta().custom_metadata_map)
        inputs, outputs = (
            [(one.name, one.type, list(one.shape[1:])) for one in part]
            for part in (session.get_inputs(), session.get_outputs())
        )
    compute: Any = lambda pixels: session.run(list(OUTPUTS), {INPUT: pixels})  # noqa: E731
    return compute, facts, inputs, outputs
