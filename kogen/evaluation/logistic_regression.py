"""Multinomial logistic regression of one set of features under many L2 penalties at once.

One pass over the features serves all penalties: the products with the features become wide ones, which a processor
computes several times faster than one narrow product a penalty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
from scipy.special import log_softmax
from torch import Tensor

from kogen.common.devices import to_device

Device = torch.device | str
TOLERANCE = {
    torch.float32: 1e-7,
    torch.float64: 1e-10,
}  # of the loss, below which the next step is expected to lower it
MAX_PROBABILITIES = 2**22  # computed at once: few enough to stay in a processor's cache, enough for wide products
MAX_STATE = 2**27  # values of all steps that are remembered
REMEMBERED = 10  # steps that L-BFGS knows the curvature from
WIDEST_STRIDE = 8  # penalties from one that is solved cold to the next; those between start from their neighbours


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier: standardise with `mean` and `scale`, then `coefficient` and `bias`."""

    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,) one over the standard deviation, 0 for a feature that does not vary
    coefficient: np.ndarray  # (D, C)
    bias: np.ndarray  # (C,)
    converged: bool

    def log_probability(self, values: np.ndarray) -> np.ndarray:
        """Features (N, D) to log probabilities (N, C)."""
        return log_softmax(((values - self.mean) * self.scale) @ self.coefficient + self.bias, axis=1)


