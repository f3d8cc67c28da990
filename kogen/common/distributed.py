"""What N processes share: their number, a rank, gathers and sums with gradient."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of processes that train together; 1 outside torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, 0 outside torch.distributed."""
    return dist.get_rank() if world_size() > 1 else 0


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        parts = [torch.empty_like(part) for _ in range(world_size())]
        dist.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # Every process's loss depends on our part, so its gradient is the sum over processes.
        grad = grads[0].contiguous()
        dist.all_reduce(grad)
        return grad.chunk(world_size())[rank()]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad = grads[0].clone()
        dist.all_reduce(grad)
        return grad


def gather(part: Tensor) -> Tensor:
    """Rows of all processes in rank order, (B, ...) to (world * B, ...), with gradient."""
    return _Gather.apply(part) if world_size() > 1 else part  # type: ignore[return-value]


def sum_over_processes(part: Tensor) -> Tensor:
    """Sum over processes, same shape, with gradient."""
    return _Sum.apply(part) if world_size() > 1 else part  # type: ignore[return-value]
