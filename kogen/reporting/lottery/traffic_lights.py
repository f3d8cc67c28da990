"""Traffic lights: is the lead real, does it transfer, by every metric, is the bet safe; colours by stated rules."""

from dataclasses import dataclass
from typing import Any

from kogen.reporting.words import format_points
from kogen.results.lottery_summary import LotterySummary

Phrase = tuple[str, dict[str, Any]]
"""A key of words.toml and the values filled in."""

SIGNS = {"green": "✓", "amber": "~", "red": "✕", "grey": "?"}  # for readers who do not see the colours
MIN_PAIRS = 20  # pairs: of fewer, a share says less than the loss of the leader itself
GREEN_SHARE, AMBER_SHARE = 0.9, 0.75  # share of leads that hold on another set
PRIMARY = "weighted_difference"


@dataclass(frozen=True)
class Light:
    """One traffic light: its question, its colour, the number that decides, and why."""

    name: str  # real | transfers | metric | safe
    colour: str  # green | amber | red | grey
    number: Phrase | None
    reason: Phrase

    @property
    def sign(self) -> str:
        """The colour as a sign."""
        return SIGNS[self.colour]


def lights(summary: LotterySummary, curve: list[dict[str, Any]]) -> list[Light]:
    """The four lights of a lottery, in the order in which they are read.

    summary: what `kogen.results.judge` returns; curve: its rows of `transfer` by bins of the gap. Where the data cannot
    say, a light is grey. The rules stand at each light, and in the words `rule_...`.
    """
    return [lead_light(summary), transfer_light(summary, curve), metric_light(summary), safety_light(summary)]


def light(name: str, colour: str, number: Phrase | None, key: str, **values: Any) -> Light:
    """A light whose reason is the sentence `key`."""
    return Light(name, colour, number, (key, values))


def lead_light(summary: LotterySummary) -> Light:
    """Green: with all pairs judged together, the leader is ahead of the next on the reference.

    Amber: so, but inside the margin; or the two are equivalent; or only this pair alone would pass. Red: the data
    cannot tell. Grey: scores alone, or one model.
    """
    lead, row = summary.lead, summary.real
    names = {"first": lead.model, "second": lead.runner_up, "dataset": summary.reference}
    if lead.runner_up is None:
        return light("real", "grey", None, "real_lone", model=lead.model)
    if row is None:
        number = ("num_points", {"points": format_points(lead.gap, sign=True)})
        return light("real", "grey", number, "real_scores", **names, gap=format_points(lead.gap))
    names |= {"first": row["first"], "second": row["second"]}
    number = ("num_points", {"points": format_points(row["difference"], sign=True)})
    ends = {"lo": format_points(row["family_lo"]), "hi": format_points(row["family_hi"]), "margin": summary.margin}
    words = {"better": ("green", "real_yes"), "small": ("amber", "real_small"), "equivalent": ("amber", "real_same")}
    if row["verdict"] in words:
        colour, key = words[row["verdict"]]
        return light("real", colour, number, key, **names, **ends)
    if row["lo"] > 0:
        alone = {"lo": format_points(row["lo"]), "hi": format_points(row["hi"])}
        return light("real", "amber", number, "real_alone", **names, **alone)
    return light("real", "red", number, "real_no", **names, **ends, chance=100 * row["lottery"])


def transfer_light(summary: LotterySummary, curve: list[dict[str, Any]]) -> Light:
    """Of leads about as large as the leader's, how many hold on the set where fewest do.

    Green: 90 % or more; amber: 75 % or more; red: fewer. With fewer than 20 such pairs on a set, the leader itself
    decides: green where it is within the margin of the best on every other set, amber on half of them or more.
    """
    lead, there = summary.lead, summary.transfer
    kept = [row.leader_loses for row in there.values() if row.leader_loses is not None]
    if not kept or lead.gap is None:
        return light("transfers", "grey", None, "transfers_none")
    alike = [row for row in curve if row["gap_lo"] < max(lead.gap, 1e-9) <= row["gap"]]
    if len(alike) < len(there) or min(row["pairs"] for row in alike) < MIN_PAIRS:
        return leader_light(summary)
    worst, best = (pick(alike, key=lambda row: row["transfer"]) for pick in (min, max))
    share = worst["transfer"]
    colour = "green" if share >= GREEN_SHARE else "amber" if share >= AMBER_SHARE else "red"
    number = ("num_share", {"share": f"{100 * share:.0f}"})
    values = {"lo": f"{worst['gap_lo']:g}", "hi": f"{worst['gap']:g}", "reference": summary.reference}
    values |= {"dataset": worst["target"], "share": 100 * share, "best": 100 * best["transfer"]}
    firsts = sum(bool(row.leader_holds) for row in there.values())
    return light("transfers", colour, number, "transfers_pairs", **values, n=firsts, total=len(kept))


def leader_light(summary: LotterySummary) -> Light:
    """Green where the leader is within the margin of the best on every other set, amber on half of them; else red."""
    there = summary.transfer.items()
    loses = {name: row.leader_loses for name, row in there if row.leader_loses is not None}
    near = sum(loss <= summary.margin + 1e-9 for loss in loses.values())
    worst = max(loses, key=lambda name: loses[name])
    colour = "green" if near == len(loses) else "amber" if 2 * near >= len(loses) else "red"
    values = {"model": summary.lead.model, "margin": summary.margin, "n": near, "total": len(loses)}
    number = ("num_sets", {"n": near, "total": len(loses)})
    values |= {"loss": format_points(loses[worst]), "dataset": worst}
    return light("transfers", colour, number, "transfers_fate", **values)


def metric_light(summary: LotterySummary) -> Light:
    """Green: every rule that puts the sets together has the same winner; amber: half of them or more; red: fewer."""
    winners = summary.unified.winners
    if not winners or summary.models < 2 or not summary.targets:
        return light("metric", "grey", None, "metric_none")
    model = winners[PRIMARY][0]
    same = sum(model in names for names in winners.values())
    colour = "green" if same == len(winners) else "amber" if 2 * same >= len(winners) else "red"
    number = ("num_rules", {"n": same, "total": len(winners)})
    others = list(dict.fromkeys(names[0] for names in winners.values() if model not in names))
    if not others:
        return light("metric", colour, number, "metric_same", model=model, total=len(winners))
    return light("metric", colour, number, "metric_some", model=model, n=same, total=len(winners), others=others)


def safety_light(summary: LotterySummary) -> Light:
    """Green: one model is the best bet by each view, and nowhere further behind the best than the margin.

    Amber: one of the two (one model by each view; or safety within the margin, at a price within it). Red: neither.
    """
    bet = summary.bet
    if not bet.picks or summary.models < 2 or not summary.targets:
        return light("safe", "grey", None, "safe_none")
    row = next(row for row in bet.picks if row["pick"] == "regret")
    close = row["max_regret"] <= summary.margin + 1e-9
    cheap = close and row["price"] <= summary.margin + 1e-9
    colour = "green" if bet.agree and close else "amber" if bet.agree or cheap else "red"
    lost = row["max_regret"] > 1e-9
    number = ("num_most", {"points": format_points(row["max_regret"])}) if lost else ("num_first", {})
    values = {"model": row["model"], "regret": format_points(row["max_regret"]), "dataset": row["worst_set"]}
    if row["near_best"] is None:
        return light("safe", colour, number, "safe_only", **values)
    return light("safe", colour, number, "safe_near", **values, margin=summary.margin, chance=100 * row["near_best"])
