"""The evidence of a study: its tables, where a question about two models on one set is one call."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from kogen.common.alarms import AlarmKind
from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.results.summary import find_pair

BASELINES = ("random", "stock", "supervised")  # methods that are no self-supervision: what a candidate has to beat
ANSWERED = ("metrics", "floors", "threshold_shift", "recall", "confusion", "hard")  # tables of what was answered
SEPARATED = ("better", "small")  # pair verdicts that say which of the two is ahead


@dataclass(frozen=True)
class Pair:
    """Model `first` against model `second` on one set, in points; negative differences: `first` is behind.

    `lo` and `hi` hold for all pairs of the set at once (95 %), so that the interval and the verdict never disagree.
    """

    first: str
    second: str
    n: int
    difference: float
    lo: float
    hi: float
    verdict: str  # better | equivalent | undecided | small
    lottery: float
    detectable: float
    turning_margin: float  # the end of the 90 % interval that is farther from 0: the margin at which the verdict turns

    @property
    def is_separated(self) -> bool:
        """Whether the data show which of the two is ahead."""
        return self.verdict in SEPARATED

    @property
    def mirror(self) -> "Pair":
        """The same comparison seen from the other model."""
        ends = {"difference": -self.difference, "lo": -self.hi, "hi": -self.lo}
        return replace(self, first=self.second, second=self.first, **ends)


@dataclass(frozen=True)
class ModelCost:
    """What the runs of a model took: means over them, and the sum of their energy."""

    model: str
    runs: int
    minutes: float | None
    images_seen: float | None
    images_per_second: float | None
    kwh: float | None
    times_supervised: float | None = None  # seconds of a training image over those of the supervised model


@dataclass(frozen=True)
class ModelAlarm:
    """One kind of alarm among the runs of a model: in how many of them, and the first epoch."""

    model: str
    kind: AlarmKind
    n: int
    total: int
    epoch: int | None
    run_ids: Annotated[tuple[str, ...], Field(exclude=True)] = ()


@dataclass(frozen=True)
class TwinCount:
    """Images of a test set that are also in train, and their share in percent."""

    dataset: str
    n: int
    share: float


@dataclass(frozen=True)
class Evidence:
    """Tables of one protocol and what is known of the runs.

    The tables are what the shelf of statistics gives under the same names: accuracies and differences in points (0 to
    100), probabilities in [0, 1], missing values null.
    """

    values: pd.DataFrame
    pairs: pd.DataFrame
    ranks: pd.DataFrame
    groups: pd.DataFrame  # what `tiers` gives
    needed: pd.DataFrame
    optimism: pd.DataFrame
    roles: dict[str, str]  # data set -> role, the reference first
    methods: dict[str, str]  # model -> method
    margin: float  # points: the smallest difference that matters
    protocol: str
    costs: list[ModelCost] = field(default_factory=list)
    alarms: list[ModelAlarm] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)  # model -> number of seeds
    protocol_leaders: dict[str, str] = field(default_factory=dict)  # of the reference, by each other protocol
    twins: list[TwinCount] = field(default_factory=list)
    unfinished: int = 0
    runs: int = 0
    metric: MetricFacts = ACCURACY  # that decides
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)  # tables of `results.metric_tables`
    floors: pd.DataFrame = field(default_factory=pd.DataFrame)
    threshold_shift: pd.DataFrame = field(default_factory=pd.DataFrame)
    recall: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)
    hard: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def reference(self) -> str:
        """The set the choice is made on."""
        return next(name for name, role in self.roles.items() if role == "reference")

    @property
    def shifts(self) -> list[str]:
        """The other sets, in order."""
        return [name for name in self.roles if name != self.reference]

    def is_baseline(self, model: str) -> bool:
        """Whether a model is a baseline and no candidate."""
        return self.methods[model] in BASELINES

    def order(self, dataset: str) -> list[str]:
        """Models on a set, best first; among equals candidates before baselines, then by name."""
        rows = self.values[self.values.dataset == dataset]
        values = dict(zip(rows["model"], rows["value"], strict=True))
        return sorted(values, key=lambda model: (-values[model], self.is_baseline(model), model))

    def score(self, model: str, dataset: str) -> dict[str, float | None]:
        """value, lo and hi of a model on a set, in points."""
        row = self.values[(self.values.model == model) & (self.values.dataset == dataset)].iloc[0]
        return {name: float_or_none(row[name]) for name in ("value", "lo", "hi")}

    def pair(self, first: str, second: str, dataset: str) -> Pair:
        """`first` against `second` on a set; ValueError when the table of pairs lacks them."""
        row = find_pair(self.pairs, first, second, dataset)
        if row is None:
            raise ValueError(
                f"no comparison of {first!r} and {second!r} on {dataset!r}: every pair of models is needed"
            )
        same = {name: row[name] for name in ("first", "second", "n", "difference", "verdict", "lottery")}
        turning, ends = max(abs(row["lo90"]), abs(row["hi90"])), {"lo": row["family_lo"], "hi": row["family_hi"]}
        found = Pair(**same, **ends, detectable=row["minimum_detectable"], turning_margin=turning)
        return found if found.first == first else found.mirror

    def against(self, model: str, dataset: str) -> list[Pair]:
        """The model against each other one on a set, best opponent first."""
        return [self.pair(model, other, dataset) for other in self.order(dataset) if other != model]

    def tiers(self, dataset: str) -> list[list[str]]:
        """Groups of models that the data cannot tell apart, the leader's first; a model alone is a tier."""
        rows = self.groups[self.groups["dataset"] == dataset]
        return [part["model"].tolist() for _, part in rows.groupby("tier")] or [self.order(dataset)]

    def images_needed(self, pair: Pair, dataset: str) -> float | None:
        """How many more images would decide an undecided pair; None where no number would."""
        row = find_pair(self.needed, pair.first, pair.second, dataset)
        return float_or_none(row["more"]) if row else None


def float_or_none(value: Any) -> float | None:
    """A number, or None where the table has none."""
    return None if pd.isna(value) else float(value)
