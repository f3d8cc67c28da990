"""Possible ranks of a few models, from the same resamples as their pairs."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from kogen.statistics._item_matrix import ItemMatrix, item_matrices
from kogen.statistics.optimism import optimism
from kogen.statistics.ranks import ranks, rows
from kogen.statistics.resampling.bootstrap import beats, bootstrap_accuracies, bootstrap_pairs


def matrix_of(dataset: str = "ref", n: int = 60) -> ItemMatrix:
    shares = {"a": 0.9, "b": 0.6, "c": 0.55, "d": 0.1}
    rng = np.random.default_rng(n)
    found = [
        {"model": model, "dataset": dataset, "seed": 0, "item": item, "correct": int(value)}
        for model, share in shares.items()
        for item, value in enumerate(rng.random(n) < share)
    ]
    return next(iter(item_matrices(pd.DataFrame(found))))


def test_a_rank_is_one_more_than_the_number_of_models_that_are_ahead() -> None:
    matrix = matrix_of()
    pairs, moved, criterion = bootstrap_pairs(matrix, 300, 2)
    over = beats(pairs, criterion)
    sample = bootstrap_accuracies(matrix, moved, 2)
    found = rows(matrix, 300, 2)
    assert found["model"].tolist() == list(matrix.models)
    assert found["rank_lo"].tolist() == [1 + int(over[:, i].sum()) for i in range(4)]
    assert found["rank_hi"].tolist() == [4 - int(over[i].sum()) for i in range(4)]
    assert found["top"].tolist() == [low == 1 for low in found["rank_lo"]]
    assert found["top"].tolist()[0]
    assert not found["top"].tolist()[-1]
    best = sample == sample.max(axis=1, keepdims=True)
    assert found["p_best"].tolist() == pytest.approx((best / best.sum(axis=1, keepdims=True)).mean(axis=0).tolist())
    assert found["expected_rank"].tolist() == pytest.approx(rankdata(-sample, axis=1).mean(axis=0).tolist())
    assert found["p_best"].sum() == pytest.approx(1)


def test_sets_stand_below_one_another() -> None:
    both = ranks([matrix_of("a"), matrix_of("b", 40)], draws=50)
    assert both.index.tolist() == list(range(8))
    assert both["dataset"].tolist() == ["a"] * 4 + ["b"] * 4
    defaults = [
        (name, one.default) for name, one in signature(ranks).parameters.items() if one.default is not one.empty
    ]
    assert defaults == [("draws", 5000), ("seed", 0)]


def test_the_choice_flatters_by_the_mean_over_resamples_of_what_was_picked_in_them() -> None:
    matrix = matrix_of()
    _, moved, _ = bootstrap_pairs(matrix, 400, 0)
    sample = bootstrap_accuracies(matrix, moved, 0)
    picked = sample.argmax(axis=1)
    row = optimism([matrix], draws=400).iloc[0]
    wanted = np.mean([one[place] - matrix.means[place] for one, place in zip(sample, picked, strict=True)])
    assert (row["dataset"], row["model"]) == ("ref", matrix.models[0])
    assert (row["value"], row["optimism"]) == pytest.approx((100 * matrix.means[0], 100 * wanted))
