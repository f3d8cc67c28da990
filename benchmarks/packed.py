"""Packed sets: images per second and a step's waiting, by the memory map, by Lance and by decoding on demand.

`python benchmarks/packed.py [--images 1024] [--rounds 3] [--quick]`, of JPEG files of 500 x 375, kept as 256 x 256, and
of arrays of 32 x 32. The ways take turns, so that what else the machine does falls on all; medians count. All is on
this disk and in the system's cache. A step is a network on the CPU, which shares its cores with whoever decodes, or a
pause of the same kind for each way, which stands for a GPU that computes meanwhile.
"""

import argparse
import io
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from kogen.config.plan import Plan
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.open import open_images
from kogen.data.pack import pack_images
from kogen.data.read_ahead import WORTH, ReadAhead
from kogen.study.plans import with_data
from kogen.training.loop import pretrain

BATCH = 64
AS_IT_IS = "as it is"
AHEAD = {"never ahead": math.inf, "always ahead": 0.0, AS_IT_IS: WORTH}  # seconds of a reading that is worth a thread
PAUSES = (0.1, 0.4)  # seconds of a step on a GPU that stands in


def write_jpegs(folder: Path, count: int) -> Path:
    """Pictures with large shapes and grain, about as large as photographs."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((500, 375), 3)
        pixels = np.asarray(coarse).astype(np.int16) + rng.normal(0, 6, (375, 500, 1)).astype(np.int16)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number:05d}.jpg", quality=90)
    return folder


def write_array(file: Path, count: int) -> Path:
    """Noise of 32 x 32, which is read where it lies."""
    np.save(file, np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8))
    return file


def open_ways(source: Path, folder: Path, side: int) -> dict[str, Images]:
    """The same set, read in each way."""
    how = CacheSettings(side, cache=folder / "cache", progress=False)
    mapped = open_images(source, how)
    place = str(folder / f"{source.stem}.lance")
    assert pack_images(mapped, place, how)
    ways = {"memory map": mapped, "lance": open_images(place, how)}
    return ways | ({"on demand": open_images(source, replace(how, on_demand=True))} if source.is_dir() else {})


def read_epoch(images: Images, seed: int) -> float:
    """Images per second of reading random batches, one after the other, with nothing between."""
    order = np.random.default_rng(seed).permutation(len(images) // BATCH * BATCH).reshape(-1, BATCH)
    began = time.perf_counter()
    for batch in order:
        images.fetch(batch)
    return order.size / (time.perf_counter() - began)


def take_turns(work: dict[str, Callable[[int], float]], rounds: int) -> dict[str, float]:
    """The median of each over rounds in which they take turns."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds):
        for name, one in work.items():
            found[name].append(one(number))
    return {name: statistics.median(values) for name, values in found.items()}


def waiting(images: Images, step: Callable[[], object], steps: int, *, ahead: float) -> float:
    """Milliseconds that a step waits for the pixels of its batch, in the mean; `ahead`: the `worth` of ReadAhead."""
    order = np.random.default_rng(0).permutation(len(images))
    reading, waited = ReadAhead[np.ndarray](steps, worth=ahead), 0.0
    for number in range(steps):
        began = time.perf_counter()
        reading.get(number, lambda n: images.fetch(order[n * BATCH % (len(order) - BATCH) :][:BATCH]))
        waited += time.perf_counter() - began if number > 1 else 0
        step()
    return 1000 * waited / (steps - 2)


def train(images: Images, folder: Path, size: int, *, ahead: float) -> dict[str, torch.Tensor]:
    """All that a short training leaves, weights and optimiser; `ahead`: the `worth` of ReadAhead."""
    plan = Plan(method="moco_v2", backbone="tiny?width=8", image_size=size, epochs=2, batch_size=BATCH, precision="32")
    with patch.dict(ReadAhead.__init__.__kwdefaults__, worth=ahead):
        list(pretrain(with_data(plan, images), images, folder))
    return load_file(folder / "checkpoint" / "state.safetensors")


