"""Leaving one set out: a table judged by hand, the same rules as `unified` and `safe_bet`, and its refusals."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from kogen.statistics import left_out as left_out_module
from kogen.statistics.left_out import left_out, pick_losses, refuse_too_few, resample_regrets, summarise
from kogen.statistics.safe_bet import near_best_probability
from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix
from kogen.statistics.unified import METRICS, unified

VALUES = np.array([[80.0, 60, 70, 50], [75, 65, 72, 60], [70, 66, 71, 61]])


def scores(values: np.ndarray, n: float | None = None, families: list[str] | None = None) -> pd.DataFrame:
    found = [
        {"model": f"m{i}", "dataset": f"s{j}", "score": value, "n": n, "family": families[i] if families else None}
        for i, row in enumerate(values)
        for j, value in enumerate(row)
        if not np.isnan(value)
    ]
    return pd.DataFrame(found)


def near_chances(table: pd.DataFrame, margin: float) -> dict[str, float]:
    """The chance of each model to be within the margin of the best everywhere, as `safe_bet` has it."""
    matrix = make_score_matrix(table)
    whole, used = np.arange(len(matrix.models)), np.arange(len(matrix.datasets))
    chances = near_best_probability(matrix, whole, used, margin, None, 0)
    assert chances is not None
    return dict(zip(matrix.models, chances, strict=True))


def regrets(table: pd.DataFrame, rule: str) -> dict[str, float]:
    rows = table[(table["rule"] == rule) & table["left_out"].notna()]
    return dict(zip(rows["left_out"], rows["regret"], strict=True))


def test_regrets_by_hand() -> None:
    table = left_out(scores(VALUES), source="s0")
    # m0 is the best of the reference; it loses 6, 2 and 11 to the best of the others
    assert regrets(table, "reference") == {"s1": 6, "s2": 2, "s3": 11}
    # without s1 the means are 66.7, 69 and 67.3: m1 is picked and loses 1 on s1; and so on
    assert regrets(table, "mean_accuracy") == {"s1": 1, "s2": 0, "s3": 1}
    # without s2 the ranks of m0, m1, m2 are 1 3 3, 2 2 2 and 3 1 1: m2 is picked and loses 1 on s2
    assert regrets(table, "mean_rank") == {"s1": 1, "s2": 1, "s3": 1}
    summary = table[table["left_out"].isna()].set_index("rule")
    assert summary.loc["reference", ["regret", "worst"]].tolist() == pytest.approx([19 / 3, 11])
    assert summary.loc["mean_accuracy", ["regret", "worst"]].tolist() == pytest.approx([2 / 3, 1])
    assert table["rule"].iloc[0] == "weighted_difference"  # least regret first
    assert table["rule"].iloc[-1] == "reference"
    assert summary["lo"].isna().all()  # three models say nothing of others
    assert set(summary.index) == {*METRICS, "reference"}  # `near` wants n


def test_each_pick_is_that_of_the_rule_on_the_sets_that_are_left() -> None:
    values = np.round(np.random.default_rng(3).normal(70, 5, (9, 5)), 1)
    table = left_out(scores(values, n=10_000), source="s0", margin=9)
    for place in range(1, 5):
        rest = scores(np.delete(values, place, axis=1), n=10_000)
        rules = unified(rest).dropna()
        for metric in METRICS:
            ranks = rules[rules["metric"] == metric].set_index("model")["rank"]
            row = table[(table["rule"] == metric) & (table["left_out"] == f"s{place}")].iloc[0]
            best = sorted(ranks.index[ranks == ranks.min()])
            assert (row["model"], row["equals"]) == (best[0], len(best))
        near = table[(table["rule"] == "near") & (table["left_out"] == f"s{place}")].iloc[0]
        chances = near_chances(rest, margin=9)
        assert chances[near["model"]] > max(chances.values()) - 0.05  # other draws of the noise
    summary = table[table["left_out"].isna()]
    assert ((summary["lo"] <= summary["hi"]) & (summary["lo"] >= 0)).all()
    assert summary["share_best"].between(0, 1).all()
    assert summary["share_best"].max() > 0.2


def test_of_equals_the_mean_regret_counts() -> None:
    values = np.array([[80.0, 70, 70], [80, 70, 60], [70, 60, 75]])
    table = left_out(scores(values), source="s0")
    row = table[(table["rule"] == "reference") & (table["left_out"] == "s2")].iloc[0]
    assert (row["model"], row["equals"], row["regret"]) == ("m0", 2, 10)  # 5 and 15


def test_weights_count_in_the_choice_and_in_the_mean() -> None:
    table = left_out(scores(VALUES), source="s0", weights={"s0": 1, "s1": 3, "s2": 1})
    assert regrets(table, "reference") == {"s1": 6, "s2": 2}
    summary = table[table["left_out"].isna()].set_index("rule")
    assert summary.loc["reference", "regret"] == pytest.approx((3 * 6 + 2) / 4)


def test_families_are_resampled_where_they_are_known() -> None:
    values = np.round(np.random.default_rng(0).normal(70, 5, (12, 4)), 1)
    alone = left_out(scores(values), source="s0")
    assert alone[alone["left_out"].isna()]["lo"].notna().all()
    four = left_out(scores(values, families=[f"f{i // 3}" for i in range(12)]), source="s0")
    assert four["lo"].isna().all()  # four families say nothing of others
    six = left_out(scores(values, families=[f"f{i // 2}" for i in range(12)]), source="s0")
    assert six[six["left_out"].isna()]["lo"].notna().all()


def test_a_model_that_lacks_a_set_is_no_candidate() -> None:
    values = np.vstack([VALUES, [99, np.nan, 99, 99]])
    pd.testing.assert_frame_equal(left_out(scores(values), source="s0"), left_out(scores(VALUES), source="s0"))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="leaving a set out wants 3 sets or more with a weight, there are 2"):
        left_out(scores(VALUES[:, :2]), source="s0")
    with pytest.raises(ValueError, match="wants 2 models or more that were measured on every set, there are 1"):
        left_out(scores(VALUES[:1]), source="s0")
    with pytest.raises(ValueError, match="no data set 's9'"):
        left_out(scores(VALUES), source="s9")


def test_a_rule_without_a_value_is_left_away() -> None:
    """Errors without a bound have no logit: that rule would pick nothing."""
    losses = np.array([[80.0, 60, -0.8], [81, 61, -0.7], [79, 62, -0.9]])
    table = left_out(scores(losses), source="s0")
    assert set(table["rule"]) == {*METRICS, "reference"} - {"mean_logit"}
    assert table["regret"].notna().all()


def test_regrets_of_resamples_are_those_of_a_loop() -> None:
    """Who is drawn counts once; of two rules each picks again among those that are there."""
    values = np.round(np.random.default_rng(0).normal(70, 5, (6, 3)), 1)
    tests, share, unit = np.array([1, 2]), np.array([0.25, 0.75]), np.array([0, 1, 2, 3, 4, 4])
    goals = {"reference": np.repeat(values[:, [0]], 2, axis=1), "mean_rank": np.zeros((6, 2))}
    found = resample_regrets(values, tests, share, goals, unit, 3)
    assert found is not None
    rng, wanted = np.random.default_rng([3, 11]), {"reference": [], "mean_rank": []}
    for _ in range(200):
        kept = np.isin(unit, rng.integers(0, 5, size=5))
        some = values[kept]
        losses = some.max(axis=0) - some
        picks = [losses[some[:, 0] == some[:, 0].max(), place].mean() for place in tests]
        wanted["reference"].append(share @ picks)
        ranks = rankdata(-some, axis=0)
        means = [np.delete(ranks, place, axis=1).mean(axis=1) for place in tests]
        picks = [losses[mean <= mean.min() + 1e-9, place].mean() for mean, place in zip(means, tests, strict=True)]
        wanted["mean_rank"].append(share @ picks)
    assert found["reference"] == pytest.approx(wanted["reference"])
    assert found["mean_rank"] == pytest.approx(wanted["mean_rank"])
    assert resample_regrets(values, tests, share, goals, np.array([0, 1, 2, 3, 3, 3]), 3) is None


def test_resampling_is_left_out_where_fewer_than_fifty_could_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    values, tests = np.arange(18.0).reshape(6, 3), np.array([1, 2])
    goals = {"reference": np.repeat(values[:, [0]], 2, axis=1)}
    cost = 18 + 2 * (18 + left_out_module.CALL_CELLS) // 4
    for draws in (49, 50, 51):
        monkeypatch.setattr(left_out_module, "WORK_CELLS", draws * cost)
        found = resample_regrets(values, tests, np.array([0.5, 0.5]), goals, np.arange(6), 0)
        assert (None if found is None else len(found["reference"])) == (None if draws < 50 else draws)


def test_too_much_work_is_refused_and_what_is_enough_is_not() -> None:
    refuse_too_few(3, 2, 2)
    refuse_too_few(100, 3000, 100)  # thirty millions
    with pytest.raises(ValueError, match="leaving 100 sets out one by one of 3,001 models on 100 sets takes too long"):
        refuse_too_few(100, 3001, 100)
    with pytest.raises(ValueError, match="wants 3 sets or more with a weight, there are 2"):
        refuse_too_few(2, 2, 1)


def test_the_row_of_all_sets_has_percentiles_and_how_often_no_rule_loses_less() -> None:
    means = {"one": np.arange(101.0), "two": np.arange(101.0)[::-1]}
    found = summarise({"one": [{"rule": "one"}], "two": [{"rule": "two"}]}, {"one": 2.0, "two": 1.0}, means)
    assert found["rule"].tolist() == ["two", "one"]
    assert found["lo"].tolist() == pytest.approx([2.5, 2.5])
    assert found["hi"].tolist() == pytest.approx([97.5, 97.5])
    assert found["share_best"].tolist() == pytest.approx([51 / 101, 51 / 101])
    plain = summarise({"b": [{"rule": "b"}], "a": [{"rule": "a"}]}, {"b": 1.0, "a": 1.0 - 1e-10}, None)
    assert plain["rule"].tolist() == ["b", "a"]  # equals in the order of the rules
    goal, losses = np.array([[1.0, 3.0], [1.0 - 5e-10, 2.0]]), np.array([[4.0, 0.0], [2.0, 5.0]])
    assert pick_losses(goal, losses).tolist() == [3.0, 0.0]


def test_the_usual_settings() -> None:
    found = {key: one.default for key, one in signature(left_out).parameters.items() if one.default is not one.empty}
    assert found == {"margin": 0.5, "weights": None, "groups": None, "noise": None, "seed": 0}
