"""A probe of a user's own: its answers are checked, and it sees no label of the images it is judged on."""

from typing import Any

import numpy as np
import pytest

from kogen.common import plugins
from kogen.common.plugins import Plugin
from kogen.evaluation.features import Features, Predictions
from kogen.evaluation.probe_shelf import load_probe
from kogen.evaluation.probes.knn import knn

CLASSES = ("a", "b", "c")


def features(count: int, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    ids = np.arange(count).astype(str)
    labels = np.arange(count) % 3
    return Features(rng.normal(size=(count, 4)).astype(np.float32) + labels[:, None], labels, CLASSES, ids, ids)


def probe_of(answer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    plugin = Plugin("probes", "mine", "mine.py", "0", answer)
    monkeypatch.setattr(plugins, "OPENED", {("probes", "mine"): plugin})
    return load_probe("mine")


def test_probabilities_and_predictions_are_taken(monkeypatch: pytest.MonkeyPatch):
    train, test, seen = features(30, 0), features(12, 1), []

    def uniform(train: Features, test: Features) -> np.ndarray:
        seen.append(test.labels)
        return np.full((len(test), 3), 1 / 3)

    found = probe_of(uniform, monkeypatch)(train, test, device="cpu")
    np.testing.assert_allclose(found.probability, 1 / 3)
    assert found.probability.dtype == np.float32
    assert (seen[0] == -1).all()  # the labels of the test images are not shown
    found = probe_of(knn, monkeypatch)(train, test, device="cpu", k=5)
    np.testing.assert_array_equal(found.probability, knn(train, test, k=5).probability)


def test_kogens_own_is_the_function_itself():
    assert load_probe("knn") is knn


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (lambda train, test: None, r"answered an array \(\), wanted probabilities \(12, 3\)"),
        (lambda train, test: np.ones((12, 2)) / 2, r"an array \(12, 2\), wanted probabilities \(12, 3\)"),
        (lambda train, test: np.full((12, 3), np.nan), "not finite or below 0"),
        (lambda train, test: np.tile([2.0, -1.0, 0.0], (12, 1)), "not finite or below 0"),
        (lambda train, test: np.ones((12, 3)), "row 0 sums to 3: wanted probabilities that sum to 1"),
        (lambda train, test: Predictions(12, lambda rows: np.ones((12, 3))[rows]), "row 0 sums to 3"),
    ],
)
def test_what_are_no_probabilities_is_a_sentence(answer: Any, match: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match=match):
        probe_of(answer, monkeypatch)(features(30, 0), features(12, 1))


def test_a_probe_that_writes_into_its_features_changes_those_of_no_other(monkeypatch: pytest.MonkeyPatch):
    train, test = features(30, 0), features(12, 1)
    before = train.values.copy(), test.values.copy(), train.labels.copy()

    def scale(train: Features, test: Features) -> np.ndarray:
        train.values[:], test.values[:], train.labels[:] = 0, 0, 0
        return np.full((len(test), 3), 1 / 3)

    probe_of(scale, monkeypatch)(train, test)
    for was, values in zip(before, (train.values, test.values, train.labels), strict=True):
        np.testing.assert_array_equal(was, values)


def test_a_probe_without_a_seed_is_refused(monkeypatch: pytest.MonkeyPatch):
    def chance(train: Features, test: Features) -> np.ndarray:
        values = np.random.rand(len(test), 3)  # noqa: NPY002
        return values / values.sum(axis=1, keepdims=True)

    with pytest.raises(ValueError, match="answers otherwise when it is asked again: take what is random from"):
        probe_of(chance, monkeypatch)(features(30, 0), features(12, 1))
