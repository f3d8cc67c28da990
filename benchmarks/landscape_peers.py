"""The usual call of Landscaper, PyHessian and loss-landscapes beside kogen.landscape_of: lines, seconds, results.

Run once for each, with the Python that has it (Landscaper wants numpy < 2, kogen numpy >= 2: two environments):
    python benchmarks/landscape_peers.py kogen            # plane, 8 planes, curvature
    PEER/bin/python benchmarks/landscape_peers.py landscaper pyhessian loss-landscapes
The same network (a ResNet of 4 blocks, 3 x 16 x 16), 512 images in 8 batches, cross-entropy, 17 x 17 points. Each job
is a function below: its lines are counted, seconds of the wall clock and of the processors are measured, and where it
raises the error is printed.
"""

import copy
import inspect
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 17  # points along a side of a plane
Batches = list[tuple[Tensor, Tensor]]


class Block(nn.Module):
    """A basic residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.norm_one = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.two, self.norm_two = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm_two(self.two(F.relu(self.norm_one(self.one(x))))))


def make_problem() -> tuple[nn.Module, Batches]:
    """A trained network and its batches, the same in every environment."""
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(512, 3, 16, 16, generator=rng)
    y = torch.arange(512) % 4
    x += 0.5 * torch.randn(4, 3, 1, 1, generator=rng)[y]
    stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4))
    model = nn.Sequential(stem, *(Block(16) for _ in range(4)), head)
    batches = list(zip(x.split(64), y.split(64), strict=True))
    optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for _ in range(4):
        for images, labels in batches:
            optimiser.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimiser.step()
    return model.eval(), batches


# ---- the jobs: what a user writes, imports included ----


def kogen_plane(model: nn.Module, batches: Batches, out: str) -> str:
    import kogen

    def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    kogen.landscape_of(model, cross_entropy, batches, planes=1, few=512, sharp=0, out=out)
    return "17 x 17 of all images, loss and standard error of each point, page"


def kogen_planes(model: nn.Module, batches: Batches, out: str) -> str:
    import kogen

    def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    kogen.landscape_of(model, cross_entropy, batches, sharp=0, out=out)
    return "8 planes: width, basin, convexity, range, error, with intervals over planes and images, page"


def kogen_curvature(model: nn.Module, batches: Batches, out: str) -> str:
    import pandas as pd

    import kogen

    def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    asked: dict[str, Any] = {"planes": 1, "steps": 3, "levels": 1, "sharp": 512, "density": 1}
    kogen.landscape_of(model, cross_entropy, batches, out=out, **asked)
    table = pd.read_parquet(f"{out}/geometry.parquet").set_index("metric")
    said = [f"{name} {table.loc[name, 'value']:.4g}" for name in ("lambda_max", "lambda_min", "trace")]
    return ", ".join([*said, "SAM, noise, gradient, density of 64 products, page"])


def landscaper_plane(model: nn.Module, batches: Batches, out: str) -> str:
    from landscaper import LossLandscape

    def loss(model: nn.Module, data: Batches) -> float:
        return sum(F.cross_entropy(model(x), y).item() for x, y in data) / len(data)

    directions = [[torch.randn_like(p) for p in model.parameters()] for _ in range(2)]
    found = LossLandscape.compute(model, batches, directions, loss, steps=SIDE, distance=1.0, dim=2, device="cpu")
    found.save(f"{out}/plane.npz")
    return f"17 x 17 losses, range {found.loss_range:.4g}; of the weights' norm, not filter by filter; topology"


def landscaper_curvature(model: nn.Module, batches: Batches, out: str) -> str:
    from landscaper.hessian import PyHessian

    found = PyHessian(model, nn.CrossEntropyLoss(), batches, "cpu")
    largest, trace = found.eigenvalues(top_n=1)[0], found.trace()
    found.density(64, 1)
    return f"lambda_max {float(largest[0]):.4g}, trace {float(torch.as_tensor(trace).double().mean()):.4g}, density"


def pyhessian_curvature(model: nn.Module, batches: Batches, out: str) -> str:
    from pyhessian import hessian

    found = hessian(model, nn.CrossEntropyLoss(), dataloader=batches, cuda=False)
    largest, trace = found.eigenvalues()[0], found.trace()
    return f"lambda_max {largest[0]:.4g}, trace {sum(trace) / len(trace):.4g} ({len(trace)} draws)"


def pyhessian_density(model: nn.Module, batches: Batches, out: str) -> str:
    from pyhessian import hessian

    values, _ = hessian(model, nn.CrossEntropyLoss(), dataloader=batches, cuda=False).density(64, 1)
    return f"density of {len(values[0])} places"


def loss_landscapes_plane(model: nn.Module, batches: Batches, out: str) -> str:
    import loss_landscapes
    import loss_landscapes.metrics

    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    metric = loss_landscapes.metrics.Loss(nn.CrossEntropyLoss(), x, y)
    plane = loss_landscapes.random_plane(
        model, metric, distance=1, steps=SIDE, normalization="filter", deepcopy_model=True
    )
    return f"17 x 17 losses, range {plane.max() - plane.min():.4g}"


JOBS: dict[str, list[Callable[[nn.Module, Batches, str], str]]] = {
    "kogen": [kogen_plane, kogen_planes, kogen_curvature],
    "landscaper": [landscaper_plane, landscaper_curvature],
    "pyhessian": [pyhessian_curvature, pyhessian_density],
    "loss-landscapes": [loss_landscapes_plane],
}


def count_lines(job: Callable[..., Any]) -> int:
    """The lines that a user writes: those of the function's body, without the sentence that it returns."""
    body = inspect.getsource(job).splitlines()[1:]
    return sum(bool(line.strip()) and not line.startswith("    return") for line in body)


def main() -> None:
    names = sys.argv[1:] or ["kogen"]
    if unknown := [name for name in names if name not in JOBS]:
        raise SystemExit(f"unknown {unknown[0]!r}: give some of {', '.join(JOBS)}")
    model, batches = make_problem()
    print(f"torch {torch.__version__}, {sum(p.numel() for p in model.parameters()):,} parameters")
    for job in (job for name in names for job in JOBS[name]):
        state = copy.deepcopy(model.state_dict())
        with tempfile.TemporaryDirectory() as out:
            start, work = time.perf_counter(), time.process_time()
            try:
                said = job(copy.deepcopy(model), batches, out)
            except Exception as error:  # what does not run today is a result of this program
                said = f"FAILS: {type(error).__name__}: {str(error).splitlines()[0][:160]}"
            seconds = f"{time.perf_counter() - start:.1f} s, {time.process_time() - work:.1f} s of processors"
        same = all(torch.equal(state[key], value) for key, value in model.state_dict().items())
        print(f"{job.__name__}: {count_lines(job)} lines, {seconds}: {said}{'' if same else ' (MODEL CHANGED)'}")


if __name__ == "__main__":
    main()
