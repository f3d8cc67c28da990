"""Metrics of every plane of a surface table, with and without each part of the images, and their intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from kogen.surface_fit.interpolation import Spline2D, fit_grid, loss_range
from kogen.surface_fit.metrics import surface_metrics
from kogen.surface_fit.multilevel import multilevel_error, multilevel_spline

REQUIRED_COLUMNS = ("run", "model", "objective", "direction", "plane", "alpha", "beta", "level")
REQUIRED_COLUMNS += ("loss", "images", "units", "parts")
METRICS = ("width", "basin", "convex", "range", "error")
SHARES = ("width", "basin", "convex", "near_convex")  # within [0, 1], of the plane: comparable across losses
POSITIVE = ("range", "error", "lambda_max", "lambda_ratio", "sam", "adaptive_sam", "gradient", "fall")
LEVEL = 0.05  # share of wrong intervals, over all pairs of a metric for differences
MARGIN = 0.05  # of a share: two models that differ by less are equivalent
MAX_EXPONENT = 50.0  # of the factor between a number and the ends of its interval: what is wider knows nothing


@dataclass(frozen=True)
class PlaneMetric:
    """One metric of one model: for each run and plane the value of all images, then without each part of them."""

    values: np.ndarray  # (R, P, 1 + G)
    planes: np.ndarray  # (P,)
    images: int

    @property
    def mean(self) -> float:
        """Mean over runs and planes."""
        return float(self.values[:, :, 0].mean())

    def on_planes(self, planes: np.ndarray) -> "PlaneMetric":
        """The same on some of its planes."""
        return PlaneMetric(self.values[:, np.isin(self.planes, planes)], planes, self.images)


def measure_planes(surface: pd.DataFrame) -> dict[tuple[str, str], dict[str, PlaneMetric]]:
    """(objective, metric) to model to its metric on random planes.

    Only planes that every run of a model has are used. Raises ValueError for missing columns, no random planes, and an
    unfinished plane.
    """
    if missing := [name for name in REQUIRED_COLUMNS if name not in surface]:
        raise ValueError(f"a surface needs the columns {', '.join(REQUIRED_COLUMNS)}; missing: {', '.join(missing)}")
    random = rows_where(surface, "direction", "random")
    if not len(random):
        raise ValueError("the surface has no random planes, and only those can be averaged: draw some first")
    found: dict[tuple[str, str], dict[str, PlaneMetric]] = {}
    for key, part in random.groupby(["objective", "model"], sort=True):
        objective, model = map(str, key)  # type: ignore[arg-type]
        runs = [{plane: one for plane, one in run.groupby("plane")} for _, run in part.groupby("run", sort=True)]
        planes = sorted(set.intersection(*(set(run) for run in runs)))
        if not planes:
            raise ValueError(f"the runs of {model!r} have no plane in common: draw the same planes for each of them")
        shapes = [[plane_metrics(run[plane]) for plane in planes] for run in runs]
        for metric in METRICS:
            values = np.array([[one[metric] for one in run] for run in shapes])  # (R, P, 1 + G)
            made = PlaneMetric(values, np.array(planes), int(np.max(part["images"])))
            found.setdefault((objective, metric), {})[model] = made
    return found


def rows_where(table: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """The rows that have this value in a column."""
    return pd.DataFrame(table[table[column] == value])


def plane_metrics(points: pd.DataFrame) -> dict[str, np.ndarray]:
    """The metrics of one plane, (1 + G,) each: of all images, then without each part of the units."""
    made = [surface_metrics(one) for one in splines_without_parts(points)]
    found = {metric: np.array([one[metric] for one in made]) for metric in METRICS if metric != "error"}
    height = loss_range(fit_grid(rows_where(points, "images", np.min(points["images"]))).spline)
    error = multilevel_error(points) / height if height > 0 else 0.0 if height == 0 else np.nan
    return found | {"error": np.full(len(made), error)}


def splines_without_parts(points: pd.DataFrame) -> list[Spline2D]:
    """A plane's surface of all images, then without each part of them, (1 + G); the first alone where there is one."""
    parts = np.stack([np.asarray(row, np.float64) for row in points["parts"]])  # (N, G)
    losses = [points["loss"].to_numpy(np.float64)]
    if (count := parts.shape[1]) > 1:
        units = points["units"].to_numpy()[:, None]
        sizes = units // count + (np.arange(count) < units % count)  # (N, G) as even as possible, the first the larger
        rest = (parts * sizes).sum(axis=1, keepdims=True) - parts * sizes
        losses += list((rest / (sizes.sum(axis=1, keepdims=True) - sizes)).T)
    return [multilevel_spline(points.assign(loss=loss)) for loss in losses]


