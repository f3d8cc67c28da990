"""Judgement of a landscape: what may be claimed of width, of loss and training, and of what flatness buys; typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kogen.results.landscape_facts import LandscapeFacts, RunStanding
from kogen.results.landscape_standing import model_standings, ranked_models
from kogen.results.lottery_summary import Row

CLAIMED = ("width", "convex")  # metrics of which the first screen speaks
COARSE = 0.1  # of the range: a spline that may be off by more is too coarse for a basin whose rim is that high


class Finding(StrEnum):
    """What the numbers say to a question."""

    BETTER = "better"  # one model is ahead of every other that may be ranked
    EQUIVALENT = "equivalent"  # all differ by less than the margin
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"  # the question cannot be answered from what was drawn


class Reason(StrEnum):
    """Why a question cannot be answered."""

    NONE = "none"
    NO_PLANES = "no_planes"  # no random planes: chosen ones rank nothing
    NONE_RANKED = "none_ranked"
    ONE_RANKED = "one_ranked"
    ONE_PLANE = "one_plane"
    NO_INTERVAL = "no_interval"


@dataclass(frozen=True)
class Claim:
    """Which model has the largest value of a metric under one objective, and how sure that is."""

    objective: str
    metric: str
    finding: Finding
    reason: Reason
    leader: str | None = None  # of the models that may be ranked; None where there is none
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    second: str | None = None  # the next one
    gap: float | None = None  # to it, with its interval
    gap_lo: float | None = None
    gap_hi: float | None = None
    over: list[str] = field(default_factory=list)  # models that the leader is ahead of
    level: list[str] = field(default_factory=list)  # models that it is level with, within the margin
    unsure: list[str] = field(default_factory=list)  # models that it cannot be told from
    ranked: int = 0


@dataclass(frozen=True)
class LossClaim:
    """Whether pairs that differ in width under their own losses do so under the loss that is the same for all."""

    finding: Finding  # better: all in the same way; undecided otherwise
    pairs: int  # that differ under their own losses
    same: int
    opposite: int
    unsure: int


@dataclass(frozen=True)
class GainClaim:
    """Whether models with wider basins are more accurate or robust: rank correlations over models, with each score."""

    objective: str
    metric: str
    finding: Finding  # better: all rise together; undecided otherwise
    models: int
    together: int
    against: int
    unsure: int


@dataclass(frozen=True)
class Judgement:
    """What one objective of a landscape says; sentences, tables and figures are drawn from it."""

    objective: str
    standings: dict[str, list[RunStanding]]  # by model, the worst run first
    ranked: dict[str, str | None]  # models that may be ranked, and their loss
    planes: int
    claims: dict[str, Claim]  # by metric
    coarse: list[str]  # ranked models whose grid is too coarse
    gain: GainClaim | None  # None where there are too few models with scores

    @property
    def losses(self) -> set[str]:
        """The losses of the models that may be ranked."""
        return {one.loss for model in self.ranked for one in self.standings[model]}


def judge_landscape(
    facts: LandscapeFacts, geometry: Sequence[Row], objective: str, planes: int, models: Sequence[str] = ()
) -> Judgement:
    """What may be claimed of one objective. `geometry`: rows of its table; `planes`: random planes of every model.

    `models`: those that are drawn; one without facts, whose command was stopped, may not be ranked.
    """
    listed = facts.standings or []
    ranked = ranked_models(listed, objective)
    cells = {(row["model"], row["metric"]): row for row in geometry if row["objective"] == objective}
    pairs = [row for row in facts.pairs if row["objective"] == objective]
    claims = {metric: judge_metric(objective, metric, ranked, cells, pairs, planes) for metric in CLAIMED}
    errors: dict[str, Any] = {model: cells.get((model, "error"), {}).get("value") for model in ranked}
    coarse = [model for model, error in errors.items() if known(error) and error > COARSE]
    gain = judge_gain([row for row in facts.flatness if row["objective"] == objective], objective)
    standings = model_standings(listed, objective)
    return Judgement(
        objective, standings | {m: [] for m in models if m not in standings}, ranked, planes, claims, coarse, gain
    )


def known(value: Any) -> bool:
    """Whether a number is there."""
    return value is not None and value == value


def judge_metric(
    objective: str,
    metric: str,
    ranked: Mapping[str, Any],
    cells: Mapping[tuple[str, str], Row],
    pairs: Sequence[Row],
    planes: int,
) -> Claim:
    """Which ranked model has the largest value, from the pairs' intervals alone."""
    values = {model: cells[model, metric]["value"] for model in ranked if (model, metric) in cells}
    values = {model: value for model, value in values.items() if known(value)}
    if not planes:
        return Claim(objective, metric, Finding.UNKNOWN, Reason.NO_PLANES)
    if not values:
        return Claim(objective, metric, Finding.UNKNOWN, Reason.NONE_RANKED)
    order = sorted(values, key=lambda model: (-values[model], model))
    leader, cell = order[0], cells[order[0], metric]
    own: Row = {"leader": leader, "value": cell["value"], "lo": cell["lo"], "hi": cell["hi"], "ranked": len(values)}
    if len(order) == 1:
        return Claim(objective, metric, Finding.UNKNOWN, Reason.ONE_RANKED, **own)
    rows = {frozenset((row["first"], row["second"])): row for row in pairs if row["metric"] == metric}
    by_verdict: dict[str, list[str]] = {"larger": [], "equivalent": [], "undecided": [], "unknown": []}
    for other in order[1:]:
        row = rows.get(frozenset((leader, other)))
        verdict = "unknown" if row is None or not known(row["lo"]) else row["verdict"]
        backwards = row is not None and row["first"] != leader and verdict == "larger"
        by_verdict["undecided" if backwards else verdict].append(other)
    next_row = rows.get(frozenset(order[:2]))
    if next_row is not None and known(next_row["difference"]):
        sign = 1 if next_row["first"] == leader else -1
        ends = [sign * next_row[end] if known(next_row[end]) else None for end in ("lo", "hi")[::sign]]
        own |= {"gap": sign * next_row["difference"], "gap_lo": ends[0], "gap_hi": ends[1]}
    own |= {"second": order[1], "over": by_verdict["larger"], "level": by_verdict["equivalent"]}
    own |= {"unsure": by_verdict["undecided"] + by_verdict["unknown"]}
    if len(by_verdict["unknown"]) == len(order) - 1:
        return Claim(objective, metric, Finding.UNKNOWN, Reason.ONE_PLANE if planes == 1 else Reason.NO_INTERVAL, **own)
    return Claim(objective, metric, find(own, rows, order), Reason.NONE, **own)


