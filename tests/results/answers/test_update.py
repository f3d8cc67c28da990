"""The comparison of two models: verdicts at known numbers, classes that fell, classes with too few images."""

import numpy as np
import pandas as pd
import pytest

from kogen.results.answers.update import (
    NEW,
    OLD,
    Change,
    Update,
    class_changes,
    compare_models,
    decide,
    optional,
    sentence_of,
)
from kogen.statistics.paired import paired


def rows(old: np.ndarray, new: np.ndarray, label: np.ndarray) -> pd.DataFrame:
    items = [f"i{number}" for number in range(len(old))]
    common = {"dataset": "test", "seed": 0, "item": items, "cluster": items, "label": label}
    tables = [pd.DataFrame({**common, "model": name, "correct": right}) for name, right in ((OLD, old), (NEW, new))]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize(
    ("lost", "gained", "margin", "verdict"),
    [
        (10, 60, 1.0, Update.BETTER),
        (60, 10, 1.0, Update.WORSE),
        (60, 10, 10.0, Update.NOT_WORSE),  # surely worse, and surely by less than the margin
        (3, 3, 2.0, Update.NOT_WORSE),
        (20, 20, 1.0, Update.UNKNOWN),
    ],
)
def test_verdicts(lost: int, gained: int, margin: float, verdict: Update):
    old = np.r_[np.ones(lost), np.zeros(gained), np.ones(1000 - lost - gained)].astype(int)
    new = np.r_[np.zeros(lost), np.ones(gained), np.ones(1000 - lost - gained)].astype(int)
    table = rows(old, new, np.where(np.arange(1000) % 2, "a", "b"))
    found = compare_models(table, margin)
    assert found.verdict == verdict
    assert (found.newly_failing, found.newly_right) == (lost, gained)
    pair = paired(table, margin=margin).iloc[0]
    ends = (pair.lo, pair.hi) if pair["first"] == NEW else (-pair.hi, -pair.lo)
    assert (found.overall.lo, found.overall.hi) == pytest.approx(ends)
    assert found.overall.difference == pytest.approx((gained - lost) / 10)


def test_a_class_that_fell_is_named_and_a_small_one_has_no_interval():
    label = np.repeat(["scratch", "ok", "rare"], [100, 900, 4])
    old = np.r_[np.ones(100), np.repeat([0, 1], [100, 800]), np.ones(4)].astype(int)
    new = np.r_[np.repeat([0, 1], [30, 70]), np.ones(900), np.ones(4)].astype(int)
    found = compare_models(rows(old, new, label), 1.0)
    assert found.verdict == Update.BETTER
    assert found.fell == ("scratch",)
    assert "Clearly fewer right, each class judged alone: scratch." in found.sentence
    rare = next(each for each in found.classes if each.name == "rare")
    assert (rare.images, rare.lo, rare.hi, rare.old_lo) == (4, None, None, None)


def changed(lo: float, hi: float) -> Change:
    return Change("", 1234, 80.0, 78.0, 82.0, 81.0, 79.0, 83.0, 1.0, lo, hi)


@pytest.mark.parametrize(
    ("lo", "hi", "least", "verdict"),
    [
        *[(0.1, 2.0, 0.2, Update.BETTER), (0.0, 2.0, 0.2, Update.NOT_WORSE), (-2.0, 2.0, -0.9, Update.NOT_WORSE)],
        *[(-2.0, 2.0, -1.0, Update.UNKNOWN), (-3.0, -0.1, -1.0, Update.WORSE), (-3.0, 0.0, -1.0, Update.UNKNOWN)],
        (-0.9, -0.1, -0.8, Update.NOT_WORSE),
    ],
)
def test_what_may_be_said_at_its_limits(lo: float, hi: float, least: float, verdict: Update):
    assert decide(changed(lo, hi), least, 1.0) is verdict


def test_the_sentence_has_every_number():
    assert sentence_of(Update.NOT_WORSE, changed(-0.5, 2.5), 1.0) == (
        "Not worse by more than 1 point: on 1,234 images the new model is right on 81.0 %, the old one on 80.0 %, a "
        "difference of +1.0 points (-0.5 to +2.5, 95 % sure)."
    )
    assert [
        sentence_of(one, changed(0, 1), 0.5).partition(":")[0] for one in (Update.BETTER, Update.WORSE, Update.UNKNOWN)
    ] == [
        *("Better", "Worse", "It cannot be told whether the new model is worse by more than 0.5 points"),
    ]


def test_a_model_beside_itself_is_not_worse_whatever_the_number_of_images():
    right = np.tile([1, 0, 1], 5)
    found = compare_models(rows(right, right, np.repeat(["a", "b"], [10, 5])), 0.0, "both are the same model")
    assert (found.verdict, found.least, found.overall.lo, found.overall.hi) == (Update.NOT_WORSE, 0, 0, 0)
    assert [(one.lo, one.hi) for one in found.classes] == [(0, 0), (0, 0)]
    assert found.sentence == (
        "Not worse: both are the same model, so nothing changes. Both are right on 66.7 % of 15 images."
    )


def test_five_images_in_two_clusters_give_a_class_its_interval():
    label = np.repeat(["five", "four", "one cluster"], [5, 4, 6])
    old, new = np.tile([1, 0, 1], 5), np.tile([1, 1, 0], 5)
    table = rows(old, new, label)
    table["cluster"] = table["cluster"].where(table["label"] != "one cluster", "c")
    found = {one.name: one for one in class_changes(table, 1.0)}
    assert {name: one.lo is not None for name, one in found.items()} == {
        "five": True,
        "four": False,
        "one cluster": False,
    }
    assert {name: one.images for name, one in found.items()} == {"five": 5, "four": 4, "one cluster": 6}
    five = found["five"]
    assert (five.old, five.new, five.difference) == pytest.approx((60.0, 80.0, 20.0))
    assert five.lo is not None
    assert five.hi is not None
    assert five.lo < 20 < five.hi
    back = {one.name: one for one in class_changes(rows(new, old, label), 1.0)}["five"]
    assert (back.lo, back.hi) == pytest.approx((-five.hi, -five.lo))
    assert [optional(value) for value in (None, float("nan"), 2)] == [None, None, 2.0]


def test_the_least_is_the_lower_end_of_the_ninety_percent_interval_of_new_minus_old():
    label = np.repeat(["a", "b"], 20)
    old, new = np.tile([1, 0, 1, 1], 10), np.tile([1, 1, 1, 0], 10)
    new[:4] = 1
    table = rows(old, new, label)
    pair = paired(table, margin=1.0).iloc[0]
    assert pair["first"] == NEW
    assert compare_models(table, 1.0).least == pytest.approx(pair["lo90"])
    back = paired(rows(new, old, label), margin=1.0).iloc[0]
    assert back["first"] == OLD
    assert compare_models(rows(new, old, label), 1.0).least == pytest.approx(-back["hi90"])
