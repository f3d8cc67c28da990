"""Sentences of the landscape: the numbers of hand-made tables, and no sentence that the pairs contradict."""

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kogen.reporting.landscape import sentences
from kogen.reporting.words import say
from kogen.results.landscape_facts import LandscapeFacts, RunStanding, Standing
from kogen.results.landscape_judgement import Finding, GainClaim, Judgement, LossClaim, judge_landscape
from kogen.statistics._surface_metrics import pair_verdict

PAIRS = [("ant", "bee", 0.05, 0.15), ("ant", "cat", 0.2, 0.4), ("bee", "cat", -0.1, 0.3)]
WIDTHS = {"ant": 0.7, "bee": 0.6, "cat": 0.4}


def judge(
    pairs: list[tuple[str, str, float, float]],
    widths: dict[str, float],
    standings: dict[str, Standing] | None = None,
    planes: int = 4,
    losses: bool = True,
) -> Judgement:
    """What hand-made widths and pairs come to; the standings are sound unless given."""
    rows = [
        {"objective": "pretrain", "model": m, "metric": "width", "value": v, "lo": v - 0.05, "hi": v + 0.05}
        for m, v in widths.items()
    ]
    listed = [
        {"objective": "pretrain", "metric": "width", "first": a, "second": b, "difference": (lo + hi) / 2}
        | {"lo": lo, "hi": hi, "planes": planes, "verdict": pair_verdict(lo, hi, True)}
        for a, b, lo, hi in pairs
    ]
    bad = standings or {}
    stands = [RunStanding(m, m, "pretrain", m if losses else "one", bad.get(m, Standing.SOUND)) for m in widths]
    return judge_landscape(LandscapeFacts([], listed, [], stands), rows, "pretrain", planes)


def test_the_leader_is_named_with_its_numbers():
    judged = judge(PAIRS, WIDTHS)
    assert sentences.headline(judged, "en") == (
        "ant has the widest basin, wider than each of the other models that may be ranked."
    )
    assert sentences.sureness(judged, "en") == [
        "Its width is 0.7 (0.65 to 0.75) on a scale from 0 to 1.",
        "ant is ahead of bee, the next, by 0.1 (0.05 to 0.15).",
        "This rests on 4 random planes, the same for all, and on this many runs of each model: 1.",
    ]
    assert sentences.next_step(judged, "en") is None
    said = sentences.catches(judged, "en")
    assert [line.split(":")[0] for line in said] == [
        "Each model is shown under the loss that it was trained with. Widths are shares of its own range",
        "Each model was trained once",
        "A wide basin does not make a better model",
    ]
    assert len(sentences.catches(judge(PAIRS, WIDTHS, losses=False), "en")) == 2


def test_a_tie_is_told_as_one():
    judged = judge([("ant", "bee", -0.05, 0.25), *PAIRS[1:]], WIDTHS)
    assert sentences.headline(judged, "en") == (
        "Which basin is widest cannot be told: ant has the largest number of 3 models, within its error."
    )
    assert sentences.sureness(judged, "en")[1:3] == [
        "The difference to bee, the next, is 0.1 (−0.05 to 0.25): it may be none.",
        "It is surely wider than cat alone.",
    ]
    assert "--planes 8 takes as long again" in (sentences.next_step(judged, "en") or "")
    level = judge([("ant", "bee", -0.04, 0.04)], {"ant": 0.7, "bee": 0.7})
    assert sentences.headline(level, "en") == (
        "The basins are equally wide: the 2 models that may be ranked differ by less than 0.05."
    )


@pytest.mark.parametrize("why", [one for one in Standing if one is not Standing.SOUND])
def test_who_is_not_ranked_is_named_with_the_reason(why: Standing):
    for lang in ("en", "ja"):
        judged = judge(PAIRS, WIDTHS, {"ant": why, "cat": why})
        assert "bee" in sentences.headline(judged, lang)
        assert "ant" not in sentences.headline(judged, lang)
        assert "ant" in sentences.catches(judged, lang)[0]
        assert sentences.say(lang, f"l_why_{why}") in sentences.catches(judged, lang)[0]
    nobody = judge(PAIRS, WIDTHS, dict.fromkeys(WIDTHS, why))
    assert "say nothing about which model is better" in sentences.headline(nobody, "en")
    assert sentences.sureness(nobody, "en") == []


