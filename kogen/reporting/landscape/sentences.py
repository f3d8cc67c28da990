"""Sentences of the landscape page, all drawn from its judgement: what is claimed, how sure, the catch, what next."""

from collections.abc import Sequence

from kogen.reporting.landscape.figures import format_short
from kogen.reporting.words import say
from kogen.results.landscape_facts import RunStanding, Standing
from kogen.results.landscape_judgement import Claim, Finding, GainClaim, Judgement, LossClaim, Reason, known
from kogen.results.lottery_summary import Row
from kogen.statistics._surface_metrics import MARGIN


def headline(judged: Judgement, lang: str) -> str:
    """Which basin is widest, or that it cannot be told or known."""
    return claim_text(judged.claims["width"], lang)


def claim_text(claim: Claim, lang: str) -> str:
    """What a claim says of width or convexity; nothing is said of a model that may not be ranked."""
    kind = claim.reason if claim.finding is Finding.UNKNOWN else claim.finding
    model = claim.leader or ""
    return say(lang, f"l_{claim.metric}_{kind}", model=model, n=claim.ranked, margin=format_short(MARGIN))


def sureness(judged: Judgement, lang: str) -> list[str]:
    """The number behind the headline, the difference to the next model, and what it rests on."""
    claim, found = judged.claims["width"], []
    if claim.leader is not None and known(claim.value):
        own = number_text(claim.value, claim.lo, claim.hi, lang)
        found.append(say(lang, "l_sure_own", model=claim.leader, width=own))
    if claim.second is not None and known(claim.gap):
        gap = number_text(claim.gap, claim.gap_lo, claim.gap_hi, lang)
        ahead = claim.second in claim.over
        found.append(
            say(lang, "l_sure_gap" if ahead else "l_sure_gap_open", model=claim.leader, second=claim.second, gap=gap)
        )
        if claim.finding is Finding.UNDECIDED and claim.over:
            found.append(say(lang, "l_sure_over", model=claim.leader, models=claim.over))
    if judged.planes > 1 and judged.ranked:
        seeds = sorted({len(judged.standings[model]) for model in judged.ranked})
        count = str(seeds[0]) if len(seeds) == 1 else say(lang, "to", lo=str(seeds[0]), hi=str(seeds[-1]))
        found.append(say(lang, "l_sure_base", planes=judged.planes, seeds=count))
    return found


def number_text(value: float | None, lo: float | None, hi: float | None, lang: str) -> str:
    """A number with its interval, where there is one."""
    if not (known(lo) and known(hi)):
        return format_short(value)
    return f"{format_short(value)} ({say(lang, 'to', lo=format_short(lo), hi=format_short(hi))})"


def catches(judged: Judgement, lang: str) -> list[str]:
    """What a reader must know before acting: who is not ranked and why, own losses, seeds, grids, what width buys."""
    found = [not_ranked_text(models, why, lang) for why, models in models_not_ranked(judged).items()]
    if len(judged.losses) > 1:
        found.append(say(lang, "l_catch_losses"))
    if judged.ranked and max(len(judged.standings[model]) for model in judged.ranked) == 1:
        found.append(say(lang, "l_catch_seed"))
    if judged.coarse:
        found.append(say(lang, "l_catch_coarse", models=judged.coarse))
    if judged.gain is None and judged.ranked:
        found.append(say(lang, "l_catch_gain"))
    return found


def models_not_ranked(judged: Judgement) -> dict[Standing, list[str]]:
    """Models that may not be ranked by why, the worst reason first; the reason is that of a model's worst run."""
    found: dict[Standing, list[str]] = {}
    for model, runs in judged.standings.items():
        if model in judged.ranked:
            continue
        why = runs[0].standing if runs else Standing.UNKNOWN
        found.setdefault(why, []).append(model)
    return {why: found[why] for why in Standing if why in found}


def not_ranked_text(models: Sequence[str], why: Standing, lang: str) -> str:
    """Which models are not ranked, and why; those that nothing can be drawn of are left out."""
    key = "l_bad_lost" if why is Standing.NOT_FINITE else "l_bad"
    return say(lang, key, models=list(models)) + (" " if lang == "en" else "") + say(lang, f"l_why_{why}")


def standing_text(one: RunStanding, lang: str) -> str:
    """The standing of a run in a few words, with the epoch of its alarm."""
    words = say(lang, f"l_short_{one.standing}")
    return say(lang, "l_since", words=words, epoch=one.epoch) if one.epoch is not None else words


def next_step(judged: Judgement, lang: str) -> str | None:
    """What would make the answer surer, and what it costs; None where it is sure."""
    claim = judged.claims["width"]
    unknown = Standing.UNKNOWN in models_not_ranked(judged)
    if unknown:
        return say(lang, "l_next_again")
    if claim.reason in (Reason.NONE_RANKED, Reason.ONE_RANKED):
        return say(lang, "l_next_models") if len(judged.standings) > 1 else None
    if claim.reason is Reason.ONE_PLANE:
        return say(lang, "l_next_eight")
    return say(lang, "l_next_more", planes=2 * judged.planes) if claim.finding is Finding.UNDECIDED else None


def width_answer(judged: Judgement, pairs: Sequence[Row], lang: str) -> list[str]:
    """How many pairs differ in width, and what is known of convexity."""
    wide = [row for row in pairs if row["metric"] == "width"]
    count = {verdict: sum(row["verdict"] == verdict for row in wide) for verdict in ("larger", "equivalent")}
    rest = len(wide) - sum(count.values())
    found = []
    if wide:
        counts = {"larger": count["larger"], "equal": count["equivalent"], "open": rest}
        found.append(say(lang, "l_pairs_said", total=len(wide), margin=format_short(MARGIN), **counts))
    if judged.claims["convex"].reason is Reason.NONE:
        found.append(claim_text(judged.claims["convex"], lang))
    return found


def loss_answer(claim: LossClaim, lang: str) -> str:
    """Whether what differs under the own losses differs under the one that is the same for all."""
    if not claim.pairs:
        return say(lang, "l_loss_nothing")
    if claim.finding is Finding.BETTER:
        return say(lang, "l_loss_better", n=claim.pairs)
    return say(lang, "l_loss_undecided", n=claim.pairs, same=claim.same, opposite=claim.opposite, open=claim.unsure)


def gain_answer(claim: GainClaim, lang: str) -> list[str]:
    """With how many scores the width goes, over models."""
    counts = {"together": claim.together, "against": claim.against, "open": claim.unsure}
    total = claim.together + claim.against + claim.unsure
    return [say(lang, "l_gain_said", n=claim.models, total=total, **counts), say(lang, "l_gain_alone")]
