"""Statistics of accuracies, pairs and ranks: against scipy, statsmodels and slow twins; properties; every message."""

from inspect import signature
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm
from scipy.stats import t as student
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from kogen.common import registry
from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import item_matrices
from kogen.statistics.combined import combined
from kogen.statistics.optimism import optimism
from kogen.statistics.paired import mid_p, paired
from kogen.statistics.ranks import ranks
from kogen.statistics.required_images import required_images
from kogen.statistics.resampling import bootstrap
from kogen.statistics.resampling.bootstrap import (
    beats,
    bootstrap_accuracies,
    bootstrap_deviations,
    distinct_rows,
    max_t_criterion,
    permutation_p,
)
from kogen.statistics.tiers import tiers
from kogen.statistics.values import uncertain_spread, values


def table(right: dict[str, np.ndarray], size: int = 1, dataset: str = "ref") -> pd.DataFrame:
    """Predictions from correctness (seeds, n) of each model, items in clusters of `size`."""
    rows = [
        (model, dataset, seed, f"i{item:05d}", f"c{item // size:05d}" if size > 1 else f"i{item:05d}", int(value))
        for model, runs in right.items()
        for seed, run in enumerate(np.atleast_2d(runs))
        for item, value in enumerate(run)
    ]
    return pd.DataFrame(rows, columns=["model", "dataset", "seed", "item", "cluster", "correct"])


def drawn(shares: list[float], n: int = 200, seeds: int = 1, size: int = 1, luck: float = 0.0) -> pd.DataFrame:
    """Models with true accuracies `shares` whose answers go together."""
    rng = np.random.default_rng([n, seeds, size, len(shares)])
    hard = np.repeat(rng.normal(size=n // size), size) + rng.normal(size=n)
    skill = norm.ppf(shares)[:, None] * 3**0.5 + luck * rng.normal(size=(len(shares), seeds))
    right = skill[..., None] + hard + rng.normal(size=(len(shares), seeds, n)) > 0
    return table({f"m{i}": runs for i, runs in enumerate(right)}, size)


def discordant(b: int, c: int, n: int) -> pd.DataFrame:
    """Two models: b items only `one` has right, c only `two`, half of the rest both."""
    one, two = np.zeros(n), np.zeros(n)
    one[:b], two[b : b + c] = 1, 1
    one[b + c :: 2] = two[b + c :: 2] = 1
    return table({"one": one, "two": two})


def only(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1
    return frame.iloc[0]


# accuracy


@pytest.mark.parametrize(("right", "n"), [(0, 50), (1, 50), (37, 50), (50, 50), (9_000, 10_000)])
def test_one_run_of_independent_items_has_wilsons_interval(right: int, n: int) -> None:
    row = only(values(table({"a": np.arange(n) < right})))
    assert row["value"] == pytest.approx(100 * right / n)
    assert (row["lo"] / 100, row["hi"] / 100) == pytest.approx(proportion_confint(right, n, method="wilson"))
    assert np.isnan(row["seed_sd"])
    columns = ["model", "dataset", "n", "value", "lo", "hi", "seed_sd", "clusters_effective", "df"]
    assert list(row.index) == columns
    assert row[["clusters_effective", "df"]].isna().all()  # independent items


def test_identical_answers_within_clusters_count_as_one_item_each() -> None:
    few = np.random.default_rng(0).random(60) < 0.7
    each, copied = only(values(table({"a": few}))), only(values(table({"a": np.repeat(few, 5)}, size=5)))
    wide = np.sqrt(60 / 59) * student.isf(0.025, 59) / norm.isf(0.025)  # what is known of a variance from 60 clusters
    assert copied["value"] == pytest.approx(each["value"])
    assert copied["hi"] - copied["lo"] == pytest.approx(wide * (each["hi"] - each["lo"]), rel=0.01)


def test_interval_of_several_runs_has_the_variance_of_a_slow_twin() -> None:
    frame = drawn([0.8], n=300, seeds=4, luck=0.2)
    x = frame.pivot_table(index="seed", columns="item", values="correct").to_numpy()  # (S, n)
    s, n = x.shape
    runs, items = x.mean(axis=1), x.mean(axis=0)
    rest = sum((x[a, i] - runs[a] - items[i] + x.mean()) ** 2 for a in range(s) for i in range(n)) / (s - 1) / (n - 1)
    luck = (runs.var(ddof=1) - rest / n) / s
    assert luck > 0
    half2 = student.isf(0.025, n - 1) ** 2 * items.var(ddof=1) / n + student.isf(0.025, s - 1) ** 2 * luck
    count = norm.isf(0.025) ** 2 * x.mean() * (1 - x.mean()) / half2
    row = only(values(frame))
    expected = proportion_confint(x.mean() * count, count, method="wilson")
    assert (row["lo"] / 100, row["hi"] / 100) == pytest.approx(expected)
    assert row["seed_sd"] == pytest.approx(100 * runs.std(ddof=1))


def test_all_right_in_clusters_is_not_certain() -> None:
    row = only(values(table({"a": np.ones(50)}, size=5)))
    assert row["hi"] == 100
    assert row["lo"] / 100 == pytest.approx(proportion_confint(10, 10, method="wilson")[0])


def test_few_clusters_that_carry_all_the_spread_widen_by_students_quantile() -> None:
    apart = np.array([[1.0, 3, 0], [-1, 0, 0], [1, 0, 0], [-1, 0, 0]])  # four alike, one alone, none
    wide = student.isf(0.025, [4, 1]) / norm.isf(0.025)
    assert uncertain_spread(apart) == pytest.approx([*wide, 1.0])


# pairs


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 0), (9, 2), (7, 7), (30, 12), (120, 80)])
def test_pair_of_single_runs_against_slow_twins(b: int, c: int) -> None:
    n = 400
    row = only(paired(discordant(b, c, n), draws=50))
    assert (row["b"], row["c"], row["n"], row["first"]) == (b, c, n, "one")
    tail = sum(binom.pmf(k, b + c, 0.5) for k in range(c + 1))
    expected = 1.0 if b == c else min(1.0, 2 * tail - binom.pmf(c, b + c, 0.5))
    assert row["p"] == pytest.approx(expected)
    if b != c:  # mid-p is the exact test less half of the observed table on both sides
        exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue
        assert row["p"] == pytest.approx(exact - binom.pmf(c, b + c, 0.5))
    middle = (b - c) / (n + 2)
    half = norm.isf(0.025) * np.sqrt(((b + c + 2) / (n + 2) - middle**2) / (n + 2))
    assert (row["lo"], row["hi"]) == pytest.approx((100 * (middle - half), 100 * (middle + half)))
    assert row["difference"] == pytest.approx(100 * (b - c) / n)
    spread = (b + c) - (b - c) ** 2 / n
    assert row["lottery"] == pytest.approx(norm.cdf(-abs(b - c) / spread**0.5) if spread else 0.5)
    assert row["minimum_detectable"] == pytest.approx(100 * 2.80 * np.sqrt((b + c) / n / n))
    assert (row["family_lo"], row["critical"]) == pytest.approx((row["lo"], norm.isf(0.025)))  # one pair is the family


