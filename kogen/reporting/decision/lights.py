"""Traffic lights of the four questions: is the lead real, does it hold elsewhere, by every rule, is the bet safe."""

from dataclasses import dataclass
from typing import Any

from kogen.reporting.decision.quantities import at_most, show_number, unit_phrase
from kogen.reporting.decision.sentences import (
    lead_sentences,
    margin_of,
    pair_sentence,
    share_sentence,
    whole_key,
    worth_sentences,
)
from kogen.reporting.words import Sentence, format_points, phrase, sentence
from kogen.results.findings import Answer, Finding, Reason
from kogen.results.judgement import Action, Judgement

NOTHING_GAINED = (Action.FLOOR, Action.UNTRAINED)  # a headline under which nothing is green
SHORT_NAME = 14  # letters of a name beside a number
SIGNS = {"green": "✓", "amber": "~", "red": "✕", "grey": "?"}  # for readers who do not see the colours


@dataclass(frozen=True)
class Light:
    """One question: its colour, its answer as a key, the number that decides, and why, in at most two sentences.

    Green: yes, and an interval says so. Red: no, and an interval says so. Amber: undecided, or too little to matter.
    Grey: what was measured cannot answer it.
    """

    name: str  # real | holds | rules | safe
    colour: str
    answer: str
    number: dict[str, Any] | None
    reasons: list[Sentence]

    @property
    def sign(self) -> str:
        """The colour as a sign."""
        return SIGNS[self.colour]


def lights(found: Judgement) -> list[Light]:
    """The four lights, in the order in which they are read."""
    every = [real_light(found), holds_light(found), rules_light(found), safe_light(found)]
    if found.action == Action.UNLEARNT:
        return [one if one.answer == "answer_none" else unlearnt_light(one.name) for one in every]
    return every


def unlearnt_light(name: str) -> Light:
    """What every question is answered with where nothing learnt: nothing can be compared yet."""
    return Light(name, "grey", "answer_no_lead", None, [sentence(name, "why_unlearnt")])


def real_light(found: Judgement) -> Light:
    """Green: all models judged together, the leader is ahead of each other on the reference, by enough to matter."""
    if found.lead is None:
        return Light("real", "grey", "answer_none", None, [sentence("real", "why_one", model=found.leader)])
    doubt = next((one for one in found.against if one.answer != Answer.BETTER), found.lead)
    pair = found.lead if found.has_lead else doubt
    reasons = [*lead_sentences(pair, found), *worth_sentences(found)][:2]
    number = named(
        pair.first, "num_points", points=format_points(pair.difference, sign=True), unit=unit_phrase(found.metric)
    )
    if found.action == Action.FLOOR and found.floor:
        values = {"models": found.leaders, "constant": found.floor.constant}
        return Light("real", "amber", "answer_floor", number, [sentence("real", "why_floor", **values), *reasons[:1]])
    if found.action == Action.UNTRAINED and found.untrained and not found.has_lead:  # the lead that the headline denies
        gap = format_points(found.untrained.difference, sign=True)
        number = named(found.untrained.first, "num_points", points=gap, unit=unit_phrase(found.metric))
        return Light("real", "amber", "answer_floor", number, lead_sentences(found.untrained, found)[:2])
    if found.has_lead and found.action not in NOTHING_GAINED:
        return Light("real", "green", "answer_yes", number, reasons)
    if found.has_lead:  # of the network before any training
        return Light("real", "amber", "answer_floor", number, reasons)
    if pair.answer == Answer.UNKNOWN:
        return Light("real", "grey", "answer_unknown", number, reasons)
    if pair.answer == Answer.EQUIVALENT:
        return Light("real", "amber", "answer_equal", number, reasons)
    return Light("real", "amber", "answer_open", number, reasons)


def holds_light(found: Judgement) -> Light:
    """Green: ahead of every other model on every other set, too. Red: another model is ahead on one of them.

    Scores alone: of leads as large, nine of ten hold on every set (green), or fewer than three of four on one (red).
    """
    if not found.targets:
        return Light("holds", "grey", "answer_none", None, [sentence("holds", "why_single_set")])
    if found.lead is None:
        return Light("holds", "grey", "answer_none", None, [sentence("holds", "why_one", model=found.leader)])
    if not found.proven:
        return share_light(found)
    if not found.has_lead or found.action in NOTHING_GAINED:
        why = sentence("holds", "why_nothing" if found.has_lead else "why_no_lead")
        return Light("holds", "grey", "answer_no_lead", None, [why, *lost_sentences(found)])
    number = phrase("num_sets", n=len(found.won), total=len(found.elsewhere))
    kept = [sentence("holds", "sure_kept", sets=[one.dataset for one in found.won])] if found.won else []
    if found.lost:
        return Light("holds", "red", "answer_no", number, [*lost_sentences(found), *kept])
    absent = [one.dataset for one in found.unknown]
    missing = [sentence("holds", "catch_absent", model=found.leader, sets=absent)] if absent else []
    if not found.won and not found.open:
        return Light("holds", "grey", "answer_unknown", None, missing)
    if not found.open and not absent:
        return Light("holds", "green", "answer_yes", number, kept)
    open_sets = [one.dataset for one in found.open]
    unclear = [sentence("holds", "catch_open", sets=open_sets)] if open_sets else missing
    return Light("holds", "amber", "answer_open", number, [*unclear, *kept])


