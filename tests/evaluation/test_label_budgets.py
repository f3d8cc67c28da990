"""Label budgets: draws that are stratified, nested, the same for every model, with clusters whole."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import blobs

from kogen.augmentation.views import evaluation_view
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.evaluation.label_budgets import budget_sizes, draw_labels
from kogen.evaluation.predict import evaluate_backbone
from kogen.training.build import build_backbone

CLASSES = tuple("abcd")


def labelled(counts: list[int], size: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) in any order, and clusters of up to `size` images of a class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    clusters = np.concatenate([[f"{k}-{i // size}" for i in range(n)] for k, n in enumerate(counts)] or [[]])
    order = np.random.default_rng(seed).permutation(len(labels))
    return labels[order], clusters[order]


def drawn(counts: list[int], budget: str, draw: int = 0, size: int = 1) -> list[int]:
    labels, clusters = labelled(counts, size)
    rows = draw_labels(labels, clusters, CLASSES, budget, draw)
    return np.bincount(labels[rows], minlength=len(counts)).tolist()


def test_each_class_has_its_share_and_at_least_one_image() -> None:
    assert drawn([100, 50, 10, 40], "10%") == [10, 5, 1, 4]
    assert drawn([100, 50, 4, 40], "10%") == [10, 5, 1, 4]  # 0.4 images
    assert drawn([100, 50, 10, 40], "5 shots") == [5, 5, 5, 5]
    assert drawn([100, 50, 10, 40], "1 shot") == [1, 1, 1, 1]


def test_clusters_stay_whole_and_the_last_one_may_be_more() -> None:
    assert drawn([99, 60, 30, 90], "10%", size=3) == [12, 6, 3, 9]
    labels, clusters = labelled([100, 60, 30, 90], 3)
    rows = draw_labels(labels, clusters, CLASSES, "20%", 1)
    inside = np.isin(clusters, clusters[rows])
    assert inside.sum() == len(rows)


def test_clusters_of_several_classes_count_for_each_of_them() -> None:
    # 20 lots of 20 images: half of the labels are half of the lots, not the lots that half of one class fills.
    labels, clusters = np.tile(np.arange(4).repeat(5), 20), np.arange(20).repeat(20)
    for budget, lots in (("5%", 1), ("10%", 2), ("50%", 10), ("8 shots", 2)):
        rows = draw_labels(labels, clusters, CLASSES, budget, 0)
        assert np.bincount(labels[rows]).tolist() == [5 * lots] * 4
        assert len(set(clusters[rows])) == lots
    # The rare class d lies in two lots, beside many others: one of the two is always drawn.
    labels[labels == 3], labels[[0, 20]] = 0, 3
    for draw in range(5):
        assert {0, 1} & set(clusters[draw_labels(labels, clusters, CLASSES, "5%", draw)])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(5, 40), min_size=2, max_size=4), st.integers(0, 9), st.integers(1, 4))
def test_a_draw_of_more_labels_holds_that_of_fewer(counts: list[int], draw: int, size: int) -> None:
    labels, clusters = labelled(counts, size)
    found = [set(draw_labels(labels, clusters, CLASSES, budget, draw)) for budget in ("25%", "50%", "90%")]
    assert found[0] <= found[1] <= found[2]
    shots = [set(draw_labels(labels, clusters, CLASSES, f"{count} shots", draw)) for count in (2, 5)]
    assert shots[0] <= shots[1]


def test_draws_differ_and_are_the_same_again() -> None:
    labels, clusters = labelled([100, 100])
    draws = [tuple(draw_labels(labels, clusters, CLASSES, "10%", draw)) for draw in range(5)]
    assert len(set(draws)) == 5
    assert draws == [tuple(draw_labels(labels, clusters, CLASSES, "10%", draw)) for draw in range(5)]
    overlap = len(set(draws[0]) & set(draws[1]))
    assert overlap < 10  # 2 of 20 are expected


def test_what_cannot_be_drawn_is_refused() -> None:
    labels, clusters = labelled([100, 3])
    with pytest.raises(ValueError, match=r"5 shots a class, and there are fewer labelled images of b \(3\): ask for"):
        draw_labels(labels, clusters, CLASSES, "5 shots", 0)
    with pytest.raises(
        ValueError, match=r"1% of 103 labelled images is 1.03 images for 2 classes: ask for 1.9% or more"
    ):
        draw_labels(labels, clusters, CLASSES, "1%", 0)


def test_the_record_says_how_many_labels_each_draw_has() -> None:
    images = blobs(40)
    assert budget_sizes(images, ["linear", "knn"]) == {}
    found = budget_sizes(images, ["linear", "linear@10%#0", "linear@10%#1", "knn@10%#0", "knn@1 shot#0"])
    wanted = [("10%", 0, 4), ("10%", 1, 4), ("1 shot", 0, 4)]
    assert found == {"budgets": [dict(zip(("budget", "draw", "labels"), row, strict=True)) for row in wanted]}


def table_of(train: Images, tests: dict[str, Images], seed: int = 0) -> pd.DataFrame:
    plan = Plan(method="random", backbone="tiny?width=8", image_size=16, seed=seed)
    view = evaluation_view(16, mean=(0.5,) * 3, std=(0.25,) * 3)
    probes = ("linear", "linear@25%#0", "linear@25%#1", "knn@2 shots#0")
    identity = {"run": "r", "model": "m", "method": "random", "seed": seed}
    torch.manual_seed(0)
    return evaluate_backbone(
        build_backbone(plan).eval(), view, train, tests, dict.fromkeys(tests, "reference"), probes, identity
    )


def test_a_model_is_judged_by_what_the_drawn_labels_teach_alone() -> None:
    train, test = blobs(64), blobs(24, seed=1)
    found = table_of(train, {"test": test})
    keys = found.groupby(["protocol", "budget", "draw"], dropna=False).size()
    assert keys.to_dict() == {
        ("linear", "25%", 0.0): 24, ("linear", "25%", 1.0): 24, ("knn", "2 shots", 0.0): 24,
    } | {key: 24 for key in keys.index if pd.isna(key[1])}  # fmt: skip
    rows = draw_labels(train.labels, train.clusters, train.classes, "25%", 1)
    alone = table_of(train.subset(rows), {"test": test})
    mine = found[(found.budget == "25%") & (found.draw == 1)].reset_index(drop=True)
    same = alone[(alone.protocol == "linear") & alone.budget.isna()].reset_index(drop=True)
    np.testing.assert_allclose(mine.score, same.score, atol=1e-5)
    assert (mine.predicted == same.predicted).all()


def test_labels_that_were_not_drawn_and_those_of_test_change_nothing_that_is_learnt() -> None:
    train, test = blobs(64), blobs(24, seed=1)
    rows = draw_labels(train.labels, train.clusters, train.classes, "25%", 0)
    poisoned = test.labels[::-1].copy()
    first = table_of(train, {"test": test})
    again = table_of(train, {"test": replace(test, labels=poisoned)})
    names = ["protocol", "budget", "draw", "item", "predicted"]
    pd.testing.assert_frame_equal(first[names], again[names])
    for one, other in zip(first.probabilities, again.probabilities, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(rows) == 16