def test_mid_p_of_arrays_stays_between_zero_and_one() -> None:
    b, c = np.array(list(product(range(12), repeat=2))).T
    p = mid_p(b, c)
    assert ((p > 0) & (p <= 1)).all()
    assert p == pytest.approx(mid_p(c, b))


@pytest.mark.parametrize(
    ("b", "c", "n", "margin", "word"),
    [
        (60, 20, 1_000, 1, "better"),
        (60, 20, 20_000, 1, "small"),
        (20, 19, 20_000, 1, "equivalent"),
        (20, 19, 20_000, None, "undecided"),
        (20, 15, 400, 1, "undecided"),
    ],
)
def test_verdicts(b: int, c: int, n: int, margin: float | None, word: str) -> None:
    assert only(paired(discordant(b, c, n), margin=margin, draws=50))["verdict"] == word


def test_seeds_are_averaged_within_items_and_b_less_c_is_the_difference() -> None:
    frame = drawn([0.7, 0.8, 0.75], n=150, seeds=3, luck=0.1)
    means = frame.groupby(["model", "item"])["correct"].mean().unstack("model")
    for row in paired(frame, draws=200).itertuples():
        apart = means[row.first] - means[row.second]
        assert (row.b, row.c) == pytest.approx((apart[apart > 0].sum(), -apart[apart < 0].sum()))
        assert row.difference == pytest.approx(100 * apart.mean())
        assert row.difference == pytest.approx(100 * (row.b - row.c) / row.n)


