"""What a lottery comes to, as types: verdict.json holds it under "lottery", with these names as its keys."""

from dataclasses import dataclass
from typing import Any

from kogen.common.metric_facts import ACCURACY, MetricFacts

Row = dict[str, Any]
"""One row of a table, by column; the table is named where it stands."""


@dataclass(frozen=True)
class Lead:
    """The two best models of the reference and the gap between them in points; None where there is one model."""

    model: str
    runner_up: str | None
    gap: float | None


@dataclass(frozen=True)
class Missing:
    """Cells (model x set) that were not measured, how many models lack one, and some of their names."""

    cells: int
    models: int
    examples: list[str]


@dataclass(frozen=True)
class Transfer:
    """What a lead on the reference is worth on one other set: rows of `transfer`, and whether the leader holds."""

    at_margin: Row | None
    at_lead: Row | None
    all: Row | None
    leader_holds: bool | None
    leader_loses: float | None  # points to the best model there
    gap_for_90: float | None  # points; None: no gap transfers nine times of ten


@dataclass(frozen=True)
class Rules:
    """Winners by each rule that puts the sets together, and their agreement (tau) with the primary rule."""

    winners: dict[str, list[str]]
    agreement: dict[str, float | None]
    winner_changes: bool | None
    combined: list[Row] | None  # rows of `combined`


@dataclass(frozen=True)
class Similarity:
    """How many independent sets there are in effect, which sets share a vote, and correlations (none of many sets)."""

    n_eff: float | None
    groups: list[list[str]] | None
    correlations: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Decision:
    """How many images of the reference would decide between two models; None: no number would."""

    first: str
    second: str
    difference: float  # points
    images: int | None
    decided: bool  # already


@dataclass(frozen=True)
class Recommendation:
    """The safe bet: rows of `safe_bet`, the one model that all picks agree on, and what safety costs in points."""

    picks: list[Row]
    model: str | None
    agree: bool | None
    price: float | None
    decides: Decision | None


@dataclass(frozen=True)
class LotterySummary:
    """Everything a page says of a table of results; points 0-100, shares and probabilities 0-1, missing = None."""

    kind: str  # predictions | scores
    reference: str
    sets: list[str]
    targets: list[str]  # sets beside the reference
    margin: float
    models: int
    families: int | None
    weights: dict[str, float] | None
    ignored: list[str]  # columns that were not read
    missing: Missing
    refused: dict[str, str]  # what could not be answered, and why
    leaders: dict[str, str]  # of each set
    lead: Lead
    real: Row | None  # the row of `pairs` of the two leaders, with the row of `needed`; None for scores alone
    transfer: dict[str, Transfer]
    agreement: dict[str, list[Row]]  # rows of `agreement`
    unified: Rules
    similarity: Similarity
    over_sets: dict[str, list[Row] | None]  # friedman, wilcoxon
    bet: Recommendation
    baseline: list[str] | None = None  # models the robustness line is drawn through
    lang: str = "en"
    metric: MetricFacts = ACCURACY  # that decides; differences and values are gains in its unit
