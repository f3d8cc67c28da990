"""Optimisers, parameter groups, and everything that varies over training as pure functions of progress in [0, 1]."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from kogen.modules.base import Recipe


class LARS(torch.optim.Optimizer):
    """SGD with momentum, its rate scaled per tensor by |w| / |g + wd w| (You et al. 2017, arXiv 1708.03888, Alg. 1).

    Groups with `adapt=False` (biases, norms) are plain SGD, as in BYOL's appendix C.1.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float = 0.9, weight_decay: float = 0.0, trust: float = 1e-3
    ) -> None:
        super().__init__(
            params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust, "adapt": True}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                direction = p.grad.add(p, alpha=group["weight_decay"])
                if group["adapt"]:
                    weight, size = p.norm(), direction.norm()
                    direction *= torch.where((weight > 0) & (size > 0), group["trust"] * weight / size, 1.0)
                state = self.state[p]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                state["momentum_buffer"].mul_(group["momentum"]).add_(direction)
                p.add_(state["momentum_buffer"], alpha=-group["lr"])
        return loss


def _sgd(groups: list[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum, fused=on_gpu(groups) or None)


def _lars(groups: list[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    return LARS(groups, lr=0.0, momentum=recipe.momentum)


def _adamw(groups: list[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas, fused=on_gpu(groups) or None)


def on_gpu(groups: list[dict[str, Any]]) -> bool:
    """Whether what is trained lies on a GPU, where one kernel for all parameters saves hundreds of launches."""
    return all(p.device.type == "cuda" for group in groups for p in group["params"])


OPTIMISERS = {"sgd": _sgd, "lars": _lars, "adamw": _adamw}


def parameter_groups(module: nn.Module, weight_decay: float, constant: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Two parameter groups: matrices and filters decay and adapt; biases, norms, positions and tokens do not.

    Positions and tokens have three axes and would escape a rule that asks only for `dim <= 1`, so they go by name.
    Two more groups, marked `constant`, for the parts of the module that are named so, if any are.
    """
    found: dict[tuple[bool, bool], list[nn.Parameter]] = {(False, False): [], (False, True): []}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            spared = parameter.dim() <= 1 or name.endswith(("pos_embed", "_token", "reg_token"))
            found.setdefault((name.split(".")[0] in constant, spared), []).append(parameter)
    return [
        {"params": those, "weight_decay": 0.0 if spared else weight_decay, "adapt": not spared, "constant": steady}
        for (steady, spared), those in found.items()
    ]


def make_optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over a module's parameters, its rate still 0: the engine sets it before every step."""
    if recipe.optimiser not in OPTIMISERS:
        raise ValueError(f"unknown optimiser {recipe.optimiser!r}: choose one of {', '.join(sorted(OPTIMISERS))}")
    return OPTIMISERS[recipe.optimiser](parameter_groups(module, recipe.weight_decay, recipe.constant), recipe)
