"""Pairs of models on the same planes and images: whose landscape is wider, or more convex, and how sure that is."""

from functools import partial

import numpy as np
import pandas as pd

from kogen.statistics import _surface_metrics as metrics
from kogen.statistics._surface_metrics import PlaneMetric

__all__ = ["geometry_pairs"]

COLUMNS = ["objective", "metric", "first", "second", "difference", "lo", "hi", "planes", "verdict"]


def geometry_pairs(surface: pd.DataFrame) -> pd.DataFrame:
    """Every pair of models and every metric of their planes: first minus second, with its interval.

    Input: a surface table. Output: objective, metric, first, second (`first` has the larger value; equals: by name),
    difference, lo, hi, planes, verdict: larger (lo > 0), equivalent (a share that differs by less than MARGIN),
    undecided, or unknown (no interval). All models share planes and images, so differences are taken within them: the
    variance is that of plane-wise differences over planes and of the jackknife of differences over images, plus that
    of each model's run means. One plane decides nothing: lo and hi are nan. Intervals of a metric hold all at once
    with 95 % (Bonferroni). ValueError as `measure_planes`, and for two models without a plane in common.
    """
    rows = []
    for (objective, metric), models in metrics.measure_planes(surface).items():
        about = {"objective": objective, "metric": metric}
        rows += metrics.pair_rows(
            about, {name: model.mean for name, model in models.items()}, partial(compare_means, models)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def compare_means(models: dict[str, PlaneMetric], first: str, second: str, chance: float) -> tuple[float, float, int]:
    """How much larger one model's mean is on the planes of both, half of its interval, and how many those are."""
    planes = np.intersect1d(models[first].planes, models[second].planes)
    if not len(planes):
        raise ValueError(f"{first!r} and {second!r} have no plane in common: draw the same planes for both")
    one, other = models[first].on_planes(planes), models[second].on_planes(planes)
    return one.mean - other.mean, difference_half_width(one, other, chance), len(planes)


def difference_half_width(one: PlaneMetric, other: PlaneMetric, chance: float = metrics.LEVEL) -> float:
    """Half of the interval of the difference of two models' means on the same planes; nan for one plane."""
    if len(one.planes) < 2:
        return np.nan
    apart = one.values[:, :, 0].mean(axis=0) - other.values[:, :, 0].mean(axis=0)  # (P,)
    variances = [metrics.variance_of_mean(apart)]
    variances += [metrics.variance_of_mean(each.values[:, :, 0].mean(axis=1)) for each in (one, other)]
    if one.values.shape[2] == other.values.shape[2]:
        variances.append(metrics.jackknife_variance(one.values.mean(axis=(0, 1)) - other.values.mean(axis=(0, 1))))
    else:  # other parts: the images' error does not cancel
        variances += [metrics.jackknife_variance(each.values.mean(axis=(0, 1))) for each in (one, other)]
    return metrics.half_width(variances, chance)
