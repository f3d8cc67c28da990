"""What folding batch norms into convolutions saves of a landscape's points: a loss, and a product with the Hessian.

Run: python benchmarks/folding.py [--rounds 20]

A round is the same point with and without folding, one after the other; a ratio is the median of the rounds' ratios.
One thread, batches of 64 images of 32 px, supervised and SimCLR, weights as drawn.
"""

import argparse
import time
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch

from kogen.common.rng import StepRng
from kogen.config.plan import Plan
from kogen.data.datasets.surfaces import surfaces
from kogen.loss_landscape import objective
from kogen.loss_landscape.hessian import Hessian
from kogen.modules.base import Views
from kogen.training.build import build_method

NETWORKS = ("tiny?width=8", "tiny", "resnet18")
IMAGES, SIZE = 64, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("method      network        loss: seconds, saved   Hessian product: seconds, saved")
    for method in ("supervised", "simclr"):
        for network in NETWORKS:
            folded, plain = make(method, network, fold=True), make(method, network, fold=False)
            assert folded.folds
            assert not plain.folds
            losses = [lambda one=one: one(one.at) for one in (folded, plain)]
            products = [Hessian(one.weighted_losses(), one.at) for one in (folded, plain)]
            vector = torch.ones(products[0].size)
            steps = [lambda hessian=hessian, vector=vector: hessian(vector) for hessian in products]
            cells = [compare(*losses, rounds), compare(*steps, max(rounds // 4, 3))]
            shown = "   ".join(f"{seconds:8.3f} s, {100 * saved:5.1f} %" for seconds, saved in cells)
            print(f"{method:11} {network:13} {shown}", flush=True)


def make(method: str, network: str, fold: bool) -> objective.Objective:
    """The loss of an untrained run on one frozen batch."""
    images = surfaces(n=IMAGES, size=SIZE)
    plan = Plan(
        method=method,
        backbone=network,
        image_size=SIZE,
        channels=images.channels,
        classes=images.classes,
        images=IMAGES,
    )
    module, rng = build_method(plan), StepRng(0, 0, IMAGES)
    pixels = torch.from_numpy(np.asarray(images.pixels[:])).float() / 255
    crops = [pixels, pixels.flip(-1)][: module.recipe.views]
    batch = Views(crops, torch.from_numpy(images.labels), torch.arange(IMAGES), rng, 0.0)
    if fold:
        return objective.Objective(module, [batch])
    with mock.patch.object(objective, "fold_batch_norms", return_value=[]):
        return objective.Objective(module, [batch])


def compare(folded: Callable[[], object], plain: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds with folding, and the share that it saves: medians of rounds."""
    pairs = np.array([[seconds(folded), seconds(plain)] for _ in range(rounds + 1)][1:])  # the first one warms up
    return float(np.median(pairs[:, 0])), 1 - float(np.median(pairs[:, 0] / pairs[:, 1]))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
