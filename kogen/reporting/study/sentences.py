"""Sentences of a verdict, from the evidence; each is data: a key of words.toml and its values."""

from dataclasses import asdict
from typing import Any

from kogen.common.alarms import AlarmKind
from kogen.reporting.study.evidence import Evidence, ModelAlarm, Pair
from kogen.reporting.words import Sentence, sentence

MOSTLY = 50.0  # percent of a test set that was trained on: nothing else is to be read before that
REALISTIC = 1_000_000  # more test images than this are not worth proposing


def verdict_sentences(evidence: Evidence) -> list[Sentence]:
    """The verdict, most important sentence first.

    A lead is called one only where the simultaneous comparison of the models says so; where it does not, the sentence
    says that the data cannot tell. Baselines may win, and then the sentence says that.
    """
    bet = evidence.order(evidence.reference)[0]
    shifts = [survival_on_set(evidence, bet, dataset) for dataset in evidence.shifts]
    seen = seen_in_training(evidence)
    mostly = bool(evidence.twins) and max(twin.share for twin in evidence.twins) > MOSTLY
    first = [*seen, headline(evidence, bet)] if mostly else [headline(evidence, bet), *seen]
    return [
        *first,
        *survival_sentences(shifts),
        *alarms(evidence, bet),
        *rivals(evidence, bet),
        *baselines(evidence, bet),
        *shifts,
        *protocols(evidence, bet),
        *cheaper_models(evidence, bet),
        *cautions(evidence, bet),
        *changes(evidence, bet),
    ]


def headline(evidence: Evidence, bet: str) -> Sentence:
    """What to bet on, or that one should not."""
    reference = evidence.reference
    against = evidence.against(bet, reference)
    if evidence.is_baseline(bet):
        key = f"nobet_{evidence.methods[bet]}"
    elif not against:
        key = "bet_single"
    elif any(evidence.methods[pair.second] == "random" and not pair.is_separated for pair in against):
        key = "nobet_untrained"
    else:
        key = "bet_alone" if all(pair.is_separated for pair in against) else "bet_shared"
    return sentence("headline", key, model=bet, dataset=reference, **evidence.score(bet, reference))


def seen_in_training(evidence: Evidence) -> list[Sentence]:
    """How many test images are in train, too: it belongs beside the headline, whose numbers can be memory."""
    if not evidence.twins:
        return []
    worst = max(evidence.twins, key=lambda twin: twin.share)
    sets, total = [twin.dataset for twin in evidence.twins], sum(twin.n for twin in evidence.twins)
    return [sentence("headline", "twins", **asdict(worst), sets=sets, all=total)]


def survival_sentences(shifts: list[Sentence]) -> list[Sentence]:
    """On which sets the lead holds and on which it is lost: it belongs beside the headline, or that says too much."""
    kinds = {"holds": ("keeps",), "lost": ("loses",), "holds_unclear": ("keeps_unclear", "loses_unclear")}
    found = {key: [said.values["dataset"] for said in shifts if said.key in of] for key, of in kinds.items()}
    return [sentence("headline", key, sets=sets) for key, sets in found.items() if sets]


def rivals(evidence: Evidence, bet: str) -> list[Sentence]:
    """How clearly the bet leads the others on the reference set."""
    against = evidence.against(bet, evidence.reference)
    if not against:
        return []
    nearest = against[0]
    found = [sentence("evidence", "ahead", **pair_numbers(nearest))] if nearest.is_separated else []
    for verdict, key in (("undecided", "tied"), ("equivalent", "equivalent"), ("small", "small")):
        group = [pair for pair in against if pair.verdict == verdict]
        if group:
            others = [pair.second for pair in group]
            found.append(sentence("evidence", key, **pair_numbers(group[0]), others=others, margin=evidence.margin))
    # with few seeds the resampled share is surer of itself than the interval; then it would contradict "cannot tell"
    if not nearest.is_separated and nearest.lottery >= 0.025:
        chance = 100 * nearest.lottery
        found.append(sentence("evidence", "lottery", first=bet, second=nearest.second, chance=chance))
    detectable = {"n": nearest.n, "points": nearest.detectable}
    return [*found, sentence("evidence", "detectable", dataset=evidence.reference, **detectable)]


def pair_numbers(pair: Pair) -> dict[str, Any]:
    """The numbers of a pair as a sentence uses them."""
    return {"first": pair.first, "second": pair.second, "difference": pair.difference, "lo": pair.lo, "hi": pair.hi}


def baselines(evidence: Evidence, bet: str) -> list[Sentence]:
    """The bet against each baseline; or, where a baseline leads, the best candidate and how far it is behind."""
    reference = evidence.reference
    against = evidence.against(bet, reference)
    if not evidence.is_baseline(bet):
        found = []
        for pair in against:
            if evidence.is_baseline(pair.second):
                key = f"{'over' if pair.is_separated else 'not_over'}_{evidence.methods[pair.second]}"
                found.append(sentence("evidence", key, model=bet, difference=pair.difference, lo=pair.lo, hi=pair.hi))
        return found
    for pair in against:
        if not evidence.is_baseline(pair.second):
            key = "best_own" if pair.is_separated else "best_own_tied"
            gap = {"difference": pair.difference, "low": pair.lo, "high": pair.hi}
            return [sentence("evidence", key, model=pair.second, **evidence.score(pair.second, reference), **gap)]
    return []


