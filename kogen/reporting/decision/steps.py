"""Next steps of a decision: what to do, what would decide what is open, and what it takes."""

import math

from kogen.reporting.words import Sentence, sentence
from kogen.results.findings import Answer, Finding, Reason
from kogen.results.judgement import Action, Judgement

REALISTIC = 1_000_000  # more test images than this are not worth proposing


def next_steps(found: Judgement) -> list[Sentence]:
    """What to do next, and what it takes."""
    lead = found.lead
    if found.action == Action.UNLEARNT:
        return [sentence("next", "next_unlearnt")]
    if found.action == Action.ONE or lead is None:
        return [sentence("next", "next_second")]
    if found.action == Action.UNTRAINED and found.untrained and is_worth_deciding(found.untrained, found):
        return [deciding_step(found.untrained, found), sentence("next", "next_guess", model=found.leader)]
    if found.action == Action.FLOOR and found.floor and found.floor.is_perfect:
        return [sentence("next", "next_classes", dataset=found.reference, constant=found.floor.constant)]
    if found.action == Action.FLOOR and found.floor and (found.floor.difference or 0.0) > found.margin:
        names = {"model": found.leader, "dataset": found.reference, "constant": found.floor.constant}
        return [sentence("next", "next_floor", **names)]
    if found.action in (Action.FLOOR, Action.UNTRAINED):
        return [sentence("next", "next_train_more")]
    if found.action == Action.SPLIT:
        return [sentence("next", "next_weigh", sets=[found.reference, *(one.dataset for one in found.lost)])]
    if found.action == Action.BET:
        return [use_step(found)]
    if found.action == Action.EQUAL:
        return [sentence("next", "next_price", models=found.models)]
    return open_steps(found) if found.proven else score_steps(found, lead)


def score_steps(found: Judgement, lead: Finding) -> list[Sentence]:
    """What would decide where scores alone are known."""
    pair = found.decides
    if found.action == Action.SAFE and lead.answer == Answer.EQUIVALENT:
        return [sentence("next", "next_take", models=found.models)]
    if lead.answer == Answer.BETTER:
        return [proven_step(found)]
    if lead.is_tie and len(found.leaders) > 1:
        return [sentence("next", "next_rows_tie", models=list(dict.fromkeys([*found.models, *found.leaders])))]
    if pair and pair.reason == "training":
        return [seeds_step(found, first=pair.first, second=pair.second, dataset=found.reference)]
    if pair is None or pair.images is None or pair.decided:
        return [sentence("next", "next_rows", dataset=found.reference, first=lead.first, second=lead.second)]
    names = {"dataset": found.reference, "first": pair.first, "second": pair.second}
    more = {"images": min(round_up(pair.images), REALISTIC)}
    return [sentence("next", "next_rows_some" if pair.images <= REALISTIC else "next_rows_many", **names, **more)]


def proven_step(found: Judgement) -> Sentence:
    """What is left to do where the lead on the reference is surer than chance, and other sets are open."""
    absent = [one.dataset for one in found.elsewhere if one.reason == Reason.ABSENT]
    if absent:
        return sentence("next", "next_measure", model=found.leader, dataset=found.reference, sets=absent)
    behind = [one.dataset for one in found.elsewhere if one.first != found.leader and not one.is_tie]
    if found.leader not in found.models and behind:
        return sentence("next", "next_weigh", sets=[found.reference, *behind])
    return use_step(found)


def use_step(found: Judgement) -> Sentence:
    """Try the leader, or first see it on other images; a table has no options of a study."""
    if found.targets:
        return sentence("next", "next_use", model=found.leader)
    return sentence("next", "next_second_set" if found.methods else "next_second_set_table", model=found.leader)


def open_steps(found: Judgement) -> list[Sentence]:
    """What would decide between models that the data cannot tell apart."""
    rivals = [one for one in found.against if one.answer == Answer.UNDECIDED and one.second in found.models]
    said = [deciding_step(one, found) for one in rivals[:1]]
    return said if found.cheapest else [*said, sentence("next", "next_price", models=found.models)]


def deciding_step(pair: Finding, found: Judgement) -> Sentence:
    """What would decide between two models: test images to label, seeds, or nothing within reach."""
    names = {"first": pair.first, "second": pair.second, "dataset": pair.dataset}
    if pair.more is None:
        return sentence("next", "next_tie", **names) if pair.is_tie else seeds_step(found, **names)
    if pair.more > REALISTIC:
        return sentence("next", "next_too_many", **names, more=REALISTIC)
    return sentence("next", "next_images", **names, more=round_up(pair.more))


def seeds_step(found: Judgement, **names: str) -> Sentence:
    """More trainings, where no number of images decides; a table has no options of a study."""
    return sentence("next", "next_seeds" if found.methods else "next_seeds_table", **names)


def is_worth_deciding(pair: Finding, found: Judgement) -> bool:
    """Whether the leader looks better than the untrained network by more than the margin, and only looks so."""
    ahead = found.methods.get(pair.second) == "random" and (pair.difference or 0.0) > found.margin
    return ahead and pair.answer == Answer.UNDECIDED


def round_up(images: float) -> int:
    """A number of images to two digits, rounded up."""
    unit = 10 ** max(len(str(math.ceil(images))) - 2, 0)
    return int(-(-images // unit) * unit)
