"""Transfer, agreement, robustness, similarity: against slow twins and scipy, the noise floor, every message."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import kendalltau

from kogen.statistics.agreement import agreement
from kogen.statistics.robustness import robustness
from kogen.statistics.scores_of_sets import noise_floor, pair_counts
from kogen.statistics.scores_of_sets.noise_floor import shrink_scores
from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix
from kogen.statistics.similarity import similarity
from kogen.statistics.transfer import transfer


def scores(columns: dict[str, list[float]], n: float | None = None, family: list[str] | None = None) -> pd.DataFrame:
    """Long scores of models m0, m1 ... on each set; None is left out."""
    frames = []
    for name, values in columns.items():
        frame = pd.DataFrame({"model": [f"m{i:03d}" for i in range(len(values))], "dataset": name, "score": values})
        frames.append(frame.assign(n=n, family=family) if family else frame.assign(n=n))
    return pd.concat(frames, ignore_index=True).dropna(subset=["score"])


def drawn(k: int, sets: int = 2, scatter: float = 2.0, seed: int = 0) -> dict[str, list[float]]:
    rng = np.random.default_rng([k, sets, seed])
    level = rng.normal(70, 4, k)
    return {f"s{place}": list(np.round(level + scatter * rng.normal(size=k) * (place > 0), 2)) for place in range(sets)}


def within(table: pd.DataFrame, gap: float) -> pd.Series:
    return table[(table["band"] == "within") & np.isclose(table["gap"], gap)].iloc[0]


def slow(one: list[float], two: list[float], lo: float, hi: float) -> tuple[int, float, float, float, float]:
    """pairs, win, tie, flip, mean regret by a loop over pairs."""
    found = []
    for i, j in combinations(range(len(one)), 2):
        a, b = (i, j) if one[i] >= one[j] else (j, i)
        gap = round(one[a] - one[b], 9)
        if lo < gap <= hi:
            found.append(round(two[a] - two[b], 9))
    pairs = len(found)
    count = [sum(x > 0 for x in found), sum(x == 0 for x in found), sum(x < 0 for x in found)]
    return (pairs, *(each / pairs for each in count), sum(max(-x, 0) for x in found) / pairs) if pairs else (0,) * 5


@pytest.mark.parametrize("k", [2, 5, 30])
def test_pairs_are_those_of_a_loop(k: int) -> None:
    columns = drawn(k)
    columns["s0"][0] = columns["s0"][1]  # a tie on the source is no pair
    columns["s1"][-1] = columns["s1"][-2]
    table = transfer(scores(columns), source="s0")
    for _, row in table.iterrows():
        pairs, *shares = slow(columns["s0"], columns["s1"], row["gap_lo"], row["gap"])
        assert row["pairs"] == pairs
        if pairs:
            assert (row["win"], row["tie"], row["flip"], row["mean_regret"]) == pytest.approx(shares)
            assert row["transfer"] == pytest.approx(shares[0] + shares[1] / 2)
        else:
            assert row[["win", "transfer", "lo", "noise_floor", "mean_regret"]].isna().all()
    bins = table[table["band"] == "bin"]
    assert bins["pairs"].sum() == within(table, 100)["pairs"]


def test_intervals_are_of_the_jackknife_over_models_and_over_families() -> None:
    columns, family = drawn(24), [f"f{i // 3}" for i in range(24)]
    row = within(transfer(scores(columns, family=family), source="s0", gaps=[3.0]), 3.0)
    share = row["transfer"]
    for prefix, units in (("", [[i] for i in range(24)]), ("family_", [[i, i + 1, i + 2] for i in range(0, 24, 3)])):
        left = []
        for unit in units:
            kept = [i for i in range(24) if i not in unit]
            part = slow([columns["s0"][i] for i in kept], [columns["s1"][i] for i in kept], 0, 3.0)
            left.append(part[1] + part[2] / 2)
        expected = pair_counts.jackknife_interval(share, np.array(left), row["pairs"])
        assert (row[f"{prefix}lo"], row[f"{prefix}hi"]) == pytest.approx(expected)
        assert expected[0] < share < expected[1]


def test_a_model_is_compared_only_where_it_was_measured() -> None:
    columns = drawn(12)
    columns["s1"][3] = None  # type: ignore[call-overload]
    whole = {name: [v for i, v in enumerate(values) if i != 3] for name, values in columns.items()}
    assert within(transfer(scores(columns), source="s0"), 100)["pairs"] == 11 * 10 / 2
    one, two = agreement(scores(columns), source="s0").iloc[0], agreement(scores(whole), source="s0").iloc[0]
    assert one[["n", "tau", "lo", "hi"]].to_list() == pytest.approx(two[["n", "tau", "lo", "hi"]].to_list())


def test_tau_is_scipys_with_ties_and_subsets_are_of_the_sources_best() -> None:
    columns = drawn(60)
    columns["s0"] = [round(value) for value in columns["s0"]]
    table = agreement(scores(columns), source="s0").set_index("subset")
    assert table.loc["all", "tau"] == pytest.approx(kendalltau(columns["s0"], columns["s1"])[0])
    assert list(table["n"]) == [60, 50, 20]
    assert (table["lo"] < table["tau"]).all()
    assert (table["tau"] < table["hi"]).all()


def test_interval_of_tau_is_the_jackknife() -> None:
    columns = drawn(15)
    columns["s1"][2] = columns["s1"][3]
    left = [
        kendalltau(
            [v for j, v in enumerate(columns["s0"]) if j != i], [v for j, v in enumerate(columns["s1"]) if j != i]
        )
        for i in range(15)
    ]
    row = agreement(scores(columns), source="s0").iloc[0]
    lo, hi = pair_counts.jackknife_interval((1 + row["tau"]) / 2, (1 + np.array([each[0] for each in left])) / 2, 105)
    assert (row["lo"], row["hi"]) == pytest.approx((2 * lo - 1, 2 * hi - 1))


def test_all_ties_and_constant_columns_are_null_and_not_zero() -> None:
    flat = scores({"s0": [70.0] * 6, "s1": [60.0] * 6}, n=100)
    assert (transfer(flat, source="s0")["pairs"] == 0).all()
    assert transfer(flat, source="s0")["transfer"].isna().all()
    assert agreement(flat, source="s0")["tau"].isna().all()
    half = transfer(scores({"s0": [70.0, 71, 72, 73], "s1": [60.0] * 4}), source="s0")
    assert within(half, 100)["transfer"] == 0.5
    assert within(half, 100)["tie"] == 1


def test_many_models_are_sampled_and_few_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    table = scores(drawn(40))
    monkeypatch.setattr(pair_counts, "MAX_MODELS", 30)
    monkeypatch.setattr(pair_counts, "SAMPLE", 20)
    first, again = (within(transfer(table, source="s0", seed=3), 100) for _ in range(2))
    assert first["pairs"] == again["pairs"] == 20 * 19 / 2
    assert first["transfer"] == again["transfer"]
    assert agreement(table, source="s0").iloc[0]["tau"] == pytest.approx(
        kendalltau(*(table[table.dataset == name]["score"] for name in ("s0", "s1")))[0]
    )


# the noise floor


def noisy(rng: np.random.Generator, k: int, n: int, spread: float, scatter: float = 0.0) -> pd.DataFrame:
    level = 70 + spread * rng.normal(size=k)
    other = 0.9 * level - 5 + scatter * rng.normal(size=k)
    return scores(
        {"s0": list(rng.binomial(n, level / 100) / n * 100), "s1": list(rng.binomial(n, other / 100) / n * 100)}, n
    )


@pytest.mark.parametrize(("spread", "n"), [(4.0, 2_000), (1.0, 1_000), (0.0, 500)])
def test_with_the_same_true_order_flips_are_those_of_the_floor(
    spread: float, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_floor, "SIMULATIONS", 100)  # a floor is as exact as the mean of 40 studies is anyway
    rng = np.random.default_rng(5)
    rows = [within(transfer(noisy(rng, 25, n, spread), source="s0", seed=i), 100) for i in range(40)]
    apart = np.array([row["excess_flip"] for row in rows])
    assert abs(apart.mean()) < 3 * apart.std() / len(apart) ** 0.5 + 0.01


def test_another_order_has_excess_flips_and_none_without_n() -> None:
    rng = np.random.default_rng(1)
    row = within(transfer(noisy(rng, 60, 20_000, 2.0, scatter=4.0), source="s0"), 100)
    assert row["excess_flip"] > 0.1
    assert row["hi"] < row["noise_floor"]
    unknown = transfer(noisy(rng, 10, 500, 2.0).drop(columns="n"), source="s0")
    assert unknown["noise_floor"].isna().all()


def test_noise_of_the_items_is_used_where_it_is_given() -> None:
    table = noisy(np.random.default_rng(2), 12, 100, 3.0)
    still = {name: pd.DataFrame(np.zeros((5, 12)), columns=sorted(set(table["model"]))) for name in ("s0", "s1")}
    row = within(transfer(table, source="s0", noise=still), 100)
    assert row["noise_floor"] > 0.98  # nothing is noise: the same order, but for ties on the grid of 100 items
    assert within(transfer(table, source="s0"), 100)["noise_floor"] < 0.95


def test_scores_are_drawn_in_to_the_spread_that_noise_leaves() -> None:
    rng = np.random.default_rng(0)
    values, noise = rng.normal(70, 5, 4_000), 3 * rng.normal(size=(50, 4_000))
    assert shrink_scores(values, noise).std() == pytest.approx(4.0, rel=0.05)
    assert np.ptp(shrink_scores(values, 3 * noise)) == 0


# robustness and similarity


def test_effective_robustness_is_the_residual_of_a_line_in_logit_axes() -> None:
    columns, n = drawn(12), 400
    table = robustness(scores(columns, n=n), source="s0", baseline=[f"m{i:03d}" for i in range(8)])
    x, y = (logit((np.array(columns[name]) / 100 * n + 0.5) / (n + 1)) for name in ("s0", "s1"))
    slope, intercept = np.polyfit(x[:8], y[:8], 1)
    found = table.set_index("model").loc[[f"m{i:03d}" for i in range(12)]]
    assert found["expected"].to_numpy() == pytest.approx(100 * expit(intercept + slope * x))
    assert found["effective"].to_numpy() == pytest.approx(np.array(columns["s1"]) - found["expected"].to_numpy())


def test_a_counterpart_is_the_source_of_its_target_and_no_target() -> None:
    table = robustness(scores(drawn(8, sets=4)), source="s0", counterpart={"s2": "s3"})
    assert set(zip(table["source"], table["target"], strict=True)) == {("s0", "s1"), ("s3", "s2")}


@pytest.mark.parametrize(
    "columns", [{"s0": [70.0, 71], "s1": [60.0, 61]}, {"s0": [70.0] * 5, "s1": [60.0, 61, 62, 63, 64]}]
)
def test_a_line_through_too_little_is_null(columns: dict) -> None:
    table = robustness(scores(columns), source="s0")
    assert table["effective"].isna().all()
    assert table["observed"].notna().all()


def test_sets_that_shift_alike_are_one_group() -> None:
    rng = np.random.default_rng(0)
    level, alike, other = rng.normal(75, 4, 60), rng.normal(0, 3, 60), rng.normal(0, 3, 60)
    table = similarity(
        scores(
            {
                "ref": list(level),
                "a": list(level + alike - 10),
                "b": list(level + alike + 0.5 * rng.normal(size=60) - 8),
                "c": list(level + other - 12),
            }
        ),
        source="ref",
    ).set_index("dataset")
    assert table.loc["a", "group"] == table.loc["b", "group"] != table.loc["c", "group"]
    assert table.loc["ref", "group"] == 1
    matrix = table[["ref", "a", "b", "c"]].to_numpy(dtype=float)
    values = np.linalg.eigvalsh(matrix)
    assert table["n_eff"].iloc[0] == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert 2.5 < table["n_eff"].iloc[0] < 3.2


def test_similarity_of_few_models_is_null_and_of_two_sets_two_groups() -> None:
    few = similarity(scores(drawn(4, sets=3)), source="s0")
    assert few["group"].isna().all()
    assert few["n_eff"].isna().all()
    assert similarity(scores(drawn(9)), source="s0")["group"].tolist() == [1, 2]


# properties


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[float]]:
    k = draw(st.integers(2, 9))
    value = st.integers(0, 200).map(lambda step: step / 2)
    return {name: draw(st.lists(value, min_size=k, max_size=k)) for name in ("s0", "s1", "s2")}


def same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True), check_exact=False, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(tables(), st.integers(0, 9))
def test_order_of_rows_and_names_do_not_matter(columns: dict, seed: int) -> None:
    table = scores(columns, n=50, family=[f"f{i // 2}" for i in range(len(columns["s0"]))])
    shuffled = table.sample(frac=1, random_state=seed)
    renamed = table.assign(model=table["model"].map(lambda name: f"x{99 - int(name[1:])}"))
    for judge in (transfer, agreement):
        whole = judge(table, source="s0")
        same(whole, judge(shuffled, source="s0"))
        same(whole, judge(renamed, source="s0"))


@settings(max_examples=50, deadline=None)
@given(tables())
def test_shares_are_shares_and_turning_the_target_round_turns_transfer_round(columns: dict) -> None:
    table = transfer(scores(columns), source="s0")
    known = table[table["pairs"] > 0]
    assert np.allclose(known["win"] + known["tie"] + known["flip"], 1)
    assert ((known["transfer"] >= 0) & (known["transfer"] <= 1)).all()
    ends = known.dropna(subset=["lo"])
    assert ((ends["lo"] <= ends["transfer"] + 1e-9) & (ends["transfer"] <= ends["hi"] + 1e-9)).all()
    turned = {name: [100 - v for v in values] if name != "s0" else values for name, values in columns.items()}
    back = transfer(scores(turned), source="s0")
    assert np.allclose(back["transfer"], 1 - table["transfer"], equal_nan=True)


# messages


ONE = scores({"s0": [70.0, 71], "s1": [60.0, 61]})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (ONE.drop(columns="score"), "scores need the columns model, dataset, score; missing: score"),
        (ONE.head(0), "the scores have no rows"),
        (pd.concat([ONE, ONE.head(1)]), "models that are named more than once on a data set: 1, first 'm000' on 's0'"),
        (ONE.assign(score=101.0), "scores outside 0 to 100 points: 4, first 101.0"),
        (ONE.assign(n=0), "the data set 's0' has 0 items"),
        (ONE.assign(family=["a", "b", "c", "d"]), "the model 'm000' is in two families"),
    ],
)
def test_scores_that_cannot_be_judged_are_refused(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_score_matrix(table)


def test_wishes_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="no data set 's9': there are s0, s1"):
        transfer(ONE, source="s9")
    with pytest.raises(ValueError, match="a gap is a difference in points above 0 and up to 100, got 0"):
        transfer(ONE, source="s0", gaps=[0])
    with pytest.raises(ValueError, match="the baseline names 'm9', which is no model"):
        robustness(ONE, source="s0", baseline=["m9"])
    with pytest.raises(ValueError, match="alike is a correlation above 0 and up to 1, got 2"):
        similarity(ONE, source="s0", alike=2)


def test_floors_of_very_many_sets_share_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert noise_floor.ALL_PAIRS // 301 < noise_floor.PAIRS == noise_floor.ALL_PAIRS // 300
    table = scores(drawn(40, sets=4), n=500)
    whole = within(transfer(table, source="s0"), 100)["noise_floor"]
    monkeypatch.setattr(noise_floor, "ALL_PAIRS", 3_000_000)
    assert within(transfer(table, source="s0"), 100)["noise_floor"] == whole  # three floors: as many as they want
    monkeypatch.setattr(noise_floor, "ALL_PAIRS", 300_000)
    assert within(transfer(table, source="s0"), 100)["noise_floor"] == pytest.approx(whole, abs=0.01)


def test_every_target_is_told_when_it_is_done() -> None:
    table, done = scores(drawn(6, sets=4)), []
    for statistic in (transfer, agreement):
        statistic(table, source="s0", on_step=lambda: done.append(1))
    assert len(done) == 6


def test_the_effective_number_of_sets_is_that_of_the_eigenvalues() -> None:
    found = similarity(scores(drawn(30, sets=5)), source="s0")
    values = np.linalg.eigvalsh(found[found["dataset"].tolist()].to_numpy())
    assert found["n_eff"].tolist() == pytest.approx([values.sum() ** 2 / (values**2).sum()] * 5, rel=1e-12)


def test_gaps_and_bins_are_those_of_the_curve() -> None:
    table = transfer(scores({"s": [50.0, 50.2, 51.0, 60.0], "t": [50.0, 50.1, 52.0, 61.0]}), source="s")
    assert table.loc[table["band"] == "within", "gap"].tolist() == [0.1, 0.3, 0.5, 1.0, 100.0]
    bins = table[table["band"] == "bin"]
    edges = [0.0, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 100.0]
    assert (bins["gap_lo"].tolist(), bins["gap"].tolist()) == (edges[:-1], edges[1:])
    assert bins["pairs"].tolist() == [0, 1, 0, 2, 0, 0, 0, 3, 0, 0]
    for gap in (0.0, 100.1):
        with pytest.raises(ValueError, match="a gap is a difference in points above 0 and up to 100"):
            transfer(scores({"s": [50.0, 51], "t": [50.0, 51]}), source="s", gaps=[gap])
    assert len(transfer(scores({"s": [50.0, 51], "t": [50.0, 51]}), source="s", gaps=[100.0])) == 11
