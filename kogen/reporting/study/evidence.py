"""The evidence of a study: what is known of its runs and images beside the judgement of its tables."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from kogen.common.alarms import AlarmKind
from kogen.results.judgement import Judgement


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
    """What is known of a study beside its judgement: its runs, its images, and other ways to judge it."""

    judgement: Judgement
    protocol: str
    costs: list[ModelCost] = field(default_factory=list)
    alarms: list[ModelAlarm] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)  # model -> number of seeds
    protocol_leaders: dict[str, list[str]] = field(default_factory=dict)  # of the reference, by each other protocol
    twins: list[TwinCount] = field(default_factory=list)
    optimism: float = 0.0  # points by which the choice of the highest flatters it, on the reference
    unfinished: int = 0
    runs: int = 0
