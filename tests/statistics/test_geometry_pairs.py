"""Differences of planes by hand: what runs, planes and images each add to the interval."""

import numpy as np
import pytest

from kogen.statistics._surface_metrics import PlaneMetric, half_width, jackknife_variance, variance_of_mean
from kogen.statistics.geometry_pairs import compare_means, difference_half_width


def metric_of(values: list[list[list[float]]], planes: list[int]) -> PlaneMetric:
    return PlaneMetric(np.array(values), np.array(planes), 64)


ONE = metric_of(
    [[[1.0, 1.1, 0.9], [2.0, 2.3, 1.9], [9.0, 9, 9]], [[1.4, 1.2, 1.0], [2.2, 2.1, 2.0], [9.0, 9, 9]]], [0, 1, 5]
)
OTHER = metric_of([[[0.5, 0.4, 0.7], [0.8, 0.9, 0.6]]], [0, 1])


def test_the_difference_is_of_the_planes_that_both_have() -> None:
    mean, half, planes = compare_means({"a": ONE, "b": OTHER}, "a", "b", 0.05)
    assert (mean, planes) == (pytest.approx(1.65 - 0.65), 2)
    apart = np.array([1.2 - 0.5, 2.1 - 0.8])
    runs = variance_of_mean(np.array([1.5, 1.8]))
    images = jackknife_variance(np.array([1.65, 1.675, 1.45]) - np.array([0.65, 0.65, 0.65]))
    assert half == pytest.approx(half_width([variance_of_mean(apart), runs, (0.0, 0), images], 0.05))
    wide = compare_means({"a": ONE, "b": OTHER}, "a", "b", 0.01)[1]
    assert wide > half
    with pytest.raises(ValueError, match="'a' and 'b' have no plane in common"):
        compare_means({"a": ONE, "b": metric_of([[[1.0, 1]]], [9])}, "a", "b", 0.05)


def test_models_of_other_parts_have_the_error_of_both_and_one_plane_decides_nothing() -> None:
    parts = metric_of([[[0.5, 0.4, 0.7, 0.6], [0.8, 0.9, 0.6, 0.5]]], [0, 1])
    two = ONE.on_planes(np.array([0, 1]))
    apart = variance_of_mean(np.array([0.7, 1.3]))
    runs = variance_of_mean(np.array([1.5, 1.8]))
    each = [jackknife_variance(np.array([1.65, 1.675, 1.45])), jackknife_variance(np.array([0.65, 0.65, 0.65, 0.55]))]
    assert difference_half_width(two, parts) == pytest.approx(half_width([apart, runs, (0.0, 0), *each]))
    alone = ONE.on_planes(np.array([0]))
    assert np.isnan(difference_half_width(alone, OTHER.on_planes(np.array([0]))))
