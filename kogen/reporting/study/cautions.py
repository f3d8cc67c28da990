"""Cautions of a study: what its runs and images say against the numbers, and what the next step costs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kogen.common.alarms import AlarmKind
from kogen.common.metric_facts import MetricFacts
from kogen.common.protocols import ANOMALY
from kogen.common.tables import distinct_rows
from kogen.reporting.study.evidence import Evidence, ModelAlarm
from kogen.reporting.words import Sentence, phrase, sentence
from kogen.results.answers.metric_tables import FAR
from kogen.results.judgement import Action

MOSTLY = 50.0  # percent of a test set that was trained on: nothing else is to be read before that
FEW = 1.0  # percent of a test set: what stands behind the other cautions
VISIBLE = 0.05  # points: less would be shown as 0.0
MORE_SEEDS = 2  # seeds that are proposed beside those there are

ALARM_SENTENCES = {
    AlarmKind.RANK: "alarm_collapse",
    AlarmKind.SPREAD: "alarm_collapse",
    AlarmKind.STUCK: "alarm_stuck",
    AlarmKind.BROKEN: "alarm_broken",
}


def alerts(evidence: Evidence) -> list[Sentence]:
    """What is to be read before everything else: numbers that are memory, and alarms of what the headline names."""
    said = [one for one in twin_sentences(evidence) if one.part == "alert"]
    named = {*evidence.judgement.models, *evidence.judgement.leaders}
    own = [alarm for alarm in evidence.alarms if alarm.model in named]
    look = [sentence("alert", "look_first", models=list(dict.fromkeys(alarm.model for alarm in own)))] if own else []
    return [*said, *alarm_sentences(own, "alert"), *look]


def study_catches(evidence: Evidence) -> list[Sentence]:
    """What makes the numbers of this study weaker than they look; the worst first."""
    judgement = evidence.judgement
    named = {*judgement.models, *judgement.leaders}
    some = [one for one in twin_sentences(evidence) if one.part == "catch"]
    few = max((twin.share for twin in evidence.twins), default=0.0) < FEW
    said = [] if few else [*some]
    said += alarm_sentences([alarm for alarm in evidence.alarms if alarm.model not in named], "catch")
    if evidence.unfinished:
        said.append(sentence("catch", "unfinished", n=evidence.unfinished, total=evidence.runs))
    if evidence.seeds and max(evidence.seeds.values()) == 1:
        said.append(sentence("catch", "one_seed"))
    for protocol, leaders in evidence.protocol_leaders.items():
        if not set(leaders) & set(judgement.leaders):
            values = {"protocol": protocol, "main": evidence.protocol, "models": leaders}
            said.append(sentence("catch", "protocol_differs", **values))
    if evidence.optimism >= VISIBLE and judgement.against:
        said.append(sentence("catch", "flattered", points=evidence.optimism, model=judgement.leader))
    return [*said, *some] if few else said


def metric_reason(metric: MetricFacts) -> Sentence | None:
    """Why this metric decides; None for accuracy that nobody asked for."""
    if metric.reason == "default":
        return None
    named = {"metric": phrase(metric.label)}
    if metric.reason == "imbalance":
        return sentence("catch", "metric_by_imbalance", **named, larger=metric.larger, smaller=metric.smaller)
    if metric.parameters.get("positive") == ANOMALY:
        return sentence("catch", "metric_of_anomalies", **named)
    return sentence("catch", "metric_as_asked", **named)


def threshold_sentences(rows: Sequence[Mapping[str, Any]], leader: str | None, reference: str) -> list[Sentence]:
    """For the reference's leader on each shifted set: a threshold that is off, or a ranking that is lost too.

    `rows`: of `threshold_shift`.
    """
    found = []
    for row in rows:
        if row["model"] == leader and row["case"] in ("threshold", "ranking"):
            named = {"model": leader, "dataset": row["dataset"], "reference": reference}
            numbers = ("accuracy", "reference_accuracy", "auroc", "auroc_lo", "auroc_hi", "reference_auroc")
            numbers += ("larger", "larger_class", "best_accuracy")
            lost = "ranking_lost" if row["accuracy_hi"] < row["larger"] else "ranking_worse"
            is_less = row["reference_auroc"] - row["auroc"] > FAR  # else the interval holds guessing
            key = "threshold_lost" if row["case"] == "threshold" else lost if is_less else f"{lost}_guess"
            found.append(sentence("catch", key, **named, **{name: row[name] for name in numbers}))
    return found


def constant_sentences(rows: Any, reference: str) -> list[Sentence]:
    """Who answers every image of the reference with the same class, by any protocol, part of the labels or the images.

    `rows`: all predictions of a study. A model is named where each of its runs and draws knows one answer alone; where
    the images have one class, that is no fault.
    """
    here = rows["dataset"] == reference
    if "predicted" not in rows or "label" not in rows or rows["label"][here].nunique() < 2:
        return []
    of, others = ["model", "pool", "protocol", "budget"], ["seed", "draw", "predicted"]
    mine = distinct_rows(rows[[*of, *others]][here], [*of, *others])
    kinds = mine[of].astype(object)
    kinds = kinds.where(kinds.notna(), "").assign(**{name: mine[name] for name in others})
    answers = kinds.groupby([*of, "seed", "draw"], dropna=False, observed=True).size()
    most = answers.groupby(level=of, observed=True).max()
    names = [
        f"{model}{f' on {pool}' if pool else ''} ({protocol}{f'@{budget}' if budget else ''})"
        for model, pool, protocol, budget in most.index[most == 1]
    ]
    return [sentence("catch", "always_one", dataset=reference, models=names)] if names else []


def twin_sentences(evidence: Evidence) -> list[Sentence]:
    """How many test images are in train, too: numbers on them can be memory."""
    if not evidence.twins:
        return []
    worst = max(evidence.twins, key=lambda twin: twin.share)
    sets, total = [twin.dataset for twin in evidence.twins], sum(twin.n for twin in evidence.twins)
    part, key = ("alert", "twins_mostly") if worst.share > MOSTLY else ("catch", "twins")
    return [sentence(part, key, **asdict(worst), sets=sets, all=total)]


def alarm_sentences(alarms: list[ModelAlarm], part: str) -> list[Sentence]:
    """What is alarming in each model's runs, each sentence once a model."""
    found: dict[tuple[str, str], list[ModelAlarm]] = {}
    for alarm in alarms:
        found.setdefault((alarm.model, ALARM_SENTENCES[alarm.kind]), []).append(alarm)
    sentences = []
    for (model, key), group in found.items():
        runs = {run for alarm in group for run in alarm.run_ids}  # one that has two kinds is counted once
        epoch = min((alarm.epoch for alarm in group if alarm.epoch is not None), default=None)
        known = {"model": model, "kind": group[0].kind, "n": len(runs), "total": group[0].total, "epoch": epoch}
        sentences.append(sentence(part, key, **known))
    return sentences


