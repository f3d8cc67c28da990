"""Estimate of how long a landscape takes on this machine, from a few points and one product with a Hessian."""

import time
from collections.abc import Callable
from typing import Any

import torch

from kogen.loss_landscape.grid import evaluate_point
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective

# Time in units of a product with the Hessian of all images:
METRICS_PRODUCTS = 90  # all curvature metrics of a run (70 of them are products)
MAP_POINT_PRODUCTS = 12  # a point of a map, with the graph it begins with (measured: 8 to 15)


def estimate_landscape(
    loss: Objective,
    few: int,
    curvature_loss: Objective | None,
    grid: dict[str, Any],
    *,
    planes: int,
    runs: int,
    metrics: bool,
    map_steps: int,
    processes: int,
) -> str:
    """A sentence: how long `planes` planes and the curvature of `runs` runs take.

    `few` images are evaluated on the finest grid, all images (an assumption) on every other place of the coarsest. The
    curvature of a run is its curvature `metrics`, if wanted, and a map of `map_steps` x `map_steps` points;
    `curvature_loss` is None where no curvature is measured.
    """
    steps, levels, workers = grid["steps"], grid["levels"], grid["workers"]
    finest = (2 ** (levels - 1) * (steps - 1) + 1) ** 2  # from the third level on at most
    part, images = loss.take_first(few), loss.facts["images"]
    first = part.facts["images"]  # in whole batches
    passes = first * finest + images * (steps // 2 + 1) ** 2 * (first < images)
    seconds = measure_seconds(lambda: evaluate_point(part, part.at)) / first * passes * planes / workers
    if curvature_loss is not None:
        product = product_seconds(curvature_loss)
        seconds += runs * product * (METRICS_PRODUCTS * metrics + MAP_POINT_PRODUCTS * map_steps**2 / workers)
    parts = [f"{planes} planes of about {passes:,} image passes each"]
    parts += [f"the curvature of {runs} runs"] * (curvature_loss is not None)
    return (
        f"Estimate: {seconds / processes / 60:.1f} min for {' and '.join(parts)}; points on disk are not computed again"
    )


def product_seconds(loss: Objective) -> float:
    """Seconds of a product with the Hessian of all batches, from that of one batch."""
    parts = loss.weighted_losses()
    hessian = Hessian(parts[:1], loss.at)
    vector = torch.ones(hessian.size, dtype=hessian.dtype, device=hessian.device)
    return measure_seconds(lambda: hessian(vector).sum().item()) * len(parts)


def measure_seconds(work: Callable[[], Any]) -> float:
    """Seconds of the faster of two calls."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
