"""L-BFGS of many logistic regressions of one set of features, side by side: each pass over the features serves all."""

from typing import NamedTuple

import torch
from torch import Tensor

MAX_PROBABILITIES = 2**22  # computed at once: few enough to stay in a processor's cache, enough for wide products
REMEMBERED = 6  # steps that the curvature is known from
NO_STEP = 1e-4  # of a full step: where even that does not lower the loss, rounding is all that is left


class Problem(NamedTuple):
    """Features on axes that are not correlated, what is wanted of them, and which of them each part learns from."""

    x: Tensor  # (R, N) float32
    labels: Tensor  # (N,) int64 in [0, C)
    weight: Tensor  # (F, N) of each image in the mean loss of a part, 0 for one that the part does not learn from


class Walks(NamedTuple):
    """What each of W walks minimises: mean cross-entropy + penalty / 2 * |weights|^2, on a part of the images."""

    penalty: Tensor  # (W,) float64
    part: Tensor  # (W,) int64 in [0, F)
    step: Tensor  # (W, 1, R) along each axis: one over the root of the curvature there


class State(NamedTuple):
    """Where each of W walks stands, in steps of the curvature."""

    place: Tensor  # (W, P), weights (C, R) over their steps and biases (C,)
    loss: Tensor  # (W,) float64
    slope: Tensor  # (W, P)


class History:
    """The last steps of W walks and how their slopes changed: what L-BFGS knows of the curvature."""

    def __init__(self) -> None:
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []  # (W, P), (W, P), (W,) one over their product, 0 for none
        self.scale: Tensor | None = None  # (W,) of the newest pair

    def remember(self, step: Tensor, change: Tensor) -> None:
        """Add a step (W, P) and the change of the slope; zeros of a walk that made none."""
        product, square = (step * change).sum(dim=1), (change * change).sum(dim=1)
        curved = product > 1e-10 * square
        self.scale = torch.ones_like(product) if self.scale is None else self.scale
        self.scale = torch.where(curved, product / square, self.scale)
        self.steps = [*self.steps, (step, change, torch.where(curved, 1 / product, 0))][-REMEMBERED:]

    def solve(self, slope: Tensor) -> Tensor:
        """The slope (W, P) divided by the curvature that the steps show."""
        found, shares = slope.clone(), []
        for step, change, inverse in reversed(self.steps):
            shares.append(inverse * (step * found).sum(dim=1))
            found.addcmul_(shares[-1][:, None], change, value=-1)
        if self.scale is not None:
            found *= self.scale[:, None]
        for (step, change, inverse), share in zip(self.steps, reversed(shares), strict=True):
            found.addcmul_((share - inverse * (change * found).sum(dim=1))[:, None], step)
        return found

    def keep(self, rows: Tensor) -> None:
        """Forget all walks but these, (W,) bool."""
        self.steps = [(step[rows], change[rows], inverse[rows]) for step, change, inverse in self.steps]
        self.scale = None if self.scale is None else self.scale[rows]


def minimise(
    problem: Problem, walks: Walks, place: Tensor, classes: int, max_iterations: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Where each walk from its place (W, P) ends, (W, P), and which reached a minimum, (W,) bool.

    A walk has arrived where its next step is expected to lower the loss by less than `tolerance` of it (of 1, for a
    loss above); it is then no longer computed.
    Source: Nocedal & Wright, Numerical Optimization (2006), algorithms 7.4 and 3.1.
    """
    ends, left = place.clone(), torch.arange(len(place), device=place.device)
    arrived = torch.zeros(len(place), dtype=torch.bool, device=place.device)
    rounding = 4 * torch.finfo(place.dtype).eps  # of a loss: what the comparison of two losses cannot tell
    here = State(place, *evaluate(problem, walks, place, classes))
    way, length, history = -here.slope, torch.ones_like(here.loss), History()
    for iteration in range(max_iterations + 1):
        gain = -dot(here.slope, way)  # twice what the step is expected to lower the loss by
        open_ = (gain > tolerance * here.loss.clamp(max=1)) & (length > NO_STEP)
        if iteration == max_iterations or not open_.all():
            ends[left], arrived[left] = here.place, ~open_
            if iteration == max_iterations or not open_.any():
                break
            left, way, length, gain = left[open_], way[open_], length[open_], gain[open_]
            here, walks = State(*(one[open_] for one in here)), Walks(*(one[open_] for one in walks))
            history.keep(open_)
        place = here.place + length[:, None].to(way.dtype) * way
        loss, slope = evaluate(problem, walks, place, classes)
        fallen = here.loss - loss
        good = fallen >= 1e-4 * length * gain - rounding * here.loss
        bent = 2 * (length * gain - fallen)  # of the parabola through both losses and the first slope
        length = torch.where(good, 1.0, length * (length * gain / bent).clamp(0.1, 0.5))
        moved = good[:, None]
        place, slope = torch.where(moved, place, here.place), torch.where(moved, slope, here.slope)
        history.remember(place - here.place, slope - here.slope)  # zeros where nothing moved
        here = State(place, torch.where(good, loss, here.loss), slope)
        way = torch.where(moved, -history.solve(here.slope), way)
    return ends, arrived


def evaluate(problem: Problem, walks: Walks, place: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Loss (W,) and slope (W, P) at each place (W, P), by one pass over the features. Sums are float64."""
    (x, labels, weight), axes = problem, len(problem.x)
    weights = place[:, : classes * axes].view(-1, classes, axes) * walks.step  # (W, C, R)
    bias = place[:, classes * axes :].reshape(-1, 1)  # (W C, 1)
    loss, slope = x.new_zeros(len(place)).double(), torch.zeros_like(weights).flatten(0, 1)
    bias_slope = loss.new_zeros(len(place), classes)
    size = max(1, MAX_PROBABILITIES // len(bias))
    for start in range(0, x.shape[1], size):
        rows = slice(start, start + size)
        right, share = labels[rows].expand(len(place), 1, -1), weight[walks.part, None, rows]  # (W, 1, n) each
        p = torch.addmm(bias, weights.flatten(0, 1), x[:, rows]).view(len(place), classes, -1)  # (W, C, n)
        p -= p.amax(dim=1, keepdim=True)
        true = p.gather(1, right)
        total = p.exp_().sum(dim=1, keepdim=True)
        loss += ((total.log() - true) * share).sum(dim=(1, 2), dtype=torch.float64)
        p.mul_(share / total)
        p.scatter_add_(1, right, -share)
        slope.addmm_(p.flatten(0, 1), x[:, rows].T)
        bias_slope += p.sum(dim=2, dtype=torch.float64)
    loss += walks.penalty / 2 * dot(weights.flatten(1), weights.flatten(1))
    full = (slope.view_as(weights) + walks.penalty.to(x.dtype)[:, None, None] * weights) * walks.step
    return loss, torch.cat([full.flatten(1), bias_slope.to(x.dtype)], dim=1)


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Products of rows, (W,) float64."""
    return (first * second).sum(dim=1, dtype=torch.float64)
