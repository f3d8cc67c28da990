"""Noise of scores: from given draws, from items, and binomial from a number of items."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest

from kogen.statistics._item_matrix import item_matrices
from kogen.statistics.resampling.bootstrap import bootstrap_accuracies, bootstrap_deviations
from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix
from kogen.statistics.scores_of_sets.score_noise import DRAWS, dataset_noise, score_noise, with_training_noise

ROWS = [
    {"model": model, "dataset": "ref", "seed": seed, "item": item, "correct": value}
    for (model, seed), run in {("a", 0): [1, 1, 1, 0, 1], ("a", 1): [1, 0, 0, 0, 1], ("b", 0): [0, 0, 1, 0, 1]}.items()
    for item, value in enumerate(run)
]


def test_noise_of_items_is_that_of_resampled_images_in_points() -> None:
    (matrix,) = item_matrices(pd.DataFrame(ROWS))
    found = score_noise([matrix], draws=40, seed=3)
    assert list(found["ref"]) == ["a", "b"]
    moved = bootstrap_deviations(matrix, 40, 3)
    assert found["ref"].to_numpy() == pytest.approx(100 * moved)
    assert len(score_noise([matrix])["ref"]) == DRAWS == 1000
    both = with_training_noise(found, [matrix], seed=3)
    wanted = 100 * (bootstrap_accuracies(matrix, moved, 3) - matrix.means)
    assert both["ref"].to_numpy() == pytest.approx(wanted, abs=1e-6)
    assert list(both["ref"]) == ["a", "b"]
    assert both["ref"]["a"].std() > found["ref"]["a"].std()


def test_noise_of_a_number_of_items_is_binomial_and_never_none() -> None:
    rows = [("a", "s", 100.0, 98.0), ("b", "s", 50.0, 98.0), ("a", "t", 50.0, None), ("b", "t", 40.0, 10.0)]
    table = make_score_matrix(pd.DataFrame(rows, columns=["model", "dataset", "score", "n"]))
    normal = np.random.default_rng(5).standard_normal((1000, 2))
    found = dataset_noise(table, "s", np.array([0, 1]), None, np.random.default_rng(5))
    assert found is not None
    shares = np.array([99 / 100, 50 / 100])
    assert found == pytest.approx(100 * np.sqrt(shares * (1 - shares) / 98) * normal)
    assert dataset_noise(table, "t", np.array([0, 1]), None, np.random.default_rng(5)) is None
    assert dataset_noise(table, "t", np.array([1]), None, np.random.default_rng(5)) is not None
    given = {"s": pd.DataFrame({"a": [1.0], "b": [2.0]})}
    found = dataset_noise(table, "s", np.array([1, 0]), given, np.random.default_rng(5))
    assert found is not None
    assert found.tolist() == [[2.0, 1.0]]
    assert dataset_noise(table, "t", np.array([0, 1]), given, np.random.default_rng(5)) is None


def test_the_usual_seeds() -> None:
    assert signature(score_noise).parameters["seed"].default == 0
    assert signature(with_training_noise).parameters["seed"].default == 0
