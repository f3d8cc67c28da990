"""Which metric decides, and what its parameters may be."""

from dataclasses import replace

import pandas as pd
import pytest

from kogen.common.metric_facts import check_metric
from kogen.results.answers.answer_columns import share_classes
from kogen.results.answers.metric_choice import (
    choose_metric,
    class_counts,
    class_order,
    every_metric,
    positive_class,
)


def images(bad: int, good: int, dataset: str = "val") -> pd.DataFrame:
    labels = ["bad"] * bad + ["good"] * good
    frame = {"model": "a", "dataset": dataset, "seed": 0, "item": [f"i{n}" for n in range(bad + good)], "label": labels}
    return share_classes(
        pd.DataFrame(frame | {"predicted": "good", "correct": [int(name == "good") for name in labels]})
    )


@pytest.mark.parametrize(
    ("bad", "name", "reason"), [(10, "accuracy", "default"), (9, "balanced_accuracy", "imbalance")]
)
def test_more_than_four_to_one_makes_balanced_accuracy_the_default(bad: int, name: str, reason: str) -> None:
    facts = choose_metric(images(bad, 40), None, "val")
    assert (facts.name, facts.reason, facts.larger, facts.smaller) == (name, reason, 40, bad)
    assert facts.positive == "bad"
    asked = choose_metric(images(bad, 40), "accuracy", "val")
    assert (asked.name, asked.reason, asked.counts_images) == ("accuracy", "asked", True)


def test_only_the_reference_and_each_image_once_count() -> None:
    frame = pd.concat([images(10, 40), images(10, 40).assign(model="b"), images(1, 90, "shift")], ignore_index=True)
    facts = choose_metric(share_classes(frame), None, "val")
    assert (facts.name, facts.larger, facts.smaller) == ("accuracy", 40, 10)


def test_images_without_a_label_are_of_no_class() -> None:
    labels = pd.Categorical(["a", "b", None])
    frame = pd.DataFrame({"dataset": "val", "item": ["1", "2", "3"], "label": labels, "predicted": labels})
    assert class_counts(frame, "val") == {"a": 1, "b": 1}
    assert class_counts(frame.tail(1), "val") == {}


def test_without_labels_it_is_accuracy() -> None:
    facts = choose_metric(images(1, 90).drop(columns=["label", "predicted"]), None, "val")
    assert (facts.name, facts.larger, facts.smaller, facts.positive) == ("accuracy", 0, 0, None)


def test_parameters_unit_and_bounds() -> None:
    cost = choose_metric(images(10, 40), "expected_cost?miss=20", "val")
    assert (cost.unit, cost.higher_is_better, cost.low, cost.high, cost.sign) == ("price", False, 0, 20, -1)
    assert cost.parameters == {"miss": 20, "false_alarm": 1.0}
    assert cost.gain_bounds == (-20, 0)
    assert cost.spec == "expected_cost?false_alarm=1.0&miss=20"
    assert cost.label == "name_of_expected_cost"
    assert (cost.scale, choose_metric(images(10, 40), "auroc", "val").scale) == (1, 100)
    recall = choose_metric(images(10, 40), "recall_at_false_alarm?rate=0.01&positive=good", "val")
    assert (recall.positive, recall.parameters["rate"], recall.gain_bounds) == ("good", 0.01, (0, 100))
    every = {facts.name: facts for facts in every_metric(recall, ["auroc", "recall_at_false_alarm", "expected_cost"])}
    assert every["auroc"].parameters == {"positive": "good"}
    assert every["recall_at_false_alarm"] == recall
    assert every["expected_cost"].high == 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("auroc?rate=0.1", "the metric 'auroc' has no parameter 'rate': choose one of positive, order, threshold"),
        ("aurok", "unknown name 'aurok' among the metrics: did you mean 'auroc'"),
        ("recall_at_false_alarm?rate=5", "rate is 5, wanted a share between 0 and 1"),
        ("recall_at_false_alarm?rate=low", "rate is 'low', wanted a number"),
        ("recall_at_false_alarm?rate=true", "rate is True, wanted a number"),
        ("recall_at_false_alarm?threshold=1", "threshold is 1, wanted a share between 0 and 1"),
        ("expected_cost?miss=0", "miss is 0, wanted a price above 0 and up to 100"),
        ("expected_cost?false_alarm=101", "false_alarm is 101, wanted a price above 0 and up to 100"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        check_metric(spec)


def test_what_makes_sense_is_not() -> None:
    for spec in (None, "auroc", "expected_cost?miss=100&false_alarm=0.5", "recall_at_false_alarm?rate=0.999"):
        check_metric(spec)


def test_the_positive_class_is_the_rarer_one_or_as_asked() -> None:
    assert positive_class({"a": 5, "b": 4}) == "b"
    assert positive_class({"a": 5, "b": 5}) == "a"
    assert positive_class({"a": 5, "b": 4, "c": 1}) is None
    assert positive_class({"1": 5, "2": 4}, 1) == "1"
    with pytest.raises(ValueError, match="positive=z: there is no such class, there are a, b"):
        positive_class({"a": 5, "b": 4}, "z")


def test_the_order_of_graded_classes() -> None:
    facts = choose_metric(images(10, 40), "quadratic_kappa", "val")
    assert class_order(["bad", "good"], facts) == (0, 1)
    assert class_order(["10", "9", "-1"], facts) == (2, 1, 0)
    assert class_order(["low", "mid", "high"], facts) is None
    asked = choose_metric(images(10, 40), "quadratic_kappa?order=low,mid,high", "val")
    assert class_order(["high", "low", "mid"], asked) == (1, 2, 0)
    with pytest.raises(ValueError, match="order=low,mid,high: wanted each of the classes high, low once"):
        class_order(["high", "low"], asked)


def test_expected_cost_takes_the_prices_of_the_study_wherever_it_stands() -> None:
    facts = choose_metric(images(10, 40), None, "val")
    (usual,) = every_metric(facts, ["expected_cost"])
    assert (usual.parameters["miss"], usual.parameters["false_alarm"], usual.high) == (10, 1, 10)
    priced, other = every_metric(replace(facts, faults={"miss": 2.5, "false_alarm": 1.0}), ["expected_cost", "auroc"])
    assert (priced.parameters["miss"], priced.parameters["false_alarm"], priced.high) == (2.5, 1, 2.5)
    assert "miss" not in other.parameters
