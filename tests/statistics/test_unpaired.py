"""The unpaired test of scores alone: against Newcombe's example, by hand, and at the ends of its verdicts."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, studentized_range
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from kogen.statistics.reported_scores import score_interval
from kogen.statistics.unpaired import COLUMNS, family_quantile, unpaired


def scores(values: list[float], n: float | None = 1000, dataset: str = "d") -> pd.DataFrame:
    names = [f"m{i}" for i in range(len(values))]
    return pd.DataFrame({"model": names, "dataset": dataset, "score": values, "n": n, "seed": 0})


def test_newcombes_published_example() -> None:
    # Newcombe (1998), table II: 56/70 against 48/80, hybrid score interval .0524 to .3339
    table = scores([80.0, 60.0]).assign(n=[70, 80])
    row = unpaired(table, dataset="d").iloc[0]
    assert (row["lo"], row["hi"]) == pytest.approx((5.24, 33.39), abs=0.01)
    assert (row["first"], row["second"], row["n"], row["kind"]) == ("m0", "m1", 70, "unpaired")
    assert (row["lo"], row["hi"]) == pytest.approx(
        tuple(100 * end for end in confint_proportions_2indep(56, 70, 48, 80, method="newcomb"))
    )
    assert (row["family_lo"], row["correction"]) == (pytest.approx(row["lo"]), "none")
    error = np.sqrt(0.8 * 0.2 / 70 + 0.6 * 0.4 / 80)
    assert row["lottery"] == pytest.approx(norm.sf(0.2 / error))
    assert row["minimum_detectable"] == pytest.approx(280 * error)
    assert row["seed_error"] == 0


def test_all_pairs_are_judged_together() -> None:
    found = unpaired(scores([80.0, 75, 60]), dataset="d")
    critical = studentized_range.isf(0.05, 3, np.inf) / 2**0.5
    assert found["critical"].tolist() == pytest.approx([critical] * 2)
    assert found["correction"].tolist() == ["tukey"] * 2
    level = 2 * norm.sf(critical)
    (low, high), (other, above) = (proportion_confint(count, 1000, level, method="wilson") for count in (800, 750))
    assert found["family_lo"][0] == pytest.approx(100 * (0.05 - np.hypot(0.8 - low, above - 0.75)))
    assert found["family_hi"][0] == pytest.approx(100 * (0.05 + np.hypot(high - 0.8, 0.75 - other)))


def test_the_quantile_of_many_models() -> None:
    assert family_quantile(2) == (norm.isf(0.025), "none")
    assert family_quantile(100)[1] == "tukey"
    assert family_quantile(101) == (pytest.approx(norm.isf(0.05 / (101 * 100))), "bonferroni")


@pytest.mark.parametrize(
    ("values", "n", "margin", "verdict"),
    [
        ([80.0, 70], 1000, 1.0, "better"),
        ([80.0, 79.5], 1000, 1.0, "undecided"),
        ([80.0, 79.9], 100_000, 1.0, "equivalent"),
        ([80.0, 79.4], 100_000, 1.0, "small"),
        ([80.0, 79.9], 100_000, None, "undecided"),
    ],
)
def test_verdicts(values: list[float], n: int, margin: float | None, verdict: str) -> None:
    assert unpaired(scores(values, n), dataset="d", margin=margin).iloc[0]["verdict"] == verdict


def test_several_runs_widen_the_interval_by_their_spread() -> None:
    one = scores([80.0, 70])
    runs = pd.concat([one.assign(seed=s, score=one["score"] + d) for s, d in enumerate((-2, 0, 2))])
    row = unpaired(runs, dataset="d").iloc[0]
    assert row["difference"] == pytest.approx(10)
    assert row["seed_error"] == pytest.approx(np.sqrt(2 * 4 / 3))
    assert row["hi"] - row["lo"] > 4 * (lambda r: r["hi"] - r["lo"])(unpaired(one, dataset="d").iloc[0]) / 2


def test_without_the_number_of_images_of_the_leader_nothing_is_tested() -> None:
    assert unpaired(scores([80.0, 70], None), dataset="d").empty
    table = scores([80.0, 75, 70]).assign(n=[np.nan, 1000, 1000])
    assert unpaired(table, dataset="d").empty  # the second must not pass for the leader
    table = scores([80.0, 75, 70]).assign(n=[1000, np.nan, 1000])
    found = unpaired(table, dataset="d")
    assert found["second"].tolist() == ["m2"]
    assert found["correction"].tolist() == ["tukey"]  # the family is all that were measured
    assert unpaired(scores([80.0]), dataset="d").empty


def test_every_number_of_a_pair_with_several_runs_is_that_of_its_formula() -> None:
    one = scores([80.0, 70.0, 60.0]).assign(n=[900, 400, 1000])
    runs = pd.concat(
        [one.assign(seed=s, score=one["score"] + d * np.array([1, 2, 0])) for s, d in enumerate((-1, 0, 1))]
    )
    row = unpaired(runs, dataset="d", margin=1.0).iloc[0]
    assert list(row.index) == COLUMNS
    training = np.array([1.0, 4.0]) / 3 / 1e4
    error = np.sqrt(0.16 / 900 + 0.21 / 400 + training.sum())
    assert (row["second"], row["n"], row["difference"]) == ("m1", 400, pytest.approx(10))
    assert row["lottery"] == pytest.approx(norm.sf(0.1 / error))
    assert row["minimum_detectable"] == pytest.approx(280 * error)
    assert row["seed_error"] == pytest.approx(100 * training.sum() ** 0.5)
    for lo, hi, tail in (
        ("lo", "hi", 0.025),
        ("lo90", "hi90", 0.05),
        ("family_lo", "family_hi", norm.sf(row["critical"])),
    ):
        low, high = score_interval(
            np.array([0.8, 0.7]), np.array([900.0, 400]), training, np.array([3, 3]), float(tail)
        )
        assert row[lo] == pytest.approx(100 * (0.1 - np.hypot(0.8 - low[0], high[1] - 0.7)))
        assert row[hi] == pytest.approx(100 * (0.1 + np.hypot(high[0] - 0.8, 0.7 - low[1])))


def test_opponents_stand_best_first_and_equals_by_name() -> None:
    table = scores([70.0, 80.0, 70.0 + 1e-11]).assign(model=["c", "b", "a"])
    found = unpaired(table, dataset="d")
    assert (found["first"].tolist(), found["second"].tolist()) == (["b", "b"], ["a", "c"])
    tie = unpaired(scores([70.0, 70.0]), dataset="d").iloc[0]
    assert (tie["first"], tie["lottery"]) == ("m0", 0.5)
    sure = unpaired(scores([100.0, 0.0]), dataset="d").iloc[0]
    assert (sure["lottery"], sure["minimum_detectable"]) == (0.0, 0.0)
    assert unpaired(scores([80.0, 70.0]), dataset="other").empty
    assert list(unpaired(scores([80.0]), dataset="d")) == COLUMNS
