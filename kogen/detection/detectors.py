"""Detectors: a run's network, trained on boxes by the one loop, and what it finds on images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kogen.augmentation.views import View, evaluation_view, render
from kogen.boxes.image_boxes import FoundBoxes
from kogen.common import devices, distributed
from kogen.common.files import json_digest
from kogen.common.rng import StepRng
from kogen.config.plan import Plan, check_settings
from kogen.data.boxes.box_images import BoxImages
from kogen.data.images import Images
from kogen.detection.box_targets import BoxTargets
from kogen.modules.base import Method
from kogen.training import checkpoint, loop
from kogen.training.batch_fitting import explain_out_of_memory
from kogen.training.build import build_method
from kogen.training.run import digest_of, interruptible

BATCH = 8  # images a step, as there are boxes enough on each
JUDGED = 16  # images that are looked at together


@dataclass(frozen=True)
class DetectorRecipe:
    """Which detector learns, and how: the same for every network."""

    detector: str  # fcos or faster_rcnn
    steps: int  # of BATCH images
    image_size: int  # pixels of a side
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the method `detect`


def detector_plan(network: Plan, weights: Path | None, boxes: BoxImages, how: DetectorRecipe) -> Plan:
    """The plan of one detector on these training images: a run's network with its file of weights, None: as drawn.

    ValueError for unknown settings.
    """
    settings = {**how.settings, "detector": how.detector}
    check_settings("detect", settings)
    batch = min(BATCH, max(len(boxes), 2))
    start = {"weights": str(weights or ""), "init": "", "init_file": "", "freeze": "", "pool": "", "compile": False}
    data = json_digest([boxes.digest, digest_of(weights) if weights else ""])
    seen = {"images": how.steps * batch, "data": data, "classes": boxes.classes, "image_size": how.image_size}
    counts = {"epochs": 1, "batch_size": batch, "accumulate": 1, "precision": "32", "views": "gentle"}
    return network.model_copy(update={"method": "detect", "settings": settings, **start, **seen, **counts})


def repeat_boxes(boxes: BoxImages, plan: Plan) -> BoxImages:
    """The training images as often as a detector sees them: as many steps whatever their number, each equally often."""
    rng = np.random.default_rng([plan.seed, len(boxes), plan.images])
    passes = math.ceil(plan.images / len(boxes))
    rows = np.concatenate([rng.permutation(len(boxes)) for _ in range(passes)])
    return boxes.subset(rows[: plan.images])


def train_detector(plan: Plan, boxes: BoxImages, folder: Path, on_step: Any = None) -> Method:
    """The detector of a plan after its training in `folder`; it resumes there.

    Raises NonFiniteLoss at NaN.
    """
    images, targets = training_data(boxes, plan)
    with distributed.explain_lost_peer(), interruptible() as stop, explain_out_of_memory(plan, images):
        for _ in loop.pretrain(plan, images, folder, stop=stop, on_step=on_step, targets=targets):
            pass
    method = build_method(plan)
    checkpoint.load(folder / "checkpoint" / "state.safetensors", plan.fingerprint, method)
    distributed.check_agreement({"fit": plan.fingerprint}, f"the detector in {folder}")  # all have read: it may go
    return method.eval().to(devices.default_device())


def training_data(boxes: BoxImages, plan: Plan) -> tuple[Images, BoxTargets]:
    """What the loop trains a detector on."""
    seen = repeat_boxes(boxes, plan)
    return seen.images.with_channels(plan.channels), BoxTargets(seen, training_view(plan))


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
