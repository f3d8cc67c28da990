"""What each method costs beside supervised training: time and peak memory of a training image, as ratios.

Run: python benchmarks/methods.py [--backbone 'tiny?stem=half'] [--methods byol,mae] [--batch 64] [--rounds 3]

Every measurement is a process of its own that takes real steps (views, forward, backward, optimiser, update) on one
thread, so that memory is that method's alone. Rounds go through all methods in turn and the median of the rounds'
ratios is printed, so that a machine that slows down slows all of them.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from kogen.common import registry
from kogen.config.plan import Plan
from kogen.data.images import from_array
from kogen.study.plans import with_data
from kogen.training.batches import Batches
from kogen.training.fabric import start
from kogen.training.loop import prepare, train_step

WARM = 2  # steps that are not timed: allocation, the first choice of kernels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="tiny?stem=half")
    parser.add_argument("--methods", default="")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)  # the method this process measures
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked)))
        return
    trained = [name for name in registry.names("methods") if registry.load("methods", name).recipe.trains]
    chosen = [name for name in asked.methods.split(",") if name] or trained
    methods = ["supervised", *(name for name in chosen if name != "supervised")]
    rounds: dict[str, list[dict[str, float]]] = {}
    for _ in range(asked.rounds):
        for method in list(methods):
            if (found := child(method)) is None:
                methods.remove(method)
            else:
                rounds.setdefault(method, []).append(found)
    show(rounds)


def child(method: str) -> dict[str, float] | None:
    """What a process of its own measures; None (said) where the method cannot use this backbone."""
    done = subprocess.run([sys.executable, *sys.argv, "--one", method], capture_output=True, text=True)
    if done.returncode:
        print(f"{method}: left out: {done.stderr.strip().splitlines()[-1]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def measured(asked: argparse.Namespace) -> dict[str, float]:
    """Seconds and peak bytes of one image of `asked.one`."""
    torch.set_num_threads(1)
    rng, count = np.random.default_rng(0), asked.batch * 4
    pixels = rng.integers(0, 256, (count, 3, asked.image_size, asked.image_size), dtype=np.uint8)
    images = from_array(pixels, rng.integers(0, 10, count), tuple("abcdefghij"), name="noise")
    fields = {"backbone": asked.backbone, "image_size": asked.image_size, "precision": asked.precision}
    plan = with_data(Plan(method=asked.one, batch_size=asked.batch, epochs=4, **fields), images)
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, images, fabric.device)
    before, began = peak(fabric.device), 0.0
    for step in range(WARM + asked.steps):
        began = clock() if step == WARM else began
        train_step(fabric, wrapped, optimiser, loader, step % loader.steps, 1)
        method.update((step + 1) / (WARM + asked.steps))
    seconds = (clock() - began) / asked.steps / asked.batch
    return {"seconds": seconds, "bytes": (peak(fabric.device) - before) / asked.batch}


def peak(device: torch.device) -> float:
    """The most memory held so far, in bytes: of the GPU, or of this process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def clock() -> float:
    """Seconds, once the device has finished what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def show(rounds: dict[str, list[dict[str, float]]]) -> None:
    """A Markdown table: ratios to supervised of the same round, their median and range, and milliseconds."""
    base = rounds["supervised"]
    print("| method | time / supervised | rounds | memory / supervised | ms an image | MB an image |")
    print("|---|---|---|---|---|---|")
    for method, found in rounds.items():
        time_ratios = [mine["seconds"] / other["seconds"] for mine, other in zip(found, base, strict=True)]
        memory = [mine["bytes"] / other["bytes"] for mine, other in zip(found, base, strict=True)]
        span = f"{min(time_ratios):.2f} to {max(time_ratios):.2f}"
        ms, mb = statistics.median(mine["seconds"] for mine in found) * 1e3, found[0]["bytes"] / 1e6
        ratios = f"{statistics.median(time_ratios):.2f} | {span} | {statistics.median(memory):.2f}"
        print(f"| {method} | {ratios} | {ms:.2f} | {mb:.2f} |")
    if {"mae", "rc_mae"} <= set(rounds):
        ratios = [rc["seconds"] / mae["seconds"] for rc, mae in zip(rounds["rc_mae"], rounds["mae"], strict=True)]
        print(f"\nthe EMA teacher's price, rc_mae / mae: {statistics.median(ratios):.2f} in time")


if __name__ == "__main__":
    main()
