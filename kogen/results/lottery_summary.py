"""What a lottery comes to, as types: verdict.json holds it under "lottery", with these names as its keys."""

from dataclasses import dataclass, field
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
class Note:
    """What a reader should know of how the table was read: the key of a sentence in words.toml, and its values."""

    key: str
    values: dict[str, Any]


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
    """How many images of the reference would decide between two models; None: no number would, see `reason`.

    From scores alone the number is an upper bound: models judged on the same images err together, and fewer may do.
    """

    first: str
    second: str
    difference: float  # points
    images: int | None
    decided: bool  # already
    images_is_upper_bound: bool = False
    reason: str | None = None  # why there is no number: `equal` scores, or the error of `training` is too large


@dataclass(frozen=True)
class Recommendation:
    """The safe bet: rows of `safe_bet`, the one model that all picks agree on, and what safety costs in points.

    Each row of a pick also has `highest_on`, the sets where no model at all is higher, and `beaten_on`: of the sets
    where models are higher that were not measured everywhere (and cannot be picked), their names.
    """

    picks: list[Row]
    model: str | None
    agree: bool | None
    price: float | None
    decides: Decision | None
    tie: list[str] = field(default_factory=list)  # models that no pick tells apart, the pick among them; else empty
    price_matters: bool = False  # safety costs, or saves, at least the margin, and that is seen after rounding


@dataclass(frozen=True)
class Coverage:
    """Models that were measured on every set: how many, of how many, and some of their names."""

    models: int
    of: int
    examples: list[str]


@dataclass(frozen=True)
class LeftOut:
    """Rows of `left_out`: each rule's picks on the sets that it did not see, and its mean, worst and interval."""

    sets: list[Row]  # rule, left_out, model, equals, regret
    rules: list[Row]  # rule, regret (mean), worst, lo, hi, share_best; least regret first
    best: list[str]  # the rules with the least mean regret, equals


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
    # of the two leaders: the row of `pairs` with the row of `needed`, `kind` paired; of scores alone with known n the
    # row of `unpaired` with `needed` None; otherwise None
    real: Row | None
    transfer: dict[str, Transfer]
    agreement: dict[str, list[Row]]  # rows of `agreement`
    unified: Rules
    similarity: Similarity
    over_sets: dict[str, list[Row] | None]  # friedman, wilcoxon
    bet: Recommendation
    baseline: list[str] | None = None  # models the robustness line is drawn through
    lang: str = "en"
    metric: MetricFacts = ACCURACY  # that decides; differences and values are gains in its unit
    leading: dict[str, list[str]] = field(default_factory=dict)  # all equal leaders of each set, at most 20
    everywhere: Coverage | None = None  # models that were measured on every set
    unpaired: list[Row] | None = None  # rows of `unpaired` on the reference; None with one row an image or without n
    left_out: LeftOut | None = None
    cochran: list[Row] | None = None  # rows of `cochran`; None for scores alone
    clusters: list[Row] | None = None  # rows of `cluster_sizes`; None for scores alone
    excluded: dict[str, str] = field(default_factory=dict)  # column -> why it is no data set: a key of words.toml
    axes: dict[str, dict[str, float]] = field(default_factory=dict)  # cost or setting -> model -> value
    unbounded: list[str] = field(default_factory=list)  # sets of errors that are no shares: a score is minus the error
    said: list[Note] = field(default_factory=list)  # how the table was read
