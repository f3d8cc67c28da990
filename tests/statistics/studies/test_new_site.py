"""A new site: probabilities against drawn sites, and the mean against least squares by hand."""

import numpy as np
import pytest

from kogen.statistics.studies.new_site import expect_new_site

NAMES = ("a", "b", "c")


def draw(rng: np.random.Generator, sites: int, means: np.ndarray, tau: float, error: float) -> np.ndarray:
    """Values (k, m) of sites with a level and deviations of their own."""
    level = rng.normal(60, 10, (sites, 1))
    return level + means + tau * rng.normal(size=(sites, len(means))) + error * rng.normal(size=(sites, len(means)))


def test_the_expected_distances_are_differences_of_means_where_all_is_measured():
    values = draw(np.random.default_rng(0), 5, np.array([0.0, 2, -1]), 1.0, 0.5)
    found = expect_new_site(NAMES, values, np.full((5, 3), 0.25), margin=1.0, seed=0)
    means = values.mean(axis=0)
    np.testing.assert_allclose(found.behind, means.max() - means, atol=1e-9)
    assert found.best.sum() == pytest.approx(1)
    assert (found.near >= found.best).all()


def test_the_spread_between_sites_is_found_where_there_are_many():
    values = draw(np.random.default_rng(4), 200, np.zeros(3), 1.5, 0.5)
    assert expect_new_site(NAMES, values, np.full((200, 3), 0.25), margin=1.0, seed=0).tau == pytest.approx(
        1.5, abs=0.15
    )
    values = draw(np.random.default_rng(4), 200, np.zeros(3), 0.0, 0.5)
    assert expect_new_site(NAMES, values, np.full((200, 3), 0.25), margin=1.0, seed=0).tau < 0.15


def test_probabilities_hold_at_new_sites():
    rng, said, true = np.random.default_rng(1), [], []
    for repeat in range(300):
        means = rng.normal(0, 1.5, 3)
        values = draw(rng, 6, means, 1.0, 0.7)
        found = expect_new_site(NAMES, values, np.full((6, 3), 0.49), margin=1.0, seed=repeat)
        future = means + rng.normal(size=(200, 3))
        said.append(found.best)
        true.append((future == future.max(1, keepdims=True)).mean(0))
    said, true = np.array(said), np.array(true)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        here = (said >= low) & (said < low + 0.2 + (low == 0.8))
        assert abs(said[here].mean() - true[here].mean()) < 0.07, low


def test_a_method_that_a_site_lacks_is_placed_by_the_others():
    values = draw(np.random.default_rng(2), 6, np.array([0.0, 5, -5]), 0.1, 0.1)
    values[0, 1] = values[3, 0] = np.nan
    found = expect_new_site(NAMES, values, np.full((6, 3), 0.01), margin=1.0, seed=0)
    np.testing.assert_allclose(found.behind, [5, 0, 10], atol=0.3)
    assert found.best[1] > 0.99


def test_too_few_sites_and_methods_that_never_met_are_refused():
    ones = np.ones((3, 2))
    with pytest.raises(ValueError, match="2 sites and 2 methods say nothing of a new one"):
        expect_new_site(("a", "b"), ones[:2], ones[:2], margin=1.0, seed=0)
    apart = np.array([[1.0, np.nan], [np.nan, 2], [1, np.nan]])
    with pytest.raises(ValueError, match="some methods were never measured beside the others"):
        expect_new_site(("a", "b"), apart, ones, margin=1.0, seed=0)
    once = np.array([[1.0, 2], [1, np.nan], [np.nan, 2]])
    with pytest.raises(ValueError, match="each method was measured at too few sites"):
        expect_new_site(("a", "b"), once, ones, margin=1.0, seed=0)
