"""Batch norm over the batch of all processes, on any device."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kogen.common.distributed import sum_over_processes, world_size


class GlobalBatchNorm(_BatchNorm):
    """Batch norm whose batch is that of all processes, on any device (torch's SyncBatchNorm needs a GPU)."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) to the same shape; statistics over B and all trailing axes of every process."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        wide = input.float()
        axes = [0, *range(2, wide.dim())]
        shape = [1, -1] + [1] * (wide.dim() - 2)
        count = wide.numel() // wide.shape[1] * world_size()
        mean = sum_over_processes(wide.sum(axes)) / count  # (C,)
        centred = wide - mean.view(shape)
        variance = sum_over_processes(centred.square().sum(axes)) / count  # (C,)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(variance.detach() * count / max(count - 1, 1), share)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        out = centred * scale.view(shape)
        if self.bias is not None:
            out = out + self.bias.view(shape)
        return out.to(input.dtype)


def convert_batch_norm(module: nn.Module) -> None:
    """Turn every BatchNorm inside `module` into a GlobalBatchNorm, in place; nothing else changes."""
    for child in module.modules():
        if type(child) in (nn.BatchNorm1d, nn.BatchNorm2d):
            child.__class__ = GlobalBatchNorm
