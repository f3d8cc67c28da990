"""Judgement of a landscape: every finding and every reason from small tables whose answer is plain."""

from typing import Any

import pytest

from kogen.results.landscape_facts import LandscapeFacts, RunStanding, Standing
from kogen.results.landscape_judgement import (
    COARSE,
    Claim,
    Finding,
    GainClaim,
    Judgement,
    LossClaim,
    Reason,
    judge_gain,
    judge_landscape,
    judge_loss,
)
from kogen.statistics._surface_metrics import pair_verdict

WIDTHS = {"a": 0.8, "b": 0.6, "c": 0.5}


def pair(first: str, second: str, lo: float | None, hi: float | None, **own: Any) -> dict[str, Any]:
    """A pair of widths, its verdict by the code that decides it."""
    row = {"objective": "pretrain", "metric": "width", "first": first, "second": second, "lo": lo, "hi": hi} | own
    nan = float("nan")
    verdict = pair_verdict(nan if lo is None else lo, nan if hi is None else hi, row["metric"] == "width")
    return row | {"difference": None if lo is None or hi is None else (lo + hi) / 2, "planes": 4, "verdict": verdict}


def judge(
    pairs: list[dict[str, Any]], widths: dict[str, float | None] | None = None, planes: int = 4, **standing: Standing
) -> Judgement:
    """The judgement of models with these widths, pairs and standings (sound unless named)."""
    known = WIDTHS if widths is None else widths
    rows = [
        {"objective": "pretrain", "model": m, "metric": "width", "value": v, "lo": 0.1, "hi": 0.9}
        for m, v in known.items()
    ]
    rows += [{"objective": "pretrain", "model": "a", "metric": "error", "value": 0.11, "lo": None, "hi": None}]
    rows += [{"objective": "pretrain", "model": "b", "metric": "error", "value": COARSE, "lo": None, "hi": None}]
    stands = [RunStanding(m, m, "pretrain", f"loss of {m}", standing.get(m, Standing.SOUND)) for m in known]
    return judge_landscape(LandscapeFacts([], pairs, [], stands), rows, "pretrain", planes)


def width(*args: Any, **more: Any) -> Claim:
    return judge(*args, **more).claims["width"]


def test_ahead_of_all_is_better():
    found = width([pair("a", "b", 0.1, 0.3), pair("a", "c", 0.2, 0.4), pair("b", "c", -0.1, 0.3)])
    assert (found.finding, found.reason, found.leader, found.second) == (Finding.BETTER, Reason.NONE, "a", "b")
    assert (found.value, found.lo, found.hi, found.ranked) == (0.8, 0.1, 0.9, 3)
    assert (found.gap, found.gap_lo, found.gap_hi) == (pytest.approx(0.2), 0.1, 0.3)
    assert (found.over, found.level, found.unsure) == (["b", "c"], [], [])


def test_an_interval_that_holds_0_is_never_better():
    found = width([pair("a", "b", 0.0, 0.3), pair("a", "c", 0.2, 0.4), pair("b", "c", 0.1, 0.3)])
    assert found.finding is Finding.UNDECIDED
    assert (found.over, found.unsure) == (["c"], ["b"])


def test_level_within_the_margin_is_equivalent_only_where_all_pairs_are():
    alike = [pair("a", "b", -0.01, 0.04), pair("a", "c", -0.04, 0.04), pair("b", "c", -0.02, 0.03)]
    found = width(alike)
    assert (found.finding, found.level) == (Finding.EQUIVALENT, ["b", "c"])
    assert width([*alike[:2], pair("b", "c", -0.02, 0.06)]).finding is Finding.UNDECIDED
    assert width(alike[:2]).finding is Finding.UNDECIDED  # what is missing is not known


