"""Parameters by name, and the vector (P,) they make, each tensor row by row."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

Params = dict[str, Tensor]


def flatten(params: Mapping[str, Tensor], names: Iterable[str]) -> Tensor:
    """The tensors of these names as one new vector (P,) without gradient, of the type that holds all of theirs."""
    return torch.cat([params[name].detach().reshape(-1) for name in names])


def unflatten(vector: Tensor, like: Mapping[str, Tensor]) -> Params:
    """A vector (P,) as tensors with the names, shapes and types of `like`, on its own device; views if possible."""
    pieces = vector.split([tensor.numel() for tensor in like.values()])
    return {n: piece.view(t.shape).to(t.dtype) for (n, t), piece in zip(like.items(), pieces, strict=True)}
