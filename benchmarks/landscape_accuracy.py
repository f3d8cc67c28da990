"""How far kogen's surfaces are from 51 x 51 points on trained networks, and the image passes they take.

Run: python benchmarks/landscape_accuracy.py [--all 4096] [--few 512] [--device cpu]

Small trained networks, one plane each: kogen's 9 -> 17 -> 33 on `few` images against 51 x 51 on `all`.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
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
from kogen.planes import Sheet, axis, fit
from kogen.plans import with_data
from kogen.shapes import numbers
from kogen.study import Plan

VIT = "vit_tiny_patch16_224?embed_dim=64&depth=4&num_heads=4"
NETS = {
    "supervised, ResNet": ("supervised", "tiny?width=8"),
    "supervised, ViT": ("supervised", VIT),
    "byol, ResNet": ("byol", "tiny?width=8"),
    "simsiam, ResNet": ("simsiam", "tiny?width=8"),
    "mae, ViT": ("mae", VIT),
    "rc_mae, ViT": ("rc_mae", VIT),
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=int, default=4096)
    parser.add_argument("--few", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=32, help="of the images whose surfaces are judged")
    parser.add_argument("--nets", default=";".join(NETS), help="whose surfaces are judged")
    accuracy(parser.parse_args(arguments))


def accuracy(asked: argparse.Namespace) -> None:
    """Errors of kogen's surface on few images, and of its own estimate, against 51 x 51 points on all images."""
    images = surfaces(n=max(asked.all, 512), size=asked.size)
    for name in asked.nets.split(";"):
        method, backbone = NETS[name]
        asks = {"method": method, "backbone": backbone, "views": "inspection", "epochs": asked.epochs}
        plan = with_data(Plan(**asks, image_size=asked.size, batch_size=64), images)
        module = trained(plan, images).to(asked.device)
        views = Batches(plan, images, torch.device("cpu")).views

        def of(count: int, module=module, views=views) -> Objective:
            return Objective(module, frozen_batches(images, views, count=count, device=asked.device))

        everything, few = of(asked.all), of(asked.few)
        directions = random(few.at).directions
        exact = sheet(surface(everything, few.at, directions, 51, levels=1), 51)
        same = sheet(surface(few, few.at, directions, 51, levels=1), 51)
        points = surface(few, few.at, directions)
        found = fit(points)
        places = axis(51, (-1, 1))
        off = float(np.abs(found.sheet.on(places, places) - same.values).max())
        truth, ours, theirs = numbers(exact), numbers(found.sheet), numbers(same)
        passes = 2601 * asked.all / (len(points) * asked.few)
        share = 100 / truth["range"]
        print(f"{name}: {len(points)} points, {passes:.0f}x fewer image passes; of the range in %: ", end="")
        print(f"max error {share * off:.2f}, estimate {share * found.error:.2f}, ratio {off / found.error:.2f}")
        for number in ("basin", "convex", "width"):
            print(
                f"  {number} {ours[number]:.4f}, 51x51 {theirs[number]:.4f}, all images {truth[number]:.4f}", flush=True
            )


def sheet(points: Any, count: int) -> Sheet:
    """A whole grid as it is, without a spline's levels."""
    places = axis(count, (-1, 1))
    return Sheet(places, places, points.sort_values(["alpha", "beta"])["loss"].to_numpy().reshape(count, count))


def trained(plan: Plan, images: Images) -> nn.Module:
    """The plan's method after its training."""
    with tempfile.TemporaryDirectory() as folder:
        list(pretrain(plan, images, Path(folder)))
        method = build(plan)
        load(Path(folder) / "checkpoint" / "state.safetensors", method)
    return method


if __name__ == "__main__":
    main(sys.argv[1:])
