"""The table of accuracies where only scores are known, with intervals from the number of items."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._intervals import wilson
from kogen.statistics.values import LEVEL

__all__ = ["reported_scores"]

TAIL = (1 - LEVEL) / 2


def reported_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean score over seeds of every model on every set, and an interval where the number of items is known.

    Input: model, dataset, score in points[, n][, seed]. Output as `values`: model, dataset, n, value, lo, hi,
    seed_sd; points; lo, hi null without n, seed_sd null for one run (equal scores count as one run written twice).
    Definition: Wilson's interval (1927) on n items; with several runs on the effective number of items that also leaves
    the variance between runs (quantiles of their own degrees of freedom, as `values`).
    Assumes independent items and a score that is a share of right answers. The error of single items is part
    of the spread between runs and cannot be subtracted without the items: with several runs the interval is too wide.
    """
    found = score_cells(scores)
    mean, n = (found[name].to_numpy(dtype=np.float64) for name in ("value", "n"))
    lo, hi = score_interval(mean / 100, n, found["training_variance"].to_numpy(), found["runs"].to_numpy(), TAIL)
    found["n"] = found["n"].astype("Int64")
    found = found.assign(lo=100 * lo, hi=100 * hi)
    found = found.sort_values(["dataset", "value", "model"], ascending=[True, False, True], ignore_index=True)
    found = found.assign(clusters_effective=np.nan, df=np.nan)  # nobody knows of clusters
    return found.reindex(columns=["model", "dataset", "n", "value", "lo", "hi", "seed_sd", "clusters_effective", "df"])


def score_cells(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a model and set: model, dataset, n, runs (distinct), value and seed_sd in points, training_variance.

    training_variance is the variance of the mean over runs as observed, 0-1; 0 for one run.
    """
    frame = scores if "n" in scores else scores.assign(n=np.nan)
    each = frame.groupby(["model", "dataset", "score"], sort=True, observed=True).agg(n=("n", "max"), w=("n", "size"))
    each = each.reset_index()
    each["weighted"] = each["score"] * each["w"]
    cell = each.groupby(["model", "dataset"], sort=True, observed=True)
    found = cell.agg(n=("n", "max"), runs=("score", "size"), w=("w", "sum"), sum=("weighted", "sum")).reset_index()
    found["value"] = found["sum"] / found["w"]
    place = cell.ngroup().to_numpy()
    mean, runs = found["value"].to_numpy(dtype=np.float64), found["runs"].to_numpy()
    part = each["w"].to_numpy() / found["w"].to_numpy()[place]
    square = np.bincount(place, weights=part * (each["score"].to_numpy() - mean[place]) ** 2, minlength=len(found))
    variance = np.where(runs > 1, square * runs / np.maximum(runs - 1, 1), np.nan)
    variance_of_mean = np.nan_to_num(variance) / 1e4 * np.bincount(place, weights=part**2, minlength=len(found))
    return found.assign(seed_sd=np.sqrt(variance), training_variance=variance_of_mean)


def score_interval(
    share: np.ndarray, n: np.ndarray, training_variance: np.ndarray, runs: np.ndarray, tail: float
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval on the number of items that would have the variance of items and of training together.

    `tail` is left on each side.
    """
    spread = share * (1 - share) * norm.isf(tail) ** 2
    half2 = spread / n + student.isf(tail, np.maximum(runs - 1, 1)) ** 2 * training_variance
    effective = np.divide(spread, half2, where=half2 > 0, out=n.copy())
    return wilson(share, np.where((training_variance > 0) & (spread > 1e-12), effective, n), 1 - 2 * tail)
