"""Jobs: processes of this machine, each `kogen run` on a study, which share its runs by their locks."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from kogen.common import distributed
from kogen.common.objects import PREFIX
from kogen.common.plugins import opened_listings
from kogen.common.speech.console import say
from kogen.common.speech.events import AlarmRaised, Caution, EpochEnded, Event, Failed, RunEnded, RunStarted
from kogen.common.speech.progress import progress_bar
from kogen.common.system import process_lives, usable_cores
from kogen.config.study import Study
from kogen.study.cost_estimate import Work
from kogen.study.study_runs import StudyRuns

HEAD = "KOGEN_HEAD"  # variable with the number of the process that started a job
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
STARTS = 3  # of a job that is killed
PATIENCE = 120.0  # seconds that jobs have to save what they do
LOOK = 2.0  # seconds between two looks at the process that started a job
TOLD = {kind.kind: kind for kind in (RunStarted, EpochEnded, RunEnded, AlarmRaised, Caution, Failed)}


@dataclass(eq=False)
class Job:
    """A process at work, started once or again."""

    number: int  # from 1
    process: subprocess.Popen[str]
    starts: int = 1
    last_words: list[str] = field(default_factory=list)  # of its stderr
    failure: str = ""
    began: bool = False  # to train: what it said before, the caller has said too


def count_jobs(asked: int | None, study: Study) -> int:
    """The number of jobs that is asked for; by default one a GPU, and one where there is no other way.

    ValueError where several are asked for, and processes work together on each run or images lie in this process alone.
    """
    together = distributed.world_size()
    places = [study.source, study.test, study.labels, *study.shifts.values()]
    objects = [place for place in places if place and str(place).startswith(PREFIX)]
    if asked is None:
        return 1 if together > 1 or objects else max(1, torch.cuda.device_count())
    if asked > 1 and together > 1:
        raise ValueError(
            f"--jobs {asked}: {together} processes work together on each run here: start one, or leave it out"
        )
    if asked > 1 and objects:
        raise ValueError(
            f"--jobs {asked}: {objects[0]} lies in this process alone: write it to files, or leave jobs out"
        )
    return asked


Heard = queue.SimpleQueue[tuple[Job, Event | None]]  # what jobs say, and None at the end of one


class Tally:
    """How far the runs of a study are that jobs work on: epochs, and for each run one more for its judgement."""

    def __init__(self, ready: StudyRuns, left: Sequence[Work]) -> None:
        self.runs = {ready.runs[work.number].name: ready.plans[work.number] for work in left}
        self.done = dict.fromkeys(self.runs, 0)
        self.at_work: dict[int, str] = {}  # by number of a job, the run that it is at
        self.steps = sum(plan.epochs + 1 for plan in self.runs.values())

    def hear(self, job: int, event: Event) -> bool:
        """Whether what a job says tells of a run; it is taken in then."""
        if not isinstance(event, RunStarted | EpochEnded | RunEnded) or event.run not in self.runs:
            return False
        self.at_work[job] = event.run
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


def work_in_jobs(ready: StudyRuns, left: Sequence[Work], count: int, trackers: Sequence[str]) -> None:
    """Let `count` processes work on what is `left` of a study; returns when all have ended.

    A process that is killed is started again, and its run goes on from its checkpoint. What is left then, for whatever
    reason, is the caller's to do. Ctrl-C stops all of them, and what they do is saved.
    """
    tally, heard, command = Tally(ready, left), Heard(), job_command(ready, trackers)
    jobs = [start_job(number, command, count, heard) for number in range(1, count + 1)]
    try:
        with progress_bar(f"{len(tally.runs)} runs, {count} at a time") as report:
            while jobs:
                job, event = heard.get()
                if event is None:
                    jobs.remove(job)
                    tally.at_work.pop(job.number, None)
                    jobs += end_job(job, command, count, heard)
                elif isinstance(event, Failed):
                    job.failure = event.text
                else:
                    job.began = job.began or isinstance(event, RunStarted)
                    if job.began:
                        say(event)
                    if tally.hear(job.number, event):
                        report(sum(tally.done.values()), tally.steps, tally.words)
    finally:
        stop_jobs(jobs)


def job_command(ready: StudyRuns, trackers: Sequence[str]) -> list[str]:
    """The command of a job. Of the user's own code that runs there which this process was told to run, no other."""
    more = [word for name in trackers for word in ("--tracker", name)]
    more += [word for code in opened_listings() for word in ("--plugins", code)]
    return [sys.executable, "-m", "kogen", "--json", "run", str(ready.folder), *more]


