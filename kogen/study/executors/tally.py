"""A tally: how far the runs of a study are that others work on, from the events that they tell."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields

from kogen.common.speech.console import say
from kogen.common.speech.events import AlarmRaised, Caution, EpochEnded, Event, Failed, RunEnded, RunStarted
from kogen.study.cost_estimate import Work
from kogen.study.study_runs import StudyRuns

TOLD = {kind.kind: kind for kind in (RunStarted, EpochEnded, RunEnded, AlarmRaised, Caution, Failed)}


def event_of(line: str) -> Event | None:
    """The event that a process tells in a line of JSON; None for what is not told further."""
    try:
        content = json.loads(line)
        kind = TOLD[content["event"]]
        return kind(**{one.name: content[one.name] for one in fields(kind)})
    except (ValueError, KeyError, TypeError):
        return None


class Tally:
    """How far the runs of a study are: epochs, and for each run one more for its judgement."""

    def __init__(self, ready: StudyRuns, left: Sequence[Work]) -> None:
        self.runs = {ready.runs[work.number].name: ready.plans[work.number] for work in left}
        self.done = dict.fromkeys(self.runs, 0)
        self.at_work: dict[int, str] = {}  # by number of who works, the run that it is at
        self.begun: set[int] = set()  # who has begun to train: what it said before, the caller has said too
        self.steps = sum(plan.epochs + 1 for plan in self.runs.values())

    def tell(self, worker: int, event: Event, report: Callable[[int, int, str], None]) -> None:
        """Say what a worker says once it has begun to train, and report how far the runs are where it tells of one."""
        if isinstance(event, RunStarted):
            self.begun.add(worker)
        if worker in self.begun:
            say(event)
            if self.hear(worker, event):
                report(sum(self.done.values()), self.steps, self.words)

    def leave(self, worker: int) -> None:
        """A worker ended; another of its number begins anew."""
        self.at_work.pop(worker, None)
        self.begun.discard(worker)

    def hear(self, worker: int, event: Event) -> bool:
        """Whether what a worker says tells of a run; it is taken in then."""
        if not isinstance(event, RunStarted | EpochEnded | RunEnded) or event.run not in self.runs:
            return False
        self.at_work[worker] = event.run
        if isinstance(event, RunEnded):
            self.done[event.run] = self.runs[event.run].epochs + 1
        else:
            self.done[event.run] = event.done if isinstance(event, RunStarted) else event.epoch
        return True

    @property
    def words(self) -> str:
        """The runs that are worked on, and the epoch each is at."""
        plans = [(self.runs[run], self.done[run]) for run in self.at_work.values()]
        return ", ".join(f"{one.title} seed {one.seed} {min(done, one.epochs)}/{one.epochs}" for one, done in plans)