def survival_on_set(evidence: Evidence, bet: str, dataset: str) -> Sentence:
    """Whether the bet keeps its lead on another set."""
    order = evidence.order(dataset)
    if bet not in order:
        return sentence("shift", "absent_there", model=bet, dataset=dataset)
    values: dict[str, Any] = {"model": bet, "dataset": dataset, **evidence.score(bet, dataset)}
    if len(order) == 1:
        return sentence("shift", "alone_there", **values)
    rival = next(model for model in order if model != bet)
    pair = evidence.pair(bet, rival, dataset)
    kept = order[0] == bet
    key = ("keeps" if kept else "loses") + ("" if pair.is_separated else "_unclear")
    seen = pair if kept else pair.mirror  # found as a positive number of points
    return sentence("shift", key, **values, second=rival, difference=seen.difference, low=seen.lo, high=seen.hi)


def protocols(evidence: Evidence, bet: str) -> list[Sentence]:
    """Whether another way to judge would choose the same model."""
    found = []
    for protocol, first in evidence.protocol_leaders.items():
        key = "protocol_agrees" if first == bet else "protocol_differs"
        found.append(sentence("evidence", key, protocol=protocol, main=evidence.protocol, model=first))
    return found


def cheaper_models(evidence: Evidence, bet: str) -> list[Sentence]:
    """The cheapest model that is as good within the margin and takes less than nine tenths of the bet's minutes."""
    minutes = {row.model: row.minutes for row in evidence.costs if row.minutes}
    if bet not in minutes:
        return []
    same = [p.second for p in evidence.against(bet, evidence.reference) if p.verdict in ("equivalent", "small")]
    time, model = min(((minutes[model], model) for model in same if model in minutes), default=(minutes[bet], bet))
    values = {"model": model, "minutes": time, "other": minutes[bet], "margin": evidence.margin}
    return [sentence("evidence", "cheaper", **values)] if time < 0.9 * minutes[bet] else []


ALARM_SENTENCES = {
    AlarmKind.RANK: "alarm_collapse",
    AlarmKind.SPREAD: "alarm_collapse",
    AlarmKind.STUCK: "alarm_stuck",
    AlarmKind.BROKEN: "alarm_broken",
}


def alarms(evidence: Evidence, bet: str) -> list[Sentence]:
    """What is alarming in each model's runs, each sentence once a model; and a warning when the bet is among them."""
    found: dict[tuple[str, str], list[ModelAlarm]] = {}
    for alarm in evidence.alarms:
        found.setdefault((alarm.model, ALARM_SENTENCES[alarm.kind]), []).append(alarm)
    sentences = []
    for (model, key), group in found.items():
        runs = {run for alarm in group for run in alarm.run_ids}  # one that has two kinds is counted once
        epoch = min((alarm.epoch for alarm in group if alarm.epoch is not None), default=None)
        known = {"model": model, "kind": group[0].kind, "n": len(runs), "total": group[0].total, "epoch": epoch}
        sentences.append(sentence("alarm", key, **known))
    if any(alarm.model == bet for alarm in evidence.alarms):
        sentences.append(sentence("alarm", "look_first", model=bet))
    return sentences


def cautions(evidence: Evidence, bet: str) -> list[Sentence]:
    """What makes the numbers weaker than they look."""
    found = []
    flattery = {row["dataset"]: row["optimism"] for row in evidence.optimism.to_dict("records")}
    if flattery.get(evidence.reference, 0.0) >= 0.05:  # below, it would be shown as 0.0
        found.append(sentence("caution", "flattered", points=flattery[evidence.reference], model=bet))
    if evidence.unfinished:
        found.append(sentence("caution", "unfinished", n=evidence.unfinished, total=evidence.runs))
    if evidence.seeds and max(evidence.seeds.values()) == 1:
        found.append(sentence("caution", "one_seed"))
    return found


def changes(evidence: Evidence, bet: str) -> list[Sentence]:
    """What would change the verdict: test images, another margin, seeds, another set."""
    found = []
    against = evidence.against(bet, evidence.reference)
    for pair in against[:1] + [pair for pair in against[1:4] if not pair.is_separated]:
        found += changes_of_pair(pair, evidence)
    undecided = [pair for pair in against if pair.verdict == "undecided"]
    others = [pair.second for pair in undecided if evidence.images_needed(pair, evidence.reference) is None]
    if others:
        found.append(sentence("change", "luck_decides", first=bet, others=others))
    for dataset in evidence.shifts:
        order = evidence.order(dataset)
        if bet in order and order[0] != bet and evidence.pair(order[0], bet, dataset).is_separated:
            found.append(sentence("change", "other_set", dataset=dataset, model=order[0]))
    if evidence.seeds and max(evidence.seeds.values()) == 1:
        found.append(sentence("change", "more_seeds"))
    return found or [sentence("change", "nothing")]


def changes_of_pair(pair: Pair, evidence: Evidence) -> list[Sentence]:
    """What would change the verdict on one pair."""
    names = {"first": pair.first, "second": pair.second}
    if pair.verdict in ("equivalent", "better"):
        key = "larger_margin" if pair.verdict == "better" else "smaller_margin"
        return [sentence("change", key, **names, points=pair.turning_margin)]
    more = evidence.images_needed(pair, evidence.reference)
    if pair.verdict == "small" or more is None:
        return []
    key = "more_images" if more <= REALISTIC else "too_many"
    return [sentence("change", key, **names, dataset=evidence.reference, more=min(round_up(more), REALISTIC))]


def round_up(images: float) -> int:
    """A number of images to two digits, rounded up."""
    unit = 10 ** max(len(str(int(images))) - 2, 0)
    return int(-(-images // unit) * unit)
