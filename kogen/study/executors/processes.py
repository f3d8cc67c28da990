"""Jobs: processes of this machine which share the runs of a study by their locks."""

import os
import queue
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from kogen.common.speech.console import say
from kogen.common.speech.events import Caution, Event, Failed
from kogen.common.speech.progress import progress_bar
from kogen.common.system import share_of_cores
from kogen.study.cost_estimate import Work
from kogen.study.executors.children import Child, child_environment, let_go, run_command, start_child, stop_children
from kogen.study.executors.tally import Tally, event_of
from kogen.study.study_runs import StudyRuns

STARTS = 3  # of a job that is killed


@dataclass(eq=False)
class Job:
    """A place for a process at work, started once or again."""

    number: int  # from 1
    child: Child
    starts: int = 1


Heard = queue.SimpleQueue[tuple[int, Event | None]]  # what the job of a number says, and None at its end


class Jobs:
    """Processes of this machine, which load what they need while the study is prepared.

    `count` of them, or as many as runs. One that is killed is started again, and its run goes on from its checkpoint.
    What is left in the end, for whatever reason, is the caller's to do. Ctrl-C stops all of them, and what they do is
    saved.
    """

    def __init__(self, folder: Path, count: int, trackers: Sequence[str]) -> None:
        self.count, self.heard, self.command = count, Heard(), run_command(folder, trackers)
        self.jobs: dict[int, Job] = {}
        self.threads = share_of_cores(count)

    def __enter__(self) -> Self:
        self.jobs = {number: self.start_job(number) for number in range(1, self.count + 1)}
        return self

    def __exit__(self, *_: object) -> None:
        stop_children([job.child for job in self.jobs.values()])

    def work(self, ready: StudyRuns, left: Sequence[Work]) -> None:
        """Work on what is `left` of a study; returns when all jobs have ended."""
        count, tally = min(self.count, len(left)), Tally(ready, left)
        if count < 2:
            return  # the caller is one process
        busy = set(range(1, count + 1))
        for number in busy:
            let_go(self.jobs[number].child)
        with progress_bar(f"{len(tally.runs)} runs, {count} at a time") as report:
            while busy:
                number, event = self.heard.get()
                job = self.jobs[number]
                if event is None and number in busy:
                    tally.leave(number)
                    if is_to_start_again(job):
                        self.jobs[number] = self.start_job(number, job.starts + 1)
                        let_go(self.jobs[number].child)
                    else:
                        busy.discard(number)
                elif isinstance(event, Failed):
                    job.child.failure = event.text
                elif event is not None:
                    tally.tell(number, event, report)

    def start_job(self, number: int, starts: int = 1) -> Job:
        """Start a job; what it says comes into `heard`, and None at its end."""

        def hear(line: str | None) -> None:
            event = None if line is None else event_of(line)
            if event is not None or line is None:
                self.heard.put((number, event))

        return Job(number, start_child(self.command, job_environment(number, self.threads), hear), starts)


def job_environment(number: int, threads: int, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a job: its number of threads, and its GPU of several."""
    found = child_environment(threads, env)
    cards = torch.cuda.device_count()
    if cards > 1:
        seen = env.get("CUDA_VISIBLE_DEVICES", "")
        known = seen.split(",") if seen else [str(card) for card in range(cards)]
        found["CUDA_VISIBLE_DEVICES"] = known[(number - 1) % cards]
    return found


def is_to_start_again(job: Job) -> bool:
    """Whether a job that ended was killed, and not too often; a job that did not do its work is told of."""
    code = job.child.process.returncode
    if code == 0:
        return False
    if code < 0 and job.starts < STARTS:
        say(Caution(f"job {job.number} was killed by signal {-code}: it is started again, and its run goes on"))
        return True
    say(Caution(f"job {job.number} ended: {job.child.end}; what is left of it is done by the others, or at the end"))
    return False
