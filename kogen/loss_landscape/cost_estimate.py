"""Estimate of how long a landscape takes on this machine, from its first run, a few points and Hessian products."""

import copy
import time
from collections.abc import Callable
from typing import Any

import torch

from kogen.common.threads import serial_threads
from kogen.loss_landscape.grid import evaluate_point
from kogen.loss_landscape.grouped_objective import first_images
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.spectrum import BLOCK_DRAWS, BLOCK_LIMIT, QUADRATURE_STEPS, parts_of_network
from kogen.options.landscape import PlaneOptions

# Time in units of a product with the Hessian of all images:
METRICS_PRODUCTS = 100  # all curvature metrics of a run (70 of them are products)
MAP_POINT_PRODUCTS = 12  # a point of a map, with the graph it begins with (measured: 8 to 15)


def estimate_landscape(
    few: Objective,
    loss: Objective,
    curvature_loss: Objective | None,
    options: PlaneOptions,
    planes: int,
    runs: int,
    processes: int,
    opening: float,
) -> str:
    """A sentence: how long `planes` planes and the curvature of `runs` runs take, from the start of the first.

    `few`, the loss of few images, is evaluated on the finest grid, `loss`, that of all (an assumption) on every other
    place of the coarsest. The curvature of a run is its metrics, its map, its parts and its spectrum, where they are
    wanted; `curvature_loss` is None where no curvature is measured. `opening`: seconds that the first run took so far:
    to be read, to freeze its images, to fit its probe, to find its planes; every process does it for every run.
    """
    first, images, workers = few.facts["images"], loss.facts["images"], options.workers or 1
    finest = (2 ** (options.levels - 1) * (options.steps - 1) + 1) ** 2  # from the third level on at most
    coarse = (options.steps // 2 + 1) ** 2 * (first < images)
    batch = first_images(loss, loss.facts["batch"])
    seconds = planes * point_seconds(few, workers) * finest
    seconds += planes * point_seconds(batch, workers) / batch.facts["images"] * images * coarse
    if curvature_loss is not None:
        products = METRICS_PRODUCTS * (options.sharp > 0) + MAP_POINT_PRODUCTS * options.map_steps**2 / workers
        products += QUADRATURE_STEPS * options.density
        if options.by:  # at most: a part with well separated eigenvalues takes fewer
            products += (BLOCK_DRAWS + BLOCK_LIMIT) * len(parts_of_network(curvature_loss, options.by))
        weighted = curvature_loss.weighted_losses()
        hessian = Hessian(weighted[:1], curvature_loss.at)
        vector = torch.ones(hessian.size, dtype=hessian.dtype, device=hessian.device)
        seconds += runs * measure_seconds(lambda: hessian(vector).sum().item()) * len(weighted) * products
    minutes = (seconds / processes + runs * opening) / 60
    work = f"{runs} runs to open, {planes} planes of about {first * finest + images * coarse:,} image passes each"
    work += f" and the curvature of {runs} runs" * (curvature_loss is not None)
    return f"Estimate: {minutes:.1f} min for {work}; points on disk are not computed again"


def point_seconds(loss: Objective, workers: int) -> float:
    """Seconds a point where as many threads as there will be compute one each: they share the memory of the machine."""
    twins = [copy.deepcopy(loss) if number else loss for number in range(workers)]
    with serial_threads(workers) as pool:
        return measure_seconds(lambda: list(pool.map(lambda one: evaluate_point(one, one.at), twins))) / workers


def measure_seconds(work: Callable[[], Any]) -> float:
    """Seconds of the faster of two calls."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
