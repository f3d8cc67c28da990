"""A plane of a loss that couples a batch, batch by batch and with images embedded once: passes, seconds, the numbers.

Run: python benchmarks/landscape_coupled.py RUN DATA [--planes 2] [--images 2048] [--batch 64]

RUN is a finished run of SimCLR, VICReg, Barlow Twins ... For each plane the verb's own code draws the surface twice:
before  of 8 batches on the finest grid, each with a loss of its own, corrected on coarser grids
after   of 8/7 batches, embedded once a point, of which 8 batches are made; corrected likewise
A pass is one view of one image through the backbone. Seconds are those of the processor, in one thread. The numbers of
a plane have the jackknife's standard error over eighths of the images; `apart` is the difference in units of that of
the difference of two surfaces of separate images, sqrt(2) times the larger one.
"""

import argparse
import copy
import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from kogen.loss_landscape.grouped_objective import default_few, first_images
from kogen.loss_landscape.objective import Objective, UnitLosses
from kogen.loss_landscape.pipeline import evaluate_plane, make_planes
from kogen.loss_landscape.runs import LandscapeRun, open_run, read_record
from kogen.options.landscape import LandscapeOptions
from kogen.options.model import validate
from kogen.statistics._surface_metrics import plane_metrics
from kogen.study.splits import open_source, storage_for

METRICS = ("width", "basin", "convex", "range")


class BatchLosses(UnitLosses):
    """Losses of whole batches alone, as before images were embedded once."""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data")
    parser.add_argument("--planes", type=int, default=2)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=64)
    asked = parser.parse_args(arguments)
    wishes = {"data": asked.data, "planes": asked.planes, "images": asked.images, "batch_size": asked.batch}
    options = validate(LandscapeOptions, wishes | {"workers": 1, "sharp": 0}, "landscape")
    images = open_source(asked.data, storage_for(read_record(asked.run)[1].image_size, 0.05, None), options)
    one = open_run(asked.run, images, options)
    after = one.make_objective(options.images)
    before = copy.deepcopy(after)
    before.each.__class__ = BatchLosses
    planes = make_planes(one, after, [])
    print(f"| plane | way | points of images | passes | seconds | loss at the weights | {' | '.join(METRICS)} |")
    for order, plane in enumerate(planes):
        rows = [draw(one, loss, plane, order, name) for name, loss in (("before", before), ("after", after))]
        (old, was), (new, now) = rows
        apart = {name: (now[name][0] - was[name][0]) / (2**0.5 * max(was[name][1], now[name][1])) for name in METRICS}
        print(f"plane {order}: passes {old[0] / new[0]:.2f} times fewer, seconds {old[1] / new[1]:.2f} times fewer;")
        print("  apart: " + ", ".join(f"{name} {value:+.2f}" for name, value in apart.items()), flush=True)


def draw(one: LandscapeRun, whole: Objective, plane: Any, order: int, name: str) -> tuple[Any, dict[str, Any]]:
    """Draw a plane and print its row; passes and seconds, and each number with its error."""
    passes = [0]

    def count(_: Any, given: tuple[Any, ...]) -> None:
        passes[0] += len(given[0])

    hook = whole.each.module.backbone.register_forward_pre_hook(count)
    loss = first_images(whole, one.options.images)
    few = first_images(whole, default_few(whole))
    with tempfile.TemporaryDirectory() as folder:
        there = dataclasses.replace(one, options=one.options.model_copy(update={"out": Path(folder)}))
        passes[0], began = 0, time.process_time()
        points = evaluate_plane(there, loss, few, plane, order, (0, 1))
        seconds = time.process_time() - began
    hook.remove()
    found = {metric: jackknife(values) for metric, values in plane_metrics(points).items() if metric in METRICS}
    grids = ", ".join(f"{len(part)} of {images}" for images, part in points.groupby("images"))
    centre = points[(points["alpha"] == 0) & (points["beta"] == 0)]  # the few come first
    levels = ", ".join(show(*pair) for pair in zip(centre["loss"], centre["loss_se"], strict=True))
    cells = [order, name, grids, f"{passes[0]:,}", f"{seconds:.0f}", levels, *(show(*found[name]) for name in METRICS)]
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return (passes[0], seconds), found


def show(value: float, error: float) -> str:
    """A number and its error."""
    return f"{value:.4f} ({error:.4f})"


def jackknife(values: np.ndarray) -> tuple[float, float]:
    """A number and its jackknife error from its values with all images, and without each part, (1 + G,)."""
    without, count = values[1:], len(values) - 1
    return float(values[0]), float(((count - 1) / count * ((without - without.mean()) ** 2).sum()) ** 0.5)


if __name__ == "__main__":
    main(sys.argv[1:])
