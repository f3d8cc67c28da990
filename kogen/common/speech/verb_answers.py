"""The events that answer a verb: what it was asked for, in words and for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kogen.common.speech.events import RESULT, Estimated, Event


@dataclass(frozen=True)
class CostAnswered(Estimated):
    """The answer of `kogen estimate`."""

    level = RESULT

    @property
    def title(self) -> str:
        return ""

    @property
    def sentence(self) -> str:
        lines = [f"{method}: {seconds:.3f} s per step" for method, seconds in self.seconds_per_step.items()]
        return "\n".join([*lines, f"the whole study: {self.words}"])


@dataclass(frozen=True)
class Answered(Event):
    """A line that was asked for: a name of `kogen list`, a line of Python, a version."""

    kind = "line"
    level = RESULT
    text: str

    @property
    def sentence(self) -> str:
        return self.text


@dataclass(frozen=True)
class Listed(Answered):
    """A name that `kogen list` shows, with what it says of it."""

    kind = "listed"
    shelf: str = ""
    name: str = ""


@dataclass(frozen=True)
class FileWritten(Answered):
    """The file that a verb was asked for, and what it says of it."""

    kind = "written"
    path: str = ""


@dataclass(frozen=True)
class RunsWorked(Event):
    """The answer of `kogen run`."""

    kind = "runs_worked"
    level = RESULT
    runs: Sequence[str]  # ids
    left: int  # that are not finished; others may be at work on them

    @property
    def sentence(self) -> str:
        done = f"done: {', '.join(self.runs)}" if self.runs else "nothing was left to do here"
        return f"{done}; {self.left} runs of the study are left"


@dataclass(frozen=True)
class Trained(Event):
    """The answer of `kogen pretrain`."""

    kind = "trained"
    level = RESULT
    weights: str  # file
    minutes: float
    images_seen: int

    @property
    def sentence(self) -> str:
        return f"{self.weights} after {self.minutes:.1f} min, {self.images_seen} images"


@dataclass(frozen=True)
class Judged(Event):
    """A verdict, an audit or a landscape: in words, for a program, and where its page is."""

    kind = "verdict"
    level = RESULT
    page: str  # file
    words: Sequence[str] = ()  # sentences
    facts: Mapping[str, Any] = field(default_factory=dict)  # `judgement` of verdict.json, `passed` of an audit

    @property
    def sentence(self) -> str:
        return "\n".join([*self.words, "", self.page]) if self.words else self.page


@dataclass(frozen=True)
class AuditJudged(Judged):
    """The answer of `kogen audit`."""

    kind = "audit"


@dataclass(frozen=True)
class LandscapeDrawn(Judged):
    """The answer of `kogen landscape`."""

    kind = "landscape"


@dataclass(frozen=True)
class PoolJudged(Judged):
    """The answer of `kogen pool`."""

    kind = "pool"


@dataclass(frozen=True)
class PriorTold(Event):
    """The answer of `kogen prior`."""

    kind = "prior"
    level = RESULT
    words: Sequence[str]  # sentences
    path: str  # of prior.json
    facts: Mapping[str, Any]  # as prior.json

    @property
    def sentence(self) -> str:
        return "\n".join([*self.words, "", self.path])


@dataclass(frozen=True)
class Compared(Event):
    """The answer of `kogen compare`."""

    kind = "comparison"
    level = RESULT
    words: str
    facts: Mapping[str, Any]  # as compare.json

    @property
    def sentence(self) -> str:
        return self.words