def encodings(images: Images, source: Path) -> Iterator[str]:
    """What an image takes, and how long it takes to be pixels, in the ways in which it could be packed."""
    pixels = images.fetch(np.arange(32)).transpose(0, 2, 3, 1)
    files = sorted(source.iterdir())[:32]
    yield f"  pixels as they are: {pixels[0].nbytes / 1e3:.0f} kB, nothing to decode"
    for kind, how in (("PNG", {"compress_level": 6}), ("WEBP", {"lossless": True})):
        packed = [io.BytesIO() for _ in pixels]
        for place, image in zip(packed, pixels, strict=True):
            Image.fromarray(image).save(place, kind, **how)
        began = time.perf_counter()
        for place in packed:
            np.asarray(Image.open(place))
        spent = (time.perf_counter() - began) / len(packed)
        yield f"  the same as {kind}, lossless: {packed[0].tell() / 1e3:.0f} kB, {1000 * spent:.1f} ms to decode"
    began = time.perf_counter()
    for file in files:
        np.asarray(Image.open(file).convert("RGB").resize(pixels.shape[2:0:-1], Image.Resampling.BICUBIC))
    spent = (time.perf_counter() - began) / len(files)
    yield f"  the JPEG file: {files[0].stat().st_size / 1e3:.0f} kB, {1000 * spent:.1f} ms to decode and squeeze"


def compare_speeds(ways: dict[str, Images], rounds: int) -> None:
    """Print images per second of each way."""
    speeds = take_turns({name: lambda seed, of=of: read_epoch(of, seed) for name, of in ways.items()}, rounds)
    for name, speed in speeds.items():
        print(f"  {name}: {speed:,.0f} images/s, {speed / speeds['memory map']:.3f} of the memory map")


def compare_waiting(ways: dict[str, Images], steps: int, rounds: int) -> None:
    """Print how long a step waits in each way, without reading ahead, with it always, and as kogen does it."""
    weights = torch.randn(700, 700)

    def compute() -> None:
        for _ in range(40):
            weights @ weights

    beside: dict[str, Callable[[], object]] = {f"a pause of {1000 * t:.0f} ms": partial(time.sleep, t) for t in PAUSES}
    for title, step in {**beside, "the CPU computing": compute}.items():
        print(f"  ms a step of {BATCH} waits, beside {title}:")
        work = {
            (name, said): lambda _, of=of, worth=worth, step=step: waiting(of, step, steps, ahead=worth)
            for name, of in ways.items()
            for said, worth in AHEAD.items()
        }
        found = take_turns(work, rounds)
        for name in ways:
            print(f"    {name}: {'; '.join(f'{said} {found[name, said]:.1f}' for said in AHEAD)}")


def compare_weights(ways: dict[str, Images], folder: Path, size: int) -> bool:
    """Whether trainings in all ways, reading ahead or not, leave the same, bit by bit."""
    results = {
        f"{name} ({said})": train(of.subset(np.arange(4 * BATCH)), folder / f"{name} {said}", size, ahead=worth)
        for name, of in ways.items()
        for said, worth in AHEAD.items()
        if said != AS_IT_IS
    }
    first, *others = results.values()
    equal = all(one.keys() == first.keys() and all(torch.equal(one[k], first[k]) for k in first) for one in others)
    print(f"  weights and optimiser of {len(results)} trainings: {'EQUAL, bit by bit' if equal else 'DIFFERENT'}")
    return equal


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    count, rounds, steps = (320, 1, 6) if options.quick else (options.images, options.rounds, 10)
    torch.set_num_threads(1)
    good = True
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        jpegs, array = write_jpegs(folder / "jpegs", count), write_array(folder / "array.npy", 10 * count)
        for source, side, size in ((jpegs, 256, 64), (array, 128, 32)):
            ways = open_ways(source, folder, side)
            print(f"{source.stem}: {len(ways['lance'])} images, kept as {ways['lance'].pixels.shape[2:]}")
            if source.is_dir():
                print("\n".join(encodings(ways["memory map"], source)))
            compare_speeds(ways, rounds)
            compare_waiting(ways, steps, rounds)
            good &= compare_weights(ways, folder / f"runs {source.stem}", size)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
