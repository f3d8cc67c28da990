"""How sharp a minimum is: the trace of its Hessian, SAM's and the adaptive worst case, and the mean under noise."""

import math
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from kogen.common.devices import exact_arithmetic
from kogen.loss_landscape.hessian import FlatLoss, Losses, Params
from kogen.loss_landscape.lanczos import NotFinite, Operator, apply_operator, draw_normal

DESCENT_STEPS = tuple(2.0**-power for power in range(2, 11))  # lengths of a step down the gradient, of the weights'


@dataclass(frozen=True)
class Estimate:
    """A mean of independent draws and its standard error."""

    value: float
    error: float


def trace(operator: Operator, generator: torch.Generator, draws: int) -> Estimate:
    """The trace by Hutchinson's estimator with random signs (1989, Commun. Stat. Simul. 18), one product a draw."""
    found = []
    for _ in range(draws):
        signs = 2 * torch.randint(0, 2, (operator.size,), generator=generator) - 1
        vector = signs.to(operator.device, operator.dtype)
        found.append(torch.dot(vector.double(), apply_operator(operator, vector).double()).item())
    return _mean_estimate(found)


def noise_sharpness(loss: Losses, params: Params, generator: torch.Generator, *, sigma: float, draws: int) -> Estimate:
    """Mean rise of the loss under normal noise of `sigma` times its size in each weight.

    Each draw is the mean over a noise and its negative, in which what is linear cancels: two losses a draw.
    Source: Andriushchenko et al. 2023 (arXiv 2302.07011), section 2, average-case sharpness.
    """
    objective = FlatLoss(loss, params)
    at, here = objective.origin, objective.value(objective.origin)
    scale = at.abs() * sigma
    rises = []
    for _ in range(draws):
        noise = draw_normal(at, generator) * scale  # (P,)
        rises.append((objective.value(at + noise) + objective.value(at - noise)) / 2 - here)
    return _mean_estimate(rises)


def sam_sharpness(
    loss: Losses, params: Params, generator: torch.Generator, *, rho: float, adaptive: bool = False
) -> float:
    """The rise of the loss `rho` along its gradient (`adaptive`: |e / |w|| <= rho), never below 0.

    Source: Foret et al. 2021 (arXiv 2010.01412), eq. 2; adaptive: Kwon et al. 2021 (arXiv 2102.11600), eq. 6 with
    elementwise |w|. A lower bound of the largest rise within the radius. Where the gradient is zero the step goes along
    a random direction. The papers use rho = .05, adaptive .5, in training.
    """
    objective = FlatLoss(loss, params)
    at, here = objective.origin, objective.value(objective.origin)
    scale = at.abs() if adaptive else torch.ones_like(at)
    slope = _gradient(objective) * scale
    if not slope.any():
        slope = draw_normal(at, generator)
    away = rho * slope / slope.norm()  # e / scale, in which the ball is round
    away = away * min(1.0, rho / max(away.norm().item(), torch.finfo(at.dtype).tiny))  # rounding may leave the ball
    return max(objective.value(at + scale * away) - here, 0.0)


def steepest_descent(loss: Losses, params: Params) -> tuple[float, float]:
    """Norm of the gradient, and how far the loss falls along it at the most, never below 0.

    Steps of DESCENT_STEPS in lengths of the weights; a step to a loss that is not finite is left out. Where the loss
    falls by much the weights are near no minimum, whatever a plane in random directions shows.
    """
    objective = FlatLoss(loss, params)
    at, here = objective.origin, objective.value(objective.origin)
    slope = _gradient(objective)
    norm = slope.norm().item()
    if not norm:
        return 0.0, 0.0
    falls = [0.0]
    for step in DESCENT_STEPS:
        with suppress(NotFinite):
            falls.append(here - objective.value(at - step * at.norm() / norm * slope))
    return norm, max(falls)


def _gradient(objective: FlatLoss) -> Tensor:
    """The gradient of the whole loss at its origin, (P,)."""
    with torch.inference_mode(False), torch.enable_grad(), exact_arithmetic():
        total = torch.zeros_like(objective.origin)
        for share, _, slope in objective.batch_gradients(objective.origin.clone().requires_grad_()):
            if slope is not None:
                total += share * slope
        return total


def _mean_estimate(draws: list[float]) -> Estimate:
    values = torch.tensor(draws, dtype=torch.float64)
    return Estimate(values.mean().item(), values.std().item() / math.sqrt(len(draws)))
