"""A limit to what building a network takes: what this machine cannot hold is refused before it is allocated."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from kogen.common.system import machine_memory

MAX_TENSORS = 6_000  # that a network is made of; timm's largest has 3,108
# What makes tensors of a size that is asked for; everything else is as large as what it gets.
FACTORIES: set[Any] = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange}
FACTORIES |= {torch.linspace, torch.eye}


class AllocationLimit(TorchFunctionMode):
    """While inside, ValueError for the tensor with which a network is larger than the memory of this machine.

    `copies`: how many tensors of its size are needed, such as 3 for training: weights, gradients and their mean.
    """

    def __init__(self, title: str, copies: int = 1) -> None:
        super().__init__()
        self.title, self.copies, self.memory = title, copies, machine_memory()
        self.bytes, self.tensors = 0, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if func in FACTORIES:
            # Made without memory first: every factory tells the size of its result in the same way.
            like = {key: value for key, value in options.items() if key not in ("device", "generator", "pin_memory")}
            self.add(func(*args, **like, device="meta"))
        elif func is Tensor.clone:
            self.add(args[0])
        return func(*args, **options)

    def add(self, tensor: Tensor) -> None:
        """Count a tensor before it is allocated."""
        self.bytes += tensor.numel() * tensor.element_size()
        self.tensors += 1
        if self.bytes * self.copies > self.memory:
            needs, has = self.bytes * self.copies / 1e9, self.memory / 1e9
            raise ValueError(
                f"{self.title} needs {needs:,.1f} GB of memory or more, this machine has {has:,.1f}: make it smaller"
            )
        if self.tensors > MAX_TENSORS:
            raise ValueError(f"{self.title} has more than {MAX_TENSORS:,} tensors, the most allowed: use fewer layers")
