"""Flatness: whether a metric of the landscape orders models as their accuracy or robustness does."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, norm, spearmanr

from kogen.statistics._surface_metrics import rows_where

__all__ = ["flatness"]

MIN_MODELS = 5  # models below which an order shows nothing: of 4, one in 24 agrees by chance
COLUMNS = ["objective", "metric", "score", "n", "spearman", "lo", "hi", "tau", "tau_lo", "tau_hi", "p", "verdict"]


def flatness(geometry: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation over models of each metric of the landscape with each score.

    Input: a geometry table, and scores (model, score: its name, value). Output: objective, metric, score, n (models
    with both), spearman, lo, hi, tau (b), tau_lo, tau_hi, p (of tau = 0), verdict: too few (n < 5, the rest null) |
    together | against | undecided (the interval of tau holds 0).
    Definition: intervals of 95 % over models, of the Fisher transform, its variance (1 + rho^2 / 2) / (n - 3) for
    Spearman's (Bonett and Wright 2000, Psychometrika 65) and .437 / (n - 4) for tau's (Fieller et al. 1957). Pairs
    are not corrected for their number: one in twenty errs. Uncertainty of the metrics weakens a correlation.
    """
    found = []
    for key, rows in geometry.groupby(["objective", "metric"], sort=False):
        for name in scores["score"].unique():
            both = rows.merge(rows_where(scores, "score", name), on="model", suffixes=("", "_of"))
            both = both.dropna(subset=["value", "value_of"])
            numbers = correlate(both["value"].to_numpy(), both["value_of"].to_numpy())
            found.append((*map(str, key), str(name), *numbers))  # type: ignore[call-overload]
    return pd.DataFrame(found, columns=COLUMNS)


def correlate(one: np.ndarray, other: np.ndarray) -> Sequence[float | str | int]:
    """n, spearman with its interval, tau with its interval, p, verdict."""
    n, nothing = len(one), np.nan
    if n < MIN_MODELS or not (np.ptp(one) and np.ptp(other)):
        return n, *[nothing] * 7, "too few" if n < MIN_MODELS else "undecided"
    rho, tau = float(np.asarray(spearmanr(one, other))[0]), np.asarray(kendalltau(one, other))
    swap = 1 - 12 / (n * (n**2 - 1)), 1 - 4 / (n * (n - 1))  # the largest values below 1: one swap in the order
    lo, hi = fisher_interval(rho, (1 + rho**2 / 2) / (n - 3), swap[0])
    tau_lo, tau_hi = fisher_interval(float(tau[0]), 0.437 / (n - 4), swap[1])
    verdict = "together" if tau_lo > 0 else "against" if tau_hi < 0 else "undecided"
    return n, rho, lo, hi, float(tau[0]), tau_lo, tau_hi, float(tau[1]), verdict


def fisher_interval(value: float, variance: float, most: float) -> tuple[float, float]:
    """The 95 % interval of a correlation by Fisher's transform, which is infinite at 1: values are cut at `most`."""
    middle, half = np.arctanh(np.clip(value, -most, most)), float(norm.isf(0.025)) * variance**0.5
    lo, hi = np.tanh(middle - half), np.tanh(middle + half)
    return float(min(lo, value)), float(max(hi, value))
