"""Every metric against scikit-learn, against leave-one-out, and by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from kogen.common.registry import load, names
from kogen.metrics import _metric
from kogen.metrics._metric import (
    Answers,
    Contributions,
    Metric,
    class_means,
    few,
    harmonic_support,
    one_image,
    spread_within,
)
from kogen.metrics.auroc import independent_images
from kogen.metrics.calibration_error import excess


def answers(n: int = 300, classes: int = 2, seed: int = 0, share: float = 0.3) -> Answers:
    """Answers of a middling model; the first class has `share` of the images."""
    rng = np.random.default_rng(seed)
    weights = np.array([share, *[(1 - share) / (classes - 1)] * (classes - 1)])
    labels = rng.permutation(np.repeat(np.arange(classes), np.maximum((weights * n).astype(int), 1)))
    logits = rng.standard_normal((len(labels), classes))
    logits[np.arange(len(labels)), labels] += 1.0
    chance = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 2)  # rounded: some tie
    chance /= chance.sum(axis=1, keepdims=True)
    predicted, every = chance.argmax(axis=1), np.arange(len(labels))
    return Answers(
        tuple("abcdefgh"[:classes]),
        labels,
        predicted,
        (predicted == labels).astype(float),
        chance,
        chance[every, labels],
        positive=0 if classes == 2 else None,
        threshold=0.4,
        order=tuple(range(classes)),
    )


def part(one: Answers, kept: np.ndarray) -> Answers:
    """The same answers to some of the images."""
    names = ("labels", "predicted", "correct", "probabilities", "score")
    rows: dict[str, Any] = {name: getattr(one, name)[kept] for name in names}
    return Answers(one.classes, **rows, positive=one.positive, threshold=one.threshold, order=one.order)


def from_library(name: str, one: Answers) -> float:
    """The same value from scikit-learn."""
    y, called, p = one.labels, one.predicted, one.probabilities
    assert p is not None
    if name in ("accuracy", "balanced_accuracy"):
        return getattr(reference, f"{name}_score")(y, called)
    if name == "macro_f1":
        return reference.f1_score(y, called, average="macro")
    if name == "quadratic_kappa":
        return reference.cohen_kappa_score(y, called, weights="quadratic")
    if name == "log_loss":
        return reference.log_loss(y, p)
    if name == "auroc" and len(one.classes) > 2:
        return reference.roc_auc_score(y, p, multi_class="ovr")
    if name == "auroc":
        return reference.roc_auc_score(y == 0, p[:, 0])
    assert name == "average_precision"
    if len(one.classes) > 2:
        return reference.average_precision_score(np.eye(len(one.classes))[y], p)
    return reference.average_precision_score(y == 0, p[:, 0])


IN_LIBRARY = [
    *("accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa", "log_loss", "auroc", "average_precision"),
]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", IN_LIBRARY)
def test_values_are_those_of_scikit_learn(name: str, classes: int) -> None:
    one = answers(classes=classes)
    assert load("metrics", name).measure(one).value == pytest.approx(from_library(name, one), abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", names("metrics"))
def test_the_mean_of_the_contributions_is_the_value(name: str, classes: int) -> None:
    found = load("metrics", name).measure(answers(classes=classes))
    if found.each is None:
        assert classes == 4
        assert found.reason == "not_two_classes"
        assert np.isnan(found.value)
        return
    assert found.each.mean() == pytest.approx(found.value, abs=1e-12)
    assert found.reason == ""
    assert found.support > 20
    assert found.step > 0


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", [name for name in names("metrics") if name != "calibration_error"])
def test_contributions_are_what_leaving_an_image_out_changes(name: str, classes: int) -> None:
    """The jackknife's pseudo-values n v - (n - 1) v_without, to first order in 1 / n."""
    one, metric = answers(n=900, classes=classes, share=0.4), load("metrics", name)
    found = metric.measure(one)
    if found.each is None:
        return
    for i in [0, 7, 150, 400, 899]:
        if i >= one.n:
            continue
        without = metric.measure(part(one, np.arange(one.n) != i)).value
        pseudo = one.n * found.value - (one.n - 1) * without
        assert found.each[i] == pytest.approx(pseudo, abs=0.03 * max(1, np.ptp(found.each)))


