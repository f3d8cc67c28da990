"""The training loop: `pretrain` is one loop in plain sight, a generator that yields epochs."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from kogen.common import distributed
from kogen.common.devices import PendingTensor, exact_arithmetic, wait_for_device
from kogen.common.rng import seeded_torch
from kogen.common.tasks import Stopped
from kogen.config.plan import Plan, count_frozen
from kogen.data.images import Images
from kogen.evaluation.features import NonFiniteFeatures, embed
from kogen.modules import batch_norm
from kogen.modules.base import Method
from kogen.modules.schedules import learning_rate
from kogen.training import checkpoint, monitor
from kogen.training.batches import Batches, Targets
from kogen.training.build import build_method
from kogen.training.compiled import compile_backbones, compute_eagerly
from kogen.training.fabric import start
from kogen.training.free_threads import threads_as_free
from kogen.training.freezing import hold_frozen
from kogen.training.optimizers import make_optimiser

MONITORED_IMAGES = 512  # images on which RankMe and the spread of features are measured, always the same ones
CHECK_DELAY = 16  # steps after which the terms of the loss are read from a GPU, so that it never waits for it
SAVE_SECONDS = 120.0  # between checkpoints inside a long epoch
SAVE_SHARE = 0.05  # of the time, which saving takes at most where epochs are short
RECORDS = 200  # epochs that are recorded, at least; with few labels an epoch is a step or two, and there are thousands

SMALLER_STEPS = (  # what to try where numbers overflow
    "Try a lower rate (--set rate=...), a longer warm-up (--set warmup=0.2) or --precision 32; the last checkpoint is "
    "from before"
)

Stop = Callable[[], bool]  # whether the training has to stop


@dataclass
class Epoch:
    """What one pass over the images gave."""

    epoch: int  # 1-based; 0 is the untrained network
    terms: dict[str, float]  # mean of each named term, and "loss", their sum
    rate: float
    images_per_second: float
    seconds: float
    rank_me: float
    feature_std: float
    threads: int = 0  # of the last pass


@dataclass
class TrainingState:
    """How far a run is: saved beside the weights, so that a resumed run continues bit for bit."""

    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)  # finished epochs, as Epoch
    sums: dict[str, float] = field(default_factory=dict)  # terms of the epoch that is under way
    seconds: float = 0.0  # of the epoch that is under way
    threads: int = 0  # in the pass that is under way; 0: of older versions


class NonFiniteLoss(ValueError):
    """The loss is NaN or inf; the message names the step, the term and what to try."""


def pretrain(
    plan: Plan,
    images: Images,
    folder: Path,
    *,
    keep: int = 0,
    stop: Stop | None = None,
    on_step: Callable[..., None] | None = None,
    targets: Targets | None = None,
) -> Iterator[Epoch]:
    """Train `plan.method` on `images` and yield each finished epoch; resumes from `folder`/checkpoint.

    Epochs of an earlier call are yielded again. Of 400 epochs or more only every second, third ... is yielded, and the
    last: at least RECORDS of them. `keep` states of the method, equally far apart from the untrained one on, stay as
    checkpoint/STEP.safetensors. After every step `on_step(step, steps, terms, images_per_second, rank_me)` is called,
    and `stop()`: where it is True, all is saved and Stopped is raised. `targets`: what is known of the images beside
    labels. Raises ValueError for fewer images than a batch and NonFiniteLoss at NaN or inf.
    """
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, images, fabric.device, targets)
    state, place = TrainingState(), folder / "checkpoint" / "state.safetensors"
    if place.exists():
        state = TrainingState(**checkpoint.load(place, plan.fingerprint, method, optimiser))
    distributed.check_agreement({"step": state.step}, f"how far {folder} is trained")
    if not state.history:
        state.history.append(vars(Epoch(0, {}, 0.0, math.nan, 0.0, *measure_features(method, loader))))
    yield from (Epoch(**record) for record in state.history)
    guard = LossGuard(fabric.device.type)
    steps, per_epoch, recipe = loader.steps, loader.per_epoch, plan.recipe
    recorded = per_epoch * max(plan.epochs // RECORDS, 1)  # steps from one record to the next
    peak = recipe.rate * plan.batch_size / 256
    marks = {steps * number // keep for number in range(keep)}
    began = saved = time.perf_counter()
    saving = 0.0  # seconds that the last checkpoint took
    with threads_as_free(fabric.device) as choose_threads:
        if state.step % per_epoch:
            choose_threads(state.threads)  # a pass that was begun ends as it began, bit for bit
        while state.step < steps:
            if state.step % per_epoch == 0:
                state.threads = choose_threads(0)
            if state.step in marks and fabric.is_global_zero:
                kept = folder / "checkpoint" / f"{state.step:09d}.safetensors"
                checkpoint.save(kept, plan.fingerprint, method, None, {"step": state.step})
            rate = learning_rate((state.step + 0.5) / steps, peak, recipe.warmup)
            for group in optimiser.param_groups:
                group["lr"] = group["share"] * (peak if group["constant"] else rate)
            with exact_arithmetic(plan.precision):
                terms = train_step(fabric, wrapped, optimiser, loader, state.step, plan.accumulate)
                method.update((state.step + 1) / steps)
            guard.add_step(state.step, terms, state.sums)
            state.step += 1
            if on_step:
                spent = state.seconds + time.perf_counter() - began
                done = state.step - state.history[-1]["epoch"] * per_epoch
                on_step(state.step, steps, guard.last, done * plan.batch_size / spent, state.history[-1]["rank_me"])
            # Asked once a step, of all processes: a signal that arrives later must not raise Stopped without a save.
            ended = state.step % recorded == 0 or state.step == steps
            late = time.perf_counter() - saved > (saving / SAVE_SHARE if ended else SAVE_SECONDS)
            stopping, late = distributed.any_process(stop is not None and stop(), late or state.step == steps)
            if ended or stopping or late:
                guard.check_steps()  # waits for the device, whose time counts, and keeps NaN out of what is saved
                state.seconds += time.perf_counter() - began
                if ended:
                    record = epoch_record(state, per_epoch, plan.batch_size, rate, measure_features(method, loader))
                    state.history.append(vars(record))
                    state.sums, state.seconds = {}, 0.0
                if stopping or late:
                    saving = time.perf_counter()
                    with distributed.first_process_only() as mine:
                        if mine:
                            checkpoint.save(place, plan.fingerprint, method, optimiser, vars(state))
                    saved = time.perf_counter()
                    saving = saved - saving
                if ended:
                    yield Epoch(**state.history[-1])
                began = time.perf_counter()
            if stopping:
                raise Stopped(f"stopped at step {state.step} of {steps}; saved")


def prepare(plan: Plan, fabric: Fabric) -> tuple[Method, torch.optim.Optimizer, Any]:
    """The method on its device, its optimiser, and the wrapped method whose call runs forward under DDP."""
    method = build_method(plan)
    if distributed.world_size() > 1:
        batch_norm.convert_batch_norm(method)
    method.train().to(fabric.device)
    if plan.freeze:
        hold_frozen(method, count_frozen(plan.freeze))
    if plan.compile:
        compile_backbones(method, plan)
    optimiser = make_optimiser(method, plan.recipe, method.rate_shares())
    wrapped, prepared = fabric.setup(method, optimiser)
    return method, getattr(prepared, "optimizer", prepared), wrapped


def trial_steps(plan: Plan, images: Images, targets: Targets | None = None) -> Iterator[int]:
    """Train a copy that is thrown away; yields the number of each step after it, without end."""
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, images, fabric.device, targets)
    measure_features(method, loader)
    for step in count():
        with exact_arithmetic(plan.precision):
            train_step(fabric, wrapped, optimiser, loader, step % loader.steps, plan.accumulate)
            method.update(min((step + 1) / loader.steps, 1.0))
        wait_for_device(fabric.device)
        yield step


def train_step(
    fabric: Fabric, wrapped: Any, optimiser: torch.optim.Optimizer, loader: Batches, step: int, accumulate: int
) -> dict[str, Tensor]:
    """Forward, backward and update on one batch; returns the mean of each term over this process's part."""
    collected: dict[str, Tensor] = {}
    for micro in range(accumulate):
        views = loader.render_views(step, micro)
        chance = seeded_torch(loader.plan.seed, step * accumulate + micro, distributed.rank())
        with fabric.no_backward_sync(wrapped, enabled=micro < accumulate - 1), chance:
            terms = wrapped(views)
            fabric.backward(torch.stack(list(terms.values())).sum() / accumulate)
        for name, value in terms.items():
            collected[name] = collected.get(name, 0) + value.detach() / accumulate
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return collected