def test_what_to_do_next_follows_from_the_reason():
    one, none = judge(PAIRS, WIDTHS, planes=1), judge(PAIRS, WIDTHS, {"ant": Standing.UNKNOWN})
    lonely = judge(PAIRS, WIDTHS, {"ant": Standing.STUCK, "bee": Standing.STUCK})
    nan = float("nan")
    one = judge([(a, b, nan, nan) for a, b, _, _ in PAIRS], WIDTHS, planes=1)
    assert "(--planes 8)" in (sentences.next_step(one, "en") or "")
    assert "same kogen landscape again" in (sentences.next_step(none, "en") or "")
    assert "for longer, or at another rate" in (sentences.next_step(lonely, "en") or "")


def test_an_alarm_has_its_epoch():
    assert sentences.standing_text(RunStanding("r", "m", "o", "l", Standing.STUCK, 3), "en") == "loss stuck (epoch 3)"
    assert sentences.standing_text(RunStanding("r", "m", "o", "l", Standing.SOUND), "en") == "may be ranked"


def test_counts_of_pairs_losses_and_scores():
    judged = judge(PAIRS, WIDTHS)
    rows = [
        {"metric": "width", "verdict": verdict}
        for verdict in ("larger", "larger", "equivalent", "undecided", "unknown")
    ]
    assert sentences.width_answer(judged, [*rows, {"metric": "range", "verdict": "larger"}], "en") == [
        "Pairs of models: 5. Different in width: 2; level within 0.05: 1; cannot be told: 2."
    ]
    said = sentences.loss_answer(LossClaim(Finding.UNDECIDED, 6, 3, 2, 1), "en")
    assert "of 6 pairs that differ" in said
    assert "3 differ the same way" in said
    assert "2 the other way, and 1 are not told apart" in said
    assert "not the loss alone: all pairs" in sentences.loss_answer(LossClaim(Finding.BETTER, 6, 6, 0, 0), "en")
    assert "nothing to explain" in sentences.loss_answer(LossClaim(Finding.UNDECIDED, 0, 0, 0, 0), "en")
    gain = sentences.gain_answer(GainClaim("o", "width", Finding.UNDECIDED, 9, 1, 2, 4), "en")
    assert gain[0] == "Over 9 models, width rises with 1 of 7 scores, falls with 2, and 4 cannot be told."


NAMES = ["ant", "bee", "cat", "dog"]


@st.composite
def landscapes(draw: st.DrawFn) -> tuple[Judgement, dict[frozenset[str], tuple[float, float]]]:
    """A random landscape: models of any standing with any widths, and an interval for every pair."""
    names = NAMES[: draw(st.integers(1, 4))]
    share = st.floats(0, 1, allow_nan=False)
    widths = {name: draw(share) for name in names}
    standings = {name: draw(st.sampled_from([Standing.SOUND, *Standing])) for name in names}
    pairs = []
    for one, two in itertools.combinations(names, 2):
        first, second = (one, two) if widths[one] >= widths[two] else (two, one)
        half = draw(st.sampled_from([0.0, 0.01, 0.04, 0.2, 0.9]))
        gap = widths[first] - widths[second]
        pairs.append((first, second, gap - half, gap + half))
    judged = judge(pairs, widths, standings)
    return judged, {frozenset(row[:2]): row[2:] for row in pairs}


@given(landscapes())
@settings(max_examples=2000, deadline=None)
def test_no_sentence_contradicts_the_pairs(made: tuple[Judgement, dict[frozenset[str], tuple[float, float]]]):
    judged, pairs = made
    head, sure = sentences.headline(judged, "en"), " ".join(sentences.sureness(judged, "en"))
    ranked = [m for m, runs in judged.standings.items() if runs[0].standing is Standing.SOUND]
    for model in set(judged.standings) - set(ranked):  # drawn, never ranked
        assert model not in head + sure
        assert any(model in line for line in sentences.catches(judged, "en"))
    others = {m: [pairs[frozenset((m, other))] for other in ranked if other != m] for m in ranked}
    if found := re.match(r"(\w+) has the widest basin", head):
        assert len(ranked) > 1
        assert all(lo > 0 for lo, _ in others[found[1]])
    if "equally wide" in head:
        assert all(max(abs(lo), abs(hi)) < 0.05 for both in others.values() for lo, hi in both)
    if found := re.search(r"(\w+) is ahead of (\w+), the next", sure):
        assert pairs[frozenset(found.groups())][0] > 0
    if found := re.search(r"The difference to (\w+), the next, .* it may be none", sure):
        leader = judged.claims["width"].leader
        assert leader is not None
        assert pairs[frozenset((leader, found[1]))][0] <= 0
    if found := re.search(r"surely wider than ([\w, ]+) alone", sure):
        leader = judged.claims["width"].leader
        for name in set(re.findall(r"\w+", found[1])) & set(NAMES):
            assert leader is not None
            assert pairs[frozenset((leader, name))][0] > 0
    assert ("say nothing" in head) == (not ranked)


