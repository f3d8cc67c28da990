"""How sharp a minimum is: the trace of its Hessian, SAM's and the adaptive worst case, and the mean under noise."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from scipy.stats import t as student
from torch import Tensor

from kogen.common.devices import exact_arithmetic
from kogen.loss_landscape.hessian import FlatLoss, Losses, Params
from kogen.loss_landscape.lanczos import Operator, apply_operator, draw_normal


@dataclass(frozen=True)
class Estimate:
    """A mean of independent draws with its 95 % interval (Student's)."""

    value: float
    error: float  # standard error
    lo: float
    hi: float
    draws: int
    converged: bool  # False: stopped at the limit, before the wanted precision


def trace(
    operator: Operator, generator: torch.Generator, *, tolerance: float = 0.05, least: int = 16, limit: int = 256
) -> Estimate:
    """The trace by Hutchinson's estimator with random signs (1989, Commun. Stat. Simul. 18), one product a draw.

    Stops when the half-width of the interval is at most `tolerance` * |trace|, or after `limit` draws. This is checked
    after `least` draws and after each doubling, and the interval holds for all checks together (Bonferroni): stopping
    where the error is small by chance would otherwise cover too seldom (measured: 89 %). The running mean is not
    compared with itself (PyHessian's rule), since it stops moving long before it is right.
    """
    if not 1 < least <= limit:
        raise ValueError(f"got least={least}, limit={limit}: give 2 draws or more, and no more than the limit")
    looks, draws = 1 + math.ceil(math.log2(limit / least)), []
    while True:
        for _ in range(min(max(len(draws), least), limit - len(draws))):
            signs = 2 * torch.randint(0, 2, (operator.size,), generator=generator) - 1
            vector = signs.to(operator.device, operator.dtype)
            draws.append(torch.dot(vector.double(), apply_operator(operator, vector).double()).item())
        found = _mean_estimate(draws, tolerance, looks)
        if found.converged or len(draws) == limit:
            return found


def noise_sharpness(
    loss: Losses,
    params: Params,
    generator: torch.Generator,
    *,
    sigma: float,
    adaptive: bool = False,
    over: Collection[str] | None = None,
    draws: int = 32,
) -> Estimate:
    """Mean rise of the loss under normal noise of `sigma` in each weight (`adaptive`: times its size).

    Each draw is the mean over a noise and its negative, in which what is linear cancels: two losses a draw.
    Source: Andriushchenko et al. 2023 (arXiv 2302.07011), section 2, average-case sharpness.
    """
    if draws < 2 or sigma <= 0:
        raise ValueError(f"got draws={draws}, sigma={sigma}: give 2 draws or more and a positive sigma")
    objective = FlatLoss(loss, params, over)
    at, here = objective.origin, objective.value(objective.origin)
    scale = _weight_scale(objective, adaptive) * sigma
    rises = []
    for _ in range(draws):
        noise = draw_normal(at, generator) * scale  # (P,)
        rises.append((objective.value(at + noise) + objective.value(at - noise)) / 2 - here)
    return _mean_estimate(rises)


def sam_sharpness(
    loss: Losses,
    params: Params,
    generator: torch.Generator,
    *,
    rho: float,
    steps: int = 1,
    adaptive: bool = False,
    over: Collection[str] | None = None,
) -> float:
    """The largest rise of the loss found within |e| <= `rho` (`adaptive`: |e / |w|| <= rho), never below 0.

    The first step goes `rho` along the gradient (Foret et al. 2021, arXiv 2010.01412, eq. 2; adaptive: Kwon et al.
    2021, arXiv 2102.11600, eq. 6 with elementwise |w|); each further one goes `rho` along the new gradient and back
    into the ball. A lower bound of the maximum, closer with more steps. Where the gradient is zero the ascent starts
    along a random direction. The papers use rho = .05, adaptive .5, in training.
    """
    if rho <= 0 or steps < 1:
        raise ValueError(f"got rho={rho}, steps={steps}: give a positive radius and 1 step or more")
    objective = FlatLoss(loss, params, over)
    at, scale = objective.origin, _weight_scale(objective, adaptive)
    here = best = objective.value(at)
    away = torch.zeros_like(at)  # e / scale, in which the ball is round
    for _ in range(steps):
        slope = _gradient(objective, at + scale * away) * scale
        if not slope.any():
            slope = draw_normal(at, generator)
        away = away + rho * slope / slope.norm()
        away = away * min(1.0, rho / max(away.norm().item(), torch.finfo(at.dtype).tiny))
        best = max(best, objective.value(at + scale * away))
    return best - here


def _gradient(objective: FlatLoss, flat: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad(), exact_arithmetic():
        total = torch.zeros_like(flat)
        for share, _, slope in objective.batch_gradients(flat.clone().requires_grad_()):
            if slope is not None:
                total += share * slope
        return total


def _weight_scale(objective: FlatLoss, adaptive: bool) -> Tensor:
    """The size of a step of 1 in each weight, (P,)."""
    return objective.origin.abs() if adaptive else torch.ones_like(objective.origin)


def _mean_estimate(draws: list[float], tolerance: float = math.inf, looks: int = 1) -> Estimate:
    values = torch.tensor(draws, dtype=torch.float64)
    mean, error = values.mean().item(), values.std().item() / math.sqrt(len(draws))
    half = float(student.isf(0.025 / looks, len(draws) - 1)) * error
    return Estimate(mean, error, mean - half, mean + half, len(draws), half <= tolerance * abs(mean))