class LossGuard:
    """Adds up the terms of the loss and stops at NaN or inf; those of a GPU are read some steps later."""

    def __init__(self, device: str) -> None:
        self.delay = CHECK_DELAY if device == "cuda" else 0
        self.waiting: deque[tuple[int, list[str], PendingTensor, dict[str, float]]] = deque()
        self.last: dict[str, float] = {}

    def add_step(self, step: int, terms: dict[str, Tensor], sums: dict[str, float]) -> None:
        """Take the terms of a step; they are added to `sums` when they are read."""
        # Over all processes, so that all of them stop at NaN together.
        found = distributed.mean_over_processes(torch.stack([value.float() for value in terms.values()]))
        pending = PendingTensor(found)
        self.waiting.append((step, list(terms), pending, sums))
        self.check_steps(self.delay)

    def check_steps(self, delay: int = 0) -> None:
        """Read the waiting steps but the last `delay`. Raises NonFiniteLoss at the first term that is not finite."""
        while len(self.waiting) > delay:
            step, names, pending, sums = self.waiting.popleft()
            self.last = dict(zip(names, pending.wait().tolist(), strict=True))
            for name, value in self.last.items():
                if not math.isfinite(value):
                    raise NonFiniteLoss(f"step {step}: the term {name!r} of the loss is {value}. {SMALLER_STEPS}")
                sums[name] = sums.get(name, 0.0) + value