def job_environment(number: int, count: int, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a job: its share of the cores, unless the user says how many threads; its GPU of several."""
    threads = str(max(1, usable_cores() // count))
    found = {**dict.fromkeys(THREADS, env.get(THREADS[0], threads)), **env, HEAD: str(os.getpid())}
    cards = torch.cuda.device_count()
    if cards > 1:
        seen = env.get("CUDA_VISIBLE_DEVICES", "")
        known = seen.split(",") if seen else [str(card) for card in range(cards)]
        found["CUDA_VISIBLE_DEVICES"] = known[(number - 1) % cards]
    return found


def start_job(number: int, command: list[str], count: int, heard: Heard, starts: int = 1) -> Job:
    """Start a job; what it says comes into `heard`, and None at its end."""
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    how |= {"text": True, "encoding": "utf-8", "errors": "replace", "env": job_environment(number, count)}
    # A session of its own: Ctrl-C on a terminal reaches this process alone, which tells the jobs once.
    job = Job(number, subprocess.Popen(command, start_new_session=True, **how), starts)

    def listen() -> None:
        quiet = threading.Thread(target=keep_last_words, args=(job,), daemon=True)
        quiet.start()
        assert job.process.stdout is not None
        try:
            for line in job.process.stdout:
                if (event := event_of(line)) is not None:
                    heard.put((job, event))
            job.process.wait()
            quiet.join()
        finally:
            heard.put((job, None))  # whatever happens: somebody waits for it

    threading.Thread(target=listen, daemon=True).start()
    return job


def keep_last_words(job: Job) -> None:
    """Read what a job writes to stderr, and keep its last lines."""
    assert job.process.stderr is not None
    for line in job.process.stderr:
        job.last_words = [*job.last_words[-9:], line.rstrip()]


def event_of(line: str) -> Event | None:
    """The event that a job tells in a line of JSON; None for what is not told further."""
    try:
        content = json.loads(line)
        kind = TOLD[content["event"]]
        return kind(**{one.name: content[one.name] for one in fields(kind)})
    except (ValueError, KeyError, TypeError):
        return None


def end_job(job: Job, command: list[str], count: int, heard: Heard) -> list[Job]:
    """What comes after a job that ended: nothing, or the same one again where it was killed."""
    code = job.process.returncode
    if code == 0:
        return []
    if code < 0 and job.starts < STARTS:
        say(Caution(f"job {job.number} was killed by signal {-code}: it is started again, and its run goes on"))
        return [start_job(job.number, command, count, heard, job.starts + 1)]
    told = job.failure or (f"signal {-code}" if code < 0 else " ".join(job.last_words[-1:]) or f"exit code {code}")
    say(Caution(f"job {job.number} ended: {told}; what is left of it is done by the others, or at the end"))
    return []


def stop_jobs(jobs: Sequence[Job]) -> None:
    """End jobs that are at work: each saves what it does."""
    for job in jobs:
        job.process.terminate()
    until = time.monotonic() + PATIENCE
    for job in jobs:
        try:
            job.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            job.process.kill()


@contextmanager
def end_with_head() -> Iterator[None]:
    """While inside, a job ends, saved, soon after the process that started it is gone; for others nothing."""
    head, over = os.environ.get(HEAD, ""), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            if not process_lives(int(head)):
                signal.raise_signal(signal.SIGTERM)
                return

    if head.isdecimal():
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
