"""Several sets: unified metrics, the combined difference, tests over sets, safe bet, reported accuracies; messages."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, norm, trim_mean
from scipy.stats import wilcoxon as signed_rank
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from kogen.statistics.combined import combined
from kogen.statistics.friedman import friedman
from kogen.statistics.reported_scores import reported_scores
from kogen.statistics.safe_bet import safe_bet
from kogen.statistics.unified import unified
from kogen.statistics.wilcoxon import wilcoxon


def scores(values: np.ndarray, n: float | None = None) -> pd.DataFrame:
    """Long scores of models (k,) on sets (D,); nan is left out."""
    wide = pd.DataFrame(values, index=[f"m{i:02d}" for i in range(len(values))])
    wide.columns = [f"s{place}" for place in range(values.shape[1])]
    long = wide.rename_axis("model").reset_index().melt("model", var_name="dataset", value_name="score")
    return long.dropna(subset=["score"]).assign(n=n)


def drawn(k: int, sets: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([k, sets, seed])
    return np.round(rng.normal(70, 5, (k, 1)) + rng.normal(0, 3, (k, sets)), 2)


def wide(table: pd.DataFrame, column: str = "value") -> pd.DataFrame:
    return table.pivot(index="model", columns="metric", values=column)


def test_metrics_are_their_definitions() -> None:
    values = drawn(7, 5)
    table = wide(unified(scores(values), weights={"s0": 3, "s1": 1, "s2": 1, "s3": 1, "s4": 2}, groups=[["s1", "s2"]]))
    weight = np.array([3, 1, 1, 1, 2]) / 8
    assert table["weighted_difference"].to_numpy() == pytest.approx(values @ weight - (values @ weight).mean())
    assert table["mean_accuracy"].to_numpy() == pytest.approx(values.mean(axis=1))
    ranks = pd.DataFrame(-values).rank().to_numpy()
    assert table["mean_rank"].to_numpy() == pytest.approx(ranks.mean(axis=1))
    assert table["worst_rank"].to_numpy() == pytest.approx(ranks.max(axis=1))
    assert table["max_regret"].to_numpy() == pytest.approx((values.max(axis=0) - values).max(axis=1))
    assert table["iqm"].to_numpy() == pytest.approx(trim_mean(values, 0.25, axis=1))
    right = values / 100 * 10_000
    assert table["mean_logit"].to_numpy() == pytest.approx(np.log((right + 0.5) / (10_000.5 - right)).mean(axis=1))
    votes = np.stack([values[:, 0], values[:, 1:3].mean(axis=1), values[:, 3], values[:, 4]])
    assert table["group_accuracy"].to_numpy() == pytest.approx(votes.mean(axis=0))


def test_rank_1_is_the_best_by_every_metric() -> None:
    values = np.array([[90.0, 80, 70], [80, 70, 60], [70, 60, 50]])
    ranks = wide(unified(scores(values)), "rank")
    assert (ranks.to_numpy() == np.array([[1], [2], [3]])).all()


def test_a_model_that_lacks_a_set_has_no_value_and_no_rank() -> None:
    values = drawn(4, 3)
    values[2, 1] = np.nan
    table = unified(scores(values))
    lacking = table[table["model"] == "m02"]
    assert lacking[["value", "rank"]].isna().all(axis=None)
    rest = wide(unified(scores(np.delete(values, 2, axis=0))))
    assert wide(table).drop("m02").to_numpy() == pytest.approx(rest.to_numpy())
    without = unified(scores(values), weights={"s0": 1, "s2": 1})  # the set that it lacks does not count
    assert without["value"].notna().all()


def test_nobody_was_measured_everywhere() -> None:
    values = np.array([[70.0, np.nan], [np.nan, 60.0]])
    assert unified(scores(values))["value"].isna().all()
    assert safe_bet(scores(values)).empty


# the combined difference


def images(truth: np.ndarray, n: int, seeds: int, rng: np.random.Generator, luck: float = 0.0) -> pd.DataFrame:
    """Predictions of models (k,) on sets (D,) with true accuracies (k, D); a run's luck is shared by the sets."""
    k, sets = truth.shape
    skill = norm.ppf(truth)[:, None, :] * 2**0.5 + luck * rng.normal(size=(k, seeds, 1))
    hard = rng.normal(size=(sets, n))
    right = skill[..., None] + hard + rng.normal(size=(k, seeds, sets, n)) > 0
    at = np.indices(right.shape).reshape(4, -1)
    names = ("m", "seed", "s", "i")
    table = pd.DataFrame({name: values for name, values in zip(names, at, strict=True)}).assign(
        correct=right.ravel() * 1
    )
    table = table.assign(model="m" + table.m.astype(str), dataset="s" + table.s.astype(str), item=table.i)
    return table[["model", "dataset", "seed", "item", "correct"]]


