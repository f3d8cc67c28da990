"""The share of a plane that is nearly convex: the Hessian's smallest eigenvalue is small beside its largest."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import RegularGridInterpolator

from kogen.statistics._surface_metrics import LEVEL, half_width, number_interval, pair_rows, variance_of_mean

FINE = 201  # evaluations along an axis
BELOW = 0.1  # downward curvature over the largest, below which a place is nearly convex
REQUIRED_COLUMNS = ("run", "model", "objective", "direction", "plane", "alpha", "beta", "lambda_min", "lambda_max")


def tables(eigenmap: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How much of a model's first random plane is nearly convex, in the form of `geometry` and `geometry_pairs`.

    Definition: share of the plane where max(-lambda_min, 0) < BELOW * lambda_max, the map being linear between its
    points; unknown places count as not convex. Where lambda_min is negative that is |lambda_min / lambda_max| under
    BELOW (Li et al. 2018, arXiv 1712.09913, section 6); where it is not, the loss is convex, whatever the ratio.
    Intervals (Student, Satterthwaite; of one model on a scale of logits) are over runs: with one run lo and hi are nan.
    All runs have the same images and one plane, so intervals do not cover other images and planes. ValueError for
    missing columns.
    """
    if missing := [name for name in REQUIRED_COLUMNS if name not in eigenmap]:
        raise ValueError(f"an eigenmap needs the columns {', '.join(REQUIRED_COLUMNS)}; missing: {', '.join(missing)}")
    rows: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    random = pd.DataFrame(eigenmap[eigenmap["direction"] == "random"])
    for objective, part in random.groupby("objective", sort=True):
        about = {"objective": str(objective), "metric": "near_convex"}
        shares: dict[str, np.ndarray] = {}
        for model, runs in part.groupby("model", sort=True):
            shares[str(model)] = np.array([near_convex_share(run) for _, run in runs.groupby("run", sort=True)])
        for model, values in shares.items():
            mean, half = float(values.mean()), share_half_width(values)
            lo, hi = number_interval(mean, half, "near_convex")
            rows.append({"model": model, **about, "value": mean, "lo": lo, "hi": hi, "planes": 1, "images": None})

        def differ(
            first: str, second: str, chance: float, of: dict[str, np.ndarray] = shares
        ) -> tuple[float, float, int]:
            half = share_half_width(of[first], of[second], chance=chance)
            return float(of[first].mean() - of[second].mean()), half, 1

        pairs += pair_rows(about, {model: float(values.mean()) for model, values in shares.items()}, differ)
    return pd.DataFrame(rows), pd.DataFrame(pairs)


def share_half_width(*models: np.ndarray, chance: float = LEVEL) -> float:
    """Half of the interval of a mean, or of a difference of means, of values by run (R,); nan for one run."""
    return half_width([variance_of_mean(values) for values in models], chance) if min(map(len, models)) > 1 else np.nan


def near_convex_share(points: pd.DataFrame) -> float:
    """The share of one map."""
    table = points.assign(down=downward_curvature(points)).pivot(index="alpha", columns="beta", values="down")
    places, values = [axis.to_numpy(np.float64) for axis in table.axes], table.to_numpy(np.float64)  # values: (A, B)
    if values.shape[1] == 1:  # a line
        values, places[1] = np.repeat(values, 2, axis=1), np.array([0.0, 1.0])
    fine = np.meshgrid(*(np.linspace(axis[0], axis[-1], FINE) for axis in places), indexing="ij")
    return float((RegularGridInterpolator(places, values)(np.stack(fine, axis=-1)) < BELOW).mean())


def downward_curvature(points: pd.DataFrame) -> np.ndarray:
    """How much of the curvature is downwards at each point, (N,): 0 is convex, 1 and more is no sort of minimum."""
    low, high = (points[name].to_numpy(np.float64) for name in ("lambda_min", "lambda_max"))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(low < 0, np.where(high > 0, np.minimum(-low / high, 1.0), 1.0), 0.0)
    return np.where(np.isnan(low) | np.isnan(high), np.nan, found)
