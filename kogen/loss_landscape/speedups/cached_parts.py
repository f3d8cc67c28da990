"""Constant parts of a network: what does not move while a landscape is drawn answers each question once."""

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn


class CachedForward:
    """Stands before a module's forward and remembers what it answered: the same question is not computed twice."""

    def __init__(self, name: str, forward: Callable, memory: dict) -> None:
        self.name, self.compute, self.memory = name, forward, memory
        self.batch, self.calls = 0, 0

    def start_batch(self, batch: int) -> None:
        """From now on questions are those of this batch, from the first."""
        self.batch, self.calls = batch, 0

    def __call__(self, *args: Any) -> Any:
        key = (self.name, self.batch, self.calls)
        self.calls += 1
        if any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            return self.compute(*args)  # from an answer that was remembered no way leads back to what moves
        if key not in self.memory:
            self.memory[key] = (args, self.compute(*args))
        asked, answer = self.memory[key]
        return answer if len(asked) == len(args) and all(map(same_values, asked, args)) else self.compute(*args)


def same_values(first: Any, second: Any) -> bool:
    """Whether two arguments are the same thing, or tensors of the same values."""
    if first is second:
        return True
    tensors = isinstance(first, Tensor) and isinstance(second, Tensor)
    return tensors and first.shape == second.shape and torch.equal(first, second)


def cache_constant_parts(
    module: nn.Module, moving: Collection[str], run: Callable[[], Any], memory: dict
) -> list[CachedForward]:
    """Put a Constant before every outermost part of a module that `run` calls with tensors and in which nothing moves.

    Nothing moves where no parameter is one of the names `moving`, be it by another name. `run` runs the module once, so
    that it shows which parts it calls, and what writes into their answers: such an answer cannot be kept.
    """
    inside, found, answers = [0], [], []

    def enter(part: nn.Module, args: tuple, kwargs: dict) -> None:
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
    """The parts with parameters or statistics of which none moves; a part without parameters costs little."""
    held = {id(tensor) for name, tensor in module.named_parameters(remove_duplicate=False) if name in moving}
    found = []
    for name, part in list(module.named_modules())[1:]:
        own = {id(parameter) for parameter in part.parameters()}
        if own and not own & held and not any(other.startswith(f"{name}.") for other in moving):
            found.append(part)
    return found
