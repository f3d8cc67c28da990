"""Probes: k-NN against a slow twin and lightly, the linear probe against scikit-learn, and what neither may look at."""

from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightly.utils.benchmarking.knn import knn_predict
from sklearn.linear_model import LogisticRegression

from kogen.evaluation.features import Features
from kogen.evaluation.probes import _linear as linear_file
from kogen.evaluation.probes import knn as knn_file
from kogen.evaluation.probes._linear import assign_folds, linear
from kogen.evaluation.probes.knn import knn, nearest
from kogen.evaluation.probes.linear45 import PENALTIES, linear45

EACH = pytest.mark.parametrize("probe", [knn, linear, linear45])


def features(values, labels, classes=4) -> Features:
    names = np.array([str(i) for i in range(len(values))])
    return Features(np.asarray(values, np.float32), np.asarray(labels), tuple("abcdefghij"[:classes]), names, names)


def sample(n: int, d: int = 16, seed: int = 0, classes: int = 4, spread: float = 0.6) -> Features:
    """Gaussian classes that overlap, in correlated features of very different size that are not centred."""
    rng, world = np.random.default_rng(seed), np.random.default_rng(99)
    centres, mix = spread * world.normal(size=(classes, d)), world.normal(size=(d, d)) * world.uniform(0.1, 5, d)
    labels = np.arange(n) % classes
    return features((centres[labels] + rng.normal(size=(n, d))) @ mix + 3, labels, classes)


# k-NN


def slow_knn(train: Features, test: Features, k: int, temperature: float) -> np.ndarray:
    """One image at a time, neighbours by falling similarity and rising position."""
    rows = []
    for x in test.values.astype(np.float64):
        similarity = [float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)) for y in train.values.astype(np.float64)]
        votes = np.zeros(len(train.classes))
        for i in sorted(range(len(train)), key=lambda i: (-similarity[i], i))[:k]:
            votes[train.labels[i]] += np.exp(similarity[i] / temperature)
        rows.append(votes / votes.sum())
    return np.array(rows)


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.07), (20, 0.07), (50, 1.0)])
def test_knn_is_its_slow_twin(k, temperature, monkeypatch):
    monkeypatch.setattr(knn_file, "MAX_SIMILARITIES", 7 * 150)  # several parts, the last one short
    train, test = sample(150), sample(40, seed=1)
    found = knn(train, test, k=k, temperature=temperature)
    np.testing.assert_allclose(found.probability, slow_knn(train, test, k, temperature), atol=2e-5)
    assert found.chosen == {"k": k, "temperature": temperature}


def test_knn_agrees_with_lightly():
    train, test = sample(500), sample(200, seed=1)
    bank, rows = (torch.nn.functional.normalize(torch.tensor(f.values)) for f in (train, test))
    theirs = knn_predict(rows, bank.T.contiguous(), torch.tensor(train.labels), 4, knn_k=20, knn_t=0.07)[:, 0]
    ours = knn(train, test).probability.argmax(axis=1)
    assert (ours == theirs.numpy()).all()
    assert 0.4 < (ours == test.labels).mean() < 1


