"""Sentences of a pool and of its prior: each is a key of words.toml and values."""

from typing import Any

from kogen.common.metric_facts import MetricFacts
from kogen.reporting.decision.quantities import show_number, unit_phrase
from kogen.reporting.words import Sentence, phrase, sentence
from kogen.results.pooling.pooled_judgement import PooledJudgement, PooledPair
from kogen.results.pooling.prior import Prior


def pool_sentences(found: PooledJudgement) -> list[Sentence]:
    """What a pool says: the answer, how sure, of a new site, the lottery, the safe bet, what is not comparable."""
    said = [answer(found), *sure(found), *lottery(found), *bets(found)]
    return [*said, *compared(found)]


def answer(found: PooledJudgement) -> Sentence:
    """Which method, or why none."""
    count = len(found.sites)
    if not found.generalises:
        return sentence("headline", "pool_one" if count == 1 else "pool_two", n=count)
    if found.leader is None or not found.pairs:
        return sentence("headline", "pool_no_pairs", n=count)
    if found.proven:
        return sentence("headline", "pool_better", model=found.leader, n=count)
    open_pairs = [pair for pair in against(found) if pair.verdict != "better" or pair.first != found.leader]
    others = [pair.second if pair.first == found.leader else pair.first for pair in open_pairs]
    key = "pool_equal" if all(pair.verdict == "equivalent" for pair in open_pairs) else "pool_open"
    return sentence("headline", key, model=found.leader, others=others, n=count)


def against(found: PooledJudgement) -> list[PooledPair]:
    """The pairs of the leader, the nearest opponent first."""
    mine = [pair for pair in found.pairs if found.leader in (pair.first, pair.second)]
    return sorted(mine, key=lambda pair: pair.mean if pair.first == found.leader else -pair.mean)


def sure(found: PooledJudgement) -> list[Sentence]:
    """The difference to the nearest opponent, over sites and at a new one, and the sites that would decide."""
    if not found.generalises or not against(found):
        return []
    pair = against(found)[0]
    names = {"first": pair.first, "second": pair.second, "unit": unit_phrase(found.metric)}
    shown = {name: show_number(getattr(pair, name), found.metric) for name in ("mean", "lo", "hi", "tau")}
    next_ends = {"lo": show_number(pair.next_lo, found.metric), "hi": show_number(pair.next_hi, found.metric)}
    said = [
        sentence("sure", "pool_pair", **names, **shown, ahead=pair.ahead_at, n=pair.sites),
        sentence("sure", "pool_next", **names, **next_ends, share=100 * pair.ahead),
    ]
    if pair.verdict == "undecided":
        key = "pool_needed" if pair.needed else "pool_needed_none"
        said.append(sentence("sure", key, first=pair.first, second=pair.second, sites=pair.needed))
    return said


def lottery(found: PooledJudgement) -> list[Sentence]:
    """How often a lead at one site is one at another."""
    one = found.lottery
    if one is None:
        return []
    values: dict[str, Any] = {"share": 100 * one.held, "n": one.leads}
    if one.floor is None:
        said = [sentence("sure", "pool_lottery", **values)]
    else:
        said = [sentence("sure", "pool_lottery_floor", **values, floor=100 * one.floor)]
    if one.leader_holds is not None:
        said.append(sentence("sure", "pool_leaders", share=100 * one.leader_holds))
    return said


def bets(found: PooledJudgement) -> list[Sentence]:
    """The safe bet over these sites."""
    if not found.bets or len(found.sites) < 2:
        return []
    best, safe = found.bets[0], found.bets[-1]
    values = {"regret": show_number(safe.max_regret, found.metric), "unit": unit_phrase(found.metric)}
    key = "pool_bet_same" if best.model == safe.model else "pool_bet"
    return [sentence("sure", key, model=safe.model, best=best.model, site=safe.worst_site, **values)]


def compared(found: PooledJudgement) -> list[Sentence]:
    """What was not the same at all sites, which bundles are of one site, which models stay out."""
    said = [sentence("catch", key, protocol=found.protocol) for key in found.notes]
    if other := [phrase(f"pool_aspect_{one.name}") for one in found.aspects if not one.same]:
        said.append(sentence("catch", "pool_differs", names=other))
    if part := sorted({name for site in found.sites for name in site.models} - {*found.everywhere}):
        said.append(sentence("catch", "pool_not_everywhere", names=part))
    for site in found.sites:
        if len(site.studies) > 1:
            said.append(sentence("catch", "pool_same_data", names=list(site.studies)))
        if site.left_out:
            said.append(sentence("catch", "pool_left_out", site=site.name, n=len(site.left_out)))
    if any(site.seeds < 2 for site in found.sites):
        names = [site.name for site in found.sites if site.seeds < 2]
        said.append(sentence("catch", "pool_one_seed", names=names))
    return said


def prior_sentences(found: Prior) -> list[Sentence]:
    """What a new team is told: what to try first, how likely, and what its question will take."""
    first, *others = found.ranking
    metric = MetricFacts(found.metric, unit=found.unit)
    margin = {"margin": show_number(found.margin, metric), "unit": unit_phrase(metric)}
    shares = {"best": 100 * first.best, "near": 100 * first.near}
    said = [sentence("headline", "prior_first", model=first.model, **shares, **margin)]
    if others:
        rest = [phrase("prior_share", model=one.model, best=100 * one.best) for one in others[:3]]
        said.append(sentence("sure", "prior_others", names=rest))
    if found.beats_untrained is False:
        said.append(sentence("sure", "prior_untrained", model=first.model))
    for one in found.images:
        values = {"seeds": one.seeds, "images": one.images, "most": one.most, **margin}
        key = "prior_images" if one.most else "prior_images_some" if one.images else "prior_images_none"
        said.append(sentence("sure", key if one.sites else "prior_images_unknown", **values, n=one.sites))
    if not found.labels:
        said.append(sentence("sure", "prior_no_labels"))
    for row in found.labels:
        key = "prior_labels" if row.labels else "prior_labels_all"
        values = {"labels": int(row.labels or 0), "all": int(row.all_labels), "model": row.model}
        said.append(sentence("sure", key, site=row.site, **values, **margin))
    said.append(sentence("catch", "prior_rests", n=len(found.sites), seeds=found.seeds_behind))
    return said
