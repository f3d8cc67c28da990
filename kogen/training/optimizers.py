"""Optimizers: those that a recipe names, over groups of parameters that decay and that do not."""

from collections.abc import Callable, Iterable, Mapping
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


def parameter_groups(
    module: nn.Module,
    weight_decay: float,
    constant: tuple[str, ...] = (),
    shares: Mapping[nn.Parameter, float] | None = None,
) -> list[dict[str, Any]]:
    """Two parameter groups: matrices and filters decay and adapt; biases, norms, positions and tokens do not.

    Positions and tokens have three axes: they are known by name. Parts that `constant` names make two more groups, and
    so does each share of the rate that some parameters learn at.
    """
    found: dict[tuple[bool, float, bool], list[nn.Parameter]] = {(False, 1.0, False): [], (False, 1.0, True): []}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            plain = parameter.dim() <= 1 or name.endswith(("pos_embed", "_token", "reg_token"))
            share = (shares or {}).get(parameter, 1.0)
            found.setdefault((name.split(".")[0] in constant, share, plain), []).append(parameter)
    groups = []
    for (fixed, share, plain), params in found.items():
        decay = 0.0 if plain else weight_decay
        groups.append({"params": params, "weight_decay": decay, "adapt": not plain, "constant": fixed, "share": share})
    return groups


def make_optimiser(
    module: nn.Module, recipe: Recipe, shares: Mapping[nn.Parameter, float] | None = None
) -> torch.optim.Optimizer:
    """The recipe's optimiser over a module's parameters, its rate still 0: the loop sets it before every step."""
    groups = parameter_groups(module, recipe.weight_decay, recipe.constant, shares)
    momentum = recipe.momentum
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
