"""Detectors: they learn rectangles through the one loop, resume bit for bit, and say boxes in pixels of the file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_boxes import rectangles

from kogen.boxes.average_precisions import all_precisions, coco_numbers
from kogen.boxes.matching import match_class
from kogen.common.tasks import Stopped
from kogen.data.boxes.box_images import BoxImages
from kogen.detection.box_targets import BoxTargets
from kogen.detection.detectors import detector_plan, find_boxes, scratch, train_detector, training_view
from kogen.training import loop
from kogen.training.build import build_method

NETWORK = "tiny?width=8&stem=half"
SETTINGS = {"width": 32}


def plan_for(boxes: BoxImages, detector: str = "fcos", epochs: int = 2, **more: object):
    settings = SETTINGS | {"detector": detector} | more
    return detector_plan(scratch(NETWORK), boxes, 64, epochs, 0, settings)


def ap50(boxes: BoxImages, found: tuple) -> float:
    matches = [match_class(boxes.boxes, found, label) for label in range(2)]
    return float(coco_numbers(all_precisions(matches, np.ones((1, len(boxes)))))["ap50"][0])


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["fcos", "faster_rcnn"])
def test_rectangles_are_learnt(detector: str, tmp_path: Path):
    train, test = rectangles(48, wide=2), rectangles(32, seed=1, wide=2)
    plan = plan_for(train, detector, epochs=40, rate=0.6)
    found = find_boxes(train_detector(plan, train, tmp_path), plan, test)
    assert ap50(test, found) > 0.5
    assert max(boxes.corners[:, 2].max(initial=0) for boxes in found) > 64  # in pixels of the files, which are wider


@pytest.mark.parametrize("detector", ["fcos", "faster_rcnn"])
def test_a_training_that_was_stopped_goes_on_bit_for_bit(detector: str, tmp_path: Path):
    boxes = rectangles(16)
    plan = plan_for(boxes, detector)
    whole = train_detector(plan, boxes, tmp_path / "whole")
    targets = BoxTargets(boxes, training_view(plan))
    with pytest.raises(Stopped):
        list(loop.pretrain(plan, boxes.images, tmp_path / "part", stop=lambda: True, targets=targets))
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
        detector_plan(scratch(NETWORK), boxes, 64, 1, 0, {"detectr": "fcos"})
