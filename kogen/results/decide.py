"""Deciding: from the tables of a lottery or of a study to its judgement."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.options.study_task import BOX_METRICS
from kogen.results.findings import TIE, Answer, Comparisons, Finding, Reason, float_or_none
from kogen.results.judgement import LEARNT, Action, Judgement, RulesFinding, SafeFinding, ShareFinding
from kogen.results.lottery_summary import LotterySummary

# Methods that are no self-supervision: what a candidate has to beat.
BASELINES = ("random", "minirocket", "stock", "supervised")
CHEAPER = 0.9  # a model is called cheaper where it takes less than this share of another's minutes
MIN_PAIRS = 20  # pairs: of fewer, the share of leads that hold says little
HOLD_SHARE, LOST_SHARE = 0.9, 0.75  # leads that have to hold on another set; below the second they are lost
SAFE_CHANCE = 0.95  # probability of being near the best on every set that makes a bet safe
AGAINST = 20  # models that the leader is shown against
PRIMARY = "weighted_difference"  # the rule that puts the sets together


def make_judgement(
    tables: Mapping[str, Any],
    *,
    reference: str,
    targets: Sequence[str],
    margin: float,
    methods: Mapping[str, str] | None = None,
    minutes: Mapping[str, float] | None = None,
    lottery: LotterySummary | None = None,
    metric: MetricFacts = ACCURACY,
) -> Judgement:
    """Judge the tables of one protocol: `values`, `pairs`, `needed`, and `floors` and `transfer` where they are.

    `methods`: of each model, where they are known; `minutes`: what a run of a model took; `lottery`: the summary over
    all sets, where there are two models or more. Margin in points.
    """
    kinds = dict(methods or {})
    later = {model: kind in BASELINES for model, kind in kinds.items()}
    compared = Comparisons(tables, later, metric.high - metric.low)
    order, proven = compared.order(reference), compared.has_pairs(reference)
    safe = safe_finding(lottery, compared, margin)
    leaders = compared.leaders(reference)
    if not proven and safe and safe.model in leaders:  # of equals, the one that loses least elsewhere
        leaders = [safe.model, *(model for model in leaders if model != safe.model)]
    leader, against = leaders[0], compared.against(leaders[0], reference, None if proven else AGAINST)
    random, is_random = of_kind(kinds, order, "random"), kinds.get(leader) == "random"
    own = [model for model in order if kinds and kinds.get(model) not in BASELINES]
    found: dict[str, Any] = {
        "reference": reference,
        "targets": list(targets),
        "margin": float(margin),
        "proven": proven,
        "compared": len(order),
        "methods": kinds,
        "leaders": leaders,
        **compared.value(leader, reference),
        "lead": against[0] if against else None,
        "has_lead": bool(against) and all(one.answer == Answer.BETTER for one in against),
        "against": [one for i, one in enumerate(against) if i < AGAINST or kinds.get(one.second) in BASELINES],
        "floor": compared.floor(leader, reference),
        "floors": [one for name in targets if (one := compared.floor(leader, name))],
        "untrained": against[0] if is_random and against else best_against(compared, [leader], random, reference),
        "worth": best_against(compared, own, of_kind(kinds, order, "supervised"), reference),
        "published": best_against(compared, own, of_kind(kinds, order, "stock"), reference),
        "elsewhere": [lead_elsewhere(compared, leader, name) for name in targets],
        "share": share_finding(tables, lottery),
        "rules": rules_finding(lottery),
        "safe": safe,
        "decides": None if lottery is None else lottery.bet.decides,
        "metric": metric,
        "clusters": [row for row in (lottery and lottery.clusters) or [] if row["warning"]],
    }
    blank = Judgement(Action.NOTHING, leaders, None, **found)
    action, models = choose_action(blank, against, compared)
    return replace(blank, action=action, models=models, cheapest=cheapest_model(models, minutes or {}))


def of_kind(kinds: Mapping[str, str], order: Sequence[str], kind: str) -> list[str]:
    """The models of a method, best first."""
    return [model for model in order if kinds.get(model) == kind]


def best_against(compared: Comparisons, ones: list[str], others: list[str], dataset: str) -> Finding | None:
    """The best of some models against the best of others; None where there are none, or they are the same."""
    if not ones or not others or ones[0] == others[0]:
        return None
    return compared.compare(ones[0], others[0], dataset)


def lead_elsewhere(compared: Comparisons, leader: str, dataset: str) -> Finding:
    """The leader on another set and what is furthest ahead of it, else one it is not ahead of, else the best other."""
    found = compared.against(leader, dataset, None if compared.has_pairs(dataset) else 1)
    if not found:
        return compared.compare(leader, leader, dataset)
    ahead = [one for one in found if one.answer == Answer.BETTER and one.first != leader]
    level = [one for one in found if one.answer != Answer.BETTER]
    return max(ahead, key=lambda one: one.difference or 0.0) if ahead else [*level, *found][0]


def choose_action(found: Judgement, against: list[Finding], compared: Comparisons) -> tuple[Action, list[str]]:
    """What to do, and with which models: the first that is true, in this order. `against`: every other model."""
    leaders = found.leaders
    if found.metric.name in BOX_METRICS and found.value < LEARNT:
        return Action.UNLEARNT, leaders
    if not against:
        return Action.ONE, leaders
    if not found.proven:
        return choose_by_scores(found, against, compared)
    if found.floor and found.floor.answer != Answer.BETTER:
        return Action.FLOOR, leaders
    untrained = found.untrained
    if untrained and (untrained.answer != Answer.BETTER or found.methods.get(found.leader) == "random"):
        is_level = untrained.is_tie and found.methods.get(found.leader) == "random"
        return Action.UNTRAINED, [untrained.second if is_level else found.leader]
    if found.has_lead:
        return (Action.SPLIT if found.lost else Action.BET), [found.leader]
    undecided = any(one.answer == Answer.UNDECIDED for one in against)
    return (Action.SHARED if undecided else Action.EQUAL), level_models(found, against, compared)


def level_models(found: Judgement, against: list[Finding], compared: Comparisons) -> list[str]:
    """The leader and what it is not ahead of by enough: of undecided ones those alone that may be as good."""
    level = {one.second for one in against if one.answer == Answer.UNDECIDED or one.reason == Reason.EQUAL}
    undecided = any(one.answer == Answer.UNDECIDED for one in against)
    small = set() if undecided else {one.second for one in against if one.reason == Reason.SMALL}
    return [model for model in compared.order(found.reference) if model in {found.leader, *level, *small}]


def choose_by_scores(found: Judgement, against: list[Finding], compared: Comparisons) -> tuple[Action, list[str]]:
    """The same where scores alone are known: what loses least over all sets."""
    sets = [name for name in (found.reference, *found.targets) if name in compared.values]
    equal = [one for one in found.leaders if all(is_equal(compared, found.leader, one, name) for name in sets)]
    if len(equal) > 1:
        return Action.TIE, equal
    if found.safe and found.targets:
        return Action.SAFE, [found.safe.model, *found.safe.equals]
    if not found.targets and found.has_lead:
        return Action.BET, found.leaders
    if not found.targets and all(one.answer in (Answer.BETTER, Answer.EQUIVALENT) for one in against):
        return Action.EQUAL, level_models(found, against, compared)
    return Action.NOTHING, found.leaders


def is_equal(compared: Comparisons, one: str, other: str, dataset: str) -> bool:
    """Whether two models have the same value on a set, or neither was measured."""
    mine, theirs = compared.points(one, dataset), compared.points(other, dataset)
    return mine == theirs if mine is None or theirs is None else abs(mine - theirs) < TIE


def cheapest_model(models: Sequence[str], minutes: Mapping[str, float]) -> str | None:
    """The model with the fewest minutes, where all are known and each other takes clearly more."""
    known = sorted((minutes[model], model) for model in models if model in minutes)
    if len(known) < len(models) or len(known) < 2 or known[0][0] >= CHEAPER * known[1][0]:
        return None
    return known[0][1]


def share_finding(tables: Mapping[str, Any], lottery: LotterySummary | None) -> ShareFinding | None:
    """How many leads as large as the leader's hold; None where a set has fewer than 20 such pairs."""
    if lottery is None or lottery.lead.gap is None or "transfer" not in tables:
        return None
    gap = max(lottery.lead.gap, TIE)
    rows = tables["transfer"][tables["transfer"]["band"] == "bin"].to_dict("records")
    alike = [row for row in rows if row["gap_lo"] < gap <= row["gap"]]
    kept = [row for row in lottery.transfer.values() if row.leader_loses is not None]
    if not kept or len(alike) < len(lottery.transfer) or min(row["pairs"] for row in alike) < MIN_PAIRS:
        return None
    worst = min(alike, key=lambda row: row["transfer"])
    lo, hi = (float_or_none(worst[end]) for end in ("lo", "hi"))
    lost = hi is not None and hi < LOST_SHARE
    holds = lo is not None and lo >= HOLD_SHARE
    return ShareFinding(
        answer=Answer.BETTER if holds else Answer.UNKNOWN if lo is None else Answer.UNDECIDED,
        lost=lost,
        dataset=worst["target"],
        share=float(worst["transfer"]),
        lo=lo,
        hi=hi,
        gap_lo=float(worst["gap_lo"]),
        gap_hi=float(worst["gap"]),
        best=float(max(row["transfer"] for row in alike)),
    )


