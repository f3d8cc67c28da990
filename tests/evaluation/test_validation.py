"""Validation parts of the training set: clusters whole, nothing seen, shares of false alarms by hand."""

import numpy as np
import pytest

from kogen.evaluation.features import Features, Predictions
from kogen.evaluation.validation import assign_parts, false_alarms, validate_probe


def features(labels: list[int], clusters: list[str]) -> Features:
    n = len(labels)
    values, ids = np.arange(n, dtype=np.float32)[:, None], np.array([f"i{k}" for k in range(n)])
    return Features(values, np.array(labels), ("bad", "good"), ids, np.array(clusters))


def test_clusters_stay_whole_and_every_image_is_judged_once_by_a_probe_that_has_not_seen_it() -> None:
    train = features([0] * 20 + [1] * 40, [f"c{k // 2}" for k in range(60)])
    seen: list[float] = []

    def learn(known: Features, asked: Features) -> Predictions:
        assert not set(known.clusters) & set(asked.clusters)
        assert set(known.labels) == {0, 1}
        seen.extend(asked.values[:, 0].tolist())
        chance = np.tile([0.25, 0.75], (len(asked), 1)).astype(np.float32)
        return Predictions(len(asked), lambda rows: chance[rows])

    found = validate_probe(learn, train)
    assert found is not None
    assert sorted(seen) == list(range(60))
    assert np.bincount(found[0]).tolist() == [20, 40]
    assert found[1].shape == (60, 2)


def test_of_many_images_one_part_is_held_out() -> None:
    train = features([0, 1] * 1300, [f"c{k}" for k in range(2600)])
    found = validate_probe(lambda known, asked: Predictions(len(asked), lambda rows: np.ones((len(asked), 2))), train)
    assert found is not None
    assert len(found[0]) == 520


def test_a_class_of_one_cluster_cannot_be_held_out() -> None:
    train = features([0, 0, 1], ["a", "a", "b"])
    calls: list[int] = []

    def learn(known: Features, asked: Features) -> Predictions:
        calls.append(1)
        return Predictions(len(asked), lambda rows: np.ones((len(asked), 2)))

    assert validate_probe(learn, train) is None
    assert not calls


def test_parts_are_dealt_class_by_class() -> None:
    labels = np.repeat([0, 1], [10, 25])
    part = assign_parts(labels, np.arange(35).astype(str), seed=3)
    assert np.bincount(part[labels == 0]).tolist() == [2] * 5
    assert np.bincount(part[labels == 1]).tolist() == [5] * 5


def test_shares_of_false_alarms() -> None:
    labels = np.array([0, 1, 1, 1, 1])
    chance = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])  # bad, good
    found = false_alarms((labels, chance), np.array([[0.7, 0.3], [0.6, 0.4], [0.25, 0.75], [0.05, 0.95]]))
    assert found is not None
    bad, good = np.stack(found).T
    assert bad.tolist() == pytest.approx([0, 0.25, 0.5, 1])  # of the four good ones
    assert good.tolist() == [0, 0, 0, 0]  # the one bad image was given 0.1 of good
    assert false_alarms(None, chance) is None
    assert false_alarms((labels, chance), np.ones((3, 3))) is None
    assert false_alarms((np.array([1, 1]), chance[:2]), chance) is None