def find(own: Mapping[str, Any], rows: Mapping[frozenset[str], Row], order: Sequence[str]) -> Finding:
    """Better where the leader is ahead of all, equivalent where every pair is, undecided otherwise."""
    if len(own["over"]) == len(order) - 1:
        return Finding.BETTER
    wanted = len(order) * (len(order) - 1) // 2
    alike = [row for key, row in rows.items() if key <= set(order) and row["verdict"] == "equivalent"]
    return Finding.EQUIVALENT if len(alike) == wanted else Finding.UNDECIDED


def judge_loss(pairs: Sequence[Row], own: str, shared: str) -> LossClaim:
    """Of the pairs that differ in width under the objective `own`, how many do so under the `shared` one."""
    wide = {
        of: {frozenset((row["first"], row["second"])): row for row in pairs if is_width(row, of)}
        for of in (own, shared)
    }
    differ = {key: row for key, row in wide[own].items() if row["verdict"] == "larger" and key in wide[shared]}
    both = [(row, wide[shared][key]) for key, row in differ.items()]
    same = sum(other["verdict"] == "larger" and other["first"] == row["first"] for row, other in both)
    opposite = sum(other["verdict"] == "larger" and other["first"] != row["first"] for row, other in both)
    finding = Finding.BETTER if same and same == len(both) else Finding.UNDECIDED
    return LossClaim(finding, len(both), same, opposite, len(both) - same - opposite)


def is_width(row: Row, objective: str) -> bool:
    """Whether a pair is one of widths under an objective, with an interval."""
    return row["objective"] == objective and row["metric"] == "width" and known(row["lo"])


def judge_gain(flatness: Sequence[Row], objective: str) -> GainClaim | None:
    """Whether wider models score higher, over all scores; None where too few models have both."""
    rows = [row for row in flatness if row["metric"] == "width" and row["verdict"] != "too few"]
    if not rows:
        return None
    together, against = (sum(row["verdict"] == verdict for row in rows) for verdict in ("together", "against"))
    finding = Finding.BETTER if together == len(rows) else Finding.UNDECIDED
    models = max(row["n"] for row in rows)
    return GainClaim(objective, "width", finding, models, together, against, len(rows) - together - against)
