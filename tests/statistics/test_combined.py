"""The leader over all sets: its row against each other model, from hand-made values, resamples and variances."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics._item_matrix import item_matrices
from kogen.statistics.combined import COLUMNS, combined, leader_rows, weighted_training_variance
from kogen.statistics.resampling.bootstrap import bootstrap_deviations

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


def test_training_varies_the_weighted_mean_less_what_single_items_explain() -> None:
    runs = {"s0": [[1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0]], "s1": [[1, 1, 0, 0], [0, 1, 0, 0]]}
    rows = [
        {"model": model, "dataset": name, "seed": seed, "item": item, "correct": right}
        for model in ("a", "b")
        for name, seeds in runs.items()
        for seed, answers in enumerate(seeds[: 2 if model == "a" else 1])
        for item, right in enumerate(answers)
    ]
    first, second = item_matrices(pd.DataFrame(rows))
    variance, df = weighted_training_variance([(0.75, first), (0.25, second)], ["a", "b"])
    means = np.array([0.75 * 5 / 6 + 0.25 * 2 / 4, 0.75 * 1 / 6 + 0.25 * 1 / 4])
    noise = [matrix.item_variance[matrix.models.index("a")] for matrix in (first, second)]
    assert min(noise) > 0
    assert variance[0] == pytest.approx((means.var(ddof=1) - 0.75**2 * noise[0] - 0.25**2 * noise[1]) / 2)
    assert (variance[1], df.tolist()) == (0.0, [1.0, 1.0])  # one run says nothing of training


def test_the_difference_is_weighed_and_models_that_lack_a_set_are_left_out() -> None:
    right = {
        ("a", "s0"): [1, 1, 1, 0],
        ("b", "s0"): [1, 0, 0, 0],
        ("a", "s1"): [1, 0],
        ("b", "s1"): [1, 1],
        ("c", "s0"): [1] * 4,
    }
    rows = [
        {"model": model, "dataset": name, "seed": 0, "item": f"{name}{item}", "correct": value}
        for (model, name), run in right.items()
        for item, value in enumerate(run)
    ]
    found = combined(pd.DataFrame(rows), weights={"s0": 3, "s1": 1}, draws=200, seed=4)
    assert found[["first", "second"]].to_numpy().tolist() == [["a", "b"]]
    assert found["difference"][0] == pytest.approx(100 * (0.75 * 0.5 - 0.25 * 0.5))
    first, second = item_matrices(pd.DataFrame(rows))
    moved = (
        0.75 * bootstrap_deviations(first, 200, 4)[:, [1, 2]] + 0.25 * bootstrap_deviations(second, 200, 4)[:, [1, 0]]
    )
    assert first.models == ("c", "a", "b")
    assert second.models == ("b", "a")
    error = (moved[:, 0] - moved[:, 1]).std(ddof=1)
    assert found["hi"][0] - found["difference"][0] == pytest.approx(100 * norm.isf(0.025) * error)
    assert combined(pd.DataFrame(rows), weights={"s1": 1}, draws=20)["first"].tolist() == ["b"]
    assert combined(pd.DataFrame([row for row in rows if row["model"] != "b"]), draws=20).empty
    assert len(combined(pd.DataFrame(rows), weights={"s0": 1}, draws=20)) == 2


def test_the_leader_is_found_to_twelve_digits() -> None:
    still, sure = np.zeros((4, 2)), np.zeros(2)
    assert leader_rows(["a", "b"], np.array([0.8, 0.8 + 4e-12]), still, sure, np.ones(2))["first"].tolist() == ["b"]
    assert leader_rows(["a", "b"], np.array([0.8, 0.8 + 4e-13]), still, sure, np.ones(2))["first"].tolist() == ["a"]


def test_the_usual_settings() -> None:
    found = {key: one.default for key, one in signature(combined).parameters.items() if one.default is not one.empty}
    assert found == {"weights": None, "draws": 2000, "seed": 0}
