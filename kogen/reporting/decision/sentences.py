"""Sentences of a decision: what to do, how sure, the catch, the next step; each is a key of words.toml and values."""

from typing import Any

from kogen.options.study_task import BOX_METRICS
from kogen.reporting.decision.quantities import at_most, quantity, show_number, unit_phrase, value_phrase
from kogen.reporting.words import Sentence, phrase, sentence
from kogen.results.findings import TIE, Answer, Finding, FloorFinding, Reason
from kogen.results.judgement import LEARNT, Action, Judgement, SafeFinding, ShareFinding

LUCK = 0.025  # below it the resampled chance is surer of itself than an interval that cannot tell; it is not said

WHOLE_KEYS = {
    "do_safe": "do_safe_whole",
    "do_least": "do_least_whole",
    "do_unsafe": "do_unsafe_whole",
    "do_safe_differs": "do_safe_differs_whole",
    "why_least": "why_least_whole",
    "why_never": "why_never_whole",
}


def headline(found: Judgement) -> Sentence:
    """What to do."""
    names: dict[str, Any] = {"model": found.leader, "dataset": found.reference}
    if found.action == Action.UNLEARNT:
        learnt = {"metric": phrase(found.metric.label), "least": LEARNT}
        return sentence("headline", "do_unlearnt", dataset=found.reference, **learnt)
    if found.action == Action.BET:
        kind = found.methods.get(found.leader, "")
        key = f"do_bet_{kind}" if kind in ("supervised", "stock", "minirocket") else "do_bet"
        return sentence("headline", key, **names)
    if found.action == Action.SPLIT:
        there = found.lost[0]
        return sentence("headline", "do_split", **names, other=there.first, sets=[there.dataset])
    if found.action == Action.TIE:
        return sentence("headline", "do_tie", models=found.models)
    if found.action == Action.SHARED:
        known = {"dataset": found.reference, "models": found.models}
        if found.cheapest:
            return sentence("headline", "do_shared_cheapest", model=found.cheapest, **known)
        return sentence("headline", "do_shared", **known)
    if found.action == Action.EQUAL:
        return equal_headline(found)
    if found.action == Action.FLOOR and found.floor:
        reached = {"value": quantity(found.metric.sign * found.value, found.metric)}
        reached |= {"floor": quantity(found.floor.floor, found.metric), "constant": found.floor.constant}
        return sentence("headline", "do_floor", **names, models=found.models, **reached)
    if found.action == Action.UNTRAINED and found.untrained:
        return untrained_headline(found, found.untrained)
    if found.action == Action.SAFE and found.safe:
        return safe_headline(found)
    if found.action == Action.ONE:
        return sentence("headline", "do_one", **names)
    return sentence(
        "headline", "do_nothing_here" if found.targets else "do_one_set", **names, value=value_phrase(found)
    )


def equal_headline(found: Judgement) -> Sentence:
    """The foremost models are as good as one another: take the cheapest."""
    values = {"dataset": found.reference, **margin_of(found)}
    if found.cheapest is None:
        return sentence("headline", "do_equal", models=found.models, **values)
    others = [model for model in found.models if model != found.cheapest]
    return sentence("headline", "do_equal_cheapest", model=found.cheapest, others=others, **values)


OF_BOXES = {  # there the untrained network is trained as a detector, from scratch
    "do_untrained": "boxes_untrained",
    "do_untrained_equal": "boxes_untrained_equal",
    "do_untrained_first": "boxes_untrained_first",
    "do_untrained_leads": "boxes_untrained_leads",
}


def untrained_headline(found: Judgement, against: Finding) -> Sentence:
    """No model is better than the network before any training."""
    random = next(model for model in (against.second, against.first) if found.methods.get(model) == "random")
    values = {"dataset": found.reference, "random": random, **margin_of(found)}
    others = [model for model in found.models if model != random]
    if against.first == random and against.is_ahead:
        key = "do_untrained_leads"
    elif not others:
        key = "do_untrained_first"
    else:
        key = "do_untrained" if against.answer == Answer.UNDECIDED else "do_untrained_equal"
        values |= {"models": others}
    return sentence("headline", OF_BOXES[key] if found.metric.name in BOX_METRICS else key, **values)


