"""Box targets: boxes lie where the view shows what is in them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_boxes import rectangles

from kogen.augmentation.views import StepRng, View, render
from kogen.boxes.image_boxes import ImageBoxes
from kogen.data.boxes.box_images import BoxImages
from kogen.data.images import from_array
from kogen.detection.box_targets import BoxTargets

CPU = torch.device("cpu")


def one_box_each(count: int = 16, side: int = 40) -> BoxImages:
    """A white rectangle on black, in files twice as wide as they are stored."""
    rng = np.random.default_rng(0)
    pixels, boxes = np.zeros((count, 1, side, side), np.uint8), []
    for image in range(count):
        x1, y1 = rng.integers(0, side // 2, 2)
        x2, y2 = x1 + rng.integers(4, side // 2), y1 + rng.integers(4, side // 2)
        pixels[image, 0, y1:y2, x1:x2] = 255
        corners = np.array([[2 * x1, y1, 2 * x2, y2]], np.float32)
        boxes.append(ImageBoxes(corners, np.array([1]), np.zeros(1, bool), np.zeros(1, bool), np.ones(1)))
    return BoxImages(from_array(pixels), tuple(boxes), ("a", "b"), np.tile([2 * side, side], (count, 1)))


@pytest.mark.parametrize("size", [40, 80])
def test_boxes_lie_where_the_view_shows_them(size: int):
    boxes = one_box_each()
    view = View(size=size, flip=0.5, flip_vertical=0.5)
    rng, batch = StepRng(3, 5, 16), np.arange(16)
    seen = render(boxes.images.read(batch), view, rng, tag="0")
    found = BoxTargets(boxes, view).follow(batch, rng, "0", CPU)
    mirrored = 0
    for image, (corners, labels) in enumerate(found):
        white = seen[image, 0] > 0.5
        rows, columns = torch.where(white.any(1))[0], torch.where(white.any(0))[0]
        wanted = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(corners[0].numpy(), np.array(wanted, float), atol=0.51)
        assert labels.tolist() == [1]
        mirrored += not np.allclose(corners[0], boxes.boxes[image].corners[0] * np.tile([size / 80, size / 40], 2))
    assert 4 < mirrored < 16


def test_what_follows_depends_on_seed_and_step_alone_and_each_process_has_its_part():
    boxes, view = one_box_each(), View(size=40, flip=0.5, flip_vertical=0.5)
    targets, rng = BoxTargets(boxes, view), StepRng(0, 1, 16)
    whole = targets.follow(np.arange(16), rng, "0", CPU)
    part = targets.follow(np.arange(8, 16), rng.part(8, 16), "0", CPU)
    for mine, theirs in zip(whole[8:], part, strict=True):
        assert torch.equal(mine[0], theirs[0])
    other = targets.follow(np.arange(16), StepRng(0, 2, 16), "0", CPU)
    assert any(not torch.equal(a[0], b[0]) for a, b in zip(whole, other, strict=True))


def test_boxes_that_need_not_be_found_and_slivers_are_not_learnt():
    boxes = rectangles(3)
    first = boxes.boxes[1]
    crowd = replace(first, crowd=np.ones(len(first), bool))
    thin = replace(boxes.boxes[2], corners=boxes.boxes[2].corners.copy())
    thin.corners[0] = [5, 5, 5.001, 9]
    targets = BoxTargets(replace(boxes, boxes=(boxes.boxes[0], crowd, thin)), View(size=64))
    counts = [len(labels) for _, labels in targets.boxes]
    assert counts == [0, 0, len(thin) - 1]
    assert targets.boxes[0][0].shape == (0, 4)


@pytest.mark.parametrize("odd", [{"crop": (0.5, 1.0)}, {"rotate": 5.0}, {"quarter_turns": True}])
def test_a_view_that_boxes_cannot_follow_is_refused(odd: dict):
    with pytest.raises(ValueError, match=r"boxes follow flips and resizing; got a view with a crop or turns"):
        BoxTargets(rectangles(2), View(size=64, **odd))
