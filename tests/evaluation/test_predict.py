"""Rows of a table where the label is not one class: some classes only, several right ones, people's shares."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import SHARED, blobs, plan_for

import kogen
from kogen.augmentation.views import evaluation_view
from kogen.common.tables import SCHEMAS, write_table
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images, from_array
from kogen.data.open import open_images
from kogen.evaluation.features import Features, Predictions
from kogen.evaluation.predict import (
    evaluate_backbone,
    judge_predictions,
    judge_rows,
    prediction_table,
    restrict_classes,
)
from kogen.training.build import build_backbone, build_method

CLASSES = ("a", "b", "c", "d")


def judged(images: Images, probability: np.ndarray) -> pd.DataFrame:
    features = Features(np.zeros((len(images), 1)), images.labels, images.classes, images.ids, images.clusters)
    return prediction_table(features, judge_rows(features, probability, images, slice(None)))


def chances(count: int, seed: int = 0) -> np.ndarray:
    """Probabilities (N, 4) as of a softmax, and the logits they are of."""
    logits = np.random.default_rng(seed).normal(size=(count, 4)) * 2
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_one_label_is_as_it_was():
    images = blobs(30)
    table = judged(images, chances(30))
    assert (table.correct == (table.label == table.predicted)).all()
    np.testing.assert_allclose(table.score, chances(30)[np.arange(30), images.labels], rtol=1e-6)
    assert table.soft.isna().all()


@given(seed=st.integers(0, 99), among=st.sets(st.sampled_from(CLASSES), min_size=1))
def test_among_some_classes_is_the_softmax_of_their_logits(seed, among):
    logits = np.random.default_rng(seed).normal(size=(7, 4))
    whole = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    part = np.where([c in among for c in CLASSES], np.exp(logits), 0)
    np.testing.assert_allclose(restrict_classes(whole, CLASSES, tuple(among)), part / part.sum(1, keepdims=True))


def test_among_some_classes_the_prediction_is_one_of_them():
    images = replace(blobs(40), allowed_classes=("b", "d"))
    images = images.subset((images.labels == 1) | (images.labels == 3))
    probability = np.zeros((len(images), 4))
    probability[:, 0] = 1  # no neighbour of any allowed class, as k-NN may find
    probability[0] = (0.7, 0.1, 0.0, 0.2)
    table = judged(images, probability)
    assert table.predicted[0] == "d"
    assert set(table.predicted) <= {"b", "d"}
    assert table.score[0] == pytest.approx(2 / 3 if table.label[0] == "d" else 1 / 3)
    assert (table.score[1:] == 0.5).all()


def test_several_right_classes():
    answers = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 1]], bool)
    images = replace(blobs(3), labels=np.array([0, 2, 1]), answers=answers)
    probability = np.array([[0.2, 0.5, 0.2, 0.1], [0.6, 0.1, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    table = judged(images, probability)
    assert table.correct.tolist() == [1, 0, 1]
    assert table.label.tolist() == ["a", "c", "b"]
    np.testing.assert_allclose(table.score, [0.7, 0.2, 0.9], rtol=1e-6)
    assert table.soft.isna().all()


@given(seed=st.integers(0, 99))
def test_people_against_a_slow_twin(seed):
    rng = np.random.default_rng(seed)
    votes = rng.integers(0, 6, (9, 4))
    votes[:, 0] += 1
    shares = (votes / votes.sum(1, keepdims=True)).astype(np.float32)
    probability = chances(9, seed)
    images = replace(blobs(9), answers=shares, labels=shares.argmax(1))
    table = judged(images, probability)
    for i in range(9):
        predicted = CLASSES.index(table.predicted[i])
        assert table.soft[i] == pytest.approx(votes[i, predicted] / votes[i].sum(), rel=1e-5)
        assert table.correct[i] == (predicted == votes[i].argmax())
        entropy = -sum(votes[i, k] / votes[i].sum() * np.log(probability[i, k]) for k in range(4) if votes[i, k])
        assert -np.log(table.score[i]) == pytest.approx(entropy, rel=1e-4)


def test_people_of_one_mind_are_a_label():
    images = blobs(20)
    shares = np.eye(4, dtype=np.float32)[images.labels]
    alone, together = judged(images, chances(20)), judged(replace(images, answers=shares), chances(20))
    pd.testing.assert_frame_equal(alone.drop(columns="soft"), together.drop(columns="soft"))
    assert (together.soft == together.correct).all()


def test_a_class_that_people_chose_and_the_model_excludes():
    shares = np.array([[0.5, 0.5, 0, 0]], np.float32)
    table = judged(replace(blobs(1), answers=shares, labels=np.array([0])), np.array([[1.0, 0, 0, 0]]))
    assert table.score[0] == 0  # an infinite cross-entropy, not an error
    assert table.soft[0] == 0.5


def test_answers_follow_rows_and_classes():
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 12).astype(np.float32)
    images = replace(blobs(12), answers=shares, digest="")
    np.testing.assert_array_equal(images.subset(np.array([3, 1])).answers, shares[[3, 1]])
    turned = images.with_classes(("z", "d", "c", "b", "a")).answers
    np.testing.assert_array_equal(turned, np.c_[np.zeros(12), shares[:, ::-1]])
    assert images.digest != blobs(12).digest
    assert (
        blobs(12).digest
        == replace(blobs(12), allowed_classes=()).digest
        != replace(blobs(12), allowed_classes=("a",), digest="").digest
    )


def test_evaluation_judges_each_set_its_own_way():
    from kogen.config.plan import Plan

    train, test = blobs(64), blobs(24, seed=1)
    shares = (np.eye(4)[test.labels] * 0.5 + 0.125).astype(np.float32)
    tests = {"plain": test, "people": replace(test, answers=shares), "two": replace(test, allowed_classes=("a", "b"))}
    plan = Plan(method="random", backbone="tiny?width=8", image_size=16)
    identity = {"run": "r", "model": "m", "method": "random", "seed": 0}
    view = evaluation_view(16, mean=(0.5,) * 3, std=(0.25,) * 3)
    table = evaluate_backbone(
        build_backbone(plan).eval(), view, train, tests, dict.fromkeys(tests, "shift"), ("knn",), identity
    )
    parts = {name: part.reset_index(drop=True) for name, part in table.groupby("dataset")}
    assert parts["plain"].soft.isna().all()
    assert parts["people"].soft.between(0.125, 0.625).all()
    assert (parts["people"].correct == parts["plain"].correct).all()
    assert set(parts["two"].predicted) <= {"a", "b"}


def without_labels(count: int) -> Images:
    images = blobs(40)
    images.labels[:count] = -1
    return images


@pytest.mark.parametrize(
    ("train", "tests", "probes", "message"),
    [
        (
            blobs(40, labels=False),
            {"x": blobs()},
            ("knn",),
            r"blobs0: images without a label: 40 of 40, the first is blob",
        ),
        (
            without_labels(3),
            {"x": blobs()},
            ("knn",),
            r"blobs0: images without a label: 3 of 40.*--labels TABLE.csv .*labelled_subset",
        ),
        (without_labels(40).labelled_subset(), {"x": blobs()}, ("linear",), "blobs0: no image has a label. Probes"),
        (blobs(), {"x": blobs(), "y": without_labels(1)}, ("knn",), "y: images without a label: 1 of 40, the first is"),
        (blobs(), {"x": blobs(), "y": blobs().subset([])}, ("knn",), "y: no image has a label"),
        (blobs(), {}, ("knn",), "0 test sets and 1 probes: name one or more of each"),
        (blobs(), {"x": blobs()}, (), "1 test sets and 0 probes: name one or more of each"),
        (
            blobs(),
            {"x": replace(blobs(), classes=("b", "a", "c", "d"))},
            ("knn",),
            r"x counts its labels in \('b', 'a'",
        ),
    ],
)
def test_sets_that_cannot_be_judged_are_refused_by_name(train, tests, probes, message):
    backbone = build_method(plan_for(blobs())).backbone
    with pytest.raises(ValueError, match=message):
        evaluate_backbone(backbone, evaluation_view(16), train, tests, dict.fromkeys(tests, "shift"), probes, {})


def test_a_run_is_not_judged_by_images_without_labels(tmp_path):
    kogen.pretrain("surfaces?n=40", method="random", image_size=16, backbone="tiny?width=8", out=tmp_path / "run")
    np.save(tmp_path / "x.npy", np.zeros((4, 16, 16, 3), np.uint8))
    tests = {"reference": "surfaces?n=40&split=test"}
    with pytest.raises(
        ValueError, match="train has no labels, at least 2 classes are wanted: give labels with --labels"
    ):
        kogen.evaluate(tmp_path / "run", train=tmp_path / "x.npy", tests=tests, out=tmp_path / "study")


def test_a_table_has_the_columns_of_its_kind(tmp_path):
    with pytest.raises(ValueError, match=r"missing \['score'\], unknown \['scor'\]"):
        write_table(
            tmp_path / "a.parquet",
            pd.DataFrame(columns=[*SCHEMAS["predictions"].names]).rename(columns={"score": "scor"}),
            "predictions",
        )


# --- people's choices beside an array file -----------------------------------------------------------------------


def files(tmp_path, humans: dict, labels=(0, 1, 2, 1)) -> str:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3)).astype(np.uint8)
    names = np.array(["cat", "dog", "owl"])
    np.savez(tmp_path / "test.npz", images=pixels, labels=np.array(labels), class_names=names)
    np.savez(tmp_path / "h.npz", **humans)
    return f"{tmp_path / 'test.npz'}?humans={tmp_path / 'h.npz'}"


COUNTS = np.array([[9, 1, 0], [4, 4, 2], [5, 0, 5], [7, 2, 1]])


@pytest.mark.parametrize("key", ["counts", "probs"])
def test_choices_beside_an_array(tmp_path, key):
    values = COUNTS if key == "counts" else COUNTS / 10
    images = open_images(
        files(tmp_path, {key: values, "test_labels": [0, 1, 2, 1]}), CacheSettings(cache=tmp_path, progress=False)
    )
    np.testing.assert_allclose(images.answers, COUNTS / 10, rtol=1e-6)
    assert images.labels.tolist() == [0, 1, 2, 0]  # ties keep the file's label, the last is what most chose
    plain = open_images(tmp_path / "test.npz", CacheSettings(cache=tmp_path, progress=False))
    assert plain.answers is None
    np.testing.assert_array_equal(plain.ids, images.ids)
    assert plain.digest != images.digest


@pytest.mark.parametrize(
    ("humans", "message"),
    [
        ({"votes": COUNTS}, "holds votes; wanted counts or probs"),
        ({"counts": COUNTS[:3]}, r"shape \(3, 3\), wanted numbers of shape \(4, 3\)"),
        ({"counts": COUNTS[:, :2]}, r"shape \(4, 2\), wanted numbers of shape \(4, 3\): one row for each image"),
        ({"counts": COUNTS.astype(str)}, r"counts is <U21 of shape"),
        ({"counts": COUNTS - 1}, r"counts of image 0 is \[8.0, 0.0, -1.0\], wanted 0 or more, not all 0"),
        ({"counts": COUNTS * np.array([[1], [0], [1], [1]])}, r"counts of image 1 is .* not all 0"),
        ({"probs": np.full((4, 3), np.nan)}, r"probs of image 0 is \[nan"),
        ({"counts": COUNTS, "test_labels": [0, 1, 1, 2]}, r"not those of the images \(first at image 2\): the order"),
        ({"counts": COUNTS, "test_labels": [0, 1]}, r"not those of the images \(of another length\)"),
        ({"counts": np.array([{}], object)}, r"cannot read the arrays of .*Python objects"),
    ],
)
def test_choices_that_do_not_fit(tmp_path, humans, message):
    with pytest.raises(ValueError, match=message):
        open_images(files(tmp_path, humans), CacheSettings(cache=tmp_path, progress=False))


def test_choices_need_labels(tmp_path):
    source = files(tmp_path, {"counts": COUNTS})
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    np.save(tmp_path / "bare.npy", pixels)
    np.savez(tmp_path / "bare.npz", images=pixels)
    for name in ("bare.npy", "bare.npz"):
        with pytest.raises(ValueError, match=r"has no labels to compare people's choices with"):
            open_images(source.replace("test.npz", name), CacheSettings(cache=tmp_path, progress=False))
    with pytest.raises(ValueError, match=r"cannot read nowhere\.npz: No such file"):
        open_images(f"{tmp_path / 'test.npz'}?humans=nowhere.npz", CacheSettings(cache=tmp_path, progress=False))


def test_the_real_choices(tmp_path):
    folder = SHARED / "cifar10"
    if not folder.exists():
        pytest.skip("the shared CIFAR-10 is absent")
    source = f"{folder / 'cifar10_jpeg_test.npz'}?humans={folder / 'cifar10h.npz'}"
    images = open_images(source, CacheSettings(cache=tmp_path, progress=False))
    assert images.answers is not None
    assert images.answers.shape == (10_000, 10)
    own = np.load(folder / "cifar10_jpeg_test.npz")["labels"]
    assert 0.99 < (images.labels == own).mean() < 1  # people agree with the labels nearly always
    best = images.answers.max(axis=1).mean()
    assert 0.94 < images.answers[np.arange(10_000), own].mean() < best < 0.97


def test_from_array_is_unchanged_by_the_new_fields():
    images = from_array(np.zeros((1, 1, 2, 2), np.uint8))
    assert (images.transform, images.answers, images.allowed_classes) == (None, None, ())


def test_few_probabilities_at_once_are_the_same_answers(monkeypatch):
    sets = {
        "one": blobs(30),
        "two": replace(blobs(17), answers=np.eye(4, dtype=bool)[blobs(17).labels]),
        "six": blobs(6),
    }
    judged = {
        name: Features(np.zeros((len(images), 1)), images.labels, images.classes, images.ids, images.clusters)
        for name, images in sets.items()
    }
    predictions = Predictions(53, lambda rows: chances(53)[rows])
    whole = judge_predictions(predictions, judged, sets)
    monkeypatch.setattr("kogen.evaluation.predict.MAX_PROBABILITIES", 4 * 7)  # 7 images, across the borders of sets
    parts = judge_predictions(predictions, judged, sets)
    for name, images in sets.items():
        assert len(parts[name].predicted) == len(images)
        for one, other in zip(whole[name], parts[name], strict=True):
            np.testing.assert_array_equal(one, other)