def safe_headline(found: Judgement) -> Sentence:
    """What loses least over all sets, where nothing proves a lead."""
    safe = found.safe
    assert safe is not None
    if safe.average != safe.model and safe.matters:
        regrets = {"regret": safe.regret, "worst": safe.average_regret, "price": safe.price}
        points = {name: at_most(loss, found.metric) for name, loss in regrets.items()}
        names = {"first": safe.average, "second": safe.model, "unit": unit_phrase(found.metric)}
        return sentence("headline", whole_key("do_safe_differs", safe), **names, **points)
    values = {"models": found.models, "n": safe.sets, "regret": at_most(safe.regret, found.metric), **margin_of(found)}
    if safe.regret <= TIE:
        return sentence("headline", "do_safe_first" if safe.answer == Answer.BETTER else "do_least_first", **values)
    key = "do_safe" if safe.answer == Answer.BETTER else "do_unsafe" if safe.unsafe else "do_least"
    return sentence("headline", whole_key(key, safe), **values)


def whole_key(key: str, safe: SafeFinding) -> str:
    """The key of the words for a model that is best among those measured everywhere, where another is higher."""
    return WHOLE_KEYS[key] if safe.beaten_on else key


def how_sure(found: Judgement) -> list[Sentence]:
    """The numbers that the headline rests on, and how sure they are."""
    said = [value_sentence(found)]
    if found.action == Action.UNLEARNT:
        return said
    if found.action == Action.FLOOR and found.floor:
        said.append(floor_sentence("sure", "sure_floor", found.floor, found))
    elif found.action == Action.UNTRAINED and found.untrained:
        said.append(pair_sentence("sure", untrained_key(found.untrained), found.untrained, found))
    elif found.lead:
        said += lead_sentences(found.lead, found)
    if found.has_lead and found.won and found.action not in (Action.FLOOR, Action.UNTRAINED):
        said.append(sentence("sure", "sure_kept", sets=[one.dataset for one in found.won]))
    if found.action not in (Action.FLOOR, Action.UNTRAINED):
        said += worth_sentences(found)
    return said


def untrained_key(pair: Finding) -> str:
    """Which sentence: where either may be ahead, both ends are named."""
    return "sure_open" if pair.answer == Answer.UNDECIDED and not pair.is_tie else "sure_untrained"


def value_sentence(found: Judgement) -> Sentence:
    """What the leader reaches, beside the constant answer."""
    known = {"models": found.leaders, "measured": value_phrase(found), "dataset": found.reference}
    if found.floor is None:
        return sentence("sure", "sure_value", **known)
    floor = quantity(found.floor.floor, found.metric)
    return sentence("sure", "sure_value_floor", **known, constant=found.floor.constant, floor=floor)


def lead_sentences(lead: Finding, found: Judgement) -> list[Sentence]:
    """The leader against the next model."""
    if lead.answer == Answer.UNKNOWN:
        if lead.is_tie and lead.dataset == found.reference:
            return [sentence("sure", "sure_scores_tie", dataset=lead.dataset, models=found.leaders)]
        return [sentence("sure", "sure_scores", dataset=lead.dataset, first=lead.first, second=lead.second)]
    keys = {Reason.AHEAD: "sure_ahead", Reason.SMALL: "sure_small", Reason.EQUAL: "sure_equal"}
    key = keys.get(lead.reason, "sure_tie" if lead.is_tie else "sure_open")
    if lead.at_least and key in ("sure_ahead", "sure_open"):
        key += "_scores"
    said = [pair_sentence("sure", key, lead, found)]
    chances = lead.answer == Answer.UNDECIDED and not lead.is_tie and not lead.at_least
    if chances and lead.chance is not None and lead.chance >= LUCK:
        chance = 100 * lead.chance
        said.append(sentence("sure", "sure_chance", first=lead.first, second=lead.second, chance=chance))
    return said


def worth_sentences(found: Judgement) -> list[Sentence]:
    """Whether self-supervision pays, where it was tried: against labels alone, and against published weights."""
    said = []
    for name, pair in (("worth", found.worth), ("published", found.published)):
        if pair is None or pair.answer == Answer.UNKNOWN:
            continue
        baseline = "supervised" if name == "worth" else "stock"
        behind = found.methods.get(pair.first) == baseline
        if pair.answer == Answer.UNDECIDED:
            key = f"{name}_open"
        elif pair.answer == Answer.EQUIVALENT:
            key = f"{name}_equal"
        else:
            key = f"{name}_no" if behind else f"{name}_yes"
        same = found.lead is not None and {pair.first, pair.second} == {found.lead.first, found.lead.second}
        said.append(pair_sentence("sure", f"{key}_same" if same else key, pair, found))
    return said


