"""How far kogen's surfaces are from 51 x 51 points on trained networks, what it says of that, and the passes it takes.

Run: python benchmarks/landscape_accuracy.py [--all 128] [--epochs 10] [--size 16] [--device cpu] [--nets ...]

Six small networks trained here, one plane each. The first eighth of the images are `few`.
same images  the spline of 9 -> 17 -> 33 points on few against 51 x 51 points on the same: the largest error, kogen's
             estimate of it and their ratio (within 1/3 to 3 wanted), the basin of both (within .005 wanted)
all images   that spline corrected by coarse grids of all images against 51 x 51 points on all: errors, the basin, how
             many times fewer image passes that is (100 wanted) and than the smallest plain k x k grid on all images,
             k - 1 a divisor of 50, that is no less exact: the equal accuracy at which passes can be compared
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from kogen.build import build
from kogen.checkpoint import load
from kogen.datasets.surfaces import surfaces
from kogen.directions.random import random
from kogen.engine import Batches, pretrain
from kogen.images import Images
from kogen.landscape import surface
from kogen.objectives import Objective, frozen_batches
from kogen.planes import Sheet, axis, corrected, fit
from kogen.plans import with_data
from kogen.shapes import numbers
from kogen.study import Plan

VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"
NETS = {
    "supervised, ResNet": ("supervised", "tiny?width=4", {}),
    "supervised, ViT": ("supervised", VIT, {}),
    "byol, ResNet": ("byol", "tiny?width=4", {"hidden": 64, "dim": 32}),
    "simsiam, ResNet": ("simsiam", "tiny?width=4", {"dim": 64, "bottleneck": 32}),
    "mae, ViT": ("mae", VIT, {"width": 32, "depth": 1, "rate": 0.004}),
    "rc_mae, ViT": ("rc_mae", VIT, {"width": 32, "depth": 1, "rate": 0.004}),
}
PLACES = axis(51, (-1, 1))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=int, default=128, help="images, a multiple of 8")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--size", type=int, default=16, help="of the images, in pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--nets", default=";".join(NETS))
    asked = parser.parse_args(arguments)
    images = surfaces(n=max(asked.all, 512), size=asked.size)
    for name in asked.nets.split(";"):
        judge(name, images, asked)


def judge(name: str, images: Images, asked: argparse.Namespace) -> None:
    """Print one network's errors and passes."""
    method, backbone, settings = NETS[name]
    asks = {"method": method, "backbone": backbone, "settings": settings, "views": "inspection", "precision": "32"}
    asks |= {"epochs": asked.epochs, "image_size": asked.size, "batch_size": 32}
    plan = with_data(Plan(**asks), images)
    module = trained(plan, images).to(asked.device)
    views = Batches(plan, images, torch.device("cpu")).views
    batches = frozen_batches(images, views, count=asked.all, batch=asked.all // 8, device=asked.device)
    every, few = Objective(module, batches), Objective(module, batches[:1])
    directions = random(few.at).directions
    exact = surface(every, few.at, directions, 51, levels=1)
    points = surface(few, few.at, directions)
    same_images(name, points, exact.assign(loss=[parts[0] for parts in exact["parts"]]))
    for coarse in (9, 5):
        of_all = surface(every, few.at, directions, coarse, levels=1)
        all_images(corrected(points, of_all), sheet(exact), len(points) / 8 + len(of_all), coarse)


def same_images(name: str, points: pd.DataFrame, exact: pd.DataFrame) -> None:
    """Errors on the same images, in percent of the range."""
    found, truth = fit(points), sheet(exact)
    off, share = errors(found.sheet, truth)[0], 100 / numbers(truth)["range"]
    print(f"{name}, the same images, {len(points)} points: of the range in %: max error {share * off:.3f}, ", end="")
    print(
        f"estimate {share * found.error:.3f}, ratio {off / found.error:.2f}; {basins(found.sheet, truth)}", flush=True
    )


def all_images(found: Sheet, truth: Sheet, passes: float, coarse: int) -> None:
    """Errors on all images, in percent of the range; `passes` in units of the number of all images."""
    off, square = errors(found, truth)
    share = 100 / numbers(truth)["range"]
    plain = next(k for k in (3, 6, 11, 26, 51) if errors(thinned(truth, k), truth)[0] <= off)
    print(
        f"  all on {coarse} x {coarse}: max error {share * off:.2f}, rms {share * square:.3f}; {basins(found, truth)}; "
    )
    print(
        f"    passes: {2601 / passes:.0f}x fewer than 51 x 51, {plain**2 / passes:.1f}x than {plain} x {plain}",
        flush=True,
    )


def errors(found: Sheet, truth: Sheet) -> tuple[float, float]:
    """The largest error on 51 x 51 points and its root mean square."""
    off = np.abs(found.on(PLACES, PLACES) - truth.values)
    return float(off.max()), float(np.sqrt((off**2).mean()))


def basins(found: Sheet, truth: Sheet) -> str:
    """The basin of both."""
    return f"basin {numbers(found)['basin']:.4f}, 51 x 51 {numbers(truth)['basin']:.4f}"


def sheet(points: pd.DataFrame) -> Sheet:
    """51 x 51 points as they are, without a spline's levels."""
    return Sheet(PLACES, PLACES, points.sort_values(["alpha", "beta"])["loss"].to_numpy().reshape(51, 51))


def thinned(truth: Sheet, count: int) -> Sheet:
    """A spline through `count` x `count` of its points."""
    kept = slice(None, None, 50 // (count - 1))
    return Sheet(PLACES[kept], PLACES[kept], truth.values[kept, kept])


def trained(plan: Plan, images: Images) -> nn.Module:
    """The plan's method after its training."""
    with tempfile.TemporaryDirectory() as folder:
        list(pretrain(plan, images, Path(folder)))
        method = build(plan)
        load(Path(folder) / "checkpoint" / "state.safetensors", method)
    return method


if __name__ == "__main__":
    main(sys.argv[1:])
