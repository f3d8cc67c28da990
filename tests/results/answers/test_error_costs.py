"""What errors cost in money, by hand: misses and false alarms of known answers, and what one model saves."""

import numpy as np
import pandas as pd
import pytest

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.options.prices import make_prices
from kogen.results.answers.error_costs import cost_errors

PRICES = make_prices({"currency": "EUR", "miss": 500, "false_alarm": 2})
FACTS = MetricFacts("accuracy", positive="bad")
N = 40  # images, each fourth one bad


def rows(missed: dict[str, int], alarmed: dict[str, int], budget: str | None = None, draws: int = 1) -> pd.DataFrame:
    """Answers of models of which each passes so many bad images and calls so many good ones."""
    label = np.where(np.arange(N) % 4 == 0, "bad", "good")
    bad, good = np.flatnonzero(label == "bad"), np.flatnonzero(label == "good")
    frames = []
    for model in missed:
        predicted = label.copy()
        predicted[bad[: missed[model]]] = "good"
        predicted[good[: alarmed[model]]] = "bad"
        for draw in range(draws):
            frame = {"model": model, "seed": 0, "dataset": "test", "item": np.arange(N), "label": label}
            frame |= {"predicted": predicted, "correct": (predicted == label).astype(int), "cluster": np.arange(N)}
            frames.append(pd.DataFrame(frame | {"budget": budget, "draw": float(draw) if budget else np.nan}))
    found = pd.concat(frames, ignore_index=True)
    texts = {name: found[name].astype("category") for name in ("model", "dataset")}
    answers = {name: pd.Categorical(found[name], ["bad", "good"]) for name in ("label", "predicted")}
    return found.assign(**texts, **answers)


def test_errors_cost_what_was_said_whatever_the_ratio() -> None:
    """A ratio above 100, which the metric refuses, is a price like any other here."""
    found = cost_errors(rows({"x": 1, "y": 3}, {"x": 5, "y": 2}), None, FACTS, PRICES, {})
    costs = {"x": (500 + 10) / N, "y": (1500 + 4) / N}
    assert {model: one.value for (model, _), one in found.images.items()} == pytest.approx(costs)
    assert all(one.lo <= one.value <= one.hi for one in found.images.values())  # type: ignore[operator]
    assert all(one.lo >= 0 for one in found.images.values())  # type: ignore[operator]
    saved = found.savings["x", "y"]
    assert saved.value == pytest.approx(costs["y"] - costs["x"])
    back = found.savings["y", "x"]
    assert (back.value, back.lo, back.hi) == (-saved.value, -saved.hi, -saved.lo)  # type: ignore[operator]
    assert (found.reason, found.positive) == ("", "bad")


def test_with_fewer_labels_errors_have_their_own_costs() -> None:
    whole, few = rows({"x": 1}, {"x": 0}), rows({"x": 4}, {"x": 0}, "10%", 2)
    both = pd.concat([whole, few], ignore_index=True)
    same = {name: both[name].astype("category") for name in ("model", "dataset")}
    found = cost_errors(whole, both.assign(**same), FACTS, PRICES, {"": 40.0, "10%": 4.0})
    assert found.images["x", "10%"].value == pytest.approx(2000 / N)
    assert found.images["x", ""].value == pytest.approx(500 / N)
    assert found.savings == {}  # one model


def test_too_few_images_of_a_class_leave_no_interval() -> None:
    part = rows({"x": 1, "y": 0}, {"x": 0, "y": 1})
    found = cost_errors(part[part["item"] < 16], None, FACTS, PRICES, {})
    assert all(one.lo is None and one.hi is None for one in (*found.images.values(), *found.savings.values()))


def test_why_errors_have_no_price() -> None:
    some = rows({"x": 1}, {"x": 1})
    assert cost_errors(some, None, FACTS, make_prices({}), {}).reason == "no_fault_prices"
    assert cost_errors(some, None, ACCURACY, PRICES, {}).reason == "not_two_classes"  # nobody says which is looked for
    bad = some[some["label"] == "bad"]
    assert cost_errors(bad, None, FACTS, PRICES, {}).reason == "one_class"
