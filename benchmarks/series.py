"""Views of series, windows per second: kogen's render beside tsaug's pipeline of the same operations, one thread.
And steps of a training beside those of the bare network.

`python benchmarks/series.py [--rounds 7] [--quick] [--clock cpu]`: windows of 6 channels and 128 samples from an array,
one view of each. The contenders take turns, so that what else the machine does falls on all; medians count. tsaug is no
dependency of kogen (`pip install --no-deps tsaug`); where it is not there, a twin in numpy that goes window by window
stands in.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from step import CLOCKS, steps

from kogen.augmentation.view_sets import view_set
from kogen.augmentation.wave_sets import WAVE_SETS
from kogen.augmentation.waves import Wave, render_waves
from kogen.common.rng import StepRng
from kogen.config.plan import Plan
from kogen.data.series.from_values import from_series
from kogen.study.plans import with_data

BATCH, CHANNELS, LENGTH = 256, 6, 128
WANTED = 20_000  # windows a second of one core, of every set
# What tsaug knows too: crop, warp, scale (as its drift and quantiles do not), noise, drift, gaps, lost channels.
SHARED: dict[str, Any] = {"crop": (0.75, 0.75), "time_warp": 0.2, "noise": 0.1, "drift": 0.2, "dropout": 0.1}
Contender = Callable[[np.ndarray], object]


def by_kogen(wave: Wave) -> Contender:
    """One view of each window of a batch (B, C, T)."""
    return lambda batch: render_waves(torch.from_numpy(batch), [wave], StepRng(0, 0, len(batch)), tags=["0"])


def by_tsaug() -> Contender | None:
    """The operations of SHARED in tsaug, which takes (B, T, C); None where it is not installed."""
    try:
        import tsaug
    except ImportError:
        return None
    road = tsaug.Crop(size=round(SHARED["crop"][0] * LENGTH), resize=LENGTH)
    road += tsaug.TimeWarp(n_speed_change=3, max_speed_ratio=2)
    road += tsaug.Drift(max_drift=SHARED["drift"], n_drift_points=4) + tsaug.AddNoise(scale=SHARED["noise"])
    road += tsaug.Dropout(p=SHARED["dropout"], size=4, fill=0.0)
    return lambda batch: road.augment(np.ascontiguousarray(batch.transpose(0, 2, 1)))


def by_numpy(batch: np.ndarray) -> np.ndarray:
    """The operations of SHARED window by window, as a data set's `__getitem__` would do them."""
    rng, out = np.random.default_rng(0), np.empty_like(batch)
    grid, knots = (np.arange(LENGTH) + 0.5) / LENGTH, np.linspace(0, 1, 6)
    for number, window in enumerate(batch):
        speed = np.interp(grid, knots, np.maximum(rng.normal(1, SHARED["time_warp"], 6), 0.1)).cumsum()
        begin = rng.uniform(0, 1 - SHARED["crop"][0])
        place = (begin + SHARED["crop"][0] * speed / speed[-1]) * (LENGTH - 1)
        view = np.stack([np.interp(place, np.arange(LENGTH), channel) for channel in window])
        walk = rng.normal(size=(CHANNELS, 6)).cumsum(1)
        walk *= SHARED["drift"] / np.abs(walk).max(1, keepdims=True)
        view += np.stack([np.interp(grid, knots, channel) for channel in walk])
        view += rng.normal(0, SHARED["noise"], view.shape)
        gap = rng.integers(0, round(LENGTH * (1 - SHARED["dropout"])))
        view[:, gap : gap + round(LENGTH * SHARED["dropout"])] = 0
        out[number] = view
    return out


def measure(
    contenders: dict[str, Contender], count: int, rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Windows a second of each contender in each round, after one that does not count."""
    values = np.random.default_rng(0).normal(size=(count, CHANNELS, LENGTH)).astype(np.float32)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            start = clock()
            for place in range(0, count, BATCH):
                contender(values[place : place + BATCH])
            if turn:
                rates[name].append(count / (clock() - start))
    return rates


def beside_bare(method: str, rounds: int, count: int, clock: Callable[[], float]) -> float:
    """Print and return seconds a step of the engine over those of its network alone, whose views are there already."""
    values = np.random.default_rng(0).normal(size=(count, CHANNELS, LENGTH)).astype(np.float32)
    images = from_series(values, name="noise")
    asked = {"method": method, "kind": "series", "backbone": "tiny1d", "image_size": LENGTH, "views": "motion"}
    plan = with_data(Plan(**asked, epochs=2, batch_size=BATCH, precision="32"), images)
    ratios = []
    for _ in range(rounds):
        ours, bare = (statistics.median(times) for times in steps(plan, images, clock))
        ratios.append(ours / bare)
    found = statistics.median(ratios)
    print(
        f"{method} on tiny1d: a step of kogen takes {found:.3f} of a bare one ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="fewer windows, for a first look")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for a machine that is not quiet")
    asked = parser.parse_args()
    clock = CLOCKS[asked.clock]
    torch.set_num_threads(1)
    scale: dict[str, Any] = {"mean": (0.0,) * CHANNELS, "std": (1.0,) * CHANNELS}
    contenders = {name: by_kogen(view_set(name, LENGTH, channels=CHANNELS, **scale)[0]) for name in WAVE_SETS}
    contenders["kogen, shared"] = by_kogen(Wave(size=LENGTH, **scale, **SHARED))
    other = by_tsaug()
    contenders["tsaug, shared" if other else "numpy, shared"] = other or by_numpy
    load = os.getloadavg()[0]
    print(
        f"torch {torch.__version__}, 1 thread, {asked.clock} time, load before {load:.1f}; "
        f"{CHANNELS} x {LENGTH}, batches of {BATCH}"
    )
    rates = measure(contenders, 1024 if asked.quick else 8192, asked.rounds, clock)
    *ours, shared, theirs = rates
    for name in ours:
        print(f"{name:14s} {statistics.median(rates[name]):9.0f} windows/s (wanted {WANTED})")
    ratios = [a / b for a, b in zip(rates[shared], rates[theirs], strict=True)]
    for name in (shared, theirs):
        print(f"{name:14s} {statistics.median(rates[name]):9.0f} windows/s")
    beside_bare("byol", min(asked.rounds, 3), 2048 if asked.quick else 4096, clock)
    print(f"ratio {statistics.median(ratios):.1f} (rounds {min(ratios):.1f} to {max(ratios):.1f})")
    return 0 if all(statistics.median(rates[name]) >= WANTED for name in ours) else 1


if __name__ == "__main__":
    sys.exit(main())
