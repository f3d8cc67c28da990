"""Kendall's tau between sets: subsets of the source's best, and the jackknife by hand."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from kogen.statistics.agreement import SUBSETS, agreement
from kogen.statistics.scores_of_sets.pair_counts import jackknife_interval
from kogen.statistics.transfer import transfer


def table(one: list[float], two: list[float], family: list[str] | None = None) -> pd.DataFrame:
    names = [f"m{i:02d}" for i in range(len(one))]
    parts = [pd.DataFrame({"model": names, "dataset": name, "score": x}) for name, x in (("s", one), ("t", two))]
    return pd.concat([part.assign(family=family) if family else part for part in parts], ignore_index=True)


ONE, TWO = [50.0, 60, 70, 80, 80], [20.0, 40, 30, 50, 60]


def tau(one: list[float], two: list[float]) -> float:
    return float(np.asarray(kendalltau(one, two))[0])


def test_tau_and_its_jackknife_over_models_and_families() -> None:
    row = agreement(table(ONE, TWO, list("aabbc")), source="s").iloc[0]
    assert (row["subset"], row["n"], row["target"]) == ("all", 5, "t")
    assert row["tau"] == pytest.approx(tau(ONE, TWO))
    without = [tau(ONE[:i] + ONE[i + 1 :], TWO[:i] + TWO[i + 1 :]) for i in range(5)]
    lo, hi = jackknife_interval((1 + row["tau"]) / 2, (1 + np.array(without)) / 2, 10)
    assert (row["lo"], row["hi"]) == pytest.approx((2 * lo - 1, 2 * hi - 1))
    left = [tau(ONE[2:], TWO[2:]), tau([*ONE[:2], ONE[4]], [*TWO[:2], TWO[4]]), tau(ONE[:4], TWO[:4])]
    lo, hi = jackknife_interval((1 + row["tau"]) / 2, (1 + np.array(left)) / 2, 10)
    assert (row["family_lo"], row["family_hi"]) == pytest.approx((2 * lo - 1, 2 * hi - 1))


def test_subsets_are_of_more_models_than_they_hold() -> None:
    assert SUBSETS == {"all": None, "top50": 50, "top20": 20}
    one = [float(i) for i in range(21)]
    two = [float((7 * i) % 21) for i in range(21)]
    found = agreement(table(one, two), source="s").set_index("subset")
    assert found["n"].to_dict() == {"all": 21, "top20": 20}
    assert found.loc["top20", "tau"] == pytest.approx(tau(one[1:], two[1:]))  # all but the source's worst
    assert list(agreement(table(one[:20], two[:20]), source="s")["subset"]) == ["all"]


def test_one_model_has_no_order_and_ties_have_no_tau() -> None:
    alone = agreement(table([1.0], [2.0]), source="s").iloc[0]
    assert (alone["n"], bool(np.isnan(alone["tau"])), bool(pd.isna(alone["lo"]))) == (1, True, True)
    two = agreement(table([1.0, 2.0], [2.0, 3.0]), source="s").iloc[0]
    assert two["tau"] == 1.0
    tied = agreement(table([1.0] * 4, [1.0, 2, 3, 4]), source="s").iloc[0]
    assert np.isnan(tied["tau"])
    near = agreement(table([50.0, 50.0 + 1e-11, 60], [1.0, 2, 3]), source="s").iloc[0]
    assert near["tau"] == pytest.approx(tau([50.0, 50.0, 60], [1.0, 2, 3]))


def test_the_usual_seeds() -> None:
    for statistic in (agreement, transfer):
        assert signature(statistic).parameters["seed"].default == 0