def test_combined_difference_has_the_variance_of_its_sets() -> None:
    table = images(np.array([[0.8, 0.7], [0.7, 0.65]]), 400, 1, np.random.default_rng(0))
    row = combined(table, weights={"s0": 3, "s1": 1}, draws=4000).iloc[0]
    apart, variance = 0.0, 0.0
    for name, weight in (("s0", 0.75), ("s1", 0.25)):
        part = table[table.dataset == name].pivot(index="item", columns="model", values="correct")
        difference = part[row["first"]] - part[row["second"]]
        apart += weight * difference.mean()
        variance += weight**2 * difference.var(ddof=0) / len(difference)
    assert row["difference"] == pytest.approx(100 * apart)
    assert row["hi"] - row["lo"] == pytest.approx(200 * norm.isf(0.025) * variance**0.5, rel=0.05)
    assert row["lottery"] == pytest.approx(norm.sf(apart / variance**0.5), abs=0.01)


def test_combined_interval_covers_with_luck_that_the_sets_share() -> None:
    truth, rng, hits = np.array([[0.75, 0.7], [0.7, 0.68]]), np.random.default_rng(1), 0
    for study in range(60):
        rows = combined(images(truth, 300, 4, rng, luck=0.15), draws=200, seed=study)
        row = rows.iloc[0]
        # skill's luck widens the threshold: the mean accuracy over trainings is a little nearer to a half
        mean = norm.cdf(norm.ppf(truth) * 2**0.5 / (2 + 0.15**2) ** 0.5)
        apart = 100 * (mean[0] - mean[1]).mean() * (1 if row["first"] == "m0" else -1)
        hits += row["lo"] <= apart <= row["hi"]
    assert hits >= 52


def test_copied_seeds_do_not_move_the_combined_interval() -> None:
    table = images(np.array([[0.8, 0.7], [0.7, 0.65]]), 100, 3, np.random.default_rng(0), luck=0.1)
    copied = pd.concat([table, table.assign(seed=table["seed"] + 10)])
    one, two = combined(table, draws=300), combined(copied, draws=300)
    assert two["difference"].to_numpy() == pytest.approx(one["difference"].to_numpy())
    assert two["lo"].to_numpy() == pytest.approx(one["lo"].to_numpy())


def test_one_model_is_combined_with_nobody() -> None:
    assert combined(images(np.array([[0.8, 0.7]]), 20, 1, np.random.default_rng(0))).empty


# tests over data sets


def test_friedman_is_scipys_with_iman_and_davenports_correction() -> None:
    values = np.round(drawn(5, 12))  # with ties
    row = friedman(scores(values)).iloc[0]
    statistic, p = friedmanchisquare(*values)
    assert (row["chi2"], row["p_chi2"]) == pytest.approx((statistic, p))
    assert row["f"] == pytest.approx(11 * statistic / (12 * 4 - statistic))
    assert (row["sets"], row["models"]) == (12, 5)


def test_nemenyis_critical_difference_is_demsars() -> None:
    # Demsar (2006), table 5: q = 2.728 for 5 classifiers; 2.569 for 4
    assert friedman(scores(drawn(5, 30))).iloc[0]["critical_difference"] == pytest.approx(
        2.728 * (30 / 180) ** 0.5, abs=1e-3
    )
    assert friedman(scores(drawn(4, 14))).iloc[0]["critical_difference"] == pytest.approx(
        2.569 * (20 / 84) ** 0.5, abs=1e-3
    )


def test_all_ties_over_sets_are_no_difference() -> None:
    flat = scores(np.full((4, 9), 70.0))
    assert friedman(flat).iloc[0]["p"] == 1
    assert (wilcoxon(flat)["p_holm"] == 1).all()


def test_wilcoxon_is_scipys_with_holms_correction() -> None:
    values = drawn(4, 10)
    table = wilcoxon(scores(values))
    for _, row in table.iterrows():
        one, two = (values[int(row[name][1:])] for name in ("first", "second"))
        assert row["p"] == pytest.approx(signed_rank(one, two)[1])
        assert row["difference"] == pytest.approx(np.median(one - two))
        assert row["difference"] >= 0
    assert table["p_holm"].to_numpy() == pytest.approx(multipletests(table["p"], method="holm")[1])


@pytest.mark.parametrize("judge", [friedman, wilcoxon])
def test_few_sets_or_models_are_refused_with_the_reason(judge) -> None:
    with pytest.raises(
        ValueError, match="tests over data sets want 8 or more, there are 6: with 6 sets the smallest p"
    ):
        judge(scores(drawn(4, 6)))
    with pytest.raises(
        ValueError, match="Friedman's test wants 3 models or more that were measured on every set, there are 2"
    ):
        judge(scores(drawn(2, 9)))


def test_too_many_pairs_over_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="41 models are too many for all pairs over data sets: choose at most 40"):
        wilcoxon(scores(drawn(41, 8)))


# the safe bet