def test_what_cannot_be_known_has_its_reason():
    pairs = [pair("a", "b", 0.1, 0.3), pair("a", "c", 0.2, 0.4), pair("b", "c", 0.1, 0.3)]
    bad = {"a": Standing.COLLAPSED, "b": Standing.UNTRAINED}
    found = width(pairs, **bad)
    assert (found.finding, found.reason, found.leader, found.ranked) == (Finding.UNKNOWN, Reason.ONE_RANKED, "c", 1)
    found = width(pairs, **bad, c=Standing.FLAT)
    assert (found.finding, found.reason, found.leader) == (Finding.UNKNOWN, Reason.NONE_RANKED, None)
    assert width(pairs, planes=0).reason is Reason.NO_PLANES
    none = [pair(*both, None, None) for both in ("ab", "ac", "bc")]
    assert (width(none, planes=1).reason, width(none, planes=2).reason) == (Reason.ONE_PLANE, Reason.NO_INTERVAL)
    assert width(none, widths={"a": None, "b": None}).reason is Reason.NONE_RANKED


def test_a_collapsed_model_wins_nothing():
    found = width([pair("b", "c", 0.05, 0.15)], a=Standing.COLLAPSED)
    assert (found.finding, found.leader, found.over) == (Finding.BETTER, "b", ["c"])


def test_a_pair_that_says_the_opposite_of_the_means_decides_nothing():
    found = width([pair("b", "a", 0.1, 0.3)], widths={"a": 0.8, "b": 0.6})  # on the planes that both have
    assert (found.finding, found.unsure) == (Finding.UNDECIDED, ["b"])
    assert (found.gap, found.gap_lo, found.gap_hi) == (pytest.approx(-0.2), -0.3, -0.1)


def test_a_coarse_grid_is_one_whose_spline_is_off_by_more_than_a_tenth():
    assert judge([]).coarse == ["a"]
    assert judge([], a=Standing.STUCK).coarse == []
    assert judge([]).losses == {"loss of a", "loss of b", "loss of c"}


def test_loss_or_training_counts_pairs_that_differ_under_the_own_losses():
    def probe(first: str, second: str, lo: float, hi: float) -> dict[str, Any]:
        return pair(first, second, lo, hi, objective="probe")

    own = [pair("a", "b", 0.1, 0.3), pair("a", "c", 0.2, 0.4), pair("b", "c", -0.1, 0.3)]
    same = [probe("a", "b", 0.1, 0.2), probe("a", "c", 0.01, 0.2), probe("c", "b", 0.1, 0.2)]
    assert judge_loss(own + same, "pretrain", "probe") == LossClaim(Finding.BETTER, 2, 2, 0, 0)
    mixed = [probe("b", "a", 0.1, 0.2), probe("a", "c", -0.01, 0.2)]
    assert judge_loss(own + mixed, "pretrain", "probe") == LossClaim(Finding.UNDECIDED, 2, 0, 1, 1)
    assert judge_loss(own, "pretrain", "probe") == LossClaim(Finding.UNDECIDED, 0, 0, 0, 0)


def test_what_width_buys_counts_scores():
    def row(score: str, verdict: str, metric: str = "width", n: int = 6) -> dict[str, Any]:
        return {"objective": "pretrain", "metric": metric, "score": score, "n": n, "verdict": verdict}

    def gain(*rows: dict[str, Any]) -> GainClaim | None:
        return judge_landscape(LandscapeFacts([], [], list(rows), []), [], "pretrain", 4).gain

    assert gain(row("x", "too few")) is None
    assert gain(row("x", "together", metric="convex")) is None
    assert gain(row("x", "together"), row("y", "together", n=7)) == GainClaim(
        "pretrain", "width", Finding.BETTER, 7, 2, 0, 0
    )
    found = gain(row("x", "together"), row("y", "against"), row("z", "undecided"))
    assert found == GainClaim("pretrain", "width", Finding.UNDECIDED, 6, 1, 1, 1)


