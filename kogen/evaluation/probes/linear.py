"""Linear probe: multinomial logistic regression, its L2 penalty chosen on held-out parts of the training set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits
from torch import Tensor

from kogen.common.devices import exact_arithmetic, float64_device, to_device
from kogen.evaluation.features import Features, LinearHead, Predictions
from kogen.evaluation.probes._check import check
from kogen.evaluation.validation import ENOUGH_IMAGES, FOLDS, deal_parts

__all__ = ["linear"]

Device = torch.device | str
STRENGTHS = tuple(float(s) for s in np.logspace(1, -5, 13))
SMALL_FEATURES = 4_000_000  # values of the features below which more threads cost more than they save
MAX_PROBABILITIES = 2**25  # held at once, 256 MiB in float64


@dataclass(frozen=True)
class FittedProbe:
    """A fitted probe: standardise with `mean` and `scale`, then `coefficient` and `bias`."""

    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,) one over the standard deviation, 0 for a feature that does not vary
    coefficient: np.ndarray  # (D, C)
    bias: np.ndarray  # (C,)
    converged: bool

    def log_probability(self, values: np.ndarray) -> np.ndarray:
        """Features (N, D) to log probabilities (N, C)."""
        return log_softmax(((values - self.mean) * self.scale) @ self.coefficient + self.bias, axis=1)


def linear(
    train: Features,
    test: Features,
    *,
    strengths: Sequence[float] = STRENGTHS,
    folds: int = FOLDS,
    seed: int = 0,
    max_iterations: int = 300,
    device: Device = "cpu",
) -> Predictions:
    """Fit logistic regression on all of `train`, with the penalty that predicts held-out parts of `train` best.

    Minimises mean cross-entropy + strength / 2 * |W|^2 over features standardised by the mean and deviation of what is
    fitted; the bias is free (scikit-learn's C is 1 / (strength * N), with two classes twice that). Each of `folds`
    stratified parts of `train` is held out in turn until 500 images have been judged: a large set is split once (20 %),
    of few labels every one counts. The strength with the most right wins, the smaller log loss among equals. `test` is
    only predicted, its labels are never read. Features (N, D) and (M, D) give probabilities (M, K); a class that
    `train` never shows gets 0. `device` is where it is computed, in float64 (on the CPU for Apple's GPU).

    Raises ValueError as `check` does, and for strengths that are not positive or fewer than 2 folds.
    Source: Kornblith et al. 2019 (arXiv 1805.08974), A.3, and BYOL (arXiv 2006.07733), appendix E, which search 45
    strengths from 1e-6 to 1e5.
    """
    if not strengths or not all(0 < s < np.inf for s in strengths):
        raise ValueError(f"strengths are {list(strengths)}, wanted one or more numbers above 0")
    if folds < 2:
        raise ValueError(f"folds is {folds}, wanted 2 or more parts of the training set")
    check(train, test)
    device = float64_device(device)
    path = sorted(map(float, strengths), reverse=True)  # strong to weak: each fit starts where the last one ended
    present, labels = np.unique(train.labels, return_inverse=True)  # classes that can be learnt, (N,) into them
    small = train.values.size < SMALL_FEATURES
    with threadpool_limits(1, None if small else "blas"), exact_arithmetic():
        right, loss, judged = validate_strengths(train.values, labels, path, folds, seed, max_iterations, device)
        best = len(path) // 2  # one image a class, nothing to spare: the middle of the path
        if judged:
            best = max(range(len(path)), key=lambda i: (right[i], -loss[i]))
        final = fit(train.values, labels, path[: best + 1], max_iterations, device)[-1]

    def predict(rows: slice) -> np.ndarray:
        values = test.values[rows]
        probability = np.zeros((len(values), len(train.classes)), dtype=np.float32)
        with threadpool_limits(1, None if small else "blas"):
            probability[:, present] = np.exp(final.log_probability(values))
        return probability

    chosen = {"strength": path[best], "converged": float(final.converged), "validation_images": float(judged)}
    if judged:
        chosen["validation_accuracy"] = float(right[best] / judged)
    weights, bias = np.zeros((train.values.shape[1], len(train.classes))), np.full(len(train.classes), -np.inf)
    weights[:, present], bias[present] = final.coefficient, final.bias
    head = LinearHead(final.mean, final.scale, weights, bias)
    return Predictions(len(test), predict, chosen, {"strengths": (path[best],)}, head)


def validate_strengths(
    values: np.ndarray,
    labels: np.ndarray,
    path: list[float],
    folds: int,
    seed: int,
    max_iterations: int,
    device: Device,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Right answers and summed log loss of each strength, (S,) each, over held-out images, and how many there were."""
    right, loss, judged = np.zeros(len(path)), np.zeros(len(path)), 0
    part = assign_folds(labels, folds, seed)  # (N,)
    for fold in range(folds if len(path) > 1 else 0):
        held = part == fold
        if judged >= ENOUGH_IMAGES or not held.any():
            continue
        answers = labels[held]
        for i, fitted in enumerate(fit(values[~held], labels[~held], path, max_iterations, device)):
            for rows in split_rows(len(answers), len(fitted.bias)):
                guess, wanted = fitted.log_probability(values[held][rows]), answers[rows]  # (n, C), (n,)
                right[i] += (guess.argmax(axis=1) == wanted).sum()
                loss[i] -= guess[np.arange(len(wanted)), wanted].sum()
        judged += len(answers)
    return right, loss, judged


def split_rows(count: int, classes: int) -> Iterator[slice]:
    """Parts of `count` images for which probabilities of all classes can be held at once."""
    size = max(1, MAX_PROBABILITIES // classes)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def assign_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Stratified fold of each image, (N,) in [0, folds); -1 for the only image of a class, which is never held out."""
    part = deal_parts(labels, folds, seed)
    part[np.bincount(labels)[labels] == 1] = -1
    return part


def fit(
    values: np.ndarray, labels: np.ndarray, path: Sequence[float], max_iterations: int, device: Device = "cpu"
) -> list[FittedProbe]:
    """Fits of features (N, D) to labels (N,) in [0, C), one for each strength of the path, warm-started in turn.

    The features are rotated to their principal axes, which leaves the penalty as it is; there each axis can be scaled
    by the curvature it has, and L-BFGS meets an almost round problem that it solves in tens of steps. What grows with
    N is computed on `device`.
    """
    mean, scale = mean_and_scale(values)
    x = to_device(torch.tensor(values), device).double()  # (N, D): line searches stumble over the rounding of less
    x = x.sub_(to_device(torch.from_numpy(mean), device)).mul_(to_device(torch.from_numpy(scale), device))
    variance, axes = (found.numpy() for found in torch.linalg.eigh((x.T @ x / len(x)).cpu()))  # (D,), (D, D)
    kept = variance > 1e-9 * variance[-1]  # fewer images than dimensions span fewer axes
    variance, axes = variance[kept], axes[:, kept]
    x = to_device(torch.from_numpy(np.ascontiguousarray(axes.T)), device) @ x.T  # (R, N)
    share = np.bincount(labels) / len(labels)  # (C,) of each class
    weights, bias = np.zeros((len(variance), len(share))), np.log(share) - np.log(share).mean()
    wanted, fits = to_device(torch.tensor(labels)[None], device), []  # (1, N)
    for strength in path:
        step = 1 / np.sqrt(variance * (share * (1 - share)).mean() + strength)[:, None]  # (R, 1)
        weights, bias, converged = minimise_loss(x, wanted, weights, bias, strength, step, max_iterations)
        fits.append(FittedProbe(mean, scale, axes @ weights, bias, converged))
    return fits


def minimise_loss(
    x: Tensor,
    labels: Tensor,
    weights: np.ndarray,
    bias: np.ndarray,
    strength: float,
    step: np.ndarray,
    max_iterations: int,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """L-BFGS from weights (R, C) and bias (C,), walking in weights / step: the minimum, and whether it was reached.

    `x` (R, N) and labels (1, N) lie on the device that computes.
    """
    shape, count, minus = weights.shape, x.shape[1], -torch.ones_like(labels, dtype=x.dtype)  # (1, N)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w, b = flat[: weights.size].reshape(shape) * step, flat[weights.size :]
        here = to_device(torch.from_numpy(np.vstack([w, b])), x.device)  # (R + 1, C)
        total = here.new_zeros(len(here) + 1, shape[1])
        for rows in split_rows(count, shape[1]):
            log_p = torch.addmm(here[-1:].T, here[:-1].T, x[:, rows]).log_softmax(dim=0)  # (C, n)
            loss = -log_p.gather(0, labels[:, rows]).sum()
            error = log_p.exp_().scatter_add_(0, labels[:, rows], minus[:, rows])  # (C, n)
            total += torch.cat([x[:, rows] @ error.T, error.sum(dim=1)[None], loss.expand(1, shape[1])])
        found = total.cpu().numpy() / count
        slope = (found[:-2] + strength * w) * step  # (R, C)
        return found[-1, 0] + strength / 2 * (w * w).sum(), np.concatenate([slope.ravel(), found[-2]])

    flat, left, done = np.concatenate([(weights / step).ravel(), bias]), max_iterations, False
    while left > 0 and not done:
        loss = objective(flat)[0]  # where classes separate, gradient and curvature fade with it: so must the tolerance
        options = {"maxiter": left, "maxfun": 3 * left, "gtol": 1e-5 * min(1, loss), "ftol": 1e-13}
        end = minimize(objective, flat, jac=True, method="L-BFGS-B", options=options)
        flat, left, done = end.x, left - max(end.nit, 1), end.status != 1 and end.fun > loss / 2
    return flat[: weights.size].reshape(shape) * step, flat[weights.size :], done


def mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and one over the standard deviation of each feature, (D,) each; 0 where only rounding varies."""
    mean = values.mean(axis=0, dtype=np.float64)
    deviation = values.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies & (deviation > 0))
    return mean, scale
