"""Random effects against the literature, statsmodels and a slow twin; coverage is benchmarks/pool_coverage.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from kogen.statistics.studies.random_effects import between_variance, holm, pool_effects, sites_needed

# Log relative risks and their variances of the 13 trials of the BCG vaccine (Colditz et al. 1994), as in metafor.
BCG = np.array(
    [
        [-0.8893, 0.3256], [-1.5854, 0.1946], [-1.3481, 0.4154], [-1.4416, 0.0200], [-0.2175, 0.0512],
        [-0.7861, 0.0069], [-1.6209, 0.2230], [0.0120, 0.0040], [-0.4694, 0.0564], [-1.3713, 0.0730],
        [-0.3394, 0.0124], [0.4459, 0.5325], [-0.0173, 0.0714],
    ]
)  # fmt: skip


def test_the_vaccine_trials_give_the_published_numbers():
    found = pool_effects(*BCG.T)
    assert found.tau**2 == pytest.approx(0.3181, abs=5e-4)  # metafor, rma(method="PM")
    assert found.mean == pytest.approx(-0.7150, abs=1e-3)
    assert found.i2 == pytest.approx(0.9212, abs=2e-3)  # of Cochran's Q 152.23
    assert found.q_p < 1e-20
    assert found.next_lo < found.lo < found.mean < found.hi < found.next_hi


def test_statsmodels_finds_the_same_mean_and_variance():
    from statsmodels.stats.meta_analysis import combine_effects

    rng = np.random.default_rng(0)
    for sites in (3, 5, 12):
        variances = rng.uniform(0.2, 2, sites)
        effects = rng.normal(1, np.sqrt(variances + 1.5))
        theirs = combine_effects(effects, variances, method_re="iterated", use_t=True)  # to 1e-5 of Q
        found = pool_effects(effects, variances)
        assert found.tau**2 == pytest.approx(theirs.tau2, abs=1e-4)
        assert found.mean == pytest.approx(theirs.mean_effect_re, abs=1e-4)
        if found.error > 1.0001 * theirs.sd_eff_w_re:  # their factor of Hartung and Knapp is not held at 1
            assert found.error == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-3)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(0.01, 9)), min_size=3, max_size=12),
)
def test_a_slow_twin_finds_the_same(sites: list[tuple[float, float]]):
    effects, variances = map(np.array, zip(*sites, strict=True))
    found = pool_effects(effects, variances)

    def q(tau2: float) -> float:
        weight = [1 / (v + tau2) for v in variances]
        mean = sum(w * e for w, e in zip(weight, effects, strict=True)) / sum(weight)
        return sum(w * (e - mean) ** 2 for w, e in zip(weight, effects, strict=True))

    low, high = 0.0, 1e5
    for _ in range(200):  # by halves: q falls
        middle = (low + high) / 2
        low, high = (middle, high) if q(middle) > len(effects) - 1 else (low, middle)
    assert found.tau**2 == pytest.approx(low, abs=1e-6)
    assert found.lo <= found.mean <= found.hi
    half = student.isf(0.025, len(effects) - 1) / np.sqrt(sum(1 / (v + low) for v in variances))
    assert found.hi - found.mean >= half * (1 - 1e-6)  # never narrower than with known variances


def test_equal_sites_differ_in_nothing_and_decide_little_by_little():
    found = pool_effects(np.full(4, 2.0), np.full(4, 1.0))
    assert (found.tau, found.i2) == (0, 0)
    assert found.mean == 2
    assert found.error == pytest.approx(0.5)
    assert between_variance(np.array([0.0, 10, -10]), np.full(3, 0.1)) == pytest.approx(100 - 0.1)


def test_a_new_site_is_what_draws_of_the_model_say():
    effects, variances = np.array([1.0, 3.0, -1.0, 2.0]), np.array([0.5, 1.0, 0.7, 0.4])
    found = pool_effects(effects, variances)
    rng = np.random.default_rng(0)
    tau, mean = rng.uniform(0, 15, 200_000), rng.uniform(-12, 14, 200_000)  # flat priors, weighed by the likelihood
    wide = variances + tau[:, None] ** 2
    weight = np.exp(-0.5 * (((effects - mean[:, None]) ** 2 / wide) + np.log(wide)).sum(1))
    future = mean + tau * rng.normal(size=len(tau))
    order = np.argsort(future)
    cumulated = np.cumsum(weight[order]) / weight.sum()
    ends = [future[order][np.searchsorted(cumulated, tail)] for tail in (0.025, 0.975)]
    np.testing.assert_allclose([found.next_lo, found.next_hi], ends, atol=0.35)
    assert found.ahead == pytest.approx(weight[future > 0].sum() / weight.sum(), abs=0.02)


def test_the_sites_that_would_decide_do():
    assert sites_needed(0.0, 1.0) is None
    assert sites_needed(0.001, 1.0) is None
    found = sites_needed(1.0, 4.0)
    assert found is not None
    rng = np.random.default_rng(3)
    effects = rng.normal(1.0, 2.0, (4000, found))
    lower = effects.mean(1) - student.isf(0.025, found - 1) * effects.std(1, ddof=1) / np.sqrt(found)
    assert (lower > 0).mean() == pytest.approx(0.8, abs=0.03)


def test_two_sites_and_sites_without_error_are_refused():
    with pytest.raises(ValueError, match="2 sites say nothing of another one: wanted 3 or more"):
        pool_effects(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="an error variance is not above 0"):
        pool_effects(np.ones(3), np.array([1.0, 0, 1]))


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(1).uniform(0, 0.2, 9)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