def prices(evidence: Evidence, step: str) -> list[Sentence]:
    """What the next step (its key) costs, in minutes of this study's machine or in labels; none where it is unknown."""
    judgement = evidence.judgement
    minutes = {row.model: row.minutes for row in evidence.costs if row.minutes}
    named = dict.fromkeys(judgement.models)
    if judgement.action == Action.UNTRAINED and judgement.untrained:
        named |= dict.fromkeys((judgement.untrained.first, judgement.untrained.second))
    models = [model for model in named if model in minutes]
    if step == "next_images":
        return [sentence("next", "price_labels")]
    if step == "next_train_more" and minutes:
        total = sum(row.minutes * row.runs for row in evidence.costs if row.minutes)
        return [sentence("next", "price_longer", minutes=whole_minutes(2 * total))]
    if step in ("next_seeds", "next_floor") and models:
        each = sum(minutes[model] for model in models)
        return [sentence("next", "price_seeds", n=MORE_SEEDS, models=models, minutes=whole_minutes(MORE_SEEDS * each))]
    if step in ("next_use", "next_second_set", "next_price") and models:
        return [sentence("next", "price_again", model=models[0], minutes=whole_minutes(minutes[models[0]]))]
    return []


def whole_minutes(minutes: float) -> int:
    """Minutes as a price: rounded up, at least one."""
    return max(math.ceil(minutes - 1e-9), 1)
