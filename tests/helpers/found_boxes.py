"""Drawn images with what is on them and what a detector found, for tests of numbers; and the field's own package."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from kogen.boxes.image_boxes import FoundBoxes, ImageBoxes
from kogen.results.boxes.box_runs import BoxRun

SIDE = 300


def draw_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Corners (count, 4), small to large; whole numbers, so that overlaps tie."""
    low = rng.integers(0, SIDE - 20, (count, 2))
    size = np.minimum(np.exp(rng.uniform(np.log(6), np.log(200), (count, 2))).astype(int), SIDE - low)
    return np.hstack([low, low + size]).astype(np.float64)


def draw_image(
    rng: np.random.Generator, classes: int, crowds: bool, skill: float, most: int = 6
) -> tuple[ImageBoxes, FoundBoxes]:
    """What is on an image, and what is found: moved copies of it, and boxes of nothing."""
    n = int(rng.integers(0, most))
    corners, labels = draw_boxes(rng, n), rng.integers(0, classes, n)
    crowd = rng.random(n) < (0.2 if crowds else 0)
    area = np.prod(corners[:, 2:] - corners[:, :2], axis=1) * rng.uniform(0.5, 1, n)
    true = ImageBoxes(corners, labels, crowd, np.zeros(n, bool), area)
    seen = np.repeat(np.flatnonzero(rng.random(n) < skill), 2)
    moved = corners[seen] + rng.integers(-6, 7, (len(seen), 4)) * (rng.random((len(seen), 1)) < 0.8)
    other = draw_boxes(rng, int(rng.integers(0, most)))
    found = np.vstack([moved, other])
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    label = np.concatenate([labels[seen], rng.integers(0, classes, len(other))])
    score = np.concatenate([rng.beta(3, 2, len(seen)), rng.beta(2, 3, len(other))])
    return true, FoundBoxes(found, label, score)


def draw_run(
    seed: int = 0,
    images: int = 20,
    classes: int = 3,
    *,
    crowds: bool = False,
    skill: float = 0.7,
    model: str = "a",
    clusters: int = 0,
    truth: BoxRun | None = None,
) -> BoxRun:
    """A run on drawn images; `truth`: another run, on whose images it is."""
    rng = np.random.default_rng([seed, 7])
    drawn = [draw_image(rng, classes, crowds, skill) for _ in range(images)]
    items = np.array([f"{number:04d}" for number in range(images)])
    lots = items if not clusters else np.array([f"lot {number % clusters}" for number in range(images)])
    names = tuple("abcdefgh"[:classes])
    true, found = (tuple(part) for part in zip(*drawn, strict=True))
    if truth is None:
        return BoxRun("set", model, 0, names, items, lots, true, found)
    mixed = np.random.default_rng([seed, 8])
    found = tuple(see(mixed, there, skill) for there in truth.true)
    return BoxRun("set", model, 0, names, truth.items, truth.clusters, truth.true, found)


def see(rng: np.random.Generator, true: ImageBoxes, skill: float) -> FoundBoxes:
    """What another detector finds on an image."""
    seen = np.flatnonzero(rng.random(len(true)) < skill)
    moved = true.corners[seen] + rng.integers(-4, 5, (len(seen), 4))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    other = draw_boxes(rng, int(rng.integers(0, 4)))
    label = np.concatenate([true.classes[seen], rng.integers(0, 3, len(other))])
    score = np.concatenate([rng.beta(3, 2, len(seen)), rng.beta(2, 3, len(other))])
    return FoundBoxes(np.vstack([moved, other]), label, score)


def package_numbers(
    true: Sequence[ImageBoxes], found: Sequence[FoundBoxes], classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The twelve numbers of faster-coco-eval, and its precisions (T, R, K, A, M)."""
    from faster_coco_eval import COCO, COCOeval_faster

    boxes, answers = list[dict[str, Any]](), list[dict[str, Any]]()
    for image, (there, seen) in enumerate(zip(true, found, strict=True), 1):
        for n in range(len(there)):
            boxes.append(
                {
                    "id": len(boxes) + 1,
                    "image_id": image,
                    "category_id": int(there.classes[n]) + 1,
                    "bbox": to_widths(there.corners[n]),
                    "area": float(there.areas[n]),
                    "iscrowd": int(there.crowd[n]),
                }
            )
        for n in range(len(seen)):
            score = {"image_id": image, "category_id": int(seen.classes[n]) + 1, "score": float(seen.scores[n])}
            answers.append(score | {"bbox": to_widths(seen.corners[n])})
    images = [{"id": n, "width": SIDE, "height": SIDE, "file_name": f"{n}.png"} for n in range(1, len(true) + 1)]
    names = [{"id": n, "name": f"c{n}"} for n in range(1, classes + 1)]
    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO({"images": images, "annotations": boxes, "categories": names})
        judged = COCOeval_faster(ground, ground.loadRes(answers), iouType="bbox", print_function=lambda *_: None)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return np.array(judged.stats[:12], np.float64), np.asarray(judged.eval["precision"])


def to_widths(corners: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = corners.astype(np.float64).tolist()
    return [x1, y1, x2 - x1, y2 - y1]
