"""Optimizers: those that a recipe names, over groups of parameters that decay and that do not."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from kogen.modules.base import Recipe

TRUST = 1e-3  # LARS's coefficient


class LARS(torch.optim.Optimizer):
    """SGD with momentum, its rate scaled per tensor by |w| / |g + wd w| (You et al. 2017, arXiv 1708.03888, Alg. 1).

    Groups with `adapt=False` (biases, norms) are plain SGD, as in BYOL's appendix C.1.
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "adapt": True})

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
                    direction *= torch.where((weight > 0) & (size > 0), TRUST * weight / size, 1.0)
                state = self.state[p]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                state["momentum_buffer"].mul_(group["momentum"]).add_(direction)
                p.add_(state["momentum_buffer"], alpha=-group["lr"])
        return loss


def parameter_groups(module: nn.Module, weight_decay: float, constant: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Two parameter groups: matrices and filters decay and adapt; biases, norms, positions and tokens do not.

    Positions and tokens have three axes: they are known by name. Parts that `constant` names make two more groups.
    """
    found: dict[tuple[bool, bool], list[nn.Parameter]] = {(False, False): [], (False, True): []}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            plain = parameter.dim() <= 1 or name.endswith(("pos_embed", "_token", "reg_token"))
            found.setdefault((name.split(".")[0] in constant, plain), []).append(parameter)
    return [
        {"params": params, "weight_decay": 0.0 if plain else weight_decay, "adapt": not plain, "constant": fixed}
        for (fixed, plain), params in found.items()
    ]


def make_optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over a module's parameters, its rate still 0: the loop sets it before every step."""
    groups, momentum = parameter_groups(module, recipe.weight_decay, recipe.constant), recipe.momentum
    on_gpu = all(p.device.type == "cuda" for group in groups for p in group["params"])
    fused = on_gpu or None  # one kernel for all parameters saves hundreds of launches
    makers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas, fused=fused),
        "lars": lambda: LARS(groups, lr=0.0, momentum=momentum),
        "sgd": lambda: torch.optim.SGD(groups, lr=0.0, momentum=momentum, fused=fused),
    }
    if recipe.optimiser not in makers:
        raise ValueError(f"unknown optimiser {recipe.optimiser!r}: choose one of {', '.join(makers)}")
    return makers[recipe.optimiser]()
