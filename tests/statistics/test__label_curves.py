"""Label curves: intervals over images, seeds and draws that cover, and numbers of labels at which curves meet."""

import numpy as np
import pytest
from scipy.stats import t as student

from kogen.statistics._label_curves import Crossing, Estimate, crossed_mean, find_crossing, first_zero


def test_one_seed_and_one_draw_leave_the_plain_interval_of_images() -> None:
    values = np.random.default_rng(0).normal(size=(1, 1, 50))
    found = crossed_mean(values, np.arange(50))
    half = student.isf(0.025, 49) * values.std(ddof=1) / np.sqrt(50)
    assert found == pytest.approx((values.mean(), values.mean() - half, values.mean() + half))


def test_clusters_seeds_and_draws_widen_it() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(1, 1, 60))
    plain = crossed_mean(np.broadcast_to(images, (3, 4, 60)), np.arange(60))
    assert plain == pytest.approx(crossed_mean(images, np.arange(60)))  # copies of a seed say nothing new
    for shape in ((3, 1, 1), (1, 4, 1)):
        moved = crossed_mean(images + rng.normal(size=shape), np.arange(60))
        assert moved.hi - moved.lo > plain.hi - plain.lo
    clustered = np.repeat(rng.normal(size=(1, 1, 12)), 5, axis=2)
    alone, whole = (crossed_mean(clustered, of) for of in (np.arange(60), np.repeat(np.arange(12), 5)))
    assert whole.hi - whole.lo > 2 * (alone.hi - alone.lo)


def test_what_never_varies_has_no_width() -> None:
    assert crossed_mean(np.full((2, 3, 5), 0.25), np.arange(5)) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("shape", [(1, 5, 200), (3, 5, 200), (3, 1, 100), (2, 3, 60)])
def test_intervals_cover_at_least_what_they_say(shape: tuple[int, int, int]) -> None:
    rng, hits, repetitions = np.random.default_rng(1), 0, 400
    for _ in range(repetitions):
        seeds, draws = rng.normal(scale=0.1, size=(shape[0], 1, 1)), rng.normal(scale=0.1, size=(1, shape[1], 1))
        if shape[0] == 1:
            seeds = np.zeros((1, 1, 1))  # of one seed nothing is said of others
        if shape[1] == 1:
            draws = np.zeros((1, 1, 1))
        images = rng.normal(size=(1, 1, shape[2])) + rng.normal(scale=0.5, size=shape)
        found = crossed_mean(images + seeds + draws, np.arange(shape[2]))
        hits += found.lo <= 0 <= found.hi
    assert hits / repetitions > 0.93


def test_curves_meet_between_two_budgets_on_the_scale_of_ratios() -> None:
    labels = [10, 100, 1000]
    rising = [Estimate(-4, -6, -2), Estimate(0, -2, 2), Estimate(4, 2, 6)]
    found = find_crossing(labels, rising)
    assert found == Crossing(pytest.approx(100), pytest.approx(10**1.5), pytest.approx(10**2.5), True)


def test_curves_that_meet_before_or_never() -> None:
    labels = [10, 100]
    assert find_crossing(labels, [Estimate(1, -1, 3), Estimate(2, 0.5, 4)]).labels is None
    assert find_crossing(labels, [Estimate(1, -1, 3), Estimate(2, 0.5, 4)]).reached
    never = find_crossing(labels, [Estimate(-3, -5, -1), Estimate(-1, -3, 1)])
    assert never == Crossing(None, pytest.approx(10**1.5), None, False)
    surely = find_crossing(labels, [Estimate(-3, -5, -1), Estimate(-2, -3, -0.5)])
    assert surely == Crossing(None, 100, None, False)  # more than the most that was tried
    at_once = find_crossing(labels, [Estimate(3, 1, 5), Estimate(2, 0.5, 4)])
    assert at_once == Crossing(None, None, 10, True)  # as few as the fewest that were tried
    assert first_zero([1, 2], [-2.0, -1.0]) is None


def test_each_crossed_sample_has_students_t_of_its_own_number() -> None:
    values = np.random.default_rng(3).normal(size=(3, 2, 8))
    clusters = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    found = crossed_mean(values, clusters)
    images = values.mean(axis=(0, 1))
    sums = np.bincount(clusters, images - images.mean())
    effective = 64 / (9 + 4 + 1 + 4)
    half2 = (sums**2).sum() / 64 * 4 / 3 * student.isf(0.025, effective - 1) ** 2
    seeds, draws = values.mean(axis=(1, 2)), values.mean(axis=(0, 2))
    half2 += seeds.var(ddof=1) / 3 * student.isf(0.025, 2) ** 2
    half2 += draws.var(ddof=1) / 2 * student.isf(0.025, 1) ** 2
    assert found == pytest.approx((values.mean(), values.mean() - half2**0.5, values.mean() + half2**0.5))
    few = crossed_mean(values[:1, :1], np.array([0] * 7 + [1]))  # 1.3 clusters in effect: one degree of freedom
    own = values[0, 0]
    sums = np.array([(own[:7] - own.mean()).sum(), own[7] - own.mean()])
    assert few.hi - few.value == pytest.approx(student.isf(0.025, 1) * ((sums**2).sum() / 64 * 2) ** 0.5)
    one = crossed_mean(values[:1, :1], np.zeros(8, int))
    assert (one.lo, one.hi) == (-np.inf, np.inf)  # one cluster says nothing


def test_a_curve_that_starts_at_zero_has_met_before() -> None:
    assert first_zero([10, 100], [0.0, 1.0]) is None
    assert first_zero([10, 100], [-1.0, 0.0]) == pytest.approx(100)
    assert first_zero([10, 100, 1000], [-1.0, 1.0, -1.0]) == pytest.approx(10**1.5)
    assert find_crossing([10, 100], [Estimate(-1, -2, 0), Estimate(0, -1, 1)]).reached
    assert not find_crossing([10, 100], [Estimate(-1, -2, 0), Estimate(-0.1, -1, 1)]).reached


def test_images_of_one_cluster_say_nothing() -> None:
    found = crossed_mean(np.ones((2, 3, 5)), np.zeros(5, dtype=np.int64))
    assert (found.value, found.lo, found.hi) == (1, -np.inf, np.inf)
    met = find_crossing([10, 20], [found, found])
    assert (met.labels, met.lo, met.hi, met.reached) == (None, None, None, True)