def test_permutation_of_cluster_sums_against_all_sign_flips() -> None:
    frame = drawn([0.55, 0.8], n=40, size=4)
    sums = frame.groupby(["model", "cluster"])["correct"].sum().unstack("model")
    apart = (sums["m0"] - sums["m1"]).to_numpy()
    every = [abs(apart @ signs) >= abs(apart.sum()) for signs in product((-1, 1), repeat=len(apart))]
    assert only(paired(frame, draws=20_000))["p"] == pytest.approx(np.mean(every), abs=0.012)


def test_difference_over_clusters_has_the_error_of_the_cluster_bootstrap() -> None:
    frame = drawn([0.6, 0.75], n=600, size=5)
    sheet = next(item_matrices(frame))
    sample = bootstrap_accuracies(sheet, bootstrap_deviations(sheet, 4_000, 0), 0)
    row = only(paired(frame, draws=4_000))
    half = student.isf(0.025, 119) * 100 * (sample[:, 0] - sample[:, 1]).std()
    assert (row["hi"] - row["lo"]) / 2 == pytest.approx(half, rel=0.05)
    assert row["lottery"] == (sample[:, 0] <= sample[:, 1]).mean()


def test_luck_of_training_widens_the_claim_about_methods_and_not_the_p_about_networks() -> None:
    rng = np.random.default_rng(3)
    hard = rng.normal(size=2_000)
    skills = {"steady": (0.9, 0.9, 0.9), "wild": (0.2, 0.7, 1.4)}
    frame = table({m: np.stack([hard + rng.normal(size=2_000) + s > 0 for s in each]) for m, each in skills.items()})
    row = only(paired(frame, draws=2_000))
    assert row["p"] < 0.01
    assert row["lo"] < 0 < row["hi"]
    assert row["verdict"] == "undecided"
    assert row["seed_error"] > 2


# many models


def test_ranks_against_a_loop_over_bootstraps() -> None:
    frame = drawn([0.6, 0.72, 0.7, 0.72], n=120)
    sheet = next(item_matrices(frame))
    moved = bootstrap_deviations(sheet, 300, 0)
    sample = bootstrap_accuracies(sheet, moved, 0)
    best, position = np.zeros(4), np.zeros(4)
    for row in sample:
        winners = np.flatnonzero(row == row.max())
        best[winners] += 1 / len(winners)
        position += [1 + (row > one).sum() + ((row == one).sum() - 1) / 2 for one in row]
    found = ranks(frame, draws=300)
    assert found["p_best"].to_numpy() == pytest.approx(best / 300)
    assert found["expected_rank"].to_numpy() == pytest.approx(position / 300)


def test_max_t_against_its_definition_pair_by_pair() -> None:
    sheet = next(item_matrices(drawn([0.6, 0.7, 0.65, 0.8], n=250)))
    moved, pairs = bootstrap_deviations(sheet, 400, 0), pair_differences(sheet)
    largest = []
    for row in moved:
        largest.append(
            max(abs(row[i] - row[j]) / pairs.item_variance[i, j] ** 0.5 for i, j in combinations(range(4), 2))
        )
    assert max_t_criterion(pairs, moved, 0) == pytest.approx(max(np.quantile(largest, 0.95), norm.isf(0.025)))
    order = np.argsort(largest)[::-1][:20]  # of twenty resamples the first, the largest, counts
    assert max_t_criterion(pairs, moved[order], 0) == pytest.approx(np.quantile(np.array(largest)[order], 0.95))


@pytest.mark.parametrize(("seeds", "size"), [(1, 1), (1, 5), (3, 1)])
def test_pairs_ranks_and_tiers_agree(seeds: int, size: int) -> None:
    frame = drawn([0.5, 0.56, 0.7, 0.72, 0.9], n=300, seeds=seeds, size=size, luck=0.05)
    pairs, places = paired(frame, margin=1, draws=500), ranks(frame, draws=500).set_index("model")
    real = pairs[pairs["verdict"].isin(["better", "small"])]
    assert len(real)
    assert (real["lo"] > 0).all()  # the family's word is never easier than the pair's own
    for model, place in places.iterrows():
        assert place["rank_lo"] == 1 + (real["second"] == model).sum()
        assert place["rank_hi"] == 5 - (real["first"] == model).sum()
        assert place["top"] == (place["rank_lo"] == 1)
    groups = tiers(pairs)
    assert set(groups.loc[groups["tier"] == 1, "model"]) == set(places.index[places["top"]])
    assert sorted(groups["model"]) == sorted(places.index)
    for first, second in zip(real["first"], real["second"], strict=True):
        level = groups.set_index("model")["tier"]
        assert level[first] < level[second]


