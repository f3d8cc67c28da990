"""Called boxes: what a detector finds, misses and falsely calls on each image at a number of false alarms an image."""

import re
from dataclasses import dataclass

import numpy as np

from kogen.boxes.false_alarms import threshold_at
from kogen.common.files import json_digest
from kogen.results.boxes.box_runs import BoxRun

SHOWN = 6  # images of each kind, in a gallery
RATE = 1.0  # false alarms an image: boxes of lower scores are not called


@dataclass(frozen=True, eq=False)
class CalledBoxes:
    """What a detector calls on one image at a threshold; numbers of boxes as in its run."""

    found: np.ndarray  # true boxes that are found
    missed: np.ndarray  # true boxes that are not
    false: np.ndarray  # found boxes that are no true one

    @property
    def is_right(self) -> bool:
        """Whether no box of the image is missed."""
        return not len(self.missed)


def call_boxes(run: BoxRun, rate: float = RATE) -> list[CalledBoxes]:
    """Of each image what is found, missed and falsely called where there are `rate` false alarms an image."""
    matches = run.matches()
    threshold = threshold_at(matches, rate)
    hit: list[list[int]] = [[] for _ in run.items]
    false: list[list[int]] = [[] for _ in run.items]
    for one in matches:
        for place in np.flatnonzero(one.score >= threshold):
            image = one.image[place]
            if one.hit[0, 0, place]:
                hit[image].append(int(one.match[0, 0, place]))
            elif one.counts[0, 0, place]:
                false[image].append(int(one.place[place]))
    called = list[CalledBoxes]()
    for true, right, wrong in zip(run.true, hit, false, strict=True):
        missed = np.setdiff1d(np.flatnonzero(~true.ignored), right)
        called.append(CalledBoxes(np.array(right, int), missed, np.array(wrong, int)))
    return called


def choose_images(called: list[CalledBoxes], most: int = SHOWN) -> list[int]:
    """The images with most misses, then those with most false alarms, each once; of equals the first."""
    by_misses = sorted(range(len(called)), key=lambda n: (-len(called[n].missed), n))
    by_alarms = sorted(range(len(called)), key=lambda n: (-len(called[n].false), n))
    chosen = [n for n in by_misses if len(called[n].missed)][:most]
    return chosen + [n for n in by_alarms if len(called[n].false) and n not in chosen][:most]


def gallery_place(protocol: str, dataset: str) -> str:
    """The folder of the pictures of a set, below the gallery of a run; any name of a set is one folder."""
    return f"{protocol}/{re.sub(r'[^A-Za-z0-9.]+', '-', dataset)[:40]}-{json_digest(dataset)[:6]}"


def picture_place(number: int, item: str) -> str:
    """The file of the picture of an image, the worst first."""
    return f"{number:02d}-{item.replace('#', '-')}.jpg"
