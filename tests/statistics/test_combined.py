"""The leader over all sets: its row against each other model, from hand-made values, resamples and variances."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics.combined import COLUMNS, leader_rows

UP = np.array([0.01, -0.01, 0.01, -0.01])


def test_each_part_of_the_interval_and_of_the_lottery_is_that_of_the_formula() -> None:
    deviations = np.stack([0 * UP, UP, -UP], axis=1)  # of a, b and c
    variance, df = np.array([1e-4, 4e-4, 0.0]), np.array([2.0, 4.0, 1.0])
    found = leader_rows(["a", "b", "c"], np.array([0.7, 0.8, 0.8]), deviations, variance, df)
    assert found.columns.tolist() == COLUMNS
    assert (found["first"].tolist(), found["second"].tolist()) == (["b", "b"], ["c", "a"])  # equals by name
    assert found["difference"].tolist() == pytest.approx([0.0, 10.0])
    items = np.array([0.02, 0.01]) * (4 / 3) ** 0.5  # deviations of the differences over four resamples
    own = np.array([0.0, student.isf(0.025, 2) ** 2 * 1e-4])
    half = np.sqrt((norm.isf(0.025) * items) ** 2 + student.isf(0.025, 4) ** 2 * 4e-4 + own)
    assert found["lo"].tolist() == pytest.approx((100 * (np.array([0, 0.1]) - half)).tolist())
    assert found["hi"].tolist() == pytest.approx((100 * (np.array([0, 0.1]) + half)).tolist())
    lost = norm.sf(0.1 / np.sqrt(items[1] ** 2 + 4e-4 + 1e-4))
    assert found["lottery"].tolist() == pytest.approx([0.5, lost])


def test_without_any_error_a_lead_is_sure_and_a_tie_is_a_coin() -> None:
    nothing = np.zeros(3)
    found = leader_rows(["a", "b", "c"], np.array([0.7, 0.8, 0.8]), np.zeros((4, 3)), nothing, np.ones(3))
    assert found["lottery"].tolist() == [0.5, 0.0]
    assert found["lo"].tolist() == pytest.approx([0.0, 10.0])
