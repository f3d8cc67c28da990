"""Events: what happens in a verb, each with named fields for a program and a sentence for a person.

docs/tracking.md has the table of events and keys; a test compares it with the classes here and in verb_answers.py.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from kogen.common.speech.forecast import forecast_words

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR
RESULT = 25  # between INFO and WARNING: what a verb was asked for
LEVELS = {INFO: "info", RESULT: "result", WARNING: "warning", ERROR: "error"}


@dataclass(frozen=True)
class Event:
    """Something that happened: `kind` and the fields are stable keys, `sentence` may be worded anew at any time."""

    kind: ClassVar[str] = ""
    level: ClassVar[int] = INFO
    style: ClassVar[str] = "bold"  # of the title, on a terminal
    on_bar: ClassVar[bool] = False  # a terminal's progress bar has shown it: no line there

    @property
    def title(self) -> str:
        """What stands before the sentence: a set, a model; "" for nothing."""
        return ""

    @property
    def sentence(self) -> str:
        """What a person reads."""
        raise NotImplementedError


@dataclass(frozen=True)
class Note(Event):
    """A sentence that has no numbers of its own."""

    kind = "note"
    text: str
    about: str = ""  # a set, a model, a part of the work

    @property
    def title(self) -> str:
        return self.about

    @property
    def sentence(self) -> str:
        return self.text


@dataclass(frozen=True)
class Caution(Note):
    """A note that somebody should act on, or know before believing a result."""

    kind = "warning"
    level = WARNING


@dataclass(frozen=True)
class Progressed(Event):
    """How far a long job is; at most one in 30 seconds, and one at its end."""

    kind = "progress"
    task: str
    step: int
    steps: int
    minutes_left: float | None
    detail: str = ""

    @property
    def sentence(self) -> str:
        far = f"{self.task}: {self.step} of {self.steps}"
        return ", ".join(filter(None, (far, forecast_words(self.minutes_left), self.detail)))


@dataclass(frozen=True)
class SetRead(Event):
    """A set of images was opened."""

    kind = "set_read"
    dataset: str
    images: int
    labelled: int
    skipped: int  # files that could not be used
    near_copies: int | None  # of others in the set; None where none were looked for
    twins_in_train: int | None

    @property
    def title(self) -> str:
        return self.dataset

    @property
    def sentence(self) -> str:
        near = f", {self.near_copies} near copies of others" if self.near_copies else ""
        twins = f", {self.twins_in_train} with a twin in train" if self.twins_in_train else ""
        bad = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.images} images, {self.labelled} labelled{bad}{near}{twins}"


@dataclass(frozen=True)
class Estimated(Event):
    """What the work that is left will cost."""

    kind = "estimate"
    minutes: float
    memory_gb: float
    disk_gb: float
    seconds_per_step: Mapping[str, float]  # by method
    at_once: int  # runs, each in a process of its own
    words: str  # the same as people read it

    @property
    def title(self) -> str:
        return "Estimate"

    @property
    def sentence(self) -> str:
        return self.words


@dataclass(frozen=True)
class RunStarted(Event):
    """The training of a run began, or goes on."""

    kind = "run_started"
    on_bar = True
    run: str  # its id
    model: str
    method: str
    seed: int
    pool: str  # the part of the images that it is trained on; "" for all
    images: int
    epochs: int
    done: int  # epochs that an earlier call finished
    folder: str

    @property
    def sentence(self) -> str:
        on = f" on {self.pool}" if self.pool else ""
        after = f", goes on after epoch {self.done}" if self.done else ""
        return f"{self.model}{on} seed {self.seed}: training for {self.epochs} epochs{after} ({self.run})"


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch of a training ended; epoch 0 is the untrained network. Of many epochs not every one has an event."""

    kind = "epoch_ended"
    on_bar = True
    run: str
    epoch: int
    epochs: int
    terms: Mapping[str, float]  # mean of each named term of the loss, and "loss", their sum; {} at epoch 0
    rate: float
    images_per_second: float
    seconds: float  # since the last record
    rank_me: float
    feature_std: float
    threads: int = 0  # of a CPU, in the last pass; 0: not known

    @property
    def sentence(self) -> str:
        losses = "".join(f", {name} {value:.4g}" for name, value in self.terms.items())
        return f"{self.run}: epoch {self.epoch} of {self.epochs}{losses}, RankMe {self.rank_me:.2f}"


@dataclass(frozen=True)
class RunEnded(Event):
    """A run is trained, or broke off."""

    kind = "run_ended"
    on_bar = True
    run: str
    status: str  # done, failed
    minutes: float
    images_seen: int
    images_per_second: float | None
    kwh: float
    alarms: int
    folder: str

    @property
    def sentence(self) -> str:
        return f"{self.run}: {self.status} after {self.minutes:.1f} min, {self.images_seen} images"


@dataclass(frozen=True)
class AlarmRaised(Event):
    """What somebody should look at before believing a run; said each time its study or its training is asked for."""

    kind = "alarm"
    level = WARNING
    style = "yellow"
    run: str  # its id
    name: str  # as people know it: `2/8 byol seed 1`
    alarm: str  # rank, spread, stuck, broken
    epoch: int | None
    why: str

    @property
    def title(self) -> str:
        return "alarm"

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.why}" + (f" (epoch {self.epoch})" if self.epoch is not None else "")


@dataclass(frozen=True)
class Failed(Event):
    """The end of a verb that did not do what was asked."""

    kind = "error"
    level = ERROR
    exit_code: int  # 1 an error, 2 a wrong command line, 75 stopped and saved
    text: str

    @property
    def sentence(self) -> str:
        return f"kogen: {self.text}"


def event_fields(event: Event) -> dict[str, Any]:
    """The fields of an event as JSON takes them: plain values, None for a number that is not finite."""
    return {one.name: plain_value(getattr(event, one.name)) for one in fields(event)}


def plain_value(value: Any) -> Any:
    """A value without what JSON has no word for: paths and other objects as text, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(one) for key, one in value.items()}
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Sequence):
        return [plain_value(one) for one in value]
    return plain_value(value.item()) if hasattr(value, "item") else str(value)  # a number of numpy; a path
