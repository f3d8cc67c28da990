"""The comparison of two models: verdicts at known numbers, classes that fell, classes with too few images."""

import numpy as np
import pandas as pd
import pytest

from kogen.results.answers.update import NEW, OLD, Update, compare_models
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
