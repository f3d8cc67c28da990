"""Item matrices of metrics: the same code gives values, pairs and ranks of each."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.common.metric_facts import MetricFacts
from kogen.common.registry import load
from kogen.results.answers.answer_columns import share_classes, to_lists
from kogen.results.answers.metric_choice import choose_metric
from kogen.results.answers.metric_matrices import (
    REASONS,
    exact_pairs,
    explain,
    measure_set,
    metric_matrices,
    set_answers,
    two_class_probabilities,
    validation_shares,
)
from kogen.statistics.paired import paired
from kogen.statistics.values import values


def table(n: int = 60, bad: int = 12, seeds: int = 1, **more: Any) -> pd.DataFrame:
    """Two models with probabilities of `bad`, model a the better one."""
    rng, parts = np.random.default_rng(0), []
    labels = np.array(["bad"] * bad + ["good"] * (n - bad))
    for model, skill in (("a", 2.0), ("b", 0.7)):
        for seed in range(seeds):
            chance = 1 / (1 + np.exp(-(skill * (labels == "bad") - skill / 2 + rng.standard_normal(n) - 0.4)))
            said = np.where(chance > 0.5, "bad", "good")
            frame = {"model": model, "dataset": "val", "seed": seed, "item": [f"i{i:03d}" for i in range(n)]}
            frame |= {"label": labels, "predicted": said, "correct": (said == labels).astype(int)}
            parts.append(pd.DataFrame(frame | {"score": np.where(labels == "bad", chance, 1 - chance)}))
    return share_classes(pd.concat(parts, ignore_index=True).assign(**more))


def facts(frame: pd.DataFrame, spec: str) -> MetricFacts:
    return choose_metric(frame, spec, "val")


def direct(frame: pd.DataFrame, spec: str, model: str) -> float:
    """The value of one model, its runs measured one by one."""
    wanted = facts(frame, spec)
    found = next(iter(set_answers(frame, wanted)))
    name = wanted.name
    own = {key: wanted.parameters[key] for key in load("metrics", name).parameters}
    runs = [answers for (of, _), answers in zip(found.runs, found.answers, strict=True) if of == model]
    return float(np.mean([load("metrics", name).measure(one, **own).value for one in runs]))


SPECS = ["balanced_accuracy", "macro_f1", "auroc", "average_precision", "quadratic_kappa", "log_loss"]
SPECS += ["expected_cost?miss=5", "recall_at_false_alarm?threshold=0.4", "accuracy"]


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("spec", SPECS)
def test_the_table_of_values_holds_the_gain(spec: str, seeds: int) -> None:
    frame = table(seeds=seeds)
    wanted = facts(frame, spec)
    found = values(metric_matrices(frame, wanted)).set_index("model")
    for model in "ab":
        value = wanted.scale * direct(frame, spec, model)
        assert wanted.sign * found.loc[model, "value"] == pytest.approx(value)
    low, high = wanted.gain_bounds
    assert (found["lo"] >= low - 1e-9).all()
    assert (found["hi"] <= high + 1e-9).all()
    assert (found["lo"] < found["value"]).all()
    assert (found["hi"] > found["value"]).all()
    assert (found["n"] == 60).all()


@pytest.mark.parametrize("spec", SPECS)
def test_pairs_are_differences_of_gains(spec: str) -> None:
    frame = table()
    wanted = facts(frame, spec)
    row = paired(metric_matrices(frame, wanted), margin=1, draws=200).iloc[0]
    gap = wanted.sign * wanted.scale * (direct(frame, spec, "a") - direct(frame, spec, "b"))
    assert abs(row["difference"]) == pytest.approx(abs(gap))
    assert (row["first"] == "a") == (gap > 0)
    assert row["lo"] < row["difference"] < row["hi"]


def test_the_interval_of_a_difference_is_the_slow_bootstraps() -> None:
    """AUROC with 60 positives: resampling images and computing both areas anew gives about the same spread."""
    frame = table(n=300, bad=60)
    wanted = facts(frame, "auroc")
    row = paired(metric_matrices(frame, wanted), margin=1, draws=200).iloc[0]
    one, other = next(iter(set_answers(frame, wanted))).answers
    rng, drawn = np.random.default_rng(1), []
    for _ in range(400):
        rows = rng.integers(0, 300, 300)
        parts = [
            replace(
                each,
                **{
                    name: getattr(each, name)[rows]
                    for name in ("labels", "predicted", "correct", "probabilities", "score")
                },
            )
            for each in (one, other)
        ]
        drawn.append(np.subtract(*(load("metrics", "auroc").measure(part).value for part in parts)))
    assert row["hi"] - row["lo"] == pytest.approx(2 * 1.96 * 100 * np.std(drawn), rel=0.25)


def test_no_error_among_few_images_keeps_the_interval_wide() -> None:
    frame = table()
    right = share_classes(frame.assign(predicted=frame["label"].astype(str), correct=1, score=0.9))
    row = values(metric_matrices(right, facts(right, "balanced_accuracy"))).iloc[0]
    assert row["value"] == pytest.approx(100)
    worth = 4 / (1 / 12 + 1 / 48)
    assert row["lo"] == pytest.approx(100 * worth / (worth + 1.96**2), rel=1e-3)  # Wilson's of that many images


def test_too_few_of_a_class_have_a_value_and_no_interval() -> None:
    frame = table(bad=4)
    matrix = metric_matrices(frame, facts(frame, "auroc"))[0]
    assert matrix.withheld == "few_of_class"
    found = values([matrix])
    assert found["value"].notna().all()
    assert found[["lo", "hi"]].isna().all(axis=None)


def test_what_cannot_be_computed_is_said() -> None:
    frame = table()
    with pytest.raises(
        ValueError, match=r"recall_at_false_alarm\?rate=0.05 has no value on 'val': nothing says at which"
    ):
        metric_matrices(frame, facts(frame, "recall_at_false_alarm"))
    with pytest.raises(
        ValueError, match=r"auroc has no value on 'val': the table holds no probabilities; judge the runs"
    ):
        metric_matrices(frame.drop(columns="score"), facts(frame, "auroc"))
    with pytest.raises(ValueError, match="macro_f1 has no value on 'val': the table says neither the labels nor"):
        metric_matrices(frame.drop(columns=["label"]), facts(frame, "macro_f1"))
    alone = frame[frame["label"] == "bad"]
    with pytest.raises(ValueError, match="has no value on 'val': all its images are of one class"):
        metric_matrices(alone, facts(frame, "balanced_accuracy"))


def test_shares_of_false_alarms_are_those_of_the_positive_class() -> None:
    frame = table()
    shares = np.stack([np.linspace(0, 1, len(frame)), np.zeros(len(frame))], axis=1).astype(np.float32)
    frame = frame.assign(false_alarm=to_lists(shares))
    found = next(iter(set_answers(frame, facts(frame, "recall_at_false_alarm"))))
    assert found.answers[0].false_alarm == pytest.approx(np.linspace(0, 1, len(frame))[:60], abs=1e-6)
    assert len(metric_matrices(frame, facts(frame, "recall_at_false_alarm?rate=0.3"))) == 1


def test_probabilities_of_two_classes_from_the_labels_one() -> None:
    labels, predicted = np.array([0, 1, 1]), np.array([0, 0, 1])
    found = two_class_probabilities(labels, predicted, np.array([0.8, 0.3, 0.5]))
    assert found is not None
    assert found == pytest.approx(np.array([[0.8, 0.2], [0.7, 0.3], [0.5, 0.5]]))
    assert two_class_probabilities(labels, predicted, np.array([0.4, 0.3, 0.5])) is None  # right with less than half
    assert two_class_probabilities(labels, predicted, np.array([0.8, 0.6, 0.5])) is None  # wrong with more than half
    assert two_class_probabilities(labels, predicted, np.array([1.1, 0.3, 0.5])) is None
    assert two_class_probabilities(labels, predicted, np.array([0.8, -0.1, 0.5])) is None
    assert two_class_probabilities(labels, predicted, None) is None


def test_what_float32_makes_equal_near_one_is_told_apart() -> None:
    stored = np.array([[1.0, 1e-9], [1.0, 2e-9], [0.25, 0.75]], dtype=np.float32).astype(float)
    found = exact_pairs(stored)
    assert found[0, 0] > found[1, 0]
    assert found[2].tolist() == [0.25, 0.75]


def test_probabilities_at_a_half_and_a_hair_beyond_it() -> None:
    labels, predicted = np.array([0, 0]), np.array([0, 1])
    near = two_class_probabilities(labels, predicted, np.array([0.5 - 5e-7, 0.5 + 5e-7]))
    assert near is not None
    assert two_class_probabilities(labels, predicted, np.array([0.5 - 2e-6, 0.5])) is None
    assert two_class_probabilities(labels, predicted, np.array([0.5, 0.5 + 2e-6])) is None
    assert two_class_probabilities(labels, predicted, np.array([1.0, 0.0])) is not None
    assert exact_pairs(np.array([[0.5, 0.5], [0.75, 0.5]])).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_gains_have_the_bounds_the_step_and_the_support_of_their_metric() -> None:
    frame = table(seeds=2)
    (found,) = set_answers(frame, facts(frame, "balanced_accuracy"))
    matrix = measure_set(found, facts(frame, "balanced_accuracy")).matrix
    assert matrix is not None
    assert (matrix.low, matrix.high, matrix.whole, matrix.withheld) == (0.0, 1.0, False, "")
    metric = load("metrics", "balanced_accuracy")
    parts = [metric.measure(one) for one in found.answers]
    assert matrix.step == max(part.step for part in parts) > 1  # an image of the rare class moves it further
    by_model = {m: np.mean([p.support for (n, _), p in zip(found.runs, parts, strict=True) if n == m]) for m in "ab"}
    assert matrix.support is not None
    assert matrix.support.tolist() == pytest.approx([by_model[m] for m in matrix.models])
    loss = measure_set(found, facts(frame, "log_loss")).matrix
    assert loss is not None
    assert loss.means.max() < 0  # a gain is minus a loss, in hundredths
    assert 100 * loss.means[loss.models.index("a")] == pytest.approx(-direct(frame, "log_loss", "a"))
    more = measure_set(found, facts(frame, "accuracy"), [("extra", found.answers[0])]).matrix
    assert more is not None
    assert "extra" in more.models
    lost = measure_set(found, facts(frame, "recall_at_false_alarm"))
    assert (lost.matrix, lost.reason) == (None, "no_threshold")


def test_every_reason_has_words_and_shares_need_two_columns() -> None:
    assert all(explain(reason) for reason in REASONS)
    frame = table()
    part = frame.assign(false_alarm=to_lists(np.zeros((len(frame), 3), np.float32)))
    rows = np.arange(60)
    assert (
        validation_shares(part, rows, 0)
        is validation_shares(frame, rows, 0)
        is validation_shares(part, rows, None)
        is None
    )