def rules_finding(lottery: LotterySummary | None) -> RulesFinding | None:
    """Whether the winner depends on the rule; None for fewer than two models or sets."""
    if lottery is None or not lottery.unified.winners or lottery.models < 2 or not lottery.targets:
        return None
    winners = lottery.unified.winners
    model = winners[PRIMARY][0]
    same = sum(model in names for names in winners.values())
    others = list(dict.fromkeys(names[0] for names in winners.values() if model not in names))
    rows = lottery.unified.combined
    alone = all(names == [model] for names in winners.values())
    if rows is None:
        answer = Answer.UNKNOWN if alone else Answer.UNDECIDED
    else:  # each chance is one-sided: together at most 2.5 %, as the end of a 95 % interval
        proven = bool(rows) and rows[0]["first"] == model and sum(row["lottery"] for row in rows) < 0.025
        answer = Answer.BETTER if alone and proven else Answer.UNDECIDED
    return RulesFinding(answer, model, same, len(winners), others, rows[0] if rows else None)


def is_inside(compared: Comparisons, model: str, dataset: str, margin: float) -> bool:
    """Whether no interval on a set leaves open that another model is better by more than the margin.

    With few trainings these intervals are wider than what resampling them shows. True where nothing was tested.
    """
    if not compared.has_pairs(dataset):
        return True
    lows = (one.seen_from(model)[1] for one in compared.against(model, dataset))
    return all(low is None or low >= -margin for low in lows)