@dataclass(frozen=True)
class Classifiers:
    """Classifiers of the same features, one for each penalty of a path."""

    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    coefficient: np.ndarray  # (S, D, C)
    bias: np.ndarray  # (S, C)
    converged: np.ndarray  # (S,) bool

    def __getitem__(self, place: int) -> Classifier:
        return Classifier(self.mean, self.scale, self.coefficient[place], self.bias[place], bool(self.converged[place]))

    def judge(self, values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Right answers and summed log loss of each on features (N, D) with labels (N,) in [0, C), (S,) each."""
        right, loss = np.zeros((2, len(self.bias)))
        for start in range(0, len(values), size := max(1, MAX_PROBABILITIES // self.bias.size)):
            wanted = labels[start : start + size]
            standard = (values[start : start + size] - self.mean) * self.scale  # (n, D)
            logits = torch.from_numpy(standard @ self.coefficient + self.bias[:, None])  # (S, n, C)
            log_p = logits.log_softmax(dim=2).numpy()
            right += (log_p.argmax(axis=2) == wanted).sum(axis=1)
            loss -= log_p[:, np.arange(len(wanted)), wanted].sum(axis=1)
        return right, loss


class Problem(NamedTuple):
    """Standardised features on their principal axes, and what is wanted of them."""

    x: Tensor  # (R, N)
    labels: Tensor  # (N,) int64 in [0, C)
    variance: Tensor  # (R,) of each axis


class State(NamedTuple):
    """Where each of S penalties stands, in steps of the curvature."""

    place: Tensor  # (S, P), weights (C, R) over their steps and biases (C,)
    loss: Tensor  # (S,) float64
    slope: Tensor  # (S, P)


def fit(
    values: np.ndarray,
    labels: np.ndarray,
    path: Sequence[float],
    max_iterations: int,
    device: Device = "cpu",
    *,
    dtype: torch.dtype = torch.float64,
    start: Classifier | None = None,
) -> Classifiers:
    """Classifiers of features (N, D) to labels (N,) in [0, C), one for each penalty of the path, which falls or rises.

    Minimises mean cross-entropy + penalty / 2 * |W|^2 over standardised features, the bias is free. The features are
    rotated to their principal axes, which leaves the penalty as it is; there each axis can be scaled by the curvature
    it has, and L-BFGS meets an almost round problem. Every eighth penalty of the path is solved from `start` (all
    zeros without one), then those half way between solved ones, from the mean of their neighbours. `dtype` of what
    grows with N: sums are float64.
    """
    mean, scale = mean_and_scale(values)
    problem, axes = rotate(values, labels, mean, scale, device, dtype)
    share = np.bincount(labels) / len(labels)  # (C,) of each class
    weights, bias = np.zeros((len(path), len(share), axes.shape[1])), np.tile(np.log(share), (len(path), 1))
    if start is not None:
        raw = start.coefficient * start.scale[:, None]  # (D, C) of features as they come
        ratio = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        weights[:] = (raw * ratio[:, None]).T @ axes
        bias[:] = start.bias + (mean - start.mean) @ raw
    penalty, done = np.asarray(path, dtype=np.float64), np.zeros(len(path), dtype=bool)
    curvature = float((share * (1 - share)).mean())
    for places, near in halvings(len(path)):
        if near:
            weights[places], bias[places] = weights[near].mean(axis=1), bias[near].mean(axis=1)
        for some in groups_of(places, weights[0].size):
            found = minimise(problem, penalty[some], curvature, weights[some], bias[some], max_iterations)
            weights[some], bias[some], done[some] = found
    bias -= bias.mean(axis=1, keepdims=True)
    return Classifiers(mean, scale, axes @ weights.swapaxes(1, 2), bias, done)


def halvings(count: int) -> Iterator[tuple[list[int], list[list[int]]]]:
    """Places of a path in the order in which they are solved, and the two solved neighbours that each starts from."""
    stride = WIDEST_STRIDE
    yield list(range(0, count, stride)), []
    while stride > 1:
        half = stride // 2
        places = list(range(half, count, stride))
        if places:
            yield places, [[i - half, i + half if i + half < count else i - half] for i in places]
        stride = half


def groups_of(places: list[int], size: int) -> Iterator[list[int]]:
    """Parts of the places whose steps of `size` values each can be remembered at once."""
    most = max(1, MAX_STATE // (size * 2 * (REMEMBERED + 2)))
    return (places[start : start + most] for start in range(0, len(places), most))


def rotate(
    values: np.ndarray, labels: np.ndarray, mean: np.ndarray, scale: np.ndarray, device: Device, dtype: torch.dtype
) -> tuple[Problem, np.ndarray]:
    """The problem of features (N, D) on their R principal axes, and these axes, (D, R)."""
    x = to_device(torch.tensor(values), device).double()
    x = x.sub_(to_device(torch.from_numpy(mean), device)).mul_(to_device(torch.from_numpy(scale), device))
    few = len(x) < x.shape[1]  # then the products of images are the smaller matrix
    variance, axes = eigen(((x @ x.T if few else x.T @ x) / len(x)).cpu())
    kept = variance > 1e-9 * variance[-1]  # fewer images than dimensions span fewer axes
    variance, axes = variance[kept], axes[:, kept]
    if few:
        axes = x.cpu().T @ axes / (len(x) * variance).sqrt()
    x = to_device(axes.T.to(dtype).contiguous(), device) @ x.to(dtype).T
    return Problem(x, to_device(torch.from_numpy(labels), device), variance.to(x.device)), axes.numpy()


def eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix.

    LAPACK's divide and conquer is the fastest way and gives up on some matrices; plain QR does not.
    """
    try:
        return torch.linalg.eigh(matrix)
    except torch.linalg.LinAlgError:
        values, vectors = scipy.linalg.eigh(matrix.numpy(), driver="ev")
        return torch.from_numpy(values), torch.from_numpy(vectors)


def minimise(
    problem: Problem, penalty: np.ndarray, curvature: float, weights: np.ndarray, bias: np.ndarray, max_iterations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L-BFGS of S penalties side by side from weights (S, C, R) and bias (S, C); the ends, and which reached a minimum.

    Each walks its own way with its own step; one that has arrived is no longer computed.
    Source: Nocedal & Wright, Numerical Optimization (2006), algorithms 7.4 and 3.1.
    """
    dtype, device, shape = problem.x.dtype, problem.x.device, weights.shape
    strength = torch.from_numpy(penalty).to(device)
    step = (1 / (problem.variance * curvature + strength[:, None]).sqrt()).to(dtype)[:, None]  # (S, 1, R)
    place = torch.from_numpy(weights).to(device) / step
    place = torch.cat([place.flatten(1), torch.from_numpy(bias).to(device)], dim=1).to(dtype)  # (S, P)
    here = State(place, *evaluate(problem, place, strength, step, shape))
    way, length, history = -here.slope, torch.ones_like(here.loss), History()
    for _ in range(max_iterations):
        gain = -dot(here.slope, way)  # twice what the step is expected to lower the loss by
        open_ = (gain > TOLERANCE[dtype] * here.loss.clamp(max=1)) & (length > 1e-4)
        rows = open_.nonzero()[:, 0]
        if not len(rows):
            break
        there = here.place[rows] + length[rows, None].to(dtype) * way[rows]
        loss, slope = evaluate(problem, there, strength[rows], step[rows], shape)
        fallen = here.loss[rows] - loss
        good = fallen >= 1e-4 * length[rows] * gain[rows]
        bent = 2 * (length[rows] * gain[rows] - fallen)  # of the parabola through both losses and the first slope
        shorter = length[rows] * (length[rows] * gain[rows] / bent).clamp(0.1, 0.5)
        length[rows] = torch.where(good, 1.0, shorter)
        moved = rows[good]
        history.remember(moved, there[good] - here.place[moved], slope[good] - here.slope[moved], here.place)
        for held, new in zip(here, (there, loss, slope), strict=True):
            held[moved] = new[good]
        way[moved] = -history.solve(here.slope)[moved]
    else:
        open_ = (-dot(here.slope, way) > TOLERANCE[dtype] * here.loss.clamp(max=1)) & (length > 1e-4)
    size = shape[1] * shape[2]
    ends = (here.place[:, :size].view(shape) * step).double().cpu().numpy()
    return ends, here.place[:, size:].double().cpu().numpy(), (~open_).cpu().numpy()


class History:
    """The last steps of S walks and how their slopes changed: what L-BFGS knows of the curvature."""

    def __init__(self) -> None:
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []  # (S, P), (S, P), (S,) one over their product, 0 for none
        self.scale: Tensor | None = None  # (S,) of the newest pair

    def remember(self, rows: Tensor, step: Tensor, change: Tensor, like: Tensor) -> None:
        """Add the steps (m, P) of the walks `rows`; the other walks made none."""
        product, square = dot(step, change), dot(change, change)
        curved = product > 1e-10 * square
        steps, changes, inverse = torch.zeros_like(like), torch.zeros_like(like), like.new_zeros(len(like)).double()
        steps[rows], changes[rows], inverse[rows] = step, change, torch.where(curved, 1 / product, 0)
        self.scale = torch.ones_like(inverse) if self.scale is None else self.scale
        self.scale[rows] = torch.where(curved, product / square, self.scale[rows])
        self.steps = [*self.steps, (steps, changes, inverse)][-REMEMBERED:]

    def solve(self, slope: Tensor) -> Tensor:
        """The slope (S, P) divided by the curvature that the steps show."""
        found, shares = slope.clone(), []
        for step, change, inverse in reversed(self.steps):
            shares.append(inverse * dot(step, found))
            found -= shares[-1][:, None].to(found.dtype) * change
        if self.scale is not None:
            found *= self.scale[:, None].to(found.dtype)
        for (step, change, inverse), share in zip(self.steps, reversed(shares), strict=True):
            found += (share - inverse * dot(change, found))[:, None].to(found.dtype) * step
        return found


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Products of rows, (S,) float64."""
    return (first * second).sum(dim=1, dtype=torch.float64)


def evaluate(
    problem: Problem, place: Tensor, strength: Tensor, step: Tensor, shape: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Loss (S,) and slope (S, P) at each place (S, P), by one pass over the features."""
    (_, classes, axes), (x, labels, _), count = shape, problem, problem.x.shape[1]
    weights = place[:, : classes * axes].view(-1, classes, axes) * step  # (S, C, R)
    bias = place[:, classes * axes :].reshape(-1, 1)  # (S C, 1)
    loss, slope = x.new_zeros(len(place)).double(), torch.zeros_like(weights).flatten(0, 1)
    bias_slope = loss.new_zeros(len(place), classes)
    size = max(1, MAX_PROBABILITIES // len(bias))
    for start in range(0, count, size):
        rows = slice(start, start + size)
        right = labels[rows].expand(len(place), 1, -1)  # (S, 1, n)
        p = torch.addmm(bias, weights.flatten(0, 1), x[:, rows]).view(len(place), classes, -1)  # (S, C, n)
        p -= p.amax(dim=1, keepdim=True)
        true = p.gather(1, right)
        total = p.exp_().sum(dim=1, keepdim=True)
        loss += (total.log() - true).sum(dim=(1, 2), dtype=torch.float64)
        p.div_(total).scatter_(1, right, true.exp() / total - 1)
        slope.addmm_(p.flatten(0, 1), x[:, rows].T)
        bias_slope += p.sum(dim=2, dtype=torch.float64)
    loss = loss / count + strength / 2 * dot(weights.flatten(1), weights.flatten(1))
    full = (slope.view_as(weights) / count + strength.to(x.dtype)[:, None, None] * weights) * step
    return loss, torch.cat([full.flatten(1), (bias_slope / count).to(x.dtype)], dim=1)


def mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and one over the standard deviation of each feature, (D,) each; 0 where only rounding varies."""
    mean = values.mean(axis=0, dtype=np.float64)
    deviation = values.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies & (deviation > 0))
    return mean, scale