def test_knn_ties_go_to_the_earlier_images():
    train = features([[1, 0], [1, 0], [1, 0], [0, 1]], [2, 1, 1, 0])
    assert knn(train, features([[1, 0]], [0]), k=1).probability.tolist() == [[0, 0, 1, 0]]
    np.testing.assert_allclose(knn(train, features([[2, 0]], [0]), k=2).probability, [[0, 0.5, 0.5, 0]])
    collapsed = features(np.ones((1000, 3)), np.arange(1000) // 10 % 4)  # 20 nearest: ten of class 0, ten of class 1
    np.testing.assert_allclose(knn(collapsed, features([[1, 1, 1]], [0])).probability, [[0.5, 0.5, 0, 0]], atol=1e-6)


def test_knn_with_few_images_lets_all_vote_and_says_so():
    train, test = sample(8), sample(5, seed=1)
    found = knn(train, test, k=20)
    assert found.chosen["k"] == 8
    np.testing.assert_allclose(found.probability, slow_knn(train, test, 8, 0.07), atol=2e-5)


def test_knn_stays_finite_at_a_tiny_temperature():
    found = knn(sample(50), sample(20, seed=1), temperature=1e-4).probability
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_knn_refuses_bad_settings():
    with pytest.raises(ValueError, match="k is 0, wanted 1 or more"):
        knn(sample(50), sample(20), k=0)
    with pytest.raises(ValueError, match="temperature is 0, wanted a number above 0"):
        knn(sample(50), sample(20), temperature=0)


# linear


def their_probability(train: Features, test: Features, strength: float) -> np.ndarray:
    """Scikit-learn's answer to the same question."""
    mean, deviation = train.values.mean(axis=0, dtype=float), train.values.std(axis=0, dtype=float)
    two = len(train.classes) == 2  # there scikit-learn penalises the difference of our two rows, |w|^2 = 2 |W|^2
    fitted = LogisticRegression(C=(1 + two) / strength / len(train), tol=1e-9, max_iter=10_000)
    fitted.fit((train.values - mean) / deviation, train.labels)
    return fitted.predict_proba((test.values - mean) / deviation)


@pytest.mark.parametrize("strength", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize(("n", "d", "classes"), [(400, 16, 4), (300, 8, 2), (40, 64, 4)])
def test_linear_is_logistic_regression(strength, n, d, classes):
    train, test = sample(n, d, classes=classes), sample(200, d, seed=1, classes=classes)
    found = linear(train, test, strengths=[strength])
    np.testing.assert_allclose(
        found.probability, their_probability(train, test, strength), atol=1e-3 if strength > 1e-3 else 5e-3
    )
    assert found.chosen["strength"] == strength
    assert found.chosen["converged"] == 1


@EACH
def test_some_predictions_are_those_of_all(probe):
    found = probe(sample(100), sample(20, seed=1))
    np.testing.assert_allclose(found.predict(slice(7, 12)), found.probability[7:12], atol=1e-6)


def test_strength_is_the_best_on_held_out_images():
    """Many useless dimensions and few images: a slow search over the same folds must choose the same strength.

    It standardises each part by itself and converges fully; one image of a hundred may fall otherwise.
    """
    train, test = sample(100, 80, spread=0.25), sample(400, 80, seed=1, spread=0.25)
    strengths = [1e-4, 1e-2, 1.0, 10.0]
    part, right = assign_folds(train.labels, 5, 0), []
    for strength in strengths:
        hits = 0
        for fold in range(5):
            rest, held = (features(train.values[rows], train.labels[rows]) for rows in (part != fold, part == fold))
            hits += (their_probability(rest, held, strength).argmax(axis=1) == held.labels).sum()
        right.append(hits / len(train))
    found = linear(train, test, strengths=strengths).chosen
    assert right[strengths.index(found["strength"])] == max(right)
    assert found["validation_accuracy"] == pytest.approx(max(right), abs=0.011)
    assert max(right) > min(right)
    assert found["validation_images"] == 100


def test_a_large_set_is_split_once_and_few_labels_all_count():
    assert linear(sample(3000, 4), sample(10, 4), strengths=[1, 0.1]).chosen["validation_images"] == 600
    assert linear(sample(1000, 4), sample(10, 4), strengths=[1, 0.1]).chosen["validation_images"] == 600
    assert linear(sample(20, 4), sample(10, 4), strengths=[1, 0.1]).chosen["validation_images"] == 20


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=80), st.integers(2, 6), st.integers(0, 3))
def test_folds_are_stratified_and_never_empty_a_class(labels, folds, seed):
    _, labels = np.unique(labels, return_inverse=True)
    part = assign_folds(labels, folds, seed)
    for label in np.unique(labels):
        counts = np.bincount(part[(labels == label) & (part >= 0)], minlength=folds)
        if (labels == label).sum() == 1:
            assert (part[labels == label] == -1).all()
        else:
            assert counts.sum() == (labels == label).sum()
            assert counts.max() - counts.min() <= 1
            assert counts.max() < counts.sum()


def test_a_class_with_one_image_is_learnt_and_never_held_out():
    train = sample(60)
    labels = np.where(train.labels == 3, 2, train.labels)
    labels[7] = 3
    found = linear(replace(train, labels=labels), sample(20, seed=1))
    assert found.chosen["validation_images"] == 59
    assert (found.probability[:, 3] > 0).all()


def test_one_image_a_class_takes_the_middle_of_the_path():
    found = linear(sample(4), sample(20, seed=1), strengths=[1.0, 0.1, 0.01])
    assert found.chosen == {"strength": 0.1, "converged": 1, "validation_images": 0}
    assert np.isfinite(found.probability).all()


