"""Folds a batch norm with fixed statistics into the weights of the convolution before it.

Measured on two CPU cores by benchmarks/folding.py (32 px, batch 64, medians of 12 alternating pairs; supervised and
SimCLR): saves 16 to 28 % (tiny?width=8), 10 to 20 % (tiny), 5 to 9 % (resnet18) of a Hessian product, and of a loss
9 to 20, 4 to 5 and 2 %.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kogen.loss_landscape.parameters import Params


class FoldedConv:
    """A convolution and the batch norm after it as one convolution.

    W x + b, less the mean m, over the root of the variance v + eps, times g, plus h, has the weights W g / root and the
    bias (b - m) g / root + h (Jacob et al. 2018, arXiv 1712.05877, section 3.2). Differentiable in all of them, twice.
    """

    def __init__(self, conv: str, norm: str, module: nn.Module) -> None:
        self.conv, self.norm = conv, norm
        state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        own = {name: tensor.detach() for name, tensor in state.items() if name.rpartition(".")[0] in (conv, norm)}
        self.own = {name: tensor for name, tensor in own.items() if tensor.is_floating_point()}  # where none is given
        self.eps: Any = module.get_submodule(norm).eps

    def __call__(self, params: Params) -> None:
        """Put the folded weight and bias of the convolution into `params`, in place of both modules' own."""
        at = self.own | {name: params[name] for name in self.own if name in params}
        rate = torch.rsqrt(at[f"{self.norm}.running_var"] + self.eps)  # (C,)
        if f"{self.norm}.weight" in at:
            rate = rate * at[f"{self.norm}.weight"]
        bias = -at[f"{self.norm}.running_mean"] * rate  # (C,)
        if f"{self.conv}.bias" in at:
            bias = bias + at[f"{self.conv}.bias"] * rate
        if f"{self.norm}.bias" in at:
            bias = bias + at[f"{self.norm}.bias"]
        for name in self.own:
            params.pop(name, None)
        weight = at[f"{self.conv}.weight"]
        params |= {f"{self.conv}.weight": weight * rate.view(-1, 1, 1, 1), f"{self.conv}.bias": bias}


def fold_batch_norms(module: nn.Module, moving: Collection[str], run: Callable[[], Any]) -> list[FoldedConv]:
    """Fold, in place, every batch norm that reads only a convolution whose weight moves; returns what was folded.

    `run` runs the module once, in eval mode, to show which module reads which. Convolutions without a bias get one.
    From then on every FoldedConv has to be applied to the parameters before each call.
    """
    names, made = {part: name for name, part in module.named_modules()}, []
    held = Counter(id(tensor) for _, tensor in module.named_parameters(remove_duplicate=False))
    for conv, norm in foldable_pairs(module, run):
        tied = any(held[id(tensor)] > 1 for part in (conv, norm) for tensor in part.parameters())
        if f"{names[conv]}.weight" not in moving or tied or norm.running_var is None:
            continue
        made.append(FoldedConv(names[conv], names[norm], module))
        if conv.bias is None:
            conv.bias = nn.Parameter(torch.zeros_like(norm.running_var), requires_grad=False)
        parent, _, leaf = names[norm].rpartition(".")
        setattr(module.get_submodule(parent), leaf, nn.Identity())
    return made


def foldable_pairs(module: nn.Module, run: Callable[[], Any]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Pairs of a convolution and a batch norm where only the norm reads the one, and it reads nothing else.

    All outputs of the convolutions in one run are held in memory, as in training.
    """
    outputs: dict[int, tuple[nn.Module, Tensor]] = {}  # by the output's id
    reads: dict[nn.Module, list[Any]] = {}  # by a norm, in order: the convolution of its input, or None
    readers = ReadCounter()

    def leave(conv: nn.Module, args: Any, out: Tensor) -> None:
        outputs[id(out)] = (conv, out)
        readers.count[id(out)] = 0  # an earlier tensor of this id is gone

    def enter(norm: nn.Module, args: tuple[Any, ...]) -> None:
        reads.setdefault(norm, []).append(outputs.get(id(args[0]), (None,))[0])

    parts = list(module.modules())  # exact types: subclasses may compute more
    hooks = [part.register_forward_hook(leave) for part in parts if type(part) is nn.Conv2d]
    hooks += [part.register_forward_pre_hook(enter) for part in parts if type(part) is nn.BatchNorm2d]
    with readers:
        run()
    for hook in hooks:
        hook.remove()
    calls = Counter(conv for conv, _ in outputs.values())
    shared = {conv for key, (conv, _) in outputs.items() if readers.count[key] != 1}
    alone = {norm: before[0] for norm, before in reads.items() if len(set(before)) == 1}
    alone = {norm: conv for norm, conv in alone.items() if conv is not None and conv not in shared}
    return [(conv, norm) for norm, conv in alone.items() if len(reads[norm]) == calls[conv]]  # type: ignore[misc]


class ReadCounter(TorchFunctionMode):
    """Counts the operations that read each tensor while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[int] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor | tuple | list):  # calls such as `dim` read no values
            given = [arg if isinstance(arg, tuple | list) else [arg] for arg in (*args, *(kwargs or {}).values())]
            self.count.update({id(one) for listed in given for one in listed if isinstance(one, Tensor)})
        return out
