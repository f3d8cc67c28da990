"""The engine's steps against the bare network's, and against lightly's BYOL loop, on the same cores in the same run.

Run: python benchmarks/step.py [--images 2048] [--backbone resnet18] [--batch 128] [--precision 32] [--rounds 3]
     [--threads 1] [--clock cpu] [--no-lightly]

bare     forward, backward and optimiser of BYOL's own networks on one resident batch of float tensors: no views. It has
         what the engine has: the same threads, precision, channels last, deterministic kernels, and freed memory kept
kogen    the engine's steps: order, reading, two views, the same network, terms, NaN guard, what is shown of each
lightly  the loop of lightly's BYOL example: its transform in a DataLoader with 2 workers, its heads and loss

Bare and engine take turns step by step in one process, so that memory, caches and what else the machine does fall on
both; medians of the steps count. `--clock cpu` takes CPU time, for a machine that is not quiet (lightly's workers are
other processes, whose time it does not see: it is left out then).
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kogen.common.devices import default_device, exact_arithmetic, wait_for_device
from kogen.common.threads import keep_freed_memory
from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.study.plans import with_data
from kogen.training.batches import Batches
from kogen.training.fabric import start
from kogen.training.loop import prepare, pretrain

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
WANTED, DEVICE = 1.05, torch.device(default_device())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--no-lightly", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    beside = not asked.no_lightly and asked.clock == "wall"
    pixels = np.random.default_rng(0).integers(0, 256, (asked.images, 3, 32, 32), dtype=np.uint8)
    images = from_array(pixels, name="noise")
    made = Plan(method="byol", backbone=asked.backbone, batch_size=asked.batch, epochs=2, precision=asked.precision)
    plan = with_data(made, images)
    print(f"torch {torch.__version__}, {asked.threads} threads, {asked.clock} time")
    over, faster = [], []
    for _ in range(asked.rounds):
        ours, limit = (statistics.median(times) for times in steps(plan, images, CLOCKS[asked.clock]))
        over.append(ours / limit)
        line = f"seconds a step: bare {limit:.3f}, kogen {ours:.3f}, kogen / bare {over[-1]:.3f}"
        if beside:
            theirs = lightly(plan, pixels) / (asked.images // asked.batch)
            faster.append(theirs / ours)
            line += f", lightly {theirs:.3f}"
        print(line, flush=True)
    ratio = statistics.median(over)
    print(f"kogen / bare: {ratio:.3f} (at most {WANTED} wanted)")
    if faster:
        print(f"lightly / kogen: {statistics.median(faster):.2f}")
    return 0 if ratio <= WANTED else 1


def bare(plan: Plan, images: Images) -> Callable[[], None]:
    """One step of the networks on a resident batch."""
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    views = Batches(plan, images, fabric.device).render_views(0, 0)
    layouts = [getattr(each, "layout", torch.contiguous_format) for each in method.modules()]
    layout = torch.channels_last if torch.channels_last in layouts else torch.contiguous_format  # as its network has it
    views.crops[:] = [crop.contiguous(memory_format=layout) for crop in views.crops]
    for group in optimiser.param_groups:
        group["lr"] = 0.01

    def step() -> None:
        with exact_arithmetic(plan.precision):
            fabric.backward(sum(wrapped(views).values()))
            optimiser.step()
            optimiser.zero_grad()
            method.update(0.5)

    return step


def steps(plan: Plan, images: Images, clock: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Seconds of each step of the engine, and of the bare steps between them; those of the first epoch warm up."""
    keep_freed_memory()
    step, ours, limit = bare(plan, images), [], []
    step()
    wait_for_device(DEVICE)
    began = 0.0

    def take_turn(*_: object) -> None:
        nonlocal began
        wait_for_device(DEVICE)
        if began:
            ours.append(clock() - began)
        start = clock()
        step()
        wait_for_device(DEVICE)
        limit.append(clock() - start)
        began = clock()

    with tempfile.TemporaryDirectory() as folder:
        for epoch in pretrain(plan, images, Path(folder), on_step=take_turn):
            began = 0.0  # what lies between epochs is no step
            if epoch.epoch == 1:
                ours.clear()
                limit.clear()
    return ours, limit


def lightly(plan: Plan, pixels: np.ndarray) -> float:
    """Seconds of lightly's BYOL example over as many images, the same backbone, two workers."""
    import copy

    from lightly.loss import NegativeCosineSimilarity
    from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum
    from lightly.transforms.byol_transform import BYOLTransform, BYOLView1Transform, BYOLView2Transform

    from kogen.training.build import build_backbone

    transform = BYOLTransform(
        BYOLView1Transform(input_size=32, gaussian_blur=0.0), BYOLView2Transform(input_size=32, gaussian_blur=0.0)
    )
    data = [Image.fromarray(p.transpose(1, 2, 0)) for p in pixels]
    loader = torch.utils.data.DataLoader(
        Transformed(data, transform),
        plan.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=2,
        persistent_workers=True,
    )
    backbone = build_backbone(plan)
    projector, predictor = BYOLProjectionHead(backbone.dim, 1024, 256), BYOLPredictionHead(256, 1024, 256)
    backbone_m, projector_m = copy.deepcopy(backbone), copy.deepcopy(projector)
    deactivate_requires_grad(backbone_m)
    deactivate_requires_grad(projector_m)
    criterion = NegativeCosineSimilarity()
    optimiser = torch.optim.SGD([*backbone.parameters(), *projector.parameters(), *predictor.parameters()], lr=0.06)

    def epoch() -> None:
        for first, second in loader:
            update_momentum(backbone, backbone_m, 0.99)
            update_momentum(projector, projector_m, 0.99)
            with torch.autocast("cpu", torch.bfloat16, enabled=plan.precision == "bf16"):
                online = [predictor(projector(backbone(x))) for x in (first, second)]
                with torch.no_grad():
                    target = [projector_m(backbone_m(x)) for x in (first, second)]
                loss = 0.5 * (criterion(online[0], target[1]) + criterion(online[1], target[0]))
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    next(iter(loader))  # starts the workers
    began = time.perf_counter()
    epoch()
    return time.perf_counter() - began


class Transformed(torch.utils.data.Dataset):
    """Images under lightly's transform, at module level so that workers can have it."""

    def __init__(self, images: list[Image.Image], transform) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        return self.transform(self.images[index])


if __name__ == "__main__":
    sys.exit(main())