@pytest.mark.parametrize("name", [name for name in names("metrics") if name != "calibration_error"])
def test_the_variance_is_that_of_the_jackknife(name: str) -> None:
    """Over all images, as in a slow leave-one-out."""
    one, metric = answers(n=400), load("metrics", name)
    found = metric.measure(one)
    values = np.array([metric.measure(part(one, np.arange(one.n) != i)).value for i in range(one.n)])
    jackknife = (one.n - 1) / one.n * ((values - values.mean()) ** 2).sum()
    assert found.each is not None
    assert ((found.each - found.value) ** 2).sum() / one.n**2 == pytest.approx(jackknife, rel=0.03)


def delong(positive: np.ndarray, scores: list[np.ndarray]) -> np.ndarray:
    """DeLong's covariance of areas, pair by pair (1988, equations 5 to 7)."""
    wins = [
        np.greater.outer(s[positive], s[~positive]) + 0.5 * np.equal.outer(s[positive], s[~positive]) for s in scores
    ]
    v10, v01 = np.array([won.mean(axis=1) for won in wins]), np.array([won.mean(axis=0) for won in wins])
    return np.cov(v10) / positive.sum() + np.cov(v01) / (~positive).sum()


def test_the_covariance_of_two_areas_is_delongs() -> None:
    one, other = answers(seed=1), answers(seed=1)
    rng = np.random.default_rng(5)
    chance = np.clip(one.chance + rng.normal(0, 0.2, one.n), 0, 1)
    other = Answers(one.classes, one.labels, one.predicted, one.correct, np.stack([chance, 1 - chance], 1), positive=0)
    parts = [load("metrics", "auroc").measure(each) for each in (one, other)]
    moved = np.stack([part.each - part.value for part in parts])
    wanted = delong(one.is_positive, [one.chance, other.chance])
    assert moved @ moved.T / one.n**2 == pytest.approx(wanted, rel=1e-9)


