"""How wide and how convex each model's landscape is, with intervals over planes, images and runs."""

import numpy as np
import pandas as pd

from kogen.statistics._surface_metrics import half_width, measure_planes, number_interval, variance_components

__all__ = ["geometry"]


def geometry(surface: pd.DataFrame) -> pd.DataFrame:
    """Each metric of each model's random planes: its mean and 95 % interval.

    Input: a surface table. Output (tables.SCHEMAS): model, objective, metric, value, lo, hi, planes, images. Metrics
    are those of `surface_metrics` (width, basin, convex, range) and error (`multilevel_error`) as a share of the range.
    Definition: mean over runs and planes; its variance is that of run means over runs, of plane means over planes, and
    the jackknife's over eighths of the images, with Student's t and Satterthwaite's degrees of freedom. Intervals are
    on the scale of logits or logs (`number_interval`), so that shares stay shares and ranges positive. One run
    speaks of that network only. One plane gives lo and hi nan, since planes often differ by more than models. With one
    unit of images the interval does not cover other images. The range of different objectives cannot be compared.
    ValueError as `measure_planes`.
    """
    rows = []
    for (objective, metric), models in measure_planes(surface).items():
        for model, one in models.items():
            half = half_width(variance_components(one)) if len(one.planes) > 1 else np.nan
            lo, hi = number_interval(one.mean, half, metric)
            row = {"model": model, "objective": objective, "metric": metric, "value": one.mean, "lo": lo, "hi": hi}
            rows.append(row | {"planes": len(one.planes), "images": one.images})
    return pd.DataFrame(rows)