def test_models_of_which_nothing_can_be_drawn_are_said_to_be_left_out() -> None:
    lost, bad = (sentences.not_ranked_text(["ant"], why, "en") for why in (Standing.NOT_FINITE, Standing.COLLAPSED))
    assert lost.startswith("Left out: ant. The loss is no finite number at the weights")
    assert bad.startswith("Drawn, but not ranked: ant. The features collapsed in training")
    assert sentences.not_ranked_text(["ant"], Standing.COLLAPSED, "ja").startswith(
        "描画のみで順位は付けません：ant。学習"
    )


# each sentence by itself


def test_a_claim_that_is_open_says_over_whom_the_leader_is_ahead() -> None:
    judged = judge([("ant", "bee", -0.05, 0.15), ("ant", "cat", 0.2, 0.4), ("bee", "cat", -0.1, 0.3)], WIDTHS)
    said = sentences.sureness(judged, "en")
    assert said[1] == say("en", "l_sure_gap_open", model="ant", second="bee", gap="0.05 (−0.05 to 0.15)")
    assert said[2] == say("en", "l_sure_over", model="ant", models=["cat"])
    assert sentences.next_step(judged, "en") == say("en", "l_next_more", planes=8)
    one = judge([], WIDTHS, planes=1)
    assert len(sentences.sureness(one, "en")) == 1  # one plane is nothing to rest on
    assert sentences.number_text(0.5, None, 0.6, "en") == sentences.number_text(0.5, 0.4, None, "en") == "0.5"
    assert sentences.number_text(0.5, 0.4, 0.6, "en") == "0.5 (0.4 to 0.6)"


def test_runs_of_models_are_counted_from_the_fewest_to_the_most() -> None:
    judged = judge(PAIRS, WIDTHS)
    twice = {"ant": judged.standings["ant"] * 2}
    more = replace(judged, standings=judged.standings | twice)
    assert sentences.sureness(more, "en")[-1] == say("en", "l_sure_base", planes=4, seeds="1 to 2")
    assert say("en", "l_catch_seed") not in sentences.catches(more, "en")
    assert say("en", "l_catch_seed") in sentences.catches(judged, "en")
    coarse = replace(judged, coarse=["bee"], gain=GainClaim("pretrain", "width", Finding.UNDECIDED, 5, 1, 1, 1))
    assert say("en", "l_catch_coarse", models=["bee"]) in sentences.catches(coarse, "en")
    assert say("en", "l_catch_gain") not in sentences.catches(coarse, "en")
    nobody = judge(PAIRS, WIDTHS, dict.fromkeys(WIDTHS, Standing.COLLAPSED))
    assert len(sentences.catches(nobody, "en")) == 1


def test_models_are_not_ranked_by_the_reason_of_their_worst_run_the_worst_first() -> None:
    bad = {"ant": Standing.NOT_MINIMUM, "bee": Standing.BROKEN, "dog": Standing.BROKEN}
    judged = judge(PAIRS, WIDTHS | {"dog": 0.1}, bad)
    found = sentences.models_not_ranked(judged)
    assert list(found.items()) == [(Standing.BROKEN, ["bee", "dog"]), (Standing.NOT_MINIMUM, ["ant"])]
    drawn = replace(judged, standings=judged.standings | {"new": []})
    assert sentences.models_not_ranked(drawn)[Standing.UNKNOWN] == ["new"]
    assert sentences.next_step(drawn, "en") == say("en", "l_next_again")
    alone = judge([], {"ant": 0.5}, {"ant": Standing.BROKEN})
    assert sentences.next_step(alone, "en") is None


def test_pairs_are_counted_by_what_they_say_of_width() -> None:
    rows = [
        {"metric": "width", "verdict": word}
        for word in ("larger", "larger", "equivalent", "undecided", "unknown", "undecided")
    ]
    judged = judge(PAIRS, WIDTHS)
    (said, *_) = sentences.width_answer(judged, [*rows, {"metric": "convex", "verdict": "larger"}], "en")
    assert said == say("en", "l_pairs_said", total=6, margin="0.05", larger=2, equal=1, open=3)
    assert sentences.width_answer(judged, [], "en") == []
    claim = GainClaim("pretrain", "width", Finding.UNDECIDED, 7, 2, 1, 3)
    assert sentences.gain_answer(claim, "en")[0] == say(
        "en", "l_gain_said", n=7, total=6, together=2, against=1, open=3
    )