def lost_sentences(found: Judgement) -> list[Sentence]:
    """The set on which the leader is furthest behind."""
    lost = sorted(found.lost, key=lambda one: -(one.difference or 0.0))
    return [pair_sentence("holds", "catch_lost", one, found) for one in lost[:1]]


def share_light(found: Judgement) -> Light:
    """The same from scores alone: by the share of such leads that hold, or from the leader's own places."""
    share, own = found.share, own_places(found)
    if share is None:
        return Light("holds", "grey", "answer_unknown", None, [own])
    reasons = [share_sentence(share, "why_share", found), own]
    number = phrase("num_share", share=f"{100 * share.share:.0f}")
    if share.answer == Answer.UNKNOWN:
        return Light("holds", "grey", "answer_unknown", number, reasons)
    colour = "green" if share.answer == Answer.BETTER else "red" if share.lost else "amber"
    answers = {"green": "answer_mostly", "red": "answer_seldom", "amber": "answer_open"}
    return Light("holds", colour, answers[colour], number, reasons)


def own_places(found: Judgement) -> Sentence:
    """On how many other sets the leader is highest, and where it is furthest behind."""
    seen = [one for one in found.elsewhere if one.reason != Reason.ABSENT]
    behind = [one for one in seen if one.first != found.leader and not one.is_tie]
    values = {"model": found.leader, "n": len(seen) - len(behind), "total": len(seen)}
    worst: Finding | None = max(behind, key=lambda one: one.difference or 0.0, default=None)
    if worst is None or worst.difference is None:
        return sentence("holds", "why_places", **values)
    loss = {"loss": at_most(worst.difference, found.metric), "unit": unit_phrase(found.metric)}
    return sentence("holds", "why_places_worst", **values, **loss, dataset=worst.dataset)


def rules_light(found: Judgement) -> Light:
    """Green: there is a lead, each rule that puts the sets together chooses one model, whose mean lead is proven."""
    rules = found.rules
    if rules is None:
        return Light("rules", "grey", "answer_none", None, [sentence("rules", "why_two")])
    values = {"model": rules.model, "n": rules.same, "total": rules.total, "others": rules.others}
    number = named(rules.model, "num_rules", n=rules.same, total=rules.total)
    reasons = [sentence("rules", "why_rules_some" if rules.others else "why_rules_all", **values)]
    if rules.nearest:
        ends: dict[str, Any] = {
            name: show_number(rules.nearest[name], found.metric) for name in ("difference", "lo", "hi")
        } | {"unit": unit_phrase(found.metric)}
        key = "why_combined" if rules.answer == Answer.BETTER else "why_combined_open"
        reasons.append(sentence("rules", key, first=rules.nearest["first"], second=rules.nearest["second"], **ends))
    if rules.answer == Answer.BETTER and found.has_lead and found.action not in NOTHING_GAINED:
        return Light("rules", "green", "answer_yes", number, reasons)
    if rules.answer == Answer.UNKNOWN:
        return Light("rules", "grey", "answer_agree", number, [*reasons, sentence("rules", "why_rules_scores")])
    return Light("rules", "amber", "answer_depends" if rules.others else "answer_agree", number, reasons)


def safe_light(found: Judgement) -> Light:
    """Green: with 95 %, one model is within the margin of the best on every set. Red: with 95 %, none is."""
    safe = found.safe
    if safe is None:
        return Light("safe", "grey", "answer_none", None, [sentence("safe", "why_two")])
    lost = safe.regret > 1e-9
    most = {"points": at_most(safe.regret, found.metric)}
    number = named(safe.model, "num_most", **most) if lost else named(safe.model, "num_first")
    names: dict[str, Any] = {"model": [safe.model, *safe.equals], "dataset": safe.dataset}
    names |= {"regret": at_most(safe.regret, found.metric), "unit": unit_phrase(found.metric)}
    reasons = [sentence("safe", whole_key("why_least" if lost else "why_never", safe), **names)]
    if safe.chance is None:
        return Light("safe", "grey", "answer_unknown", number, [*reasons, sentence("safe", "why_safe_scores")])
    reasons.append(sentence("safe", "why_near_best", model=safe.model, **margin_of(found), chance=100 * safe.chance))
    if safe.answer == Answer.BETTER and found.action not in NOTHING_GAINED:
        return Light("safe", "green", "answer_yes", number, reasons)
    return (
        Light("safe", "red", "answer_no", number, reasons)
        if safe.unsafe
        else Light("safe", "amber", "answer_open", number, reasons)
    )


def named(model: str, key: str, **values: Any) -> dict[str, Any]:
    """The number of a light with the model that it is of, where that name is short."""
    number = phrase(key, **values)
    return phrase("num_of", model=model, number=number) if len(model) <= SHORT_NAME else number