def test_a_pair_that_says_otherwise_than_the_values_is_undecided_and_its_gap_is_turned():
    found = width([pair("b", "a", 0.1, 0.3), pair("a", "c", 0.2, 0.4), pair("b", "c", 0.1, 0.3)])
    assert (found.finding, found.leader, found.unsure, found.over) == (Finding.UNDECIDED, "a", ["b"], ["c"])
    assert (found.gap, found.gap_lo, found.gap_hi) == (pytest.approx(-0.2), -0.3, -0.1)
    half = width([pair("a", "b", None, 0.3), pair("a", "c", 0.2, 0.4)])
    assert (half.gap, half.unsure) == (None, ["b"])


def test_all_pairs_have_to_be_equivalent_and_not_only_the_leaders():
    level = [pair("a", "b", -0.01, 0.01), pair("a", "c", -0.01, 0.01)]
    assert width([*level, pair("b", "c", -0.01, 0.01)]).finding is Finding.EQUIVALENT
    assert width([*level, pair("b", "c", -0.2, 0.2)]).finding is Finding.UNDECIDED
    assert width(level).finding is Finding.UNDECIDED
    two = width([pair("a", "b", -0.01, 0.01)], {"a": 0.5, "b": 0.5})
    assert (two.finding, two.leader) == (Finding.EQUIVALENT, "a")


def test_without_intervals_one_plane_is_the_reason_or_none_is_known():
    nothing = [pair("a", "b", None, None), pair("a", "c", None, None)]
    assert width(nothing, planes=1).reason is Reason.ONE_PLANE
    assert width(nothing, planes=2).reason is Reason.NO_INTERVAL
    assert width([], planes=0).reason is Reason.NO_PLANES
    assert width([], {"a": None}).reason is Reason.NONE_RANKED
    assert width([], {"a": 0.5}).reason is Reason.ONE_RANKED
    some = width([nothing[0], pair("a", "c", 0.2, 0.4)])
    assert (some.finding, some.unsure) == (Finding.UNDECIDED, ["b"])


def test_losses_are_compared_on_pairs_that_both_have():
    own = [pair("a", "b", 0.1, 0.3), pair("a", "c", 0.1, 0.3), pair("b", "c", 0.1, 0.3), pair("a", "d", -0.1, 0.3)]
    shared = [pair("a", "b", 0.1, 0.3, objective="probe"), pair("c", "a", 0.1, 0.3, objective="probe")]
    found = judge_loss([*own, *shared], "pretrain", "probe")
    assert (found.finding, found.pairs, found.same, found.opposite, found.unsure) == (Finding.UNDECIDED, 2, 1, 1, 0)
    alike = judge_loss([*own, shared[0]], "pretrain", "probe")
    assert (alike.finding, alike.pairs, alike.same) == (Finding.BETTER, 1, 1)
    open_ = judge_loss([*own, pair("a", "b", -0.1, 0.3, objective="probe")], "pretrain", "probe")
    assert (open_.finding, open_.pairs, open_.unsure) == (Finding.UNDECIDED, 1, 1)
    none = judge_loss(own, "pretrain", "probe")
    assert (none.finding, none.pairs) == (Finding.UNDECIDED, 0)


def test_scores_that_all_rise_with_width_are_a_gain():
    def gain(*words: str) -> GainClaim | None:
        rows = [{"metric": "width", "verdict": word, "n": 6 + i} for i, word in enumerate(words)]
        return judge_gain([*rows, {"metric": "convex", "verdict": "together", "n": 99}], "pretrain")

    assert gain() is gain("too few") is None
    assert gain("together", "together") == GainClaim("pretrain", "width", Finding.BETTER, 7, 2, 0, 0)
    assert gain("together", "against", "undecided") == GainClaim("pretrain", "width", Finding.UNDECIDED, 8, 1, 1, 1)
    coarse = judge([], WIDTHS).coarse
    assert coarse == ["a"]
    assert COARSE == 0.1
