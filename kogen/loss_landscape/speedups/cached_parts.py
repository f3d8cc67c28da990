"""Caches the outputs of the parts of a network that do not move while a landscape is computed."""

from collections.abc import Callable, Collection, Hashable
from typing import Any

import torch
from torch import Tensor, nn

Memory = dict[Any, tuple[tuple[Any, ...], Any]]  # arguments and output of each call that was computed


class CachedForward:
    """Replaces a module's forward and caches its outputs: the same input is computed once."""

    def __init__(self, name: str, forward: Callable[..., Any], memory: Memory) -> None:
        self.name, self.compute, self.memory = name, forward, memory
        self.batch: Hashable = 0
        self.calls = 0

    def start_batch(self, batch: Hashable) -> None:
        """The following calls are those of this batch, from the first."""
        self.batch, self.calls = batch, 0

    def __call__(self, *args: Any) -> Any:
        key = (self.name, self.batch, self.calls)
        self.calls += 1
        if any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            return self.compute(*args)  # a cached output carries no gradient to what moves
        if key not in self.memory:
            self.memory[key] = (args, self.compute(*args))
        inputs, output = self.memory[key]
        return output if len(inputs) == len(args) and all(map(same_values, inputs, args)) else self.compute(*args)


def same_values(first: Any, second: Any) -> bool:
    """Whether two arguments are the same object, or tensors of the same values."""
    if first is second:
        return True
    tensors = isinstance(first, Tensor) and isinstance(second, Tensor)
    return tensors and first.shape == second.shape and torch.equal(first, second)


def cache_constant_parts(
    module: nn.Module, moving: Collection[str], run: Callable[[], Any], memory: Memory
) -> list[CachedForward]:
    """Put a CachedForward before every outermost part of a module that `run` calls with tensors and that does not move.

    A part does not move where none of its parameters has a name in `moving`, by any of its names. `run` runs the module
    once, to show which parts it calls and which outputs are written to afterwards: these cannot be cached.
    """
    inside, found, answers = [0], [], []

    def enter(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not inside[0] and not kwargs and args and all(isinstance(arg, Tensor) for arg in args):
            found.append(part)
        inside[0] += 1

    def leave(part: nn.Module, args: Any, out: Any) -> None:
        inside[0] -= 1
        listed = out if isinstance(out, tuple | list) else [out]
        answers.extend((part, one, one._version) for one in listed if isinstance(one, Tensor))

    hooks = []
    for part in constant_parts(module, moving):
        hooks += [part.register_forward_pre_hook(enter, with_kwargs=True), part.register_forward_hook(leave)]
    run()
    for hook in hooks:
        hook.remove()
    written = {part for part, answer, version in answers if answer._version != version}
    names, made = {part: name for name, part in module.named_modules()}, []
    for part in dict.fromkeys(part for part in found if part not in written):
        made.append(CachedForward(names[part], part.forward, memory))
        part.forward = made[-1]
    return made


def constant_parts(module: nn.Module, moving: Collection[str]) -> list[nn.Module]:
    """The parts whose parameters and statistics all stay; parts without parameters cost too little to cache."""
    held = {id(tensor) for name, tensor in module.named_parameters(remove_duplicate=False) if name in moving}
    found = []
    for name, part in list(module.named_modules())[1:]:
        own = {id(parameter) for parameter in part.parameters()}
        if own and not own & held and not any(other.startswith(f"{name}.") for other in moving):
            found.append(part)
    return found
