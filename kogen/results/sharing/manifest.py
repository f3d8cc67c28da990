"""The manifest of a bundle: what was asked, what the sets hold, which tables there are."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SharedQuestion:
    """What a study was asked, in kogen's own words."""

    task: Literal["classify", "anomaly"]
    metric: str | None  # as typed, without names of classes; "own" for the team's own; None: by the balance of classes
    margin: float  # points, or the metric's unit
    probes: tuple[str, ...]  # the first decides
    judge_on: Literal["test", "validation"]
    twins: Literal["together", "drop", "keep"]


@dataclass(frozen=True)
class SharedSet:
    """A set of images: numbers alone."""

    name: str
    role: Literal["train", "reference", "shift", "transfer"]
    images: int
    labelled: int
    classes: dict[str, int]  # images of each
    duplicates_inside: int
    near_copies_inside: int
    twins_in_train: int | None
    bad_count: int


@dataclass(frozen=True)
class SharedBudget:
    """How many labels a draw of a part of them had."""

    budget: str
    draw: int
    labels: int


@dataclass(frozen=True)
class SharedTable:
    """A table of the bundle."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """What manifest.json holds."""

    format: int
    kogen: str
    names: Literal["coded", "kept"]
    question: SharedQuestion
    sets: tuple[SharedSet, ...]
    budgets: tuple[SharedBudget, ...]
    positive: str | None  # of two classes the one that is looked for
    tables: dict[str, SharedTable]

    @property
    def keeps_names(self) -> bool:
        """Whether names of sets, classes, groups and models are the team's own."""
        return self.names == "kept"