def test_a_class_train_never_shows_gets_nothing():
    train = replace(sample(60), classes=("a", "b", "never", "c", "d"))
    labels = np.where(train.labels >= 2, train.labels + 1, train.labels)
    for probe in (knn, linear):
        found = probe(replace(train, labels=labels), sample(20, seed=1)).probability
        assert (found[:, 2] == 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        assert set(found.argmax(axis=1)) > {0}


def test_features_that_do_not_vary_are_left_out():
    train, test = sample(200), sample(50, seed=1)
    padded = [
        replace(f, values=np.hstack([f.values, np.full((len(f), 1), 7, np.float32), np.zeros((len(f), 1), np.float32)]))
        for f in (train, test)
    ]
    np.testing.assert_allclose(linear(*padded).probability, linear(train, test).probability, atol=1e-3)


def test_units_of_a_feature_do_not_matter():
    train, test = sample(200), sample(50, seed=1)
    scale, shift = np.float32(2) ** np.arange(-8, 8), np.arange(16, dtype=np.float32)
    moved = [replace(f, values=f.values * scale + shift) for f in (train, test)]
    np.testing.assert_allclose(linear(*moved).probability, linear(train, test).probability, atol=2e-3)


def test_too_few_iterations_are_on_record():
    assert linear(sample(200), sample(10), max_iterations=2).chosen["converged"] == 0


def test_linear_refuses_bad_settings():
    with pytest.raises(ValueError, match=r"strengths are \[1, 0\], wanted one or more numbers above 0"):
        linear(sample(50), sample(20), strengths=[1, 0])
    with pytest.raises(ValueError, match=r"strengths are \[\], wanted one or more"):
        linear(sample(50), sample(20), strengths=[])
    with pytest.raises(ValueError, match="folds is 1, wanted 2 or more"):
        linear(sample(50), sample(20), folds=1)


# both


@EACH
def test_labels_of_test_are_never_read(probe):
    train, test = sample(80), sample(30, seed=1)
    first = probe(train, test)
    for labels in (test.labels[::-1].copy(), np.full(30, -1), np.arange(30) + 1000):
        again = probe(train, replace(test, labels=labels))
        assert (again.probability == first.probability).all()
        assert again.chosen == first.chosen


@EACH
def test_no_test_image_changes_what_is_learnt(probe):
    """Predicting one image alone, or beside hostile ones, is the same: nothing of test reaches the probe."""
    train, test = sample(80), sample(30, seed=1)
    first = probe(train, test)
    hostile = replace(test, values=np.vstack([test.values[:1], 1e6 * np.ones((29, 16), np.float32)]))
    again = probe(train, hostile)
    np.testing.assert_allclose(again.probability[0], first.probability[0], atol=1e-6)
    assert again.chosen == first.chosen


@EACH
def test_same_again(probe):
    train, test = sample(120), sample(30, seed=1)
    first, second = probe(train, test), probe(train, test)
    assert (first.probability == second.probability).all()
    assert first.probability.dtype == np.float32
    assert first.probability.shape == (30, 4)


@EACH
def test_nothing_is_written_to(probe):
    train, test = sample(80), sample(30, seed=1)
    for f in (train, test):
        f.values.flags.writeable = f.labels.flags.writeable = False
    before = train.values.copy()
    probe(train, test)
    assert (train.values == before).all()


@EACH
def test_better_features_are_judged_better(probe):
    found = [probe(sample(400, spread=s), sample(400, seed=1, spread=s)).probability for s in (0.0, 0.3, 1.5)]
    scores = [(probability.argmax(axis=1) == np.arange(400) % 4).mean() for probability in found]
    assert 0.15 < scores[0] < 0.35  # chance is a quarter
    assert scores[0] + 0.1 < scores[1] < scores[2] - 0.1


@EACH
def test_bad_features_are_refused(probe):
    train, test = sample(40), sample(20, seed=1)
    with pytest.raises(ValueError, match="all 40 training images are of the class 'b'; a probe needs two or more"):
        probe(replace(train, labels=np.ones(40, int)), test)
    with pytest.raises(ValueError, match=r"training images without a label \(-1\): 3 of 40"):
        probe(replace(train, labels=np.where(np.arange(40) < 3, -1, train.labels)), test)
    with pytest.raises(ValueError, match=r"training labels are None, wanted an array \(N,\): a probe learns from"):
        probe(replace(train, labels=None), test)
    with pytest.raises(ValueError, match=r"test features are None, wanted an array \(N, D\)"):
        probe(train, replace(test, values=None))
    with pytest.raises(ValueError, match="16 dimensions, test features 15; embed both sets with the same backbone"):
        probe(train, replace(test, values=test.values[:, 1:]))
    with pytest.raises(ValueError, match=r"training features have shape \(0, 16\), wanted \(N, D\)"):
        probe(features(np.zeros((0, 16)), np.zeros(0, int)), test)
    with pytest.raises(ValueError, match="a training label is 3, but there are 2 classes"):
        probe(replace(train, classes=("a", "b")), test)
    with pytest.raises(ValueError, match="a training label is 3, but there are 3 classes"):
        probe(replace(train, classes=("a", "b", "c")), test)
    with pytest.raises(ValueError, match="39 labels for 40 training features"):
        probe(replace(train, labels=train.labels[1:]), test)
    broken = test.values.copy()
    broken[4, 2], broken[9, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"test features hold NaN or infinity in 2 of 20 rows \(first: 4\)"):
        probe(train, replace(test, values=broken))


@EACH
def test_a_probe_with_its_own_choices_is_the_same_probe_and_chooses_no_more(probe):
    train, test = sample(90, 6), sample(30, 6, seed=1)
    found = probe(train, test)
    again = probe(train, test, **found.settled)
    np.testing.assert_allclose(again.probability, found.probability, atol=1e-4)
    if probe in (linear, linear45):
        assert found.settled == {"strengths": (found.chosen["strength"],)}
        assert again.chosen["validation_images"] == 0
    else:
        assert found.settled == {}


def test_neighbours_on_the_border_are_the_first_ones_row_by_row():
    similarity = torch.tensor([[1.0, 0.5, 0.5, 0.5, 0.2], [0.1, 0.9, 0.8, 0.7, 0.6], [0.3, 0.3, 0.3, 0.3, 0.9]])
    assert sorted(nearest(similarity, 2)[0].tolist()) == [0, 1]
    assert sorted(nearest(similarity, 2)[1].tolist()) == [1, 2]
    assert sorted(nearest(similarity, 3)[2].tolist()) == [0, 1, 4]
    assert sorted(nearest(similarity, 5)[0].tolist()) == [0, 1, 2, 3, 4]


def test_a_row_of_zeros_is_equally_near_to_everything():
    train = features([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]], [0, 1, 1], 2)
    found = knn(train, features([[0.0, 0.0]], [0], 2), k=3).probability
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3]], atol=1e-6)