def test_drawing_repeated_rows_at_once_is_the_same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = next(item_matrices(drawn([0.6, 0.75, 0.7], n=800)))
    assert len(distinct_rows(sheet)[2]) == 8
    quick, quick_p = bootstrap_deviations(sheet, 4_000, 0), permutation_p(sheet, 4_000, 0)
    monkeypatch.setattr("kogen.statistics.resampling.bootstrap.PATTERN_FACTOR", 10**9)
    sheet = next(item_matrices(drawn([0.6, 0.75, 0.7], n=800)))  # the deviations of the first are kept
    slow, slow_p = bootstrap_deviations(sheet, 4_000, 0), permutation_p(sheet, 4_000, 0)
    assert not np.array_equal(quick, slow)
    assert quick.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.06)
    assert np.corrcoef(quick.T) == pytest.approx(np.corrcoef(slow.T), abs=0.06)
    assert quick_p == pytest.approx(slow_p, abs=0.03)


def test_the_winner_of_equals_is_flattered() -> None:
    rng = np.random.default_rng(0)
    equals = table({f"m{i}": rng.random(200) < 0.7 for i in range(8)})
    row = only(optimism(equals, draws=2_000))
    assert 1 < row["optimism"] < 9
    clear = table({"good": np.arange(200) < 190, "bad": np.arange(200) < 100})
    assert abs(only(optimism(clear, draws=2_000))["optimism"]) < 0.2


def test_needed_images_would_decide() -> None:
    few = paired(discordant(30, 20, 500), margin=0.1, draws=50)
    row = only(required_images(few, margin=0.1))
    assert (row["decides"], row["more"]) == ("better", row["images"] - 500)
    times = row["images"] / 500
    more = only(paired(discordant(round(30 * times), round(20 * times), row["images"]), margin=0.1, draws=50))
    assert more["verdict"] == "better"
    assert more["minimum_detectable"] == pytest.approx(more["difference"], rel=0.05)
    close = required_images(paired(discordant(25, 24, 500), margin=2, draws=50), margin=2)
    assert only(close)["decides"] == "equivalent"


def test_needed_is_null_where_images_cannot_decide() -> None:
    even = required_images(paired(discordant(20, 20, 500), draws=50))
    assert even[["images", "more", "decides"]].isna().all(axis=None)
    lucky = drawn([0.7, 0.72], n=2_000, seeds=2, luck=0.5)
    assert required_images(paired(lucky, draws=50))["images"].isna().all()
    assert not len(required_images(paired(discordant(60, 20, 1_000), draws=50)))


# properties


def close(one: pd.DataFrame, two: pd.DataFrame, keys: list[str], abs_: float = 1e-9) -> None:
    """Equal tables up to the order of rows and rounding."""
    one, two = (frame.sort_values(keys, ignore_index=True) for frame in (one, two))
    pd.testing.assert_frame_equal(one, two, check_exact=False, atol=abs_, rtol=1e-9, check_dtype=False)


studies = st.builds(
    lambda seed, k, s, size, groups: {
        f"m{i}": np.random.default_rng([seed, i]).random((s, size * groups)) < 0.5 + 0.1 * i for i in range(k)
    },
    st.integers(0, 999),
    st.integers(2, 4),
    st.integers(1, 3),
    st.just(2),
    st.integers(2, 12),
)


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from([1, 2]), st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(right: dict, size: int, seed: int) -> None:
    frame = table(right, size)
    mixed = frame.sample(frac=1, random_state=np.random.RandomState(seed))
    close(values(frame), values(mixed), ["model"])
    close(paired(frame, margin=2, draws=60), paired(mixed, margin=2, draws=60), ["first", "second"])
    close(ranks(frame, draws=60), ranks(mixed, draws=60), ["model"])


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from([1, 2]))
def test_names_do_not_matter(right: dict, size: int) -> None:
    if len({runs.mean() for runs in right.values()}) < len(right):
        return  # equals stand in the order of their names
    new = {name: f"{9 - i}<script>\n../" for i, name in enumerate(right)}
    frame = table(right, size)
    named = frame.assign(model=frame["model"].map(new))
    pairs = paired(frame, draws=60).replace({"first": new, "second": new})
    close(pairs, paired(named, draws=60), ["first", "second"])
    close(ranks(frame, draws=60).replace({"model": new}), ranks(named, draws=60), ["model"])


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from([1, 2]), st.integers(2, 3))
def test_copies_of_seeds_create_no_significance(right: dict, size: int, copies: int) -> None:
    frame, again = table(right, size), table({m: np.tile(runs, (copies, 1)) for m, runs in right.items()}, size)
    close(values(frame), values(again), ["model"])
    close(paired(frame, draws=60), paired(again, draws=60), ["first", "second"])
    close(ranks(frame, draws=60), ranks(again, draws=60), ["model"])