def measure_features(method: Method, loader: Batches) -> tuple[float, float]:
    """RankMe and spread of the features that would be evaluated, on images spread evenly over the set.

    NonFiniteLoss where they overflow, which they may do before the loss does.
    """
    images, plan = loader.images, loader.plan
    some = images.subset(np.linspace(0, len(images) - 1, min(MONITORED_IMAGES, len(images))).astype(np.int64))
    view = plan.evaluation_view
    # As many images at a time as a training step has: they fit into memory.
    try:
        with compute_eagerly() if plan.compile else nullcontext():
            features = embed(method.evaluation_backbone(), some, view, batch_size=min(128, loader.part))
    except NonFiniteFeatures as error:
        raise NonFiniteLoss(f"{error}. {SMALLER_STEPS}") from error
    values = torch.from_numpy(features.values)
    return monitor.rank_me(values), monitor.feature_std(values)


def epoch_record(state: TrainingState, per_epoch: int, batch: int, rate: float, spectrum: tuple[float, float]) -> Epoch:
    """The record of the epoch that has just ended; means over all steps since the last record."""
    steps = state.step - state.history[-1]["epoch"] * per_epoch
    terms = {name: value / steps for name, value in state.sums.items()}
    terms["loss"] = sum(terms.values())
    speed = steps * batch / max(state.seconds, 1e-9)
    return Epoch(state.step // per_epoch, terms, rate, speed, state.seconds, *spectrum, state.threads)
