"""The cost estimate of a study, with that of its detectors where it has some, from a few real steps."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from kogen.common import distributed
from kogen.common.devices import default_device
from kogen.common.protocols import split_protocol
from kogen.common.system import share_of_cores
from kogen.common.threads import few_threads
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.boxes.box_images import BoxImages
from kogen.detection.detectors import find_boxes, training_data
from kogen.study.boxes.box_judging import labelled_images, recipe_of, trial_plan
from kogen.study.boxes.box_sets import with_boxes
from kogen.study.cost_estimate import TIMED_STEPS, Cost, Work, estimate_cost
from kogen.study.splits import Splits
from kogen.training.batch_fitting import explain_out_of_memory
from kogen.training.build import build_method
from kogen.training.loop import trial_steps

TIMED_IMAGES = 16  # on which finding is timed


def cost_of_study(study: Study, plans: Sequence[Plan], sets: Splits, left: Sequence[Work], at_once: int = 1) -> Cost:
    """What is left of a study costs, see `estimate_cost`, with the training of its detectors and their finding."""
    cost = estimate_cost(plans, sets, study.protocols, study.tune_steps, left, at_once=at_once)
    if not any(work.detectors for work in left):
        return cost
    with few_threads(share_of_cores(cost.at_once)):
        seconds = seconds_of_detectors(study, plans, sets, left)
    return replace(cost, minutes=cost.minutes + seconds / 60 / cost.at_once)


def seconds_of_detectors(study: Study, plans: Sequence[Plan], sets: Splits, left: Sequence[Work]) -> float:
    """Seconds of all detectors that are left, one after the other."""
    known: dict[tuple[str, str], tuple[float, float]] = {}
    judged, seconds = sum(map(len, sets.tests.values())), 0.0
    for work in left:
        plan = plans[work.number]
        for asked in map(split_protocol, work.detectors):
            key = (plan.backbone, asked.probe)
            boxes = with_boxes(labelled_images(sets, asked))
            trial = trial_plan(plan, boxes, recipe_of(study, asked))
            if key not in known:
                known[key] = time_detector(trial, boxes)
            step, image = known[key]
            seconds += step * study.tune_steps[0] + image * judged
    return seconds


def time_detector(plan: Plan, boxes: BoxImages) -> tuple[float, float]:
    """Seconds of a training step of a detector, and of finding on one image."""
    images, targets = training_data(boxes, plan)
    with distributed.explain_lost_peer(), explain_out_of_memory(plan, images):
        ends = [time.perf_counter() for _ in islice(trial_steps(plan, images, targets), TIMED_STEPS + 1)]
    detector = build_method(plan).eval().to(default_device())
    some = boxes.subset(np.arange(min(TIMED_IMAGES, len(boxes))))
    began = time.perf_counter()
    find_boxes(detector, plan, some)
    return (ends[-1] - ends[0]) / TIMED_STEPS, (time.perf_counter() - began) / len(some)
