"""Detectors: a backbone from some start, trained on boxes by the one loop, and what it finds on images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kogen.augmentation.views import View, evaluation_view, render
from kogen.boxes.image_boxes import FoundBoxes
from kogen.common.files import json_digest
from kogen.common.rng import StepRng
from kogen.config.plan import Plan, check_settings
from kogen.data.boxes.box_images import BoxImages
from kogen.detection.box_targets import BoxTargets
from kogen.modules.base import Method
from kogen.study.plans import read_candidate
from kogen.study.splits import normalisation
from kogen.training import checkpoint, loop
from kogen.training.batch_fitting import explain_out_of_memory
from kogen.training.build import build_method
from kogen.training.run import digest_of, interruptible

BATCH = 8  # images a step, as there are boxes enough on each
JUDGED = 16  # images that are looked at together


@dataclass(frozen=True)
class DetectorStart:
    """Where a detector's backbone comes from: weights of a run or a published file, or none, as it is drawn."""

    name: str  # scratch, or as the user calls the weights
    backbone: str
    weights: str = ""  # file
    mean: tuple[float, ...] = ()  # what the weights were trained with; none where nobody says it
    std: tuple[float, ...] = ()
    channels: int = 0  # that the weights take; 0: those of the images


def scratch(backbone: str) -> DetectorStart:
    """A backbone as it is drawn."""
    return DetectorStart("scratch", backbone)


def start_from(name: str, asked: str) -> DetectorStart:
    """The weights of a run's folder, or of a file in any layout that kogen reads, `PATH?settings`."""
    plan = read_candidate(name, asked)
    return DetectorStart(name, plan.backbone, plan.weights, plan.mean, plan.std, plan.channels)


def detector_plan(
    start: DetectorStart, boxes: BoxImages, size: int, epochs: int, seed: int, settings: Mapping[str, Any]
) -> Plan:
    """The plan of one detector on these training images, at `size` pixels a side. ValueError for unknown settings."""
    check_settings("detect", settings)
    images = boxes.images.with_channels(start.channels or boxes.images.channels)
    mean, std = (start.mean, start.std) if start.mean else normalisation(images)
    made: dict[str, Any] = {
        "backbone": start.backbone,
        "weights": start.weights,
        "name": start.name if start.weights else "",
    }
    made |= {"image_size": size, "channels": images.channels, "classes": boxes.classes, "mean": mean, "std": std}
    seen = json_digest([boxes.digest, digest_of(Path(start.weights)) if start.weights else ""])
    made |= {"images": len(images), "data": seen, "precision": "32", "views": "gentle"}
    counts: dict[str, Any] = {"epochs": epochs, "seed": seed, "batch_size": min(BATCH, max(len(images), 2))}
    return Plan(method="detect", settings=dict(settings), **made, **counts)


def train_detector(plan: Plan, boxes: BoxImages, folder: Path, on_step: Any = None) -> Method:
    """The detector of a plan after its training in `folder`; it resumes there.

    Raises NonFiniteLoss at NaN.
    """
    images = boxes.images.with_channels(plan.channels)
    targets = BoxTargets(boxes, training_view(plan))
    with interruptible() as stop, explain_out_of_memory(plan, images):
        for _ in loop.pretrain(plan, images, folder, stop=stop, on_step=on_step, targets=targets):
            pass
    method = build_method(plan)
    checkpoint.load(folder / "checkpoint" / "state.safetensors", plan.fingerprint, method)
    return method.eval()


def training_view(plan: Plan) -> View:
    """What a detector is trained on: the whole image, mirrored left to right and upside down by half a chance each."""
    return View(size=plan.image_size, flip=0.5, flip_vertical=0.5, mean=plan.mean, std=plan.std)


def find_boxes(detector: Any, plan: Plan, boxes: BoxImages) -> tuple[FoundBoxes, ...]:
    """What a detector finds on each image, in pixels of its file."""
    device = next(detector.parameters()).device
    images, view = (
        boxes.images.with_channels(plan.channels),
        evaluation_view(plan.image_size, mean=plan.mean, std=plan.std),
    )
    scale = np.tile(boxes.sizes / plan.image_size, 2)  # (N, 4)
    found = list[FoundBoxes]()
    for start in range(0, len(images), JUDGED):
        index = np.arange(start, min(start + JUDGED, len(images)))
        rng, aspect = StepRng(0, 0, len(index)), torch.from_numpy(images.aspect[index])
        batch = render(images.read(index, device), view, rng, tag="plain", aspect=aspect)
        for image, each in zip(index, detector.find(batch), strict=True):
            corners, labels, scores = (each[name].cpu().numpy() for name in ("boxes", "labels", "scores"))
            found.append(FoundBoxes((corners * scale[image]).astype(np.float32), labels, scores))
    return tuple(found)
