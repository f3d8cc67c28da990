"""The bet's picks, equals, prices and images to decide, from tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, studentized_range
from scipy.stats import t as student

from kogen.options.lottery import LotteryOptions
from kogen.results import bet
from kogen.results.judge import judge_results as judge_whole
from kogen.results.lottery_summary import LotterySummary


def judge_results(table: pd.DataFrame, options: LotteryOptions) -> LotterySummary:
    """The summary without the judgement."""
    return judge_whole(table, options)[0]


def lottery(rows: list[list], n: int | None = None, **asked) -> LotterySummary:
    """The summary of a wide table: the model, then its scores on s0 (the reference), s1 ..."""
    names = ["model", *(f"s{i}" for i in range(len(rows[0]) - 1))]
    sizes = {name: n for name in names[1:]} if n else {}
    return judge_results(pd.DataFrame(rows, columns=names), LotteryOptions(reference="s0", n=sizes, **asked))


def test_a_model_that_was_measured_once_is_not_passed_over() -> None:
    found = lottery([["A", 90.0, np.nan, np.nan], ["B", 79.5, 71.0, 60.0], ["C", 70.0, 65.0, 55.0]])
    assert found.leading == {"s0": ["A"], "s1": ["B"], "s2": ["B"]}
    assert found.everywhere is not None
    assert (found.everywhere.models, found.everywhere.of, found.everywhere.examples) == (2, 3, ["B", "C"])
    for pick in found.bet.picks:
        assert pick["model"] == "B"
        assert pick["highest_on"] == ["s1", "s2"]  # the highest on each of the 3 sets only among B and C
        assert pick["beaten_on"] == {"s0": ["A"]}


def test_whom_a_complete_model_beats_is_no_matter_of_missing_cells() -> None:
    found = lottery(
        [["A", 90.0, 60.0, 60.0], ["B", 79.5, 71.0, 60.0], ["C", 95.0, np.nan, 10.0], ["D", 93, 93, np.nan]]
    )
    pick = next(row for row in found.bet.picks if row["pick"] == "expected")
    assert pick["model"] == "B"
    assert pick["highest_on"] == ["s2"]  # with A, who equals it there
    assert pick["beaten_on"] == {"s0": ["C", "D"], "s1": ["D"]}  # A is higher on s0, too, and was measured everywhere


def test_sets_without_weight_do_not_count() -> None:
    found = lottery([["A", 90.0, np.nan], ["B", 80.0, 70.0]], weights={"s0": 1.0})
    assert found.everywhere is not None
    assert found.everywhere.models == 2
    assert found.bet.picks[0]["model"] == "A"


def test_equal_models_are_a_tie() -> None:
    found = lottery([["B", 80.0, 70.0, 60.0], ["A", 80.0, 70.0, 60.0], ["C", 70.0, 60.0, 50.0]])
    assert found.leading == {"s0": ["A", "B"], "s1": ["A", "B"], "s2": ["A", "B"]}
    assert found.bet.tie == ["A", "B"]
    assert [pick["equals"] for pick in found.bet.picks] == [["B"], ["B"]]
    assert found.bet.decides is not None
    assert (found.bet.decides.images, found.bet.decides.reason) == (None, "equal")
    alone = lottery([["A", 80.0, 70.0, 60.0], ["B", 80.0, 69.0, 60.0]])
    assert alone.bet.tie == []
    assert not alone.bet.price_matters  # one model by all views costs nothing


@pytest.mark.parametrize(
    ("values", "margin", "seen"),
    [
        ([1.0, 1.5], 0.5, True),
        ([1.0, 1.49], 0.5, False),
        ([1.62, 1.58], 0.0, False),  # 1.6 instead of 1.6
        ([1.64, 1.66], 0.0, True),
        ([1.0, 1.0], 0.0, False),
        ([], 0.5, False),
    ],
)
def test_a_price_is_at_least_the_margin_and_seen(values: list[float], margin: float, seen: bool) -> None:
    assert bet.is_seen(pd.Series(values, dtype=float), margin) == seen


def test_the_price_of_safety_in_the_summary() -> None:
    rows = [["A", 90.0, 60.0, 90.0], ["B", 80.0, 75.0, 82.0]]
    assert lottery(rows).bet.price_matters  # the regret is 15 instead of 10
    assert not lottery(rows, margin=6.0).bet.price_matters


def test_at_most_so_many_images_from_scores_alone() -> None:
    found = lottery([["A", 80.0, 70.0], ["B", 79.0, 60.0], ["C", 60.0, 50.0]], n=1000)
    decides = found.bet.decides
    assert decides is not None
    critical = studentized_range.isf(0.05, 3, np.inf) / 2**0.5
    wanted = int(np.ceil((critical + 0.84) ** 2 * (0.8 * 0.21 + 0.79 * 0.2) / 0.01**2))
    assert (decides.first, decides.second, decides.images) == ("A", "B", wanted)
    assert decides.images_is_upper_bound
    assert not decides.decided
    assert decides.reason is None


def test_the_spread_of_trainings_may_leave_no_number_of_images() -> None:
    table = pd.DataFrame(
        [
            (m, s, i, v + d)
            for m, v in (("A", 80.0), ("B", 79.0))
            for s in ("s0", "s1")
            for i, d in enumerate((-3, 0, 3))
        ],
        columns=["model", "dataset", "seed", "score"],
    )
    decides = judge_results(table, LotteryOptions(reference="s0")).bet.decides
    assert decides is not None
    assert (decides.images, decides.reason) == (None, "training")
    calm = table.copy()
    calm["score"] = np.where(calm["model"] == "A", 80.0, 60.0) + 0.001 * table["seed"]
    decides = judge_results(calm, LotteryOptions(reference="s0")).bet.decides
    assert decides is not None
    assert decides.images == int(np.ceil(2.8**2 * (0.8 * 0.4 + 0.6 * 0.2) / 0.2**2))


def test_the_row_of_the_two_leaders_of_scores_alone() -> None:
    found = lottery([["A", 80.0, 70.0], ["B", 70.0, 60.0], ["C", 60.0, 50.0]], n=1000)
    assert found.real is not None
    assert (found.real["kind"], found.real["first"], found.real["second"]) == ("unpaired", "A", "B")
    assert (found.real["verdict"], found.real["needed"]) == ("better", None)
    assert found.unpaired is not None
    assert [row["second"] for row in found.unpaired] == ["B", "C"]
    unknown = lottery([["A", 80.0, 70.0], ["B", 70.0, 60.0]])
    assert unknown.real is None
    assert unknown.unpaired is None


def images(right: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame({"model": m, "dataset": "d", "seed": 0, "item": np.arange(len(row)).astype(str), "correct": row})
        for m, row in right.items()
    )


def test_images_decide_what_scores_could_not() -> None:
    one, two = np.ones(50_000, dtype=int), np.ones(50_000, dtype=int)
    two[:160] = 0
    one[160:250] = 0
    found = judge_results(images({"A": one, "B": two}), LotteryOptions(margin=0.05, draws=50))
    decides = found.bet.decides
    assert decides is not None
    assert (decides.decided, decides.images, decides.images_is_upper_bound) == (True, 50_000, False)
    assert found.real is not None
    assert (found.real["kind"], found.real["verdict"]) == ("paired", "better")
    share = [
        {"model": m, "dataset": "d", "score": 100 * row.mean(), "n": 50_000} for m, row in (("A", one), ("B", two))
    ]
    alone = judge_results(pd.DataFrame(share), LotteryOptions(margin=0.05)).bet.decides
    assert alone is not None
    assert alone.images is not None
    assert alone.images_is_upper_bound


def test_an_undecided_pair_has_the_images_of_its_row() -> None:
    one, two = np.zeros(500, dtype=int), np.zeros(500, dtype=int)
    one[:30] = 1
    two[30:50] = 1
    found = judge_results(images({"A": one, "B": two}), LotteryOptions(margin=0.1, draws=50))
    decides = found.bet.decides
    assert decides is not None
    assert found.real is not None
    assert (decides.decided, decides.images) == (False, found.real["needed"]["images"])
    assert decides.difference == pytest.approx(2)


def test_left_out_sets_clusters_and_cochran_are_in_the_summary() -> None:
    rows = [["A", 80.0, 60.0, 70.0, 50.0], ["B", 75.0, 65.0, 72.0, 60.0], ["C", 70.0, 66.0, 71.0, 61.0]]
    found = lottery(rows).left_out
    assert found is not None
    assert found.best[0] == "weighted_difference"
    assert "reference" not in found.best
    assert "mean_rank" not in found.best  # 1 instead of 2/3
    assert {row["left_out"] for row in found.sets} == {"s1", "s2", "s3"}
    assert [row["regret"] for row in found.rules if row["rule"] == "reference"] == [pytest.approx(19 / 3)]
    table = images({m: np.random.default_rng(i).integers(0, 2, 60) for i, m in enumerate("ABC")})
    table["cluster"] = (table["item"].astype(int) // 20).astype(str)
    judged = judge_results(table, LotteryOptions(draws=50))
    assert judged.clusters is not None
    assert (judged.clusters[0]["clusters"], judged.clusters[0]["warning"]) == (3, "few")
    assert judged.cochran is not None
    assert judged.cochran[0]["method"] == "permutation"
    assert judged.left_out is None
    assert "3 sets or more" in judged.refused["left_out"]


# each step by itself


def long(**models: dict[str, float]) -> pd.DataFrame:
    rows = [(m, name, score) for m, sets in models.items() for name, score in sets.items()]
    return pd.DataFrame(rows, columns=["model", "dataset", "score"])


FOUR = long(a={"s": 80.0, "t": 50.0}, b={"s": 80.0 + 5e-10, "t": 60.0}, c={"s": 90.0}, d={"t": 60.0 + 2e-9})


def picks(*models: str, **columns: list[object]) -> pd.DataFrame:
    rows = pd.DataFrame({"pick": ["expected", "regret", "near"][: len(models)], "model": models, "price": 0.0})
    known = {"expected": 1.0, "max_regret": 1.0, "equals": [[]] * len(models)} | columns
    return rows.assign(**known)


def test_the_first_two_picks_or_the_one_and_the_next_best_are_decided_between() -> None:
    assert bet.chosen_pair(picks("a", "b", "c"), FOUR, "s") == ["a", "b"]
    assert bet.chosen_pair(picks("a", "a"), FOUR, "s") == ["a", "c"]
    assert bet.chosen_pair(picks("c", "c"), FOUR, "s") == ["c", "a"]  # a and b differ by rounding alone: by name
    assert bet.chosen_pair(picks(), FOUR, "s") == []
    assert bet.chosen_pair(picks("c"), FOUR[FOUR["model"] == "c"], "s") == ["c"]


def test_sets_that_count_have_a_weight() -> None:
    assert bet.counted_sets(FOUR, None) == bet.counted_sets(FOUR, {}) == ["s", "t"]
    assert bet.counted_sets(FOUR, {"t": 0.5, "s": 0.0}) == bet.counted_sets(FOUR, {"t": 2.0}) == ["t"]
    found = bet.measured_everywhere(FOUR, None)
    assert (found.models, found.of, found.examples) == (2, 4, ["a", "b"])
    assert bet.measured_everywhere(FOUR, {"t": 1}).examples == ["a", "b", "d"]
    many = long(**{f"m{i:02d}": {"s": 1.0} for i in range(21)})
    assert (bet.measured_everywhere(many, None).models, len(bet.measured_everywhere(many, None).examples)) == (21, 20)
    assert len(bet.set_leaders(many)["s"]) == 20
    assert bet.set_leaders(FOUR) == {"s": ["c"], "t": ["d"]}
    assert bet.set_leaders(FOUR[FOUR["model"] < "c"])["s"] == ["a", "b"]


def test_where_a_model_is_highest_and_who_beats_it_without_having_been_everywhere() -> None:
    assert bet.heights("b", FOUR) == {"highest_on": [], "beaten_on": {"s": ["c"], "t": ["d"]}}
    assert bet.heights("a", FOUR) == {"highest_on": [], "beaten_on": {"s": ["c"], "t": ["d"]}}
    assert bet.heights("c", FOUR) == {"highest_on": ["s"], "beaten_on": {}}
    near = FOUR.assign(score=FOUR["score"].where(FOUR["model"] != "d", 60.0 + 5e-10))
    assert bet.heights("b", near)["highest_on"] == ["t"]


def test_models_that_every_criterion_takes_for_equal() -> None:
    assert bet.tied_models(picks("a", "a", equals=[["b", "c"], ["c"]])) == ["a", "c"]
    assert bet.tied_models(picks("a", "b", equals=[["b", "c"], ["c"]])) == []
    assert bet.tied_models(picks("a", "a", equals=[["b"], []])) == []
    assert bet.tied_models(picks()) == []
    assert bet.tied_models(picks("a", "b", equals=[["c", "b"], ["a"]])) == ["a", "b"]


def test_a_recommendation_is_one_model_or_says_what_safety_costs() -> None:
    one = bet.recommendation(picks("a", "a", price=[0.0, 2.0]), FOUR, 0.5, None, None)
    assert (one.model, one.agree, one.price, one.price_matters) == ("a", True, 2.0, False)
    assert one.picks[0]["beaten_on"] == {"s": ["c"], "t": ["d"]}
    two = bet.recommendation(picks("a", "b", max_regret=[1.0, 3.0]), FOUR, 0.5, {"s": 1}, None)
    assert (two.model, two.agree, two.price_matters) == (None, False, True)
    assert two.picks[0]["beaten_on"] == {}  # on s alone c was measured everywhere
    none = bet.recommendation(picks(), FOUR, 0.5, None, None)
    assert (none.model, none.agree, none.price, none.picks, none.price_matters) == (None, None, None, [], False)


PAIR = {"first": "a", "second": "b", "difference": -2.0, "n": 400.0, "verdict": "undecided"}


def test_images_of_a_pair_are_its_own_where_it_is_decided_and_those_of_its_row_where_not() -> None:
    for verdict in ("better", "small", "equivalent"):
        found = bet.decide_from_pairs(PAIR | {"verdict": verdict}, {"images": 900})
        assert (found.images, found.decided, found.reason, found.difference) == (400, True, None, 2.0)
    found = bet.decide_from_pairs(PAIR, {"images": 900})
    assert (found.images, found.decided, found.reason) == (900, False, None)
    for needed in (None, {"images": None}, {"images": float("nan")}):
        assert bet.decide_from_pairs(PAIR, needed).reason == "training"
    assert bet.decide_from_pairs(PAIR | {"difference": 5e-10}, {"images": 900}).reason == "equal"
    assert bet.decide_from_pairs(PAIR | {"difference": 2e-9}, {"images": 900}).reason is None


def test_images_from_scores_have_the_part_of_training_taken_from_the_difference() -> None:
    rows = [("a", 80.0, 0), ("a", 82.0, 1), ("b", 70.0, 0), ("b", 71.0, 1)]
    scores = pd.DataFrame(rows, columns=["model", "score", "seed"]).assign(dataset="s")
    found = bet.decide_from_scores(scores, ["a", "b"], "s")
    training = student.isf(0.025, 1) ** 2 * (2.0 / 2 + 0.5 / 2) / 1e4
    left = 0.105**2 - training * ((norm.isf(0.025) + 0.84) / norm.isf(0.025)) ** 2
    assert left < 0
    assert (found.images, found.reason) == (None, "training")
    calm = scores.assign(score=[80.0, 80.2, 70.0, 70.1])
    found = bet.decide_from_scores(calm, ["a", "b"], "s")
    training = student.isf(0.025, 1) ** 2 * (0.02 / 2 + 0.005 / 2) / 1e4
    wide = norm.isf(0.025) + 0.84
    left = 0.1005**2 - training * (wide / norm.isf(0.025)) ** 2
    spread = 0.801 * (1 - 0.7005) + 0.7005 * (1 - 0.801)
    assert (found.images, found.reason) == (int(np.ceil(wide**2 * spread / left)), None)
    assert found.difference == pytest.approx(10.05)
    assert bet.decide_from_scores(calm.assign(score=80.0), ["a", "b"], "s").reason == "equal"


def test_fifty_sets_that_were_left_out_are_kept_one_by_one() -> None:
    def table(sets: int) -> pd.DataFrame:
        rows = [{"rule": "x", "left_out": f"s{i}", "regret": 1.0} for i in range(sets)]
        rows += [{"rule": rule, "regret": value} for rule, value in (("x", 1.0), ("y", 1.0 + 2e-10), ("z", 1.0 + 2e-9))]
        return pd.DataFrame(rows).assign(model="a", equals=1, worst=1.0, lo=0.0, hi=1.0, share_best=0.5)

    found = bet.left_out_summary(table(50))
    assert (len(found.sets), len(found.rules), found.best) == (50, 3, ["x", "y"])
    assert bet.left_out_summary(table(51)).sets == []
