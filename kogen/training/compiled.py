"""torch.compile for the backbones of a training, where a user asks for it."""

import os
import shutil
import sys
from contextlib import AbstractContextManager
from typing import Any

import torch

from kogen.common import distributed
from kogen.common.devices import default_device
from kogen.config.plan import Plan
from kogen.modules.base import Method
from kogen.training.freezing import backbones_of

BACKEND = "inductor"
COMPILERS = ("cl",) if sys.platform == "win32" else ("g++", "clang++", "c++")  # one of them builds what a CPU runs


def compile_backbones(method: Method, plan: Plan) -> None:
    """Let every backbone of a method compute as torch.compile makes it; names of tensors stay as they are.

    ValueError where that is not possible: several processes, a method that takes the backbone apart, no compiler.
    """
    if distributed.world_size() > 1:
        raise ValueError("--compile works in one process: leave it out, or --processes 1")
    if method.needs:
        raise ValueError(f"--compile: {plan.method} computes inside its network, part by part; leave it out")
    device = default_device()
    if device == "mps":
        raise ValueError("--compile was never tried on Apple's GPU: leave it out")
    if device == "cpu" and not any(map(shutil.which, filter(None, (os.environ.get("CXX"), *COMPILERS)))):
        raise ValueError(f"--compile takes a C++ compiler ({', '.join(COMPILERS)}), and there is none: install one")
    for part in backbones_of(method):
        part.compile(backend=BACKEND)


def compute_eagerly() -> AbstractContextManager[Any]:
    """While inside, what is compiled computes as it is written: for a few images nothing is compiled anew."""
    return torch.compiler.set_stance("force_eager")
