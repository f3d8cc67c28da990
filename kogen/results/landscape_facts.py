"""What was measured of a landscape, as types: landscape.json holds it, with these names as its keys."""

from dataclasses import dataclass, field
from enum import StrEnum

from kogen.common.alarms import Alarm
from kogen.results.lottery_summary import Row


class Standing(StrEnum):
    """Whether a run's landscape may be ranked, and if not, why; the worst first. Only `SOUND` is ranked."""

    NOT_FINITE = "not_finite"  # the loss is no finite number at the weights: there is nothing to draw
    BROKEN = "broken"  # the training broke off
    UNTRAINED = "untrained"  # the network as it was made: it has not been to any minimum
    COLLAPSED = "collapsed"  # the features collapsed in training
    STUCK = "stuck"  # the loss stayed where a collapse puts it
    FLAT = "flat"  # the loss does not change over the planes
    NOT_MINIMUM = "not_minimum"  # the loss falls from the weights, in their planes or along the gradient
    UNKNOWN = "unknown"  # an older version measured it: nothing is known of its training
    SOUND = "sound"

    @property
    def has_basin(self) -> bool:
        """Whether width, basin and convexity mean what they say."""
        return self in (Standing.SOUND, Standing.UNKNOWN)


def name_run(model: str, seed: int | None, word: str = " ") -> str:
    """What people call a run: its model, and its seed where it has one."""
    return model if seed is None else f"{model}{word}{seed}"


@dataclass(frozen=True)
class TrainingFacts:
    """What is known of the training of a run."""

    status: str | None  # of its summary.json; None where there is none
    trained: bool  # False: the network as it was made, or no epoch of training
    alarms: list[Alarm] = field(default_factory=list)  # those raised up to the weights that are looked at
    losses: list[list[float]] = field(default_factory=list)  # (n, 2) epoch and mean loss of each, up to the weights


@dataclass(frozen=True)
class RunStanding:
    """The standing of one run under one objective, and the numbers that it was decided by."""

    run: str
    model: str
    objective: str
    loss: str  # what it is the loss of: losses of different names have different units
    standing: Standing
    epoch: int | None = None  # of the alarm
    planes: int = 0  # random planes that were looked at
    level: float | None = None  # loss at the weights
    range: float | None = None  # largest minus smallest loss, median over planes
    drop: float | None = None  # how far the lowest point lies below the weights, share of the range, median over planes
    gradient: float | None = None  # norm of the gradient at the weights
    fall: float | None = None  # how far the loss falls along the gradient, share of the range


@dataclass(frozen=True)
class GridFacts:
    """The grids of a run's planes: how many images are evaluated on the finest one, places a side, refinements."""

    few: int
    steps: int | None = None
    levels: int | None = None
    workers: int | None = None
    seed: int | None = None
    map: int = 0  # places a side of the map of the curvature; 0: no map
    unit: str | None = None  # of the few, as that of all; None: an older version measured it


@dataclass(frozen=True)
class PlaneFacts:
    """One plane, as the `directions` describe it; None or empty where its kind has no such fact."""

    kind: str  # random | trajectory | sharpest | between
    seed: int | None = None  # random and sharpest
    plane: int | None = None  # random: its number
    normalise: str | None = None
    cosine: float | None = None  # of the angle between the directions
    positions: list[list[float]] | None = None  # (n, 2) of checkpoints (trajectory), models (between)
    share: list[float] | None = None  # trajectory: (2,) of the squared distances, that each direction shows
    residual: list[float] | None = None  # (n,) share of each checkpoint's distance outside the plane
    lengths: list[float] | None = None  # (2,) of the directions
    length: float | None = None  # sharpest: of the directions, in lengths of the weights
    products: int | None = None  # with the Hessian
    converged: bool | None = None
    eigenvalues: list[float] | None = None  # (2,)
    residuals: list[float] | None = None  # (2,)
    batch_norm: str | None = None  # between: of the objective
    span: list[list[float]] | None = None  # first and last place of alpha and of beta
    distance: float | None = None


@dataclass(frozen=True)
class RunFacts:
    """How one run was measured in one kind of direction."""

    run: str
    model: str
    objective: str  # pretrain | probe, and the terms of the loss after "-"
    seed: int  # of the frozen images, views and directions
    images: int
    batch: int
    unit: str  # image | batch | group (of images embedded once, one left out of each batch): what has a loss of its own
    batch_norm: str
    excluded_share: float  # of the parameters
    grid: GridFacts
    run_seed: int | None  # of the training
    direction: str = "random"
    through: list[str] = field(default_factory=list)  # names of the models that a plane between models holds
    planes: list[PlaneFacts] = field(default_factory=list)
    excluded: dict[str, int] = field(default_factory=dict)  # reason -> number of tensors that do not move
    moves: list[str] = field(default_factory=list)
    data: str | None = None  # digest of the images
    count: int | None = None  # images that were asked for, of a probe
    method: str | None = None
    backbone: str | None = None
    loss: str | None = None  # its name: two runs are compared in units of the loss where it is the same
    training: TrainingFacts | None = None  # None: an older version measured it
    weight_decay: float = 0.0  # in the loss
    metrics: list[str] = field(default_factory=list)  # measured beside the loss


@dataclass(frozen=True)
class LandscapeFacts:
    """Everything of a landscape that is no table of points."""

    runs: list[RunFacts]
    pairs: list[Row]  # paired differences of models that may be ranked
    flatness: list[Row]  # rank correlations with the scores of a study, over models that may be ranked
    standings: list[RunStanding] | None = None  # None: an older version wrote the file