def pair_rows(
    about: dict[str, str],
    means: dict[str, float],
    compare: Callable[[str, str, float], tuple[float, float, int | None]],
) -> list[dict[str, Any]]:
    """A row for every pair of models: `first` has the larger mean, equals are in the order of their names.

    `compare(first, second, chance)` gives the difference of the two, half of the interval that errs with this chance,
    and the number of planes. Each pair gets its part of LEVEL (Bonferroni), so that with 95 % all intervals of a metric
    hold their difference at once.
    """
    rows = []
    pairs = list(combinations(sorted(means), 2))
    for names in pairs:
        first, second = names if means[names[0]] >= means[names[1]] else names[::-1]
        gap, half, planes = compare(first, second, LEVEL / len(pairs))
        lo, hi = gap - half, gap + half
        row = {**about, "first": first, "second": second, "difference": gap, "lo": lo, "hi": hi}
        rows.append(row | {"planes": planes, "verdict": pair_verdict(lo, hi, about["metric"] in SHARES)})
    return rows


def pair_verdict(lo: float, hi: float, share: bool) -> str:
    """larger (lo > 0) | equivalent (a share that differs by less than MARGIN) | undecided | unknown (no interval)."""
    if lo != lo or hi != hi:
        return "unknown"
    if lo > 0:
        return "larger"
    return "equivalent" if share and lo > -MARGIN and hi < MARGIN else "undecided"


def number_interval(value: float, half: float, metric: str) -> tuple[float, float]:
    """The interval of a metric from half of its width, on a scale of logits for a share, of logs for what is positive.

    So it never holds a number that the metric cannot be (delta method); at the ends of its range, and for metrics of
    any sign, it is value - half to value + half.
    """
    if metric in SHARES and 0 < value < 1:
        factor = odds_factor(half / (value * (1 - value)))
        odds = value / (1 - value)
        return odds / factor / (1 + odds / factor), odds * factor / (1 + odds * factor)
    if metric in POSITIVE and value > 0:
        factor = odds_factor(half / value)
        return value / factor, value * factor
    lo, hi = value - half, value + half
    if metric in SHARES:
        return max(lo, 0.0) if lo == lo else lo, min(hi, 1.0) if hi == hi else hi
    return lo, hi


def odds_factor(exponent: float) -> float:
    """e to the exponent, without overflow; nan stays nan."""
    return math.exp(min(exponent, MAX_EXPONENT)) if exponent == exponent else exponent


def variance_components(one: PlaneMetric) -> list[tuple[float, int]]:
    """The parts of the variance of a mean, each with its degrees of freedom: runs, planes, images.

    Variance that runs and planes share is counted twice, which makes intervals too wide rather than too narrow.
    """
    values = one.values[:, :, 0]  # (R, P)
    parts = [variance_of_mean(values.mean(axis=axis)) for axis in (1, 0)]
    return [*parts, jackknife_variance(one.values.mean(axis=(0, 1)))]


def variance_of_mean(values: np.ndarray) -> tuple[float, int]:
    """Variance of the mean of independent values (n,) and its degrees of freedom; 0 and 0 for one."""
    return (float(values.var(ddof=1)) / len(values), len(values) - 1) if len(values) > 1 else (0.0, 0)


def jackknife_variance(values: np.ndarray) -> tuple[float, int]:
    """Variance from a value with all parts and the values without each, (1 + G,) (Efron and Stein 1981, eq. 1.4)."""
    without, count = values[1:], len(values) - 1
    return ((count - 1) / count * float(((without - without.mean()) ** 2).sum()), count - 1) if count > 1 else (0.0, 0)


def half_width(variances: list[tuple[float, int]], chance: float = LEVEL) -> float:
    """Half of the interval, which errs with this chance, of a mean whose variance is a sum of estimates.

    Degrees of freedom as in Satterthwaite 1946; nan is nan.
    """
    total = sum(variance for variance, _ in variances)
    if not total > 0:
        return total  # 0, or nan
    freedom = total**2 / sum(variance**2 / count for variance, count in variances if variance > 0)
    return float(student.isf(chance / 2, freedom)) * total**0.5