def test_votes_are_weighed_by_how_much_nearer_the_nearest_is():
    train = features([[1.0, 0.0], [0.6, 0.8]], [0, 1], 2)
    found = knn(train, features([[1.0, 0.0]], [0], 2), k=2, temperature=0.5).probability
    weight = np.exp(-0.4 / 0.5)
    np.testing.assert_allclose(found, [[1 / (1 + weight), weight / (1 + weight)]], atol=1e-6)
    assert (knn_file.MAX_SIMILARITIES, knn_file.MAX_SIMILARITIES_GPU) == (2**24, 2**28)


def test_settings_at_their_limits_are_allowed():
    train, test = sample(12), sample(3, seed=1)
    knn(train, test, k=1, temperature=1e-3)
    with pytest.raises(ValueError, match="k is 0"):
        knn(train, test, k=0)
    with pytest.raises(ValueError, match="temperature is 0"):
        knn(train, test, temperature=0)
    linear(train, test, strengths=[1e-3], folds=2)
    with pytest.raises(ValueError, match="folds is 1, wanted 2 or more"):
        linear(train, test, folds=1)
    for bad in ([], [0.0], [float("inf")], [1.0, -1.0]):
        with pytest.raises(ValueError, match="wanted one or more numbers above 0"):
            linear(train, test, strengths=bad)


def test_the_numbers_of_the_linear_probe():
    assert pytest.approx([10 ** (1 - place / 2) for place in range(13)]) == linear_file.STRENGTHS
    numbers = linear_file.SMALL_FEATURES, linear_file.MAX_ITERATIONS, linear_file.COMPARED
    assert numbers == (4_000_000, 300, 25)


def test_what_the_linear_probe_chose_is_on_record():
    train, test = sample(60), sample(9, seed=1)
    found = linear(train, test, strengths=[1.0, 1e-2, 1e-4], folds=3)
    assert found.chosen["validation_images"] == 60
    assert 0 < found.chosen["validation_accuracy"] <= 1
    assert found.chosen["strength"] in (1.0, 1e-2, 1e-4)
    one = linear(train, test, strengths=[1e-2])
    assert (one.chosen["validation_images"], "validation_accuracy" in one.chosen) == (0, False)


def test_the_usual_settings_are_those_of_the_literature():
    def defaults(function):
        return {
            name: one.default for name, one in signature(function).parameters.items() if one.default is not one.empty
        }

    assert defaults(knn) == {"k": 20, "temperature": 0.07, "device": "cpu"}
    own = {
        "strengths": linear_file.STRENGTHS,
        "folds": linear_file.FOLDS,
        "seed": 0,
        "max_iterations": 300,
        "device": "cpu",
    }
    assert defaults(linear) == defaults(linear_file.choose_classifier) == own


def test_the_penalties_of_transfer_papers_are_those_of_the_sum_of_the_losses():
    assert (len(PENALTIES), PENALTIES[0], PENALTIES[-1]) == (45, 1e-6, 1e5)
    train, test = sample(120), sample(40, seed=1)
    found = linear45(train, test)
    chosen = found.chosen["strength"] * len(train)
    assert min(abs(np.log(chosen / one)) for one in PENALTIES) < 1e-9
    twin = LogisticRegression(C=1 / chosen, tol=1e-8, max_iter=5000)
    scaled = lambda values: (values - train.values.mean(0)) / train.values.std(0)  # noqa: E731
    twin.fit(scaled(train.values), train.labels)
    np.testing.assert_allclose(found.probability, twin.predict_proba(scaled(test.values)), atol=2e-3)
