"""How far kogen's surfaces are from 51 x 51 points on trained networks, what it says of that, and the passes it takes.

Run: python benchmarks/landscape_accuracy.py [--all 2048] [--truth 19] [--epochs 10] [--size 16] [--nets ...]

Six small networks trained here, one plane each, 64 images (`few`) on the finest grid.
same images  the spline of 9 -> 17 -> 33 points on few against 51 x 51 points on the same: the largest error, kogen's
             estimate of it and their ratio (within 1/3 to 3 wanted), the basin of both (within .005 wanted)
all images   the spline of 9 -> 17 points on few, corrected for all images as the verb does it, against all on --truth x
             --truth points: errors beside the standard error that the draw of the images
             leaves in the rise of the loss (root mean squares over the plane), width and basin, and how many times
             fewer image passes than 51 x 51 points of all take (100 wanted); also than such points of as many fewer
             images as would leave the sum of both errors
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from kogen.config.plan import Plan
from kogen.data.datasets.surfaces import surfaces
from kogen.data.images import Images
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.grid import surface
from kogen.loss_landscape.grouped_objective import FEW
from kogen.loss_landscape.objective import Objective
from kogen.study.plans import with_data
from kogen.surface_fit.interpolation import Spline2D, fit_grid
from kogen.surface_fit.metrics import surface_metrics
from kogen.surface_fit.multilevel import choose_corrections, multilevel_spline
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.checkpoint import load
from kogen.training.loop import pretrain

VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"
NETS = {
    "supervised, ResNet": ("supervised", "tiny?width=4", {}),
    "supervised, ViT": ("supervised", VIT, {}),
    "byol, ResNet": ("byol", "tiny?width=4", {"hidden": 64, "dim": 32}),
    "simsiam, ResNet": ("simsiam", "tiny?width=4", {"dim": 64, "bottleneck": 32}),
    "mae, ViT": ("mae", VIT, {"width": 32, "depth": 1, "rate": 0.004}),
    "rc_mae, ViT": ("rc_mae", VIT, {"width": 32, "depth": 1, "rate": 0.004}),
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=int, default=2048, help="images, a multiple of 32")
    parser.add_argument("--truth", type=int, default=19, help="points a side on all images, odd: 51 for all")
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
    module = trained(plan, images.subset(np.arange(512))).to(asked.device)
    views = Batches(plan, images, torch.device("cpu")).views
    every = Objective(module, frozen_batches(images, views, count=asked.all, batch=32, device=asked.device))
    few, directions = every.take_first(FEW), random(every.at).directions
    points = surface(few, few.at, directions)
    same_images(name, points, surface(few, few.at, directions, 51, levels=1))
    tables = [points[points["level"] < 2].assign(images=FEW)]
    chain = choose_corrections(tables[0], asked.all)
    for count, stride in chain:
        part = every.take_first(count)
        tables.append(surface(part, part.at, directions, 8 // stride + 1, levels=1).assign(images=count))
    exact = surface(every, every.at, directions, asked.truth, levels=1)
    print(f"  all {asked.all}: " + ", ".join(f"{len(one)} points of {one['images'].iloc[0]}" for one in tables))
    passes = sum(len(one) * one["images"].iloc[0] for one in tables)
    all_images(multilevel_spline(pd.concat(tables, ignore_index=True)), exact, 2601 * asked.all / passes)


def same_images(name: str, points: pd.DataFrame, exact: pd.DataFrame) -> None:
    """Errors on the same images, in percent of the range."""
    found, truth = fit_grid(points), sheet(exact)
    off, share = errors(found.spline, truth)[0], 100 / surface_metrics(truth)["range"]
    print(f"{name}, the same images, {len(points)} points: of the range in %: max error {share * off:.3f}, ", end="")
    print(
        f"estimate {share * found.error:.3f}, ratio {off / found.error:.2f}; {shapes(found.spline, truth)}", flush=True
    )


def all_images(found: Spline2D, exact: pd.DataFrame, fewer: float) -> None:
    """Errors on all images, in percent of the range; `fewer`: times fewer passes than `exact` took."""
    truth = sheet(exact)
    off, square = errors(found, truth)
    share, drawn = 100 / surface_metrics(truth)["range"], drawing(exact)
    print(f"  max error {share * off:.2f}, rms {share * square:.3f}, drawing the images {share * drawn:.3f}; ", end="")
    print(f"{shapes(found, truth)}; passes: {fewer:.0f}x fewer than 51 x 51, ", end="")
    print(f"{fewer / (1 + (square / drawn) ** 2):.0f}x at the sum of both errors", flush=True)


def drawing(exact: pd.DataFrame) -> float:
    """The standard error of the rise of the loss above the centre over draws of the images, rms over the plane."""
    parts = np.stack(exact.sort_values(["alpha", "beta"])["parts"].to_numpy())  # (N, G)
    rise = parts - parts[len(parts) // 2]
    return float(np.sqrt(rise.var(axis=1, ddof=1).mean() / parts.shape[1]))


def errors(found: Spline2D, truth: Spline2D) -> tuple[float, float]:
    """The largest error on the points of the truth and its root mean square."""
    off = np.abs(found.on_grid(truth.alpha, truth.beta) - truth.values)
    return float(off.max()), float(np.sqrt((off**2).mean()))


def shapes(found: Spline2D, truth: Spline2D) -> str:
    """The numbers of both."""
    one, two = surface_metrics(found), surface_metrics(truth)
    return ", ".join(f"{name} {one[name]:.4f}, 51 x 51 {two[name]:.4f}" for name in ("basin", "width"))


def sheet(points: pd.DataFrame) -> Spline2D:
    """The points of a square as they are, without a spline's levels."""
    places = np.unique(points["alpha"])
    values = points.sort_values(["alpha", "beta"])["loss"].to_numpy()
    return Spline2D(places, places, values.reshape(len(places), len(places)))


def trained(plan: Plan, images: Images) -> nn.Module:
    """The plan's method after its training."""
    with tempfile.TemporaryDirectory() as folder:
        list(pretrain(plan, images, Path(folder)))
        method = build_method(plan)
        load(Path(folder) / "checkpoint" / "state.safetensors", method)
    return method


if __name__ == "__main__":
    main(sys.argv[1:])
