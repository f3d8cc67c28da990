"""Estimate of how long a landscape takes on this machine, from a few points and one product with a Hessian."""

import time
from collections.abc import Callable
from typing import Any

import torch

from kogen.loss_landscape.grid import evaluate_point
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective
from kogen.options.landscape import PlaneOptions

# Time in units of a product with the Hessian of all images:
METRICS_PRODUCTS = 100  # all curvature metrics of a run (70 of them are products)
MAP_POINT_PRODUCTS = 12  # a point of a map, with the graph it begins with (measured: 8 to 15)


def estimate_landscape(
    part: Objective,
    images: int,
    curvature_loss: Objective | None,
    options: PlaneOptions,
    planes: int,
    runs: int,
    processes: int,
) -> str:
    """A sentence: how long `planes` planes and the curvature of `runs` runs take.

    `part`, the loss of few images, is evaluated on the finest grid, all `images` (an assumption) on every other place
    of the coarsest. The curvature of a run is its metrics and its map, where they are wanted; `curvature_loss` is None
    where no curvature is measured.
    """
    first, workers = part.facts["images"], options.workers or 1
    finest = (2 ** (options.levels - 1) * (options.steps - 1) + 1) ** 2  # from the third level on at most
    passes = first * finest + images * (options.steps // 2 + 1) ** 2 * (first < images)
    seconds = measure_seconds(lambda: evaluate_point(part, part.at)) / first * passes * planes / workers
    if curvature_loss is not None:
        products = METRICS_PRODUCTS * (options.sharp > 0) + MAP_POINT_PRODUCTS * options.map_steps**2 / workers
        weighted = curvature_loss.weighted_losses()
        hessian = Hessian(weighted[:1], curvature_loss.at)
        vector = torch.ones(hessian.size, dtype=hessian.dtype, device=hessian.device)
        seconds += runs * measure_seconds(lambda: hessian(vector).sum().item()) * len(weighted) * products
    work = f"{planes} planes of about {passes:,} image passes each"
    work += f" and the curvature of {runs} runs" * (curvature_loss is not None)
    return f"Estimate: {seconds / processes / 60:.1f} min for {work}; points on disk are not computed again"


def measure_seconds(work: Callable[[], Any]) -> float:
    """Seconds of the faster of two calls."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