@settings(max_examples=50, deadline=None)
@given(studies, st.sampled_from([1, 2]))
def test_numbers_stay_in_their_ranges(right: dict, size: int) -> None:
    frame = table(right, size)
    points, pairs, places = values(frame), paired(frame, margin=1, draws=60), ranks(frame, draws=60)
    assert ((points["lo"] >= 0) & (points["lo"] <= points["value"]) & (points["value"] <= points["hi"])).all()
    assert (points["hi"] <= 100).all()
    assert pairs[["p", "lottery"]].apply(lambda column: column.between(0, 1)).all(axis=None)
    assert (pairs["difference"] >= -1e-9).all()
    assert (pairs["family_lo"] <= pairs["lo"] + 1e-9).all()
    assert (pairs["lo"] <= pairs["lo90"]).all()
    assert pairs.drop(columns=["clusters_effective", "df"]).notna().all(axis=None)
    assert places["p_best"].sum() == pytest.approx(1)
    assert places["expected_rank"].sum() == pytest.approx(len(right) * (len(right) + 1) / 2)


def test_same_seed_same_numbers_and_another_seed_others() -> None:
    frame = drawn([0.6, 0.62, 0.64], n=100, size=5)
    assert ranks(frame, draws=100, seed=1).equals(ranks(frame, draws=100, seed=1))
    assert not ranks(frame, draws=100, seed=1).equals(ranks(frame, draws=100, seed=2))


# shapes of input


def test_one_model_has_an_accuracy_and_no_pairs() -> None:
    frame = table({"alone": np.arange(40) < 30})
    pairs = paired(frame)
    assert not len(pairs)
    assert "verdict" in pairs
    assert not len(tiers(pairs))
    assert not len(required_images(pairs))
    row = only(ranks(frame, draws=20))
    assert (row["p_best"], row["rank_lo"], row["rank_hi"], row["top"]) == (1, 1, 1, True)


def test_statistics_of_one_table_share_their_resamples() -> None:
    """So nothing is drawn twice, and the numbers of one page go together."""
    assert {signature(one).parameters["draws"].default for one in (paired, ranks, optimism)} == {5000}
    assert {signature(one).parameters["seed"].default for one in (paired, ranks, optimism, combined)} == {0}


def test_all_ties_decide_nothing() -> None:
    same = np.arange(60) % 3 > 0
    frame = table({"a": same, "b": same, "c": same})
    pairs = paired(frame, draws=100)
    assert set(pairs["verdict"]) == {"undecided"}
    assert (pairs["p"] == 1).all()
    assert (pairs["lottery"] == 0.5).all()
    assert ranks(frame, draws=100)["p_best"].to_numpy() == pytest.approx(np.full(3, 1 / 3))
    assert ranks(frame, draws=100)["top"].all()


def test_sets_are_judged_apart_and_may_have_other_models() -> None:
    one, two = drawn([0.6, 0.9], n=100), drawn([0.7, 0.8, 0.9], n=50).assign(dataset="shift")
    both = paired(pd.concat([two, one]), draws=100)  # sets by name
    assert both["dataset"].tolist() == ["ref", "shift", "shift", "shift"]
    pd.testing.assert_frame_equal(both[:1], paired(one, draws=100))


def test_models_with_different_numbers_of_seeds_are_compared() -> None:
    rng = np.random.default_rng(0)
    frame = table({"stock": rng.random((1, 90)) < 0.6, "byol": rng.random((3, 90)) < 0.8})
    assert values(frame).set_index("model")["seed_sd"].isna().to_dict() == {"byol": False, "stock": True}
    assert only(paired(frame, draws=100))["seed_error"] >= 0


def test_an_item_without_a_cluster_stands_for_itself() -> None:
    frame = drawn([0.6, 0.8], n=60)
    pd.testing.assert_frame_equal(paired(frame), paired(frame.drop(columns="cluster")))
    pd.testing.assert_frame_equal(paired(frame), paired(frame.assign(cluster=None)))


