"""Multinomial logistic regression of one set of features under many L2 penalties, and on many parts of it, at once.

One pass over the features serves all of them: the products with the features become wide ones, which a processor
computes several times faster than one narrow product a penalty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from scipy.special import log_softmax
from torch import Tensor

from kogen.common.devices import to_device
from kogen.evaluation.lbfgs import MAX_PROBABILITIES, REMEMBERED, Problem, Walks, minimise

Device = torch.device | str
TOLERANCE = 1e-9  # of the loss, below which the next step is expected to lower it
MAX_STATE = 2**27  # values of all steps that are remembered
WIDEST_STRIDE = 4  # penalties from one that is solved cold to the next; those between start from their neighbours


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
        raw = self.scale[:, None] * self.coefficient  # of features as they come, which are then copied once
        return log_softmax(values @ raw + (self.bias - self.mean @ raw), axis=1)


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


@dataclass(frozen=True)
class Axes:
    """Standardised features rotated to their R principal axes, which leaves the penalty as it is.

    There each axis can be scaled by the curvature it has, and L-BFGS meets an almost round problem.
    """

    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    turn: np.ndarray  # (D, R)
    variance: Tensor  # (R,) of each axis, float64 on the CPU
    x: Tensor  # (R, N) float32
    labels: np.ndarray  # (N,) in [0, C)


def fit(
    values: np.ndarray, labels: np.ndarray, path: Sequence[float], max_iterations: int, device: Device = "cpu"
) -> Classifiers:
    """Classifiers of features (N, D) to labels (N,) in [0, C), one for each penalty of the path, which falls.

    Minimises mean cross-entropy + penalty / 2 * |W|^2 over standardised features, the bias is free.
    """
    every = np.ones((1, len(labels)), dtype=bool)
    return solve(rotate(values, labels, device), every, path, max_iterations)[0]


def solve(
    axes: Axes,
    parts: np.ndarray,
    path: Sequence[float],
    max_iterations: int,
    tolerance: float = TOLERANCE,
    start: Classifier | None = None,
) -> list[Classifiers]:
    """As `fit`, for each part of the images, (F, N) bool: all penalties of all parts share each pass.

    Every fourth penalty of the path is solved from `start`, of the same axes (without one, from the shares of the
    classes), then those half way between solved ones, from the mean of their neighbours. Where the stronger of these
    has not converged the weaker penalty would not either, and is left there.
    """
    count = np.stack([np.bincount(axes.labels[part], minlength=axes.labels.max() + 1) for part in parts])  # (F, C)
    share = np.maximum(count, 1) / parts.sum(axis=1, keepdims=True)
    shape = (len(path), *share.shape)
    weights, bias = np.zeros((*shape, axes.turn.shape[1])), np.broadcast_to(np.log(share), shape).copy()
    if start is not None:
        weights[:], bias[:] = start.coefficient.T @ axes.turn, start.bias
    done, strengths = np.zeros(shape[:2], dtype=bool), np.asarray(path, dtype=np.float64)
    device, every = axes.x.device, np.bincount(axes.labels) / len(axes.labels)
    used = np.flatnonzero(parts.any(axis=0))  # all images, but those that the only part leaves out
    x = axes.x if len(used) == len(axes.labels) else axes.x[:, to_device(torch.from_numpy(used), device)]
    weight = to_device(torch.from_numpy(parts[:, used] / parts.sum(axis=1, keepdims=True)).float(), device)
    problem = Problem(x, to_device(torch.from_numpy(axes.labels[used]), device), weight)
    for places, near in halvings(len(path)):
        if near:
            weights[places], bias[places] = weights[near].mean(axis=1), bias[near].mean(axis=1)
            places = [place for place, (stronger, _) in zip(places, near, strict=True) if done[stronger].all()]
        for some in groups_of(places, weights[0].size):
            penalty = torch.from_numpy(np.repeat(strengths[some], len(parts)))  # (W,)
            part = torch.arange(len(parts)).repeat(len(some))
            curvature = axes.variance * float((every * (1 - every)).mean()) + penalty[:, None]
            walks = Walks(*(to_device(one, device) for one in (penalty, part, (1 / curvature.sqrt()).float()[:, None])))
            begun = torch.from_numpy(weights[some]).flatten(0, 1).to(device) / walks.step  # (W, C, R)
            offsets = torch.from_numpy(bias[some]).flatten(0, 1).to(device)  # (W, C)
            place = torch.cat([begun.flatten(1), offsets], dim=1).float()
            ends, arrived = minimise(problem, walks, place, shape[2], max_iterations, tolerance)
            size = begun[0].numel()
            weights[some] = (ends[:, :size].view_as(begun) * walks.step).cpu().numpy().reshape(weights[some].shape)
            bias[some] = ends[:, size:].cpu().numpy().reshape(bias[some].shape)
            done[some] = arrived.cpu().numpy().reshape(done[some].shape)
    bias -= bias.mean(axis=2, keepdims=True)
    found = axes.turn @ weights.swapaxes(2, 3)  # (S, F, D, C)
    return [Classifiers(axes.mean, axes.scale, found[:, f], bias[:, f], done[:, f]) for f in range(len(parts))]


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
    most = max(1, MAX_STATE // (max(size, 1) * 2 * (REMEMBERED + 2)))  # no feature may vary
    return (places[start : start + most] for start in range(0, len(places), most))


def rotate(values: np.ndarray, labels: np.ndarray, device: Device) -> Axes:
    """Features (N, D) with labels (N,), standardised and on their principal axes."""
    x = to_device(torch.tensor(values), device).double()
    mean = x.mean(dim=0)
    deviation = x.sub_(mean).square().mean(dim=0).sqrt()
    varies = deviation > 1e-6 * mean.abs()  # else rounding is all that does
    scale = torch.where(varies, 1 / deviation, 0)
    x.mul_(scale)
    few = len(x) < x.shape[1]  # then the products of images are the smaller matrix
    variance, turn = eigen(((x @ x.T if few else x.T @ x) / len(x)).cpu())
    kept = variance > 1e-9 * variance[-1]  # fewer images than dimensions span fewer axes
    variance, turn = variance[kept], turn[:, kept]
    if few:
        turn = x.cpu().T @ turn / (len(x) * variance).sqrt()
    x = to_device(turn.T.float().contiguous(), device) @ x.float().T
    return Axes(mean.cpu().numpy(), scale.cpu().numpy(), turn.numpy(), variance, x, labels)


def eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix.

    LAPACK's divide and conquer is the fastest way and gives up on some matrices; plain QR does not.
    """
    try:
        return torch.linalg.eigh(matrix)
    except torch.linalg.LinAlgError:
        values, vectors = scipy.linalg.eigh(matrix.numpy(), driver="ev")
        return torch.from_numpy(values), torch.from_numpy(vectors)
