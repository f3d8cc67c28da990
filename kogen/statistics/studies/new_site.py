"""A new site: how likely each method is the best there, from its values at sites like it."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from kogen.statistics.studies.random_effects import LEAST_SITES

DRAWS = 20_000
ROUNDING = 1e-9


@dataclass(frozen=True)
class NewSite:
    """What is expected of each method (m,) at a new site, in the unit of the values; shares in 0-1."""

    models: tuple[str, ...]
    behind: np.ndarray  # expected distance to the best expected, 0 or more
    best: np.ndarray  # probability of being the best
    near: np.ndarray  # probability of being within the margin of the best
    tau: float  # sd of a method's own deviation at a site, the same for all methods


def expect_new_site(
    models: tuple[str, ...], values: np.ndarray, variances: np.ndarray, *, margin: float, seed: int
) -> NewSite:
    """The methods' places at a new site, from values (k, m) of k sites, nan where not measured, with error variances.

    Model: value = site + method + the method's deviation at this site (normal, variance tau^2 for all methods) + error.
    tau^2 is Paule and Mandel's on the residuals of both; probabilities are shares of draws from `seed` of the methods'
    means, their deviations at the new site, and a Student's t scale with as many degrees of freedom as there are
    residuals, for tau is only estimated. `variances`: of each value around that of its site's average.
    ValueError for fewer than 3 sites or 2 methods, and for a method that no other is measured beside.
    """
    known = ~np.isnan(values)
    sites, count = values.shape
    if sites < LEAST_SITES or count < 2:
        raise ValueError(f"{sites} sites and {count} methods say nothing of a new one: wanted {LEAST_SITES} and 2")
    site, method = np.nonzero(known)
    design = np.zeros((len(site), sites + count - 1))  # the first method's mean is 0
    design[np.arange(len(site)), site] = 1
    later = method > 0
    design[np.flatnonzero(later), sites + method[later] - 1] = 1
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("some methods were never measured beside the others: nothing compares them")
    df = len(site) - design.shape[1]
    if df < 1:
        raise ValueError("each method was measured at too few sites for what it is worth at another")
    response, error = values[known], variances[known]

    def fit(tau2: float) -> tuple[np.ndarray, np.ndarray, float]:
        weight = 1 / (error + tau2)
        covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
        found = covariance @ (design.T @ (weight * response))
        return found, covariance, float(weight @ (response - design @ found) ** 2) - df

    tau2, high = 0.0, float(np.ptp(response) ** 2) + float(error.max())
    if fit(0.0)[2] > 0:
        while fit(high)[2] > 0:
            high *= 2
        tau2 = float(brentq(lambda value: fit(value)[2], 0.0, high, xtol=1e-14, rtol=1e-12))
    found, covariance, _ = fit(tau2)
    means, part = np.concatenate([[0.0], found[sites:]]), np.zeros((count, count))
    part[1:, 1:] = covariance[sites:, sites:]
    rng = np.random.default_rng([seed, 19])
    root = np.linalg.cholesky(part[1:, 1:] + ROUNDING * np.eye(count - 1))
    drawn = np.zeros((DRAWS, count))
    drawn[:, 1:] = rng.standard_normal((DRAWS, count - 1)) @ root.T
    drawn += np.sqrt(tau2) * rng.standard_normal((DRAWS, count))
    scale = np.sqrt(df / rng.chisquare(df, size=(DRAWS, 1)))
    future = means + scale * drawn
    top = future.max(axis=1, keepdims=True)
    best = (future == top).mean(axis=0)
    near = (future >= top - margin).mean(axis=0)
    return NewSite(models, means.max() - means, best, near, float(np.sqrt(tau2)))