def test_three_picks_that_differ() -> None:
    values = np.array([[90.0, 60.0, 80.0], [75.0, 75.0, 75.0], [60.0, 76.0, 79.9]])
    table = safe_bet(scores(values, n=1_000_000), margin=20).set_index("pick")
    assert table.loc["expected", ["model", "expected", "max_regret", "worst_set"]].tolist() == [
        "m00",
        230 / 3,
        16,
        "s1",
    ]
    assert table.loc["regret", ["model", "max_regret", "worst_set"]].tolist() == ["m01", 15, "s0"]
    assert table.loc["regret", "price"] == pytest.approx(230 / 3 - 75)
    assert table.loc["near", ["model", "near_best"]].tolist() == ["m00", 1]


def test_nearness_to_the_best_is_a_probability_under_the_noise() -> None:
    values = np.array([[70.0, 70.0], [69.0, 70.0]])
    table = safe_bet(scores(values, n=1000), margin=1.0).set_index("pick")
    sd = (100 * (0.7 * 0.3 / 1000) ** 0.5) * 2**0.5
    expected = norm.cdf((1 + 1) / sd) * norm.cdf(1 / sd)  # m00 within a point of m01 on both sets
    assert table.loc["near", "near_best"] == pytest.approx(expected, abs=0.04)
    unknown = safe_bet(scores(values))
    assert set(unknown["pick"]) == {"expected", "regret"}
    assert unknown["near_best"].isna().all()


def test_sets_without_weight_do_not_count_for_the_bet() -> None:
    values = np.array([[80.0, 10.0], [70.0, 90.0]])
    table = safe_bet(scores(values), weights={"s0": 1})
    assert set(table["model"]) == {"m00"}
    assert (table["max_regret"] == 0).all()


# accuracies of scores alone


def test_reported_accuracies_have_wilsons_interval_where_n_is_known() -> None:
    table = reported_scores(scores(np.array([[70.0, 50.0], [60.0, 40.0]]), n=200)).set_index(["model", "dataset"])
    row = table.loc[("m00", "s0")]
    assert (row["lo"] / 100, row["hi"] / 100) == pytest.approx(proportion_confint(140, 200, method="wilson"))
    assert reported_scores(scores(np.array([[70.0, 50.0]])))["lo"].isna().all()


def test_reported_seeds_widen_the_interval_and_copies_do_not_narrow_it() -> None:
    seeds = pd.DataFrame({"model": "a", "dataset": "d", "seed": range(3), "score": [70.0, 72.0, 74.0], "n": 1000})
    row = reported_scores(seeds).iloc[0]
    assert (row["value"], row["seed_sd"]) == pytest.approx((72, 2))
    assert row["hi"] - row["lo"] > 2 * 4.3 * 2 / 3**0.5  # Student's quantile with 2 degrees of freedom
    again = reported_scores(pd.concat([seeds, seeds.assign(seed=seeds["seed"] + 5)])).iloc[0]
    assert again[["value", "lo", "hi", "seed_sd"]].to_list() == pytest.approx(
        row[["value", "lo", "hi", "seed_sd"]].to_list()
    )


# properties and messages


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(1, 4), st.integers(0, 99))
def test_order_of_rows_and_names_do_not_matter(k: int, sets: int, seed: int) -> None:
    table = scores(np.round(drawn(k, sets, seed)), n=200)
    shuffled = table.sample(frac=1, random_state=seed)
    renamed = table.assign(model=table["model"].map(lambda name: f"x{99 - int(name[1:])}"))
    whole = unified(table)
    pd.testing.assert_frame_equal(whole, unified(shuffled))
    assert np.sort(whole["value"]) == pytest.approx(np.sort(unified(renamed)["value"]))
    columns = ["pick", "expected", "max_regret", "near_best", "price"]
    pd.testing.assert_frame_equal(safe_bet(table), safe_bet(shuffled))
    pd.testing.assert_frame_equal(safe_bet(table)[columns], safe_bet(renamed)[columns])


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"weights": {"s9": 1}}, "weights name 's9', which is no data set: there are s0, s1"),
        ({"weights": {"s0": -1}}, "the weight of 's0' must be 0 or more, got -1"),
        ({"weights": {"s0": 0}}, "all weights are 0"),
        ({"groups": [["s9"]]}, "groups name 's9', which is no data set"),
        ({"groups": [["s0"], ["s0", "s1"]]}, "the data set 's0' is in two groups"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wish: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        unified(scores(drawn(3, 2)), **wish)


def test_a_margin_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="margin must be 0 or more points, got -1"):
        safe_bet(scores(drawn(3, 2)), margin=-1)


def test_values_that_differ_by_rounding_share_a_rank_and_others_do_not() -> None:
    def ranks_of(gap: float) -> list[float]:
        rows = [("a", "s", 70.0), ("b", "s", 70.0 + gap), ("c", "s", 60.0)]
        found = unified(pd.DataFrame(rows, columns=["model", "dataset", "score"]))
        primary = found[found["metric"] == "mean_accuracy"].set_index("model")["rank"]
        return [primary["a"], primary["b"]]

    assert ranks_of(3e-10) == [1.5, 1.5]
    assert ranks_of(4e-9) == [2.0, 1.0]
