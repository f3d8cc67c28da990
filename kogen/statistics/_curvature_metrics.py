"""Curvature metrics of runs by part of the images: means, intervals and paired differences of models."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from kogen.statistics._surface_metrics import LEVEL, half_width, number_interval, pair_rows, variance_of_mean

RunValues = tuple[np.ndarray, np.ndarray]
"""A model's values (R, G) by run and part of the images, and the error of each run (R,)."""

EXACT_DF = 10**6  # degrees of freedom of an error that is known


def tables(metrics: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curvature metrics in the form of the statistics `geometry` and `geometry_pairs`.

    Input: one row a run and number: run, model, objective, metric, values (G,) by part of the images, error, images.
    The variance of a model's mean is the sum of that over its runs, that over parts of the images (the same for every
    run), and the mean squared error of the runs over their number. For a difference it is that of the differences by
    part, and the other two of both models. One run speaks of that network only; one part of images gives nan.
    """
    rows: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    for key, part in metrics.groupby(["objective", "metric"], sort=False):
        objective, metric = map(str, key)  # type: ignore[arg-type]
        models = {str(name): stack_runs(runs) for name, runs in part.groupby("model", sort=True)}
        about, images = {"objective": objective, "metric": metric}, int(np.max(part["images"]))
        for model, (values, errors) in models.items():
            half, mean = metric_half_width(values.mean(axis=0), [(values, errors)]), float(values.mean())
            lo, hi = number_interval(mean, half, metric)
            row = {"model": model, **about, "value": mean, "lo": lo, "hi": hi}
            rows.append(row | {"planes": None, "images": images})
        means = {model: float(values.mean()) for model, (values, _) in models.items()}
        pairs += pair_rows(about, means, partial(compare_means, models))
    return pd.DataFrame(rows), pd.DataFrame(pairs)


def stack_runs(runs: pd.DataFrame) -> RunValues:
    """Values (R, G) and errors (R,) of a model's runs. ValueError where their images were divided differently."""
    if len({len(values) for values in runs["values"]}) > 1:
        raise ValueError("the runs of a model were measured on different numbers of images: measure all on the same")
    return np.array(runs["values"].tolist(), np.float64), runs["error"].to_numpy(np.float64)


def compare_means(models: dict[str, RunValues], first: str, second: str, chance: float) -> tuple[float, float, None]:
    """How much larger one model's mean is than another's, and half of the interval of that."""
    (one, _), (other, _) = models[first], models[second]
    same = one.shape[1] == other.shape[1]
    by_part = one.mean(axis=0) - other.mean(axis=0) if same else np.full(1, np.nan)
    return float(one.mean() - other.mean()), metric_half_width(by_part, [models[first], models[second]], chance), None


def metric_half_width(by_part: np.ndarray, models: list[RunValues], chance: float = LEVEL) -> float:
    """Half of the interval of a mean with these values by part of the images (G,), from these models."""
    if len(by_part) < 2:
        return np.nan
    variances = [variance_of_mean(by_part)]
    for values, errors in models:
        known = float((errors**2).sum()) / len(errors) ** 2
        variances += [variance_of_mean(values.mean(axis=1)), (known, EXACT_DF)]
    return half_width(variances, chance)
