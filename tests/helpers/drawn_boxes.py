"""Small sets of bright rectangles with their boxes, which a detector learns in a few steps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kogen.boxes.image_boxes import FoundBoxes, ImageBoxes
from kogen.data.boxes.box_images import BoxImages
from kogen.data.images import from_array
from kogen.results.boxes.box_runs import BoxRun


def rectangles(count: int = 24, size: int = 64, seed: int = 0, *, wide: int = 1) -> BoxImages:
    """Dark noise with bright (class 0) and black (class 1) rectangles; the first image has none.

    Files are `wide` times as wide as what is stored.
    """
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 140, (count, 1, size, size)).astype(np.uint8)
    boxes = []
    for image in range(count):
        n = 0 if image == 0 else int(rng.integers(1, 4))
        low = rng.integers(0, size // 2, (n, 2))
        high = np.minimum(low + rng.integers(size // 6, size // 2, (n, 2)), size)
        labels = rng.integers(0, 2, n)
        for (x1, y1), (x2, y2), label in zip(low, high, labels, strict=True):
            pixels[image, 0, y1:y2, x1:x2] = 20 if label else 240
        corners = np.hstack([low, high]).astype(np.float32) * np.float32([wide, 1, wide, 1])
        area = np.prod(corners[:, 2:] - corners[:, :2], axis=1).astype(np.float64)
        boxes.append(ImageBoxes(corners, labels, np.zeros(n, bool), np.zeros(n, bool), area))
    sizes = np.tile([wide * size, size], (count, 1))
    return BoxImages(from_array(pixels, name="rectangles"), tuple(boxes), ("bright", "black"), sizes)


def write_rectangles(root: Path, count: int = 40, *, seed: int = 0, groups: int = 0, splits: bool = False) -> Path:
    """The same as a folder with COCO json; with `splits` every fourth image is of test.

    With `groups` images are of so many lines, and test images of every second one of another line, `new`.
    """
    drawn = rectangles(count, seed=seed)
    (root / "images").mkdir(parents=True)
    lists: dict[str, dict[str, Any]] = {}
    for number, (pixels, boxes) in enumerate(zip(drawn.images.pixels, drawn.boxes, strict=True)):
        part = "test" if splits and number % 4 == 3 else "train"
        file = f"{number:03}.png"
        Image.fromarray(np.asarray(pixels[0])).save(root / "images" / file)
        listed = lists.setdefault(part, {"images": [], "annotations": [], "categories": []})
        image: dict[str, Any] = {"id": number, "file_name": file, "width": 64, "height": 64}
        is_new = part == "test" and number // 4 % 2
        listed["images"].append(image | ({"group": "new" if is_new else f"line {number % groups}"} if groups else {}))
        for (x1, y1, x2, y2), label in zip(boxes.corners.tolist(), boxes.classes.tolist(), strict=True):
            box = {"image_id": number, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
            listed["annotations"].append(box | {"id": len(listed["annotations"]) + 1})
        listed["categories"] = [{"id": place, "name": name} for place, name in enumerate(drawn.classes)]
    for part, listed in lists.items():
        (root / f"instances_{part}.json" if splits else root / "instances.json").write_text(json.dumps(listed))
    return root


BOXES = rectangles(6, wide=2)


def run_that_misses(image: int) -> BoxRun:
    """Every box is found but those of one image, where another place is called; file sizes are 128 x 64."""
    found = []
    for number, true in enumerate(BOXES.boxes):
        if number == image:
            found.append(FoundBoxes(np.float32([[90, 40, 126, 62]]), np.array([0]), np.array([0.6])))
        else:
            found.append(FoundBoxes(true.corners, true.classes, np.linspace(0.9, 0.7, len(true))))
    images = BOXES.images
    return BoxRun("set", "a", 0, BOXES.classes, images.ids, images.clusters, BOXES.boxes, tuple(found))