GOOD = table({"a": np.array([1, 0, 1, 1]), "b": np.array([0, 0, 1, 1])})


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (GOOD.drop(columns=["item", "seed"]), "missing: seed, item"),
        (GOOD[:0], "no rows: evaluate at least one model"),
        (
            GOOD.astype({"correct": float}).replace({"correct": {0.0: np.nan}}),
            "'correct' has empty cells .3.: fill them",
        ),
        (GOOD.assign(model=[None, *"aaabbbb"]), "'model' has empty cells .1.: fill them"),
        (GOOD.assign(correct=[2, 7, 0, 1, 0, 0, 1, 1]), "must be 0 or 1, got 2 and 1 more"),
        (GOOD.assign(correct=list("10110011")), "must be 0 or 1, got 1 and 7 more"),
        (GOOD.assign(protocol=["knn"] * 4 + ["linear"] * 4), "mix the protocols knn, linear"),
        (pd.concat([GOOD, GOOD[:2]]), "rows that repeat .*: 2, first .a, ref, 0, i00000.: keep one row"),
        (GOOD[:-1], "some run lacks 1 of 4, as i00003 .model b, seed 0.: compare models on the same"),
        (GOOD.assign(cluster=list("xxyyxyyy")), "items of 'ref' in two clusters: 1, e.g. i00001"),
        (GOOD.assign(cluster="lot 7"), "in the one cluster 'lot 7'.*give at least 2"),
    ],
)
@pytest.mark.parametrize("name", ["values", "paired", "ranks", "optimism"])
def test_what_cannot_be_judged_is_refused_with_the_reason(name: str, frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        registry.load("statistics", name)(frame)


def test_wishes_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="margin must be 0 or more points, got -1"):
        paired(GOOD, margin=-1)
    with pytest.raises(ValueError, match="margin must be 0 or more points, got nan"):
        paired(GOOD, margin=float("nan"))
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        ranks(GOOD, draws=0)


def test_the_predictions_stay_as_they_were() -> None:
    frame = drawn([0.6, 0.8], n=50, seeds=2)
    before = frame.copy()
    values(frame), paired(frame, draws=50), ranks(frame, draws=50)
    pd.testing.assert_frame_equal(frame, before)


def test_beats_is_one_sided() -> None:
    sheet = next(item_matrices(drawn([0.5, 0.7, 0.9], n=300)))
    pairs = pair_differences(sheet)
    over = beats(pairs, max_t_criterion(pairs, bootstrap_deviations(sheet, 200, 0), 0))
    assert over.any()
    assert not (over & over.T).any()


@pytest.mark.parametrize("seeds", [1, 3])
def test_matrices_that_were_made_once_and_categories_give_the_same(seeds: int) -> None:
    frame = drawn([0.5, 0.7, 0.9], n=60, seeds=seeds, size=2, luck=0.2)
    made = list(item_matrices(frame))
    names = frame.astype({name: "category" for name in ("model", "dataset", "item", "cluster")})
    for statistic in (values, paired, ranks, optimism, combined):
        wanted = statistic(frame)
        pd.testing.assert_frame_equal(statistic(made), wanted)
        pd.testing.assert_frame_equal(statistic(names), wanted)
    unsorted = names.assign(item=names["item"].cat.reorder_categories(names["item"].cat.categories[::-1]))
    pd.testing.assert_frame_equal(values(unsorted), values(frame))


def test_an_item_without_a_cluster_is_one_of_its_own_in_categories_too() -> None:
    frame = drawn([0.5, 0.7], n=60, size=2)
    frame["cluster"] = frame["cluster"].where(frame["item"] > "i00009")
    (plain,), (coded,) = item_matrices(frame), item_matrices(frame.astype({"cluster": "category", "item": "category"}))
    assert plain.cluster_count == coded.cluster_count == 10 + 25
    assert np.array_equal(plain.cluster_codes, coded.cluster_codes)


def test_the_criterion_is_the_same_in_parts_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    (sheet,) = item_matrices(drawn([0.5, 0.7, 0.6, 0.9], n=80, seeds=2))
    moved, pairs = bootstrap_deviations(sheet, 501, 0), pair_differences(sheet)
    whole = max_t_criterion(pairs, moved, 0)
    monkeypatch.setattr(bootstrap, "CACHED_CELLS", 12)
    assert max_t_criterion(pairs, moved, 0) == whole