def by_hand() -> Answers:
    """Ten images, four of the positive class `bad`; probabilities of bad as listed."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    bad = np.array([0.9, 0.8, 0.4, 0.1, 0.7, 0.3, 0.3, 0.2, 0.2, 0.05])
    chance = np.stack([bad, 1 - bad], axis=1)
    predicted = (bad <= 0.5).astype(int)
    score = chance[np.arange(10), labels]
    correct = (predicted == labels).astype(float)
    return Answers(("bad", "good"), labels, predicted, correct, chance, score, 0, 0.3, order=(0, 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0.7),  # 2 of 4 and 5 of 6
        ("balanced_accuracy", (1 / 2 + 5 / 6) / 2),
        ("macro_f1", (2 * 2 / (2 * 2 + 1 + 2) + 2 * 5 / (2 * 5 + 2 + 1)) / 2),
        ("auroc", (6 + 6 + 5 + 1) / 24),
        ("average_precision", (1 + 1 + 3 / 4 + 4 / 9) / 4),
        ("recall_at_false_alarm", 3 / 4),  # above 0.3: .9 .8 .4
        ("expected_cost", (10 * 0 + 1 * 5) / 10),  # called above 1 / 11: .1 is, .05 is not: no miss, 5 alarms
    ],
)
def test_values_by_hand(name: str, value: float) -> None:
    assert load("metrics", name).measure(by_hand()).value == pytest.approx(value)


def test_prices_decide_what_is_called() -> None:
    cost = load("metrics", "expected_cost")
    dear_alarm = cost.measure(by_hand(), miss=1, false_alarm=1)  # called above 1 / 2: two misses, one alarm
    assert dear_alarm.value == pytest.approx(0.3)
    assert dear_alarm.each.tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    assert cost.bounds(miss=1, false_alarm=1) == (0, 1)
    assert cost.bounds() == (0, 10)
    assert cost.bounds(false_alarm=30) == (0, 30)
    bare = Answers(*(getattr(by_hand(), name) for name in ("classes", "labels", "predicted", "correct")), positive=0)
    assert cost.measure(bare).value == pytest.approx((2 * 10 + 1) / 10)  # as the model answered


def test_a_threshold_from_validation_images_travels() -> None:
    shares = np.array([0.0, 0.05, 0.06, 0.5, 0.01, 0.2, 0.3, 0.4, 0.5, 0.6], dtype=np.float32)
    one = replace(by_hand(), threshold=None, false_alarm=shares)
    recall = load("metrics", "recall_at_false_alarm")
    assert recall.measure(one).value == 2 / 4  # at most 5 % of the negative validation images look as bad
    assert recall.measure(one, rate=0.04).value == 1 / 4
    assert recall.measure(one, rate=0.06).value == 3 / 4


def test_what_is_missing_is_named() -> None:
    one = by_hand()
    bare = Answers(one.classes, one.labels, one.predicted, one.correct)
    reasons = {name: load("metrics", name).measure(bare).reason for name in names("metrics")}
    assert reasons == {
        "accuracy": "",
        "balanced_accuracy": "few_of_class",
        "macro_f1": "few_of_class",
        "auroc": "no_probabilities",
        "average_precision": "no_probabilities",
        "recall_at_false_alarm": "not_two_classes",
        "expected_cost": "not_two_classes",
        "quadratic_kappa": "no_order",
        "log_loss": "no_probabilities",
        "calibration_error": "no_probabilities",
    }
    untold = Answers(("bad", "good"), one.labels, one.predicted, one.correct, one.probabilities, one.score, 0)
    assert load("metrics", "recall_at_false_alarm").measure(untold).reason == "no_threshold"
    unlabelled = Answers((), np.zeros(10, int), np.zeros(10, int), one.correct)
    assert load("metrics", "balanced_accuracy").measure(unlabelled).reason == "no_labels"


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1", "auroc", "average_precision", "quadratic_kappa"])
def test_one_class_alone_has_no_value(name: str) -> None:
    found = load("metrics", name).measure(part(by_hand(), np.arange(4)))
    assert np.isnan(found.value)
    assert found.each is None
    assert found.reason == "one_class"


@pytest.mark.parametrize("name", ["recall_at_false_alarm", "expected_cost"])
def test_a_side_without_images_has_no_value(name: str) -> None:
    assert load("metrics", name).measure(part(by_hand(), np.arange(4))).reason == "one_class"
    assert load("metrics", name).measure(part(by_hand(), np.arange(4, 10))).reason == "one_class"


@pytest.mark.parametrize(
    ("counts", "reason"), [((5, 100), ""), ((4, 100), "few_of_class"), ((1, 500, 500), "few_of_class")]
)
def test_few_images_of_a_class(counts: tuple[int, ...], reason: str) -> None:
    assert few(np.array(counts)) == reason
    assert few(np.full(10, 2)) == ""
    assert few(np.array([6, 6, 7])) == "few_of_class"
    assert few(np.array([7, 7, 7])) == ""


def test_support_and_spread() -> None:
    assert harmonic_support(np.array([10, 40])) == pytest.approx(4 / (1 / 10 + 1 / 40))
    means, counts, present = class_means(np.array([0, 0, 2]), np.array([1.0, 0, 1]), 3)
    assert (means.tolist(), counts.tolist(), present.tolist()) == ([0.5, 1], [2, 1], [0, 2])
    moved = spread_within(np.array([0, 0, 1, 1, 1, 1]), np.array([1.0, 0, 1, 1, 0, 0]), np.array([0.5, 0.5]))
    each = [0.5 * 6 / 2 * 2**0.5 * 0.5, 0.5 * 6 / 4 * (4 / 3) ** 0.5 * 0.5]
    assert moved == pytest.approx([each[0], -each[0], each[1], each[1], -each[1], -each[1]])
    assert spread_within(np.array([0, 1, 1]), np.array([1.0, 1, 0]), np.ones(2))[0] == 0  # alone in its class


def test_an_area_of_one_is_worth_a_few_images_only() -> None:
    assert independent_images(1.0, 10, 10**9) == pytest.approx(20, rel=1e-3)
    assert independent_images(0.9, 50, 50) == pytest.approx(0.09 / ((2 * 0.81 / 1.9 - 0.81) * (2 / 50)))
    assert independent_images(0.1, 50, 50) == pytest.approx(independent_images(0.9, 50, 50))


def test_how_far_one_image_moves_a_ranking() -> None:
    rare = np.array([True, True, False, False, False])
    assert one_image(np.array([1.0, -1, 9, 9, 9]), rare, 1) == 1.0
    assert one_image(np.zeros(5), rare, 1) == pytest.approx(5 / (2 * 3))
    assert one_image(np.zeros(5), rare, 2) == pytest.approx(5 / (2 * 3 * 2))


def test_the_excess_of_a_size() -> None:
    draws = np.random.default_rng(0).normal(0.5, 1.0, 400_000)
    assert excess(0.5, 1.0) == pytest.approx(np.abs(draws).mean() - 0.5, abs=0.005)
    assert excess(0.5, 0.0) == 0
    assert excess(0.0, 2.0) == pytest.approx(2 * (2 / np.pi) ** 0.5)


def test_a_calibrated_model_has_no_error_and_a_bragging_one_has() -> None:
    rng, metric = np.random.default_rng(0), load("metrics", "calibration_error")

    def told(confidence: np.ndarray, right: np.ndarray) -> float:
        correct = (rng.random(len(confidence)) < right).astype(float)
        labels = np.where(correct > 0, 0, 1)
        chance = np.stack([confidence, 1 - confidence], 1)
        return metric.measure(Answers(("a", "b"), labels, np.zeros_like(labels), correct, chance)).value

    sure = rng.uniform(0.5, 1, 6000)
    assert np.mean([told(sure[:400], sure[:400]) for _ in range(30)]) < 0.02  # plain ECE says about 0.06
    assert told(np.full(6000, 0.9), np.full(6000, 0.7)) == pytest.approx(0.2, abs=0.02)
    for n, reason in ((99, "few_of_class"), (100, "")):
        some = np.arange(n)
        assert metric.measure(part(answers(n=300), some)).reason == reason


def test_answers_of_a_class_without_images_are_misses_alone() -> None:
    one = Answers(("a", "b", "c"), np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]), np.array([1.0, 0, 1, 1]))
    assert load("metrics", "macro_f1").measure(one).value == pytest.approx((2 / 3 + 1) / 2)


def test_shelf_facts() -> None:
    facts = {name: load("metrics", name) for name in names("metrics")}
    assert {name for name, each in facts.items() if not each.higher_is_better} == {
        *("expected_cost", "log_loss", "calibration_error"),
    }
    assert {name: each.unit for name, each in facts.items() if each.unit != "points"} == {
        "expected_cost": "price",
        "log_loss": "nats",
    }
    assert facts["quadratic_kappa"].bounds() == (-100, 100)
    assert facts["auroc"].bounds() == (0, 100)
    assert facts["log_loss"].bounds() == (0, pytest.approx(16.118, abs=1e-3))
    assert [name for name, each in facts.items() if each.counts_images] == ["accuracy"]
    assert _metric.MIN_OF_CLASS == 5


EACH = np.array([1.0, 0.0] * 5)


@pytest.mark.parametrize(
    ("found", "match"),
    [
        (0.5, "the metric's own returned a float: wanted Contributions"),
        (Contributions(0.5, EACH, reason="because"), "returned the reason 'because': wanted none, or one of no_labels"),
        (Contributions(0.5), r"returned nothing of each image and no reason: wanted an array \(10,\)"),
        (Contributions(0.5, EACH[:4]), r"returned an array \(4,\) for the images: wanted numbers \(10,\)"),
        (Contributions(0.5, list(EACH)), r"returned list for the images"),  # pyright: ignore[reportArgumentType]
        (Contributions(0.5, EACH.astype(str)), r"for the images: wanted numbers"),
        (Contributions(0.5, np.where(EACH > 0, np.nan, 0)), "returned NaN or infinity for 5 of 10 images"),
        (Contributions(0.6, EACH), "returned the value 0.6, and the images' mean is 0.5: wanted the same"),
        (Contributions(float("nan"), EACH), "returned the value nan, and the images' mean is 0.5"),
    ],
)
def test_what_a_metric_of_ones_own_may_not_return(found: Any, match: str) -> None:
    def own(answers: Answers) -> Any:
        return found

    with pytest.raises(ValueError, match=match):
        Metric(own).measure(by_hand())


@pytest.mark.parametrize("value", [0.5, np.float32(0.5)])
def test_what_a_metric_of_ones_own_may_return(value: float) -> None:
    assert Metric(lambda answers: Contributions(value, EACH > 0.5)).measure(by_hand()).value == 0.5
    assert Metric(lambda answers: Contributions(np.nan, reason="one_class")).measure(by_hand()).reason == "one_class"