def safe_finding(lottery: LotterySummary | None, compared: Comparisons, margin: float) -> SafeFinding | None:
    """The model that loses least over all sets, and whether it is near the best on each; None without two sets."""
    if lottery is None or not lottery.bet.picks or lottery.models < 2 or not lottery.targets:
        return None
    rows = {row["pick"]: row for row in lottery.bet.picks}
    least, best = rows["regret"], rows["expected"]
    chance = float_or_none(least["near_best"])
    safe = chance is not None and chance >= SAFE_CHANCE
    sets = [lottery.reference, *lottery.targets]
    counted = [name for name in sets if (lottery.weights or dict.fromkeys(sets, 1)).get(name, 0) > 0]
    inside = all(is_inside(compared, least["model"], name, margin) for name in counted)
    equals = [
        model
        for model in compared.order(lottery.reference)
        if model != least["model"] and all(is_equal(compared, least["model"], model, name) for name in counted)
    ]
    return SafeFinding(
        answer=Answer.UNKNOWN if chance is None else Answer.BETTER if safe and inside else Answer.UNDECIDED,
        unsafe=chance is not None and chance <= 1 - SAFE_CHANCE,
        model=least["model"],
        regret=float(least["max_regret"]),
        dataset=least["worst_set"],
        chance=chance,
        sets=len(counted),
        average=best["model"],
        average_regret=float(best["max_regret"]),
        price=float(least["price"]),
        matters=lottery.bet.price_matters,
        equals=equals,
        beaten_on=list(least["beaten_on"]),
    )
