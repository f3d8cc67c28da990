"""Devices: which one computes, how exactly, and copies to it and back that nobody waits for.

Apple's GPU (`mps`) is written by its documentation and was never tried: it computes float32 unless asked otherwise,
promises no bits twice, and what needs float64 (the linear probe, landscapes) stays on the CPU.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from kogen.common.text import hint

PRECISIONS = ("auto", "32", "tf32", "bf16")


def default_device() -> str:
    """Where this machine computes: `cuda`, `mps` (Apple's GPU, untried) or `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def float64_device(device: torch.device | str) -> torch.device:
    """The device itself, or the CPU in the place of Apple's GPU, which does not know float64."""
    wanted = torch.device(device)
    return torch.device("cpu") if wanted.type == "mps" else wanted


def resolve_precision(precision: str) -> str:
    """`32`, `tf32` or `bf16`; `auto` is bf16 on GPUs and on CPUs that compute in it (AVX512-BF16, AMX): half the time.

    `32` is float32 all through; `tf32` lets a GPU's matrix products and convolutions keep 10 bits of 23.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}: {hint(precision, list(PRECISIONS))}")
    device = default_device()
    if precision == "tf32" and device != "cuda":
        kind = "GPUs" if device == "cpu" else "CUDA GPUs"
        raise ValueError(f"precision 'tf32' is known to {kind} only, and this machine has none: use 32, bf16 or auto")
    if precision != "auto":
        return precision
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public name for it yet
    fast = device == "cuda" or (device == "cpu" and any(getattr(torch.cpu, name, bool)() for name in checks))
    return "bf16" if fast else "32"


@contextmanager
def exact_arithmetic(precision: str = "32") -> Iterator[None]:
    """While inside, a GPU gives the same bits twice and float32 is float32, unless `precision` is `tf32`.

    Torch by itself adds up gradients in any order and computes float32 convolutions in tf32. A CPU does neither.
    """
    if not torch.cuda.is_available():
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it first computes
    modes = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    filled, matmul, cudnn = memory.fill_uninitialized_memory, torch.backends.cuda.matmul, torch.backends.cudnn
    was, tf32 = matmul.allow_tf32, precision == "tf32"
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # a pass over memory that is written anyway
    matmul.allow_tf32 = tf32
    try:
        with cudnn.flags(enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.use_deterministic_algorithms(modes[0], warn_only=modes[1])
        memory.fill_uninitialized_memory = filled
        matmul.allow_tf32 = was


def to_device(values: Tensor, target: torch.device | str) -> Tensor:
    """The values on a device; to a GPU by way of pinned memory, so that neither side waits for the other."""
    target = torch.device(target)
    if target.type != "cuda" or values.device.type != "cpu":
        return values.to(target)
    return values.contiguous().pin_memory().to(target, non_blocking=True)


class PendingTensor:
    """Values on their way to the CPU; `wait` waits for this copy and for no later work of the GPU."""

    def __init__(self, values: Tensor) -> None:
        # Torch pins the memory by itself on CUDA; elsewhere nothing would say when the copy is there.
        self.values = values.detach().to("cpu", non_blocking=values.device.type == "cuda")
        self.event = torch.cuda.Event() if values.device.type == "cuda" else None
        if self.event:
            self.event.record()

    def wait(self) -> Tensor:
        """The values, on the CPU."""
        if self.event:
            self.event.synchronize()
        return self.values


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device (or the CPU, under a limit) has too little memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # Torch has no class for these two.
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("DefaultCPUAllocator", "MPS backend out of memory")
    )


def wait_for_device(device: torch.device) -> None:
    """Wait until a GPU has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def free_cached_memory() -> None:
    """Give back the memory of a GPU that torch keeps for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif default_device() == "mps":
        torch.mps.empty_cache()
