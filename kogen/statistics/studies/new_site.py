"""A new site: how likely each method is the best there, from its values at sites like it."""

from dataclasses import dataclass

import numpy as np

from kogen.statistics.studies.random_effects import LEAST_SITES

DRAWS, GRID = 20_000, 81
WIDEST = 5.0  # times the spread of the residuals, up to which an sd between sites is thought possible
LEAST_RESIDUALS = 2  # numbers beyond those that sites and methods use up; with one, any spread would be as likely


@dataclass(frozen=True)
class NewSite:
    """What is expected of each method (m,) at a new site, in the unit of the values; shares in 0-1."""

    models: tuple[str, ...]
    behind: np.ndarray  # expected distance to the best expected, 0 or more
    best: np.ndarray  # probability of being the best
    near: np.ndarray  # probability of being within the margin of the best
    tau: float  # sd of a method's own deviation at a site, the same for all methods; its expectation


def expect_new_site(
    models: tuple[str, ...], values: np.ndarray, variances: np.ndarray, *, margin: float, seed: int
) -> NewSite:
    """The methods' places at a new site, from values (k, m) of k sites, nan where not measured, with error variances.

    Model: value = site + method + the method's deviation at this site (normal, sd tau, the same for all methods) +
    error. Sites and methods have flat priors, and so has tau (Gelman 2006, Bayesian Analysis 1), on a grid up to 5
    times the spread of the residuals; probabilities are shares of draws from `seed` of tau, of the methods' means given
    it, and of their deviations at the new site. `variances`: of each value around its site's level.
    ValueError for fewer than 3 sites or 2 methods, and for methods that were not measured beside one another enough.
    """
    known = ~np.isnan(values)
    sites, count = values.shape
    if sites < LEAST_SITES or count < 2:
        raise ValueError(f"{sites} sites and {count} methods say nothing of a new one: wanted {LEAST_SITES} and 2")
    design = make_design(known)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("some methods were never measured beside the others: nothing compares them")
    if len(design) - design.shape[1] < LEAST_RESIDUALS:
        raise ValueError("each method was measured at too few sites for what it is worth at another")
    response, error = values[known], variances[known]
    plain = response - design @ np.linalg.lstsq(design, response, rcond=None)[0]
    taus = np.linspace(0, WIDEST * float(np.sqrt((plain**2).sum() / (len(design) - design.shape[1]))), GRID)
    fits = [fit_methods(design, response, error + tau**2, sites) for tau in taus]
    likelihood = np.array([one[2] for one in fits])
    share = np.exp(likelihood - likelihood.max())
    share /= share.sum()
    rng = np.random.default_rng([seed, 19])
    drawn = []
    for times, tau, (mean, root, _) in zip(rng.multinomial(DRAWS, share), taus, fits, strict=True):
        means = np.zeros((times, count))
        means[:, 1:] = mean + rng.standard_normal((times, count - 1)) @ root.T
        drawn.append(means + tau * rng.standard_normal((times, count)))
    future = np.concatenate(drawn)
    top = future.max(axis=1, keepdims=True)
    expected = np.concatenate([[0.0], sum(part * one[0] for part, one in zip(share, fits, strict=True))])
    best, near = ((future >= top - distance).mean(axis=0) for distance in (0.0, margin))
    return NewSite(models, expected.max() - expected, best, near, float(share @ taus))


def make_design(known: np.ndarray) -> np.ndarray:
    """The design (cells, k + m - 1) of the known cells (k, m): a level a site, a mean a method but the first."""
    site, method = np.nonzero(known)
    design = np.zeros((len(site), known.shape[0] + known.shape[1] - 1))
    design[np.arange(len(site)), site] = 1
    later = np.flatnonzero(method > 0)
    design[later, known.shape[0] + method[later] - 1] = 1
    return design


def fit_methods(
    design: np.ndarray, response: np.ndarray, variance: np.ndarray, sites: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """The means of all methods but the first, a root of their covariance, and the log of the restricted likelihood."""
    weight = 1 / variance
    normal = design.T @ (weight[:, None] * design)
    covariance = np.linalg.inv(normal)
    found = covariance @ (design.T @ (weight * response))
    squares = float(weight @ (response - design @ found) ** 2)
    likelihood = -0.5 * (float(np.log(variance).sum()) + float(np.linalg.slogdet(normal)[1]) + squares)
    return found[sites:], np.linalg.cholesky(covariance[sites:, sites:]), likelihood
