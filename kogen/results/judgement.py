"""The judgement of a table of results: each question answered once; sentences, lights and figures are drawn from it."""

from dataclasses import dataclass
from enum import StrEnum

from kogen.common.metric_facts import MetricFacts
from kogen.results.findings import Answer, Finding, FloorFinding
from kogen.results.lottery_summary import Decision, Row


class Action(StrEnum):
    """What to do."""

    BET = "bet"  # one model is ahead of every other, and nowhere clearly behind
    SPLIT = "split"  # one model is ahead on the reference, another on another set
    EQUAL = "equal"  # the foremost differ by less than the margin: take the cheapest
    SHARED = "shared"  # the data cannot tell the foremost apart
    SAFE = "safe"  # nothing proves a lead: the model that loses least over all sets
    TIE = "tie"  # the foremost have the same values on every set
    FLOOR = "floor"  # none is better than always answering the same class
    UNTRAINED = "untrained"  # none is better than the untrained network
    UNLEARNT = "unlearnt"  # no detector finds boxes yet, so that nothing is known of any network
    ONE = "one"  # nothing to compare with
    NOTHING = "nothing"  # scores alone on one set, or no model was measured everywhere


@dataclass(frozen=True)
class ShareFinding:
    """Of leads as large as the leader's, the share (0-1) that holds on the set where fewest do, with its interval."""

    answer: Answer  # better: nine of ten or more hold, by the interval
    lost: bool  # fewer than three of four hold, by the interval
    dataset: str
    share: float
    lo: float | None
    hi: float | None
    gap_lo: float
    gap_hi: float
    best: float  # the share where most hold


@dataclass(frozen=True)
class RulesFinding:
    """Whether every rule that puts the sets together has the same winner, and whether the images prove it."""

    answer: Answer  # better: so, and proven; undecided: not proven, or the rules disagree; unknown: scores alone
    model: str
    same: int  # rules that choose it
    total: int
    others: list[str]  # what the other rules choose
    nearest: Row | None  # the row of `combined` against the next model


@dataclass(frozen=True)
class SafeFinding:
    """The model that loses least on any set; regret in points behind the best of a set."""

    answer: Answer  # better: near the best everywhere, with 95 %
    unsafe: bool  # with 95 % it is not
    model: str
    regret: float
    dataset: str  # where that is
    chance: float | None  # of being within the margin of the best on every set (0-1)
    sets: int
    average: str  # best on average
    average_regret: float
    price: float  # what the safe model costs on average, in points
    matters: bool  # the price or what it saves is as large as the margin, and is seen after rounding
    equals: list[str]  # models that are as good by each view
    beaten_on: list[str]  # sets on which a model is higher that was not measured everywhere


@dataclass(frozen=True)
class StartFinding:
    """A model that went on from published weights, compared with another start on the reference."""

    model: str  # that went on
    pair: Finding


LEARNT = 1.0  # average precision below which no detector has learnt to find boxes yet


@dataclass(frozen=True)
class Judgement:
    """Everything a page may claim of a table of results, and nothing else may be claimed."""

    action: Action
    models: list[str]  # what the action is about, best first
    cheapest: str | None  # of these, where minutes are known and differ
    reference: str
    targets: list[str]
    margin: float
    proven: bool  # one row an image: leads can be tested; else scores alone
    compared: int  # models
    methods: dict[str, str]  # of the models that are named here, where they are known
    leaders: list[str]  # highest on the reference; several are equal
    value: float
    lo: float | None
    hi: float | None
    lead: Finding | None  # the leader against the next; None for one model
    has_lead: bool  # the leader is ahead of every other model of the reference, and by enough to matter
    against: list[Finding]  # the leader against the others of the reference, the best 20 of them and the baselines
    floor: FloorFinding | None  # the leader against the constant answer
    floors: list[FloorFinding]  # the same on the other sets
    untrained: Finding | None  # the leader against the untrained network, or that against the next where it leads
    worth: Finding | None  # the best self-supervised model against the supervised one
    published: Finding | None  # ... against published weights
    elsewhere: list[Finding]  # on each other set, the leader and the best other one there
    share: ShareFinding | None
    rules: RulesFinding | None
    safe: SafeFinding | None
    decides: Decision | None  # images of the reference that would decide between the foremost picks
    metric: MetricFacts  # values are gains in its unit, floors as people know them
    clusters: list[Row]  # rows of `cluster_sizes` with a warning: groups of images that are few, or one is large
    continued: StartFinding | None = None  # the best model that went on from weights against these as they came
    from_scratch: StartFinding | None = None  # ... against the same method from scratch

    @property
    def leader(self) -> str:
        """The model with the highest value on the reference; among equals the one named first."""
        return self.leaders[0]

    @property
    def lost(self) -> list[Finding]:
        """The sets on which another model is ahead of the leader by more than too little."""
        return [one for one in self.elsewhere if one.answer == Answer.BETTER and one.first != self.leader]

    @property
    def won(self) -> list[Finding]:
        """The sets on which the leader is ahead of every other, too."""
        return [one for one in self.elsewhere if one.answer == Answer.BETTER and one.first == self.leader]

    @property
    def open(self) -> list[Finding]:
        """The sets on which the data cannot tell, or the difference is too small to matter."""
        return [one for one in self.elsewhere if one.answer in (Answer.UNDECIDED, Answer.EQUIVALENT)]

    @property
    def unknown(self) -> list[Finding]:
        """The sets on which what was measured cannot answer."""
        return [one for one in self.elsewhere if one.answer == Answer.UNKNOWN]
