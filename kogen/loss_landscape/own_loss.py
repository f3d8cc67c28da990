"""A loss from outside: any function of any module and a batch, as losses of units, with metrics of the same passes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from kogen.common.devices import is_out_of_memory
from kogen.loss_landscape.speedups.cached_parts import same_values
from kogen.modules.losses import full_precision

UnitFunction = Callable[[nn.Module, Any], Tensor]
"""A module and a batch to a scalar, or to a value of each sample, (B,)."""

WANTED = "wanted a scalar, or a loss of each sample, (B,)"
PLAIN = (Tensor, int, float, str, type(None))


@dataclass(frozen=True)
class OwnLoss:
    """A loss, what it is called, and metrics by name, which are measured at the same points."""

    name: str
    call: UnitFunction
    metrics: Mapping[str, UnitFunction] = field(default_factory=dict)


class OwnUnitLosses(nn.Module):
    """Calls a loss from outside with a module and a batch; a scalar is the loss of one unit, the batch.

    Within `measuring` the metrics follow, a column each; a metric that gives the module what the loss gave it gets the
    output that is there already.
    """

    def __init__(self, module: nn.Module, loss: OwnLoss) -> None:
        super().__init__()
        self.module: Any = module
        self.loss, self.scalar, self.measured = loss, False, False
        if loss.metrics:
            self.shared = SharedForward(module.forward)
            module.forward = self.shared

    def forward(self, batch: Any, targets: None) -> Tensor:
        """Losses of the units of a batch, (u,), or (u, 1 + M). ValueError for what is no loss and no metric."""
        if not self.measured:
            return self.call_loss(batch)
        with self.shared.remembering():
            columns = [self.call_loss(batch)]
            columns += [self.call_metric(name, batch, len(columns[0])) for name in self.loss.metrics]
        return torch.stack(columns, dim=1)

    def call_loss(self, batch: Any) -> Tensor:
        """The loss of each unit, (u,)."""
        value = call_function(f"the loss {self.loss.name!r}", self.loss.call, self.module, batch)
        if not value.is_floating_point():
            raise ValueError(f"the loss {self.loss.name!r} gave whole numbers ({value.dtype}): {WANTED} of floats")
        self.scalar = value.ndim == 0
        return full_precision(value).reshape(-1)

    def call_metric(self, name: str, batch: Any, units: int) -> Tensor:
        """A metric of each unit, (u,); of a whole batch, where the loss is of a batch, their mean."""
        value = call_function(f"the metric {name!r}", self.loss.metrics[name], self.module, batch).reshape(-1)
        value = full_precision(value)  # yes and no become 1 and 0
        if self.scalar:
            return value.mean().reshape(1)
        if len(value) != units:
            raise ValueError(
                f"the metric {name!r} gave {len(value)} values for {units} losses of samples: give one for each sample"
            )
        return value

    def make_targets(self, batch: Any) -> None:
        """There are none: whatever a loss compares with is in its batch."""
        return

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """While inside, metrics are measured too."""
        self.measured = True
        try:
            yield
        finally:
            self.measured = False


class SharedForward:
    """Replaces a module's forward; while `remembering` the same input is computed once."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.compute = forward
        self.kept: list[tuple[list[Any], Any, Any]] | None = None  # leaves and form of the arguments, the output

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.kept is None:
            return self.compute(*args, **kwargs)
        leaves, form = tree_flatten((args, kwargs))
        for known, shape, output in self.kept:
            if shape == form and all(map(same_values, known, leaves)):
                return copy_tensors(output)
        output = self.compute(*args, **kwargs)
        if all(isinstance(leaf, PLAIN) for leaf in tree_flatten(output)[0]):  # what is inside others nobody can copy
            self.kept.append((leaves, form, copy_tensors(output)))  # the caller may write to its own
        return output

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """While inside, outputs are kept; those of one batch at one point."""
        self.kept = []
        try:
            yield
        finally:
            self.kept = None


def copy_tensors(output: Any) -> Any:
    """The same structure with tensors of its own."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, output)


def call_function(title: str, function: UnitFunction, module: nn.Module, batch: Any) -> Tensor:
    """What a function from outside says of a batch, a scalar or (B,). ValueError for anything else, and if it raises.

    An error of the GPU's memory passes as it is.
    """
    try:
        value: Any = function(module, batch)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        where = next((str(parameter.device) for parameter in module.parameters()), "no device")
        raise ValueError(
            f"{title} raised {type(error).__name__}: {error}; it was called with the model (on {where}) and a batch "
            f"({describe_batch(batch)})"
        ) from error
    if not isinstance(value, Tensor):
        raise ValueError(f"{title} gave a {type(value).__name__}, {WANTED}, as a tensor")
    if value.ndim > 1 or not value.numel():
        raise ValueError(f"{title} gave the shape {tuple(value.shape)}, {WANTED}")
    return value


def describe_batch(batch: Any) -> str:
    """A batch in a few words: types, shapes and devices."""
    if isinstance(batch, Tensor):
        return f"{tuple(batch.shape)} {str(batch.dtype).removeprefix('torch.')} on {batch.device}"
    if isinstance(batch, Mapping):
        return f"{type(batch).__name__} of " + ", ".join(f"{key}: {describe_batch(batch[key])}" for key in [*batch][:6])
    if isinstance(batch, list | tuple):
        return f"{type(batch).__name__} of " + ", ".join(describe_batch(one) for one in batch[:6])
    return type(batch).__name__
