"""Embedding against the bare network: `embed` on images in memory beside a forward pass on tensors that are ready.

`python benchmarks/embedding.py [--threads 1] [--rounds 5] [--quick] [--clock cpu]`

The bare pass has its weights and normalised inputs ready, in the network's own memory layout and in the other one, in
batches of 64, with the same threads and the same kept memory; the faster layout counts. `embed` reads uint8 images of
the network's size, and of one and a half times it, which it resizes. The contenders take turns. Ratios are of medians
and of minima. `--clock cpu` takes CPU time of all threads in the place of wall time, for a machine that is not quiet.
`--bf16` adds the bare pass in bf16, where the processor computes in it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from kogen.augmentation.views import evaluation_view, render
from kogen.backbones import make_backbone
from kogen.common.rng import StepRng
from kogen.common.threads import keep_freed_memory
from kogen.data.images import from_array
from kogen.evaluation.features import embed

CASES = (("tiny", 32, 2048), ("resnet18", 64, 512), ("resnet18", 224, 128))  # network, pixels, images
BATCH, WANTED = 64, 1.1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def contenders(network: str, size: int, count: int, bf16: bool) -> dict[str, Callable[[], object]]:
    """What is timed, by name; each goes once over all images."""
    rng, view = np.random.default_rng(0), evaluation_view(size, mean=MEAN, std=STD)
    stored = {side: rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8) for side in (size, 3 * size // 2)}
    ready = render(torch.from_numpy(stored[size]), view, StepRng(0, 0, count), tag="plain")
    backbone = make_backbone(network, 3, size).eval()

    def bare(layout: torch.memory_format, half: bool) -> Callable[[], object]:
        inner = make_backbone(network, 3, size).eval().network.to(memory_format=layout)
        inputs = ready.contiguous(memory_format=layout)

        def compute() -> None:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                for start in range(0, count, BATCH):
                    inner(inputs[start : start + BATCH])

        return compute

    found = {
        "bare, channels last": bare(torch.channels_last, False),
        "bare, channels first": bare(torch.contiguous_format, False),
    }
    if bf16:
        found["bare, channels last, bf16"] = bare(torch.channels_last, True)
    for side, pixels in stored.items():
        images = from_array(pixels)
        name = "embed" if side == size else f"embed from {side} px"
        found[name] = lambda images=images: embed(backbone, images, view)
    return found


def compare(network: str, size: int, count: int, asked: argparse.Namespace) -> bool:
    """Print a case; whether `embed` is within what is wanted, by the medians."""
    clock, runs = CLOCKS[asked.clock], contenders(network, size, count, asked.bf16)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(asked.rounds + 1):
        for name, run in runs.items():
            began = clock()
            run()
            if turn:  # the first is a warm-up
                seconds[name].append(clock() - began)
    print(f"{network}, {size} px, {count} images", flush=True)
    plain = [name for name in runs if name.startswith("bare") and not name.endswith("bf16")]
    limit = {of: min(of(seconds[name]) for name in plain) for of in (statistics.median, min)}
    for name, times in seconds.items():
        middle, least = (of(times) / limit[of] for of in limit)
        speed = count / statistics.median(times)
        print(f"  {name:28s}{speed:9.0f} images/s   times bare {middle:.3f} (of minima {least:.3f})", flush=True)
    return statistics.median(seconds["embed"]) <= WANTED * limit[statistics.median]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a quarter of the images")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--bf16", action="store_true", help="the bare pass in bf16 too")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    keep_freed_memory()
    print(f"torch {torch.__version__}, {asked.threads} threads, {asked.clock} time, bare in batches of {BATCH}")
    fits = [compare(network, size, count // (4 if asked.quick else 1), asked) for network, size, count in CASES]
    print(f"embed at most {WANTED} times bare: {'yes' if all(fits) else 'NO'}")
    return 0 if all(fits) else 1


if __name__ == "__main__":
    sys.exit(main())
