"""Coverage of a pool's intervals: of the mean over sites, and of the true difference at a new site.

Run: python benchmarks/pool_coverage.py [REPEATS]
Sites are drawn with a true mean difference of 1 point, a spread tau between sites and errors that differ four-fold in
variance; the errors that the pool is told are right, or estimated from few numbers (chi-squared, 4 degrees of freedom).
"""

import sys

import numpy as np

from kogen.statistics.studies.random_effects import pool_effects

MEAN, SITES, TAUS, DF = 1.0, (3, 5, 10, 20), (0.0, 1.0, 3.0), 4


def cover(sites: int, tau: float, told: bool, repeats: int) -> tuple[float, float, float]:
    """Shares of pools whose interval of the mean, and of a new site, holds the truth; share that calls 0 different."""
    rng = np.random.default_rng([sites, int(10 * tau), told])
    mean, new, false = 0, 0, 0
    for _ in range(repeats):
        variances = rng.choice([0.5, 1.0, 2.0], size=sites)
        known = variances if told else variances * rng.chisquare(DF, sites) / DF
        effects = MEAN + tau * rng.normal(size=sites) + np.sqrt(variances) * rng.normal(size=sites)
        found = pool_effects(effects, known)
        mean += found.lo <= MEAN <= found.hi
        new += found.next_lo <= MEAN + tau * rng.normal() <= found.next_hi
        false += pool_effects(effects - MEAN, known).p < 0.05
    return mean / repeats, new / repeats, false / repeats


def main(repeats: int) -> None:
    print(f"{repeats} pools a row; 95 % intervals, tests at 5 %")
    print("| sites | tau | errors | mean | new site | called different |")
    print("|--:|--:|---|--:|--:|--:|")
    for told in (True, False):
        for sites in SITES:
            for tau in TAUS:
                mean, new, false = cover(sites, tau, told, repeats)
                kind = "known" if told else "estimated"
                print(f"| {sites} | {tau:g} | {kind} | {100 * mean:.1f} % | {100 * new:.1f} % | {100 * false:.1f} % |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
