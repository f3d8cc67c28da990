"""Random effects: a difference between two methods over sites, each of which has a true difference of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student

LEAST_SITES = 3  # below it, how much sites differ is not known, and nothing follows for another site
MOST_SITES = 10_000
WIDEST, GRID = 10.0, 201  # of the sd between sites
POWER = 0.8  # of the number of sites that would decide
TAIL = 0.025


@dataclass(frozen=True)
class PooledDifference:
    """A difference over sites, in the unit of the effects; p and `ahead` in 0-1."""

    sites: int
    mean: float  # of the true differences of all sites like these
    error: float  # its standard error
    lo: float
    hi: float  # 95 %, of the mean
    p: float  # that a mean of 0 is this far off
    lo90: float
    hi90: float
    tau: float  # sd of true differences between sites
    i2: float  # share of the variance over sites that their own errors do not explain
    q_p: float  # that sites without true differences between them differ as much (Cochran's Q)
    next_lo: float
    next_hi: float  # 95 %, of the true difference of a new site
    ahead: float  # probability that it is above 0 at a new site
    needed: int | None  # sites that would tell the mean from 0, were it the observed one; None above MOST_SITES


def pool_effects(effects: np.ndarray, variances: np.ndarray) -> PooledDifference:
    """What the effects (k,) of k sites with error variances (k,) say together.

    Variance between sites: Paule and Mandel (1982; DerSimonian and Kacker 2007, Contemp. Clin. Trials 28). Interval and
    p: Hartung and Knapp (2001, Stat. Med. 20), with their factor not below 1 (Knapp and Hartung 2003), Student's t of
    k - 1. New site: see `NewDifference`.
    Assumes: sites are a sample of those that the answer is for, their errors independent.
    ValueError for fewer than 3 sites, and for variances that are not above 0.
    """
    effects, variances = np.asarray(effects, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    sites = len(effects)
    if sites < LEAST_SITES:
        raise ValueError(f"{sites} sites say nothing of another one: wanted {LEAST_SITES} or more")
    if not (np.isfinite(variances).all() and variances.min() > 0):
        raise ValueError("an error variance is not above 0: every site has an error")
    tau2 = between_variance(effects, variances)
    weight = 1 / (variances + tau2)
    mean = float(weight @ effects / weight.sum())
    factor = max(1.0, float(weight @ (effects - mean) ** 2) / (sites - 1))
    error = float(np.sqrt(factor / weight.sum()))
    half, half90 = (float(student.isf(tail, sites - 1)) * error for tail in (TAIL, 2 * TAIL))
    future = NewDifference.of(effects, variances)
    plain = 1 / variances
    q = float(plain @ (effects - plain @ effects / plain.sum()) ** 2)
    return PooledDifference(
        sites=sites,
        mean=mean,
        error=error,
        lo=mean - half,
        hi=mean + half,
        p=float(2 * student.sf(abs(mean) / error, sites - 1)),
        lo90=mean - half90,
        hi90=mean + half90,
        tau=float(np.sqrt(tau2)),
        i2=max(0.0, 1 - (sites - 1) / q) if q > 0 else 0.0,
        q_p=float(chi2.sf(q, sites - 1)),
        next_lo=future.quantile(TAIL),
        next_hi=future.quantile(1 - TAIL),
        ahead=1 - future.below(0.0),
        needed=sites_needed(mean, tau2 + float(np.mean(variances))),
    )


@dataclass(frozen=True)
class NewDifference:
    """The true difference at a new site: a mixture of normal distributions, one for each possible sd between sites.

    Flat priors of mean and sd (Gelman 2006, Bayesian Analysis 1), the sd on a grid up to 10 times the spread of the
    effects. Student's t around the one estimated sd (Higgins, Thompson and Spiegelhalter 2009, J. R. Stat. Soc. A 172)
    covers 89 % instead of 95 where sites differ as much as their errors: the sd is often estimated as 0 there.
    """

    share: np.ndarray  # (T,) of each sd
    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def of(cls, effects: np.ndarray, variances: np.ndarray) -> "NewDifference":
        """From effects (k,) with error variances (k,)."""
        taus = np.linspace(0, WIDEST * (float(effects.std(ddof=1)) or float(variances.max()) ** 0.5), GRID)
        weight = 1 / (variances + taus[:, None] ** 2)  # (T, k)
        total = weight.sum(axis=1)
        mean = (weight * effects).sum(axis=1) / total
        squares = (weight * (effects - mean[:, None]) ** 2).sum(axis=1)
        likelihood = 0.5 * (np.log(weight).sum(axis=1) - np.log(total) - squares)
        share = np.exp(likelihood - likelihood.max())
        return cls(share / share.sum(), mean, np.sqrt(taus**2 + 1 / total))

    def below(self, value: float) -> float:
        """The probability of a difference below a value."""
        return float(self.share @ norm.cdf((value - self.mean) / self.sd))

    def quantile(self, probability: float) -> float:
        """The value that a difference is below with this probability."""
        reach = 40 * float(self.sd.max())
        low, high = float(self.mean.min()) - reach, float(self.mean.max()) + reach
        root: Any = brentq(lambda value: self.below(value) - probability, low, high)
        return float(root)


def between_variance(effects: np.ndarray, variances: np.ndarray) -> float:
    """Paule and Mandel's variance between sites: where the weighted squares are as many as expected; 0 if never."""

    def excess(tau2: float) -> float:
        weight = 1 / (variances + tau2)
        return float(weight @ (effects - weight @ effects / weight.sum()) ** 2) - (len(effects) - 1)

    if excess(0.0) <= 0:
        return 0.0
    high = float(np.ptp(effects) ** 2) + float(variances.max())
    while excess(high) > 0:
        high *= 2
    root: Any = brentq(excess, 0.0, high, xtol=1e-14)
    return float(root)


def sites_needed(mean: float, variance: float) -> int | None:
    """The sites at which a mean would be told from 0 in 80 % of pools; `variance`: of one site's effect around it."""
    if mean == 0:
        return None
    low, high = LEAST_SITES, MOST_SITES
    if not _decides(high, mean, variance):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _decides(middle, mean, variance) else (middle + 1, high)
    return low


def _decides(sites: int, mean: float, variance: float) -> bool:
    """Whether so many sites see a mean at the 5 % level with the power."""
    quantiles = float(student.isf(TAIL, sites - 1) + student.ppf(POWER, sites - 1))
    return quantiles * float(np.sqrt(variance / sites)) <= abs(mean)


def holm(p: np.ndarray) -> np.ndarray:
    """P values (m,) adjusted for asking m questions at once (Holm 1979, Scand. J. Stat. 6)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(np.asarray(p)[order] * np.arange(len(p), 0, -1))
    found = np.empty(len(p))
    found[order] = np.minimum(steps, 1)
    return found
