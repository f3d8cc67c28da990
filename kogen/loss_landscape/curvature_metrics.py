"""Curvature metrics: how sharp a loss is at the trained weights, each metric for every part of the images."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from kogen.loss_landscape.hessian import Hessian, Params
from kogen.loss_landscape.lanczos import NotFinite, lanczos
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.sharpness import Estimate, noise_sharpness, sam_sharpness, steepest_descent, trace

WeightedLosses = list[tuple[float, Callable[[Params], torch.Tensor]]]
PartValues = tuple[list[float], float]  # a value for each part of the images, and their other error

METRIC_PARTS = 4  # of the frozen batches; their differences make the error bars over images
RHO, RHO_ADAPTIVE = 0.05, 0.5  # radii of SAM (Foret et al. 2021) and of adaptive SAM (Kwon et al. 2021)
SIGMA = 0.1  # of the noise in each weight, in units of its size
DRAWS, LIMIT = 16, 120  # for trace and noise; products of Lanczos
TOGETHER = {"lambda": ("lambda_max", "lambda_min", "lambda_ratio"), "gradient": ("gradient", "fall")}


def curvature_metrics(objective: Objective, seed: int = 0) -> list[dict[str, Any]]:
    """Rows metric, values, error, images: how sharp an objective is at its own weights, over all moving parameters.

    `values`: one number for each part of the images. Their mean is the metric of all images, their spread shows, to
    first order, the effect of drawing images. `error`: the standard error over draws, or the residual of Lanczos.
    Metrics: lambda_max, lambda_min, lambda_ratio = |lambda_min / lambda_max|, trace, sam (rho .05), adaptive_sam
    (rho .5), noise (mean rise under noise of a tenth of each weight), gradient (its norm) and fall (how far the loss
    falls along it, `steepest_descent`). A metric is nan where the loss is not finite near its weights.
    """
    whole, at = objective.weighted_losses(), objective.at
    parts = [whole[number::METRIC_PARTS] for number in range(min(METRIC_PARTS, len(whole)))]
    mean_trace = lambda part: trace(Hessian(part, at), make_generator(seed), DRAWS)  # noqa: E731
    mean_rise = lambda part: noise_sharpness(part, at, make_generator(seed), sigma=SIGMA, draws=DRAWS)  # noqa: E731
    asked: dict[str, Callable[[], dict[str, PartValues]]] = {
        "lambda": lambda: eigenvalues(whole, parts, at, seed),
        "trace": lambda: {"trace": estimate_parts(parts, mean_trace)},
        "sam": lambda: {"sam": sam_by_part(parts, at, seed, RHO, False)},
        "adaptive_sam": lambda: {"adaptive_sam": sam_by_part(parts, at, seed, RHO_ADAPTIVE, True)},
        "noise": lambda: {"noise": estimate_parts(parts, mean_rise)},
        "gradient": lambda: descent_by_part(parts, at),
    }
    images = int(sum(weight for weight, _ in whole))
    rows: list[dict[str, Any]] = []
    for name, ask in asked.items():
        try:
            found = ask()
        except NotFinite:
            names = TOGETHER.get(name, (name,))
            found = dict.fromkeys(names, ([math.nan] * len(parts), math.nan))
        rows += [{"metric": m, "values": v, "error": e, "images": images} for m, (v, e) in found.items()]
    return rows


def make_generator(seed: int) -> torch.Generator:
    """A new generator: every part gets the same draws, so that the mean over parts is the metric of all images."""
    return torch.Generator().manual_seed(seed)


def balance_parts(parts: list[WeightedLosses], values: list[float]) -> list[float]:
    """Values of parts, rescaled so that their plain mean is the mean over images although parts differ in size."""
    sizes = np.array([sum(weight for weight, _ in part) for part in parts])
    shares, array = sizes / sizes.sum(), np.array(values)
    mean = float(shares @ array)
    return (mean + len(parts) * shares * (array - mean)).tolist()


def estimate_parts(parts: list[WeightedLosses], estimator: Callable[[WeightedLosses], Estimate]) -> PartValues:
    """A metric linear in the loss, a mean over draws for each part; parts share draws, so errors are averaged."""
    made = [estimator(part) for part in parts]
    return balance_parts(parts, [one.value for one in made]), float(np.mean([one.error for one in made]))


def eigenvalues(whole: WeightedLosses, parts: list[WeightedLosses], at: Params, seed: int) -> dict[str, PartValues]:
    """Both ends of the spectrum; a part's value is its v H v, the eigenvalue's derivative in the images."""
    pairs = lanczos(Hessian(whole, at), make_generator(seed), tolerance=1e-2, limit=LIMIT)
    maps = (Hessian(part, at) for part in parts)  # one at a time in memory
    each = [[float(vector.double() @ of(vector).double()) for vector in pairs.vectors] for of in maps]
    spreads = (np.array(balance_parts(parts, list(slopes))) for slopes in zip(*each, strict=True))
    low, high = (one - one.mean() + float(value) for one, value in zip(spreads, pairs.values, strict=True))
    (low_error, high_error), least, most = pairs.residuals.tolist(), low.mean(), high.mean()
    ratio = abs(least / most) * (1 + (low - least) / least - (high - most) / most) if least * most else low * np.nan
    relative = math.hypot(low_error / least, high_error / most) if least * most else math.nan
    found = {"lambda_max": (high.tolist(), high_error), "lambda_min": (low.tolist(), low_error)}
    return found | {"lambda_ratio": (ratio.tolist(), abs(least / most) * relative if most else math.nan)}


def sam_by_part(parts: list[WeightedLosses], at: Params, seed: int, rho: float, adaptive: bool) -> PartValues:
    """SAM's rise by part of the images."""
    how: dict[str, Any] = {"rho": rho, "adaptive": adaptive}
    found = pseudo_values(parts, lambda some: np.array([sam_sharpness(some, at, make_generator(seed), **how)]))
    return found[:, 0].tolist(), 0.0


def descent_by_part(parts: list[WeightedLosses], at: Params) -> dict[str, PartValues]:
    """Norm of the gradient and the loss's fall along it, by part of the images."""
    found = pseudo_values(parts, lambda some: np.array(steepest_descent(some, at)))
    return {"gradient": (found[:, 0].tolist(), 0.0), "fall": (found[:, 1].tolist(), 0.0)}


def pseudo_values(parts: list[WeightedLosses], measure: Callable[[WeightedLosses], np.ndarray]) -> np.ndarray:
    """Metrics (M,) by part that are not linear in the loss, (G, M): Tukey's, shifted to the mean of all images."""
    whole = measure([pair for part in parts for pair in part])
    if len(parts) == 1:
        return whole[None]
    others = [[pair for other in parts if other is not part for pair in other] for part in parts]
    without = np.stack([measure(some) for some in others])
    return (len(parts) - 1) * (without.mean(axis=0) - without) + whole
