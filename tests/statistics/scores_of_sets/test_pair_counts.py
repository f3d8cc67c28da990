"""Counts over pairs of models, and what is left without each: from four models whose pairs are counted by hand."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from kogen.statistics.scores_of_sets.pair_counts import (
    MAX_MODELS,
    SAMPLE,
    count_by_family,
    count_pairs,
    count_sampled,
    jackknife_interval,
    ordered_pairs,
    sample_models,
    source_pairs,
)

SOURCE, TARGET = np.array([80.0, 70.0, 60.0, 60.0]), np.array([50.0, 60.0, 40.0, 30.0])


def test_each_pair_is_seen_from_the_better_model_of_the_source() -> None:
    i, j, gap, other = ordered_pairs(SOURCE, TARGET)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert gap.tolist() == [10.0, 20.0, 20.0, 10.0, 10.0, 0.0]
    assert other.tolist() == [-10.0, 10.0, 20.0, 20.0, 30.0, 10.0]
    turned = source_pairs(SOURCE[::-1])  # the better one stands second
    assert turned.swapped.tolist() == [False, True, True, True, True, True]
    assert turned.gap_on(TARGET[::-1]).tolist()[1:] == [30.0, 20.0, 20.0, 10.0, -10.0]
    assert source_pairs(np.array([0.3, 0.1 + 0.2])).gap.tolist() == [0.0]  # rounding is no lead


def test_a_model_that_never_wins_is_left_out_once_too() -> None:
    pairs = source_pairs(SOURCE)
    pairs = pairs.part(pairs.gap > 0)
    other = pairs.gap_on(TARGET)
    counts = count_pairs(pairs, np.zeros(5, dtype=int), [np.ones(5), other > 0])
    total, without = counts.leave_one_out(slice(0, 1))
    assert total.tolist() == [5.0, 4.0]
    assert without.tolist() == [[2.0, 2.0], [2.0, 2.0], [3.0, 2.0], [3.0, 2.0]]
    none = count_pairs(pairs, np.zeros(5, dtype=int), [np.ones(5), other > 99])
    assert none.leave_one_out(slice(0, 1))[1].tolist() == [[2.0, 0.0], [2.0, 0.0], [3.0, 0.0], [3.0, 0.0]]
    binned = count_pairs(pairs, np.array([0, 1, 1, 0, 0]), [np.ones(5)])
    assert binned.leave_one_out(slice(1, 2))[1].tolist() == [[0.0], [1.0], [1.0]]  # the second model has no pair there


def test_a_pair_inside_a_family_counts_once_for_it() -> None:
    pairs = source_pairs(SOURCE)
    columns, bins = [np.ones(6)], np.zeros(6, dtype=int)
    counts = count_by_family(count_pairs(pairs, bins, columns), np.array([0, 0, 1, 2]), pairs, bins, columns)
    assert counts.leave_one_out(slice(0, 1))[1].tolist() == [[1.0], [3.0], [3.0]]


def test_the_interval_of_a_share_is_wilsons_on_the_pairs_that_its_spread_is_worth() -> None:
    without = np.array([0.7, 0.75, 0.8, 0.75])
    error2 = 3 / 4 * ((without - 0.75) ** 2).sum()
    wide = norm.isf(0.025) / student.isf(0.025, 3)
    count = 0.75 * 0.25 / error2 * wide**2
    assert jackknife_interval(0.75, without, 1000) == pytest.approx(
        proportion_confint(0.75 * count, count, method="wilson")
    )
    few = proportion_confint(0.75 * 6 * wide**2, 6 * wide**2, method="wilson")
    assert jackknife_interval(0.75, without, 6) == pytest.approx(few)  # never more than there are pairs


def test_three_units_have_an_interval_and_a_share_of_one_counts_disjoint_pairs() -> None:
    assert np.isnan(jackknife_interval(0.75, np.array([0.7, 0.8]), 10)).all()
    assert np.isfinite(jackknife_interval(0.75, np.array([0.7, 0.8, 0.75]), 10)).all()
    assert np.isnan(jackknife_interval(0.75, np.array([0.7, np.nan, 0.75]), 10)).all()
    assert np.isnan(jackknife_interval(np.nan, np.array([0.7, 0.8, 0.75]), 10)).all()
    wide = (norm.isf(0.025) / student.isf(0.025, 5)) ** 2
    low, high = jackknife_interval(1.0, np.ones(6), 15)
    assert (low, high) == pytest.approx((proportion_confint(3 * wide, 3 * wide, method="wilson")[0], 1.0))


def test_of_very_many_models_a_sample_in_order_is_compared() -> None:
    assert (count_sampled(MAX_MODELS), count_sampled(MAX_MODELS + 1)) == (MAX_MODELS, SAMPLE)
    assert sample_models(MAX_MODELS, 0).tolist() == list(range(MAX_MODELS))
    some = sample_models(MAX_MODELS + 1, 0)
    assert len(set(some)) == SAMPLE
    assert (np.diff(some) > 0).all()
    assert (some == sample_models(MAX_MODELS + 1, 0)).all()
    assert (some != sample_models(MAX_MODELS + 1, 1)).any()


def test_of_more_than_1600_models_a_thousand_are_drawn() -> None:
    assert (MAX_MODELS, SAMPLE) == (1600, 1000)
    assert sample_models(1600, 0).tolist() == list(range(1600))
    drawn = sample_models(1601, 5)
    assert drawn.tolist() == sorted(np.random.default_rng([5, 1601]).choice(1601, 1000, replace=False).tolist())
    assert (count_sampled(1600), count_sampled(1601)) == (1600, 1000)


def test_no_pairs_have_no_bins() -> None:
    pairs = source_pairs(np.array([1.0]))
    counts = count_pairs(pairs, np.zeros(0, dtype=int), [np.ones(0)])
    assert counts.total.shape == (0, 1)
    assert counts.by_unit.shape == (1, 0, 1)
