"""What a study will cost, from a few real steps: minutes, memory and disk, before anything is trained."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kogen.engine import Batches, one_step, prepare, start
from kogen.features import embed
from kogen.images import Images
from kogen.study import Plan, recipe_of
from kogen.views import plain

STEPS = 3  # real steps that are timed, after one that is not


@dataclass(frozen=True)
class Cost:
    """An estimate for a whole study on this machine."""

    minutes: float
    memory_gb: float  # peak of this process, and of the GPU if there is one, the larger
    disk_gb: float
    seconds_per_step: dict[str, float]  # by method

    def __str__(self) -> str:
        return f"about {self.minutes:.0f} min, {self.memory_gb:.1f} GB of memory, {self.disk_gb:.2f} GB of disk"


def estimate_cost(plans: Sequence[Plan], pool: Images, judged: int) -> Cost:
    """Cost of training every plan on `pool` and embedding `judged` images each; a method is timed once."""
    timed: dict[str, float] = {}
    seconds = disk = 0.0
    for plan in plans:
        recipe = recipe_of(plan)
        if plan.method not in timed:
            timed[plan.method], size, embedding = measure(plan, pool) if recipe.trains else (0.0, 0, 0.0)
            disk_each, embedding_each = size, embedding
        trained = pool.labelled() if recipe.labels else pool
        steps = len(trained) // plan.batch_size * plan.epochs
        seconds += timed[plan.method] * steps + embedding_each * judged  # pyright: ignore[reportPossiblyUnboundVariable]
        disk += disk_each  # pyright: ignore[reportPossiblyUnboundVariable]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if torch.cuda.is_available():
        peak = max(peak, torch.cuda.max_memory_allocated())
    return Cost(seconds / 60, peak / 1e9, disk / 1e9, timed)


def measure(plan: Plan, pool: Images) -> tuple[float, float, float]:
    """Seconds of a training step, bytes a run leaves on disk, seconds to embed an image."""
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, pool, fabric.device)
    began = 0.0
    for step in range(min(STEPS + 1, max(loader.steps, 2))):
        if step == 1:
            began = clock()
        one_step(fabric, wrapped, optimiser, loader, step % max(loader.steps, 1), plan.accumulate)
    step_seconds = (clock() - began) / STEPS
    values = sum(p.numel() * (2 if p.requires_grad else 1) for p in method.parameters())  # weights and momentum
    size = 4 * (values + sum(p.numel() for p in method.backbone.parameters()))
    some = pool.subset(torch.arange(min(256, len(pool))).numpy())
    began = clock()
    embed(method.evaluated(), some, plain(plan.image_size, mean=plan.mean, std=plan.std))
    return step_seconds, size, (clock() - began) / len(some)


def clock() -> float:
    """Seconds, once the device has finished what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
