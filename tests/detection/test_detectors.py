"""Detectors: they learn rectangles through the one loop, resume bit for bit, and say boxes in pixels of the file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_boxes import rectangles

from kogen.boxes.average_precisions import all_precisions, coco_numbers
from kogen.boxes.matching import match_class
from kogen.common.tasks import Stopped
from kogen.config.plan import Plan
from kogen.data.boxes.box_images import BoxImages
from kogen.detection.detectors import (
    DetectorRecipe,
    detector_plan,
    find_boxes,
    repeat_boxes,
    train_detector,
    training_data,
)
from kogen.training import loop
from kogen.training.build import build_method

NETWORK = "tiny?width=8&stem=half"
SETTINGS = {"width": 32}


def plan_for(boxes: BoxImages, detector: str = "fcos", steps: int = 4, **more: object):
    network = Plan(method="random", backbone=NETWORK, channels=1)
    return detector_plan(network, None, boxes, DetectorRecipe(detector, steps, 64, SETTINGS | more))


def ap50(boxes: BoxImages, found: tuple) -> float:
    matches = [match_class(boxes.boxes, found, label) for label in range(2)]
    return float(coco_numbers(all_precisions(matches, np.ones((1, len(boxes)))))["ap50"][0])


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["fcos", "faster_rcnn"])
def test_rectangles_are_learnt(detector: str, tmp_path: Path):
    train, test = rectangles(48, wide=2), rectangles(32, seed=1, wide=2)
    steps, rate = (240, 0.6) if detector == "fcos" else (480, 1.6)  # proposals have to be learnt first
    plan = plan_for(train, detector, steps=steps, rate=rate)
    found = find_boxes(train_detector(plan, train, tmp_path), plan, test)
    assert ap50(test, found) > (0.5 if detector == "fcos" else 0.1)
    assert max(boxes.corners[:, 2].max(initial=0) for boxes in found) > 64  # in pixels of the files, which are wider


@pytest.mark.parametrize("detector", ["fcos", "faster_rcnn"])
def test_a_training_that_was_stopped_goes_on_bit_for_bit(detector: str, tmp_path: Path):
    boxes = rectangles(16)
    plan = plan_for(boxes, detector)
    whole = train_detector(plan, boxes, tmp_path / "whole")
    images, targets = training_data(boxes, plan)
    with pytest.raises(Stopped):
        list(loop.pretrain(plan, images, tmp_path / "part", stop=lambda: True, targets=targets))
    again = train_detector(plan, boxes, tmp_path / "part")
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    first, second = (find_boxes(one, plan, boxes) for one in (whole, again))
    assert len(first) == 16
    for mine, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(mine.corners, theirs.corners)


def test_an_unknown_detector_or_setting_is_named():
    boxes = rectangles(8)
    with pytest.raises(ValueError, match=r"unknown detector 'fco': did you mean 'fcos'"):
        build_method(plan_for(boxes, "fco"))
    with pytest.raises(ValueError, match=r"detect: width = 40, wanted a multiple of 32"):
        build_method(plan_for(boxes, width=40))
    with pytest.raises(ValueError, match=r"detect has no setting 'detectr': did you mean 'detector'"):
        plan_for(boxes, detectr="fcos")


def test_as_many_steps_are_done_whatever_the_number_of_images():
    few, many = rectangles(9), rectangles(40)
    for boxes in (few, many):
        plan = plan_for(boxes, steps=7)
        assert plan.epochs * (plan.images // plan.batch_size) == 7
        seen = repeat_boxes(boxes, plan)
        counts = np.unique(seen.images.ids, return_counts=True)[1]
        assert len(seen) == 56
        assert counts.max() - counts.min() <= 1
        assert (seen.images.ids == repeat_boxes(boxes, plan).images.ids).all()
    assert len(np.unique(repeat_boxes(few, plan_for(few, steps=7)).images.ids)) == 9
    tiny = plan_for(rectangles(3), steps=5)
    assert (tiny.batch_size, tiny.images) == (3, 15)


def test_a_plan_knows_the_boxes_and_the_weights_it_begins_with(tmp_path: Path):
    boxes, other = rectangles(8), rectangles(8, seed=1)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"one")
    network = Plan(method="byol", backbone=NETWORK, channels=1, seed=3, init="abc", freeze="stages:1")
    how = DetectorRecipe("fcos", 4, 64, SETTINGS)
    first = detector_plan(network, weights, boxes, how)
    assert (first.method, first.seed, first.init, first.freeze) == ("detect", 3, "", "")
    assert first.fingerprint != detector_plan(network, weights, other, how).fingerprint
    weights.write_bytes(b"two")
    assert first.fingerprint != detector_plan(network, weights, boxes, how).fingerprint