def catches(found: Judgement) -> list[Sentence]:
    """What speaks against the headline, as far as the tables of results say it; the worst first."""
    if found.action == Action.UNLEARNT:
        return []
    said = [pair_sentence("catch", "catch_lost", one, found) for one in found.lost]
    if found.action == Action.SAFE and found.share and found.share.answer == Answer.UNDECIDED:
        said.append(share_sentence(found.share, "catch_share", found))
    low = [one for one in found.floors if one.answer != Answer.BETTER]
    if found.floor is None or found.floor.answer == Answer.BETTER:
        said += [floor_sentence("catch", "catch_floor", one, found) for one in low if not one.is_perfect]
    single = [one for one in [found.floor, *low] if one and one.is_perfect]
    said += [sentence("catch", "catch_one_class", dataset=one.dataset, constant=one.constant) for one in single]
    if found.has_lead:
        open_sets = [one.dataset for one in found.open]
        said += [sentence("catch", "catch_open", sets=open_sets)] if open_sets else []
    absent = [one.dataset for one in found.unknown if one.reason == Reason.ABSENT]
    said += [sentence("catch", "catch_absent", model=found.leader, sets=absent)] if absent else []
    if not found.targets and found.against:
        said.append(sentence("catch", "catch_one_set"))
    if found.safe and found.action != Action.SAFE:
        said += safer_choice(found)
    if found.safe and found.action == Action.SAFE and found.safe.beaten_on:
        said.append(sentence("catch", "catch_partly", sets=found.safe.beaten_on))
    for row in found.clusters:
        effective = {"effective": row["effective"], "share": 100 * row["largest_share"]}
        values = {"dataset": row["dataset"], "n": row["n"], "clusters": row["clusters"], **effective}
        said.append(sentence("catch", f"catch_clusters_{row['warning']}", **values))
    return said


def share_sentence(share: ShareFinding, key: str, found: Judgement) -> Sentence:
    """How many leads as large as the leader's hold on the set where fewest do."""
    values = {"lo": f"{share.gap_lo:g}", "hi": f"{share.gap_hi:g}", "dataset": share.dataset}
    shares = {"share": 100 * share.share, "low": percent(share.lo), "high": percent(share.hi), "best": 100 * share.best}
    return sentence("catch", key, **values, reference=found.reference, **shares)


def percent(share: float | None) -> float | None:
    """A share in percent."""
    return None if share is None else 100 * share


def safer_choice(found: Judgement) -> list[Sentence]:
    """The model that loses least over all sets, where that is another one and it matters."""
    safe = found.safe
    assert safe is not None
    losses = [one.difference for one in found.elsewhere if one.first != found.leader and one.difference is not None]
    worst = max(losses, default=0.0)
    if (
        safe.model in found.leaders
        or worst - safe.regret < max(found.margin, TIE)
        or at_most(worst, found.metric) == at_most(safe.regret, found.metric)
    ):
        return []
    values = {"regret": at_most(safe.regret, found.metric), "worst": at_most(worst, found.metric)}
    values |= {"model": found.leader, "second": safe.model, "unit": unit_phrase(found.metric)}
    return [sentence("catch", "catch_safer", **values)]


def pair_sentence(part: str, key: str, pair: Finding, found: Judgement) -> Sentence:
    """A sentence with the names and numbers of a pair."""
    ends = {"difference": pair.difference, "low": pair.lo, "high": pair.hi}
    numbers = {name: show_number(end, found.metric) for name, end in ends.items()}
    numbers["behind"] = None if pair.lo is None else show_number(-pair.lo, found.metric)
    names = {"first": pair.first, "second": pair.second, "dataset": pair.dataset}
    return sentence(part, key, **names, **numbers, **margin_of(found))


def margin_of(found: Judgement) -> dict[str, Any]:
    """The margin and its unit, as sentences show them."""
    return {"margin": show_number(found.margin, found.metric), "unit": unit_phrase(found.metric)}


def floor_sentence(part: str, key: str, one: FloorFinding, found: Judgement) -> Sentence:
    """A sentence with a model beside the constant answer."""
    ends = {"difference": one.difference, "low": one.lo, "high": one.hi}
    numbers: dict[str, Any] = {name: show_number(end, found.metric) for name, end in ends.items()}
    numbers |= {"value": quantity(found.metric.sign * one.value, found.metric), "unit": unit_phrase(found.metric)}
    floor = {"constant": one.constant, "floor": quantity(one.floor, found.metric)}
    return sentence(part, key, dataset=one.dataset, model=one.model, **floor, **numbers)
