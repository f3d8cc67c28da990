"""Measuring what a network costs to run: parameters, FLOPs, time and memory of a forward pass, in a few seconds."""

import platform
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from kogen.common.devices import exact_arithmetic, wait_for_device
from kogen.common.running_costs import BATCHES, NO_PACKAGES, RunningCost, Timing
from kogen.evaluation.onnx_program import MissingPackages, export_program, open_network
from kogen.modules.base import Backbone

WARM_UP = 2  # passes that are not timed
MOST_REPEATS = 30
LEAST_REPEATS = 6  # with fewer there is no 95 % interval of a median
SECONDS, MOST_SECONDS = 0.3, 3.0  # of a batch size: as many repeats as fit; for the least number of them, at most


def measure_network(backbone: Backbone, file: Path, watts: float) -> RunningCost:
    """What a backbone costs to run on its device, with random pixels; `file`: of its weights.

    `watts`: assumed, of a thread of the CPU or of the GPU. The mode of the backbone is eval afterwards.
    """
    backbone.eval()
    device = next(backbone.parameters()).device
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    inputs = [random_pixels(backbone, count).to(device) for count in BATCHES]
    with exact_arithmetic():
        timings = tuple(time_passes(one_pass(backbone, pixels), len(pixels)) for pixels in inputs)
        memory = tuple(peak_bytes(backbone, pixels) for pixels in inputs)
    return RunningCost(
        network=backbone.spec,
        image_size=backbone.image_size,
        channels=backbone.channels,
        parameters=sum(each.numel() for each in backbone.parameters()),
        gflops=count_flops(backbone, inputs[0]) / 1e9,
        file_bytes=file.stat().st_size,
        timings=timings,
        memory_bytes=memory,
        device=device.type,
        machine=machine_name(device),
        threads=threads,
        watts=watts * threads,
    )


def measure_onnx(known: RunningCost, backbone: Backbone) -> RunningCost:
    """What is known of a network, with its time through ONNX on the CPU and its difference to torch, or why not."""
    backbone = backbone.cpu().eval()
    inputs = [random_pixels(backbone, count) for count in BATCHES]
    try:
        compute = open_network(export_program(backbone, inputs[1][:2], ["pixels"], ["features"]))
    except MissingPackages:
        return replace(known, onnx_note=NO_PACKAGES)
    except ValueError as error:  # a network that the exporter does not know
        return replace(known, onnx_note=str(error))
    arrays = [pixels.numpy() for pixels in inputs]
    timings = tuple(time_passes(lambda one=one: compute(one), len(one)) for one in arrays)
    with torch.inference_mode():
        pairs = [(compute(one), backbone(pixels).numpy()) for one, pixels in zip(arrays, inputs, strict=True)]
    worst = float(np.max([np.abs(ours - theirs).max() / np.abs(ours).max() for theirs, ours in pairs]))
    return replace(known, onnx=timings, onnx_difference=worst, onnx_note="")


def random_pixels(backbone: Backbone, count: int) -> Tensor:
    """Normalised pixels of images that are noise, (count, C, S, S), the same ones each time."""
    return torch.randn(count, *backbone.input_shape, generator=torch.Generator().manual_seed(0))


def one_pass(backbone: nn.Module, pixels: Tensor) -> Callable[[], None]:
    """A forward pass that returns when its device has done it."""

    def compute() -> None:
        with torch.inference_mode():
            backbone(pixels)
        wait_for_device(pixels.device)

    return compute


def time_passes(compute: Callable[[], Any], batch: int, clock: Callable[[], float] = time.perf_counter) -> Timing:
    """How long a pass takes, from repeats after a warm-up: 6 to 30 in about .3 s, fewer where 3 s do not hold 6."""
    began = clock()
    for _ in range(WARM_UP):
        compute()
        if clock() - began > MOST_SECONDS / 2:  # a large network: its second pass would tell little more
            break
    seconds: list[float] = []
    spent = 0.0
    while len(seconds) < MOST_REPEATS:
        start = clock()
        compute()
        seconds.append(clock() - start)
        spent += seconds[-1]
        if spent > (SECONDS if len(seconds) >= LEAST_REPEATS else MOST_SECONDS):
            break
    lo, hi = median_interval(seconds)
    ends = [None if end is None else 1000 * end for end in (lo, hi)]
    return Timing(batch, 1000 * float(np.median(seconds)), ends[0], ends[1], len(seconds))


def median_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95 % interval of a median by order statistics, whatever the distribution; none from fewer than 6 values.

    The k-th smallest and the k-th largest value, k the largest for which P(Bin(n, 1/2) < k) is at most 2.5 %.
    """
    n, ordered = len(values), sorted(values)
    k = int(binom.ppf(0.025, n, 0.5))  # the least k with P(Bin <= k) >= 2.5 %, so P(Bin < k) < 2.5 %
    return (ordered[k - 1], ordered[n - k]) if k >= 1 else (None, None)


def count_flops(backbone: nn.Module, pixels: Tensor) -> float:
    """Floating point operations an image: a multiply-add is 2; convolutions, matrix products and attention count.

    Attention is computed step by step here: torch's counter does not know the fused one of CPUs and would leave it out.
    """
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        backbone(pixels)
    return counter.get_total_flops() / len(pixels)


def peak_bytes(backbone: nn.Module, pixels: Tensor) -> int:
    """Bytes of the weights and of the tensors that a forward pass holds at once, its input among them.

    On a GPU torch's allocator says it, scratch space included. On a CPU the storages that operations return are counted
    while they live; scratch space inside an operation is not.
    """
    if pixels.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(pixels.device)
        with torch.inference_mode():
            backbone(pixels)
        wait_for_device(pixels.device)
        return torch.cuda.max_memory_allocated(pixels.device)
    weights = sum(each.nbytes for each in [*backbone.parameters(), *backbone.buffers()])
    with torch.no_grad(), LiveStorages() as live:
        backbone(pixels)
    return weights + pixels.nbytes + live.peak


class LiveStorages(TorchDispatchMode):
    """While inside, how many bytes the storages hold that operations have returned and that are still in use."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {id(each.untyped_storage()) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        found = func(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, Tensor):
                self.add(each.untyped_storage(), given)
        self.peak = max(self.peak, self.bytes)
        return found

    def add(self, storage: Any, given: set[int]) -> None:
        """Count a storage until it is freed; one that was an operation's input is a view of it, or changed in place."""
        key = id(storage)
        if key in self.known or key in given:
            return
        self.known.add(key)
        self.bytes += storage.nbytes()
        weakref.finalize(storage, self.remove, key, storage.nbytes())

    def remove(self, key: int, size: int) -> None:
        """Count a storage no more."""
        self.known.discard(key)
        self.bytes -= size


def machine_name(device: torch.device) -> str:
    """What computes: the name of the GPU, or what the system calls its processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
