"""A session: the trackers of one run, none of which can end or change the training."""

import io
import json
import math
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kogen.common import distributed, registry
from kogen.common.files import read_json, write_json
from kogen.common.locks import hold_lock
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.common.tasks import Stopped
from kogen.tracking.tracker import Status, TrackedRun, Tracker

FOLDER = "tracking"  # in the folder of a study or of a run
STUDY = "study"  # the name of a study's own session


@dataclass(frozen=True)
class TrackTo:
    """Where the runs of a verb are tracked."""

    names: tuple[str, ...] = ()  # of trackers
    folder: Path = Path()  # of the study, or of a run alone
    is_study: bool = False


def track_to(names: Sequence[str], folder: Path, *, is_study: bool = False) -> TrackTo:
    """Where runs are tracked. ValueError for a tracker that cannot work here: its package or an account is missing."""
    for name in names:
        registry.load("trackers", name).check()
    return TrackTo(tuple(names), folder, is_study)


@contextmanager
def track(to: TrackTo, run: str, name: str, config: Mapping[str, Any], *, content: str = "") -> Iterator["Tracking"]:
    """The session of a run with this id while inside; it ends as done, failed or stopped, as the inside does.

    A tracker that has the whole run, with this `content`, is not begun again. In all but the first process of a job
    nothing is tracked.
    """
    session = Tracking(to, run, content)
    if session.names:
        session.begin(name, config)
    try:
        yield session
    except (Stopped, KeyboardInterrupt):
        session.end("stopped")
        raise
    except Exception:
        session.end("failed")
        raise
    session.end(session.status, is_whole=True)


@dataclass
class Mark:
    """What trackers have of a run, in OUT/tracking/RUN.json: a run that goes on is the same there, without gaps."""

    id: str
    done: dict[str, int] = field(default_factory=dict)  # last step, by tracker
    ended: dict[str, str] = field(default_factory=dict)  # content that it has the whole of, by tracker


class Tracking:
    """The trackers of one run. What one of them raises is said once, and it is left alone from then on."""

    def __init__(self, to: TrackTo, run: str, content: str) -> None:
        self.to, self.run, self.content = to, run, content
        self.names = to.names if distributed.rank() == 0 else ()
        self.trackers: dict[str, Tracker] = {}
        self.mark = Mark(run)
        self.status: Status = "done"  # that it ends with, unless the inside raises

    def begin(self, name: str, config: Mapping[str, Any]) -> None:
        """Begin the run in each tracker that does not have the whole of it."""
        folder = self.to.folder / FOLDER
        try:
            self.mark = read_mark(folder, self.run)
            group = read_mark(folder, STUDY).id if self.to.is_study else ""
        except (OSError, ValueError) as error:
            say(Caution(f"{folder} cannot be written: {error}; nothing is tracked", "tracking"))
            return
        run = TrackedRun(self.mark.id, name, group, json.loads(json.dumps(config, default=str)), folder)

        def start(one: str) -> None:
            self.trackers[one] = registry.load("trackers", one)(run)

        for one in self.names:
            if self.mark.ended.get(one) != self.content:
                self._guard(one, start)

    def log_values(self, step: int | None, values: Mapping[str, float | None]) -> None:
        """Give the finite of these numbers to each tracker that has not got this step; None: a step after its last."""
        finite = {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}
        before = dict(self.mark.done)
        for name in list(self.trackers):
            last = self.mark.done.get(name, -1)
            now = last + 1 if step is None else step
            if now > last:
                self._guard(name, lambda one, now=now: self.trackers[one].log_values(now, finite))
                if name in self.trackers:
                    self.mark.done[name] = now
        if self.mark.done != before:
            self._write_mark()

    def log_artefacts(self, files: Sequence[Path]) -> None:
        """Give each tracker those of the files that are there."""
        for file in [file for file in files if file.exists()]:
            for name in list(self.trackers):
                self._guard(name, lambda one, file=file: self.trackers[one].log_artefact(file))

    def end(self, status: Status, *, is_whole: bool = False) -> None:
        """End the run in each tracker; unless it is whole it may go on."""
        for name in list(self.trackers):
            self._guard(name, lambda one: self.trackers[one].end(status))
            if name in self.trackers and is_whole:
                self.mark.ended[name] = self.content
        self._write_mark()

    def _guard(self, name: str, action: Callable[[str], None]) -> None:
        """Do something with a tracker; where it raises, say so and leave the tracker alone from then on."""
        try:
            with unchanged_chance(), redirect_stdout(io.StringIO()):
                action(name)
        except Exception as error:
            self.trackers.pop(name, None)
            why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
            again = "the training goes on without it; the same command sends later what it lacks"
            say(Caution(f"{name} does not take what is tracked ({why}): {again}", "tracking"))

    def _write_mark(self) -> None:
        """Write down what the trackers have."""
        if self.trackers:
            try:
                write_json(self.to.folder / FOLDER / f"{self.run}.json", vars(self.mark))
            except OSError as error:
                self.trackers = {}
                say(Caution(f"what is tracked cannot be written down: {error}; no more is tracked", "tracking"))


def read_mark(folder: Path, run: str) -> Mark:
    """What trackers have of a run; where nobody knows it with a new id, which no other folder has."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{run}.json"
    with hold_lock(folder / ".lock"):
        if place.exists():
            try:
                return Mark(**read_json(place))
            except (ValueError, TypeError):
                say(Caution(f"{place} is damaged: what it was about is tracked as a new run", "tracking"))
        title = folder.resolve().parent.name if run == STUDY else run
        mark = Mark(f"{safe_id(title)}-{secrets.token_hex(4)}")
        write_json(place, vars(mark))
        return mark


def safe_id(text: str) -> str:
    """The text with letters that every tracker takes in an id."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in text)


@contextmanager
def unchanged_chance() -> Iterator[None]:
    """While inside, what draws from the global generators changes nothing outside."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002
