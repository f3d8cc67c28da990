"""Jobs: processes of this machine which share the runs of a study by their locks."""

import os
import queue
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from kogen.common.speech.console import say
from kogen.common.speech.events import Caution, Event, Failed
from kogen.common.speech.progress import progress_bar
from kogen.common.system import usable_cores
from kogen.study.cost_estimate import Work
from kogen.study.executors.children import Child, child_environment, run_command, start_child, stop_children
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


def work_in_jobs(ready: StudyRuns, left: Sequence[Work], count: int, trackers: Sequence[str]) -> None:
    """Let `count` processes, or as many as runs, work on what is `left` of a study; returns when all have ended.

    A process that is killed is started again, and its run goes on from its checkpoint. What is left then, for whatever
    reason, is the caller's to do. Ctrl-C stops all of them, and what they do is saved.
    """
    if (count := min(count, len(left))) < 2:
        return  # the caller is one process
    tally, heard, command = Tally(ready, left), Heard(), run_command(ready.folder, trackers)
    jobs = {number: start_job(number, command, count, heard) for number in range(1, count + 1)}
    try:
        with progress_bar(f"{len(tally.runs)} runs, {count} at a time") as report:
            while jobs:
                number, event = heard.get()
                job = jobs[number]
                if event is None:
                    del jobs[number]
                    tally.leave(number)
                    if is_to_start_again(job):
                        jobs[number] = start_job(number, command, count, heard, job.starts + 1)
                elif isinstance(event, Failed):
                    job.child.failure = event.text
                else:
                    tally.tell(number, event, report)
    finally:
        stop_children([job.child for job in jobs.values()])


def start_job(number: int, command: Sequence[str], count: int, heard: Heard, starts: int = 1) -> Job:
    """Start a job; what it says comes into `heard`, and None at its end."""

    def hear(line: str | None) -> None:
        event = None if line is None else event_of(line)
        if event is not None or line is None:
            heard.put((number, event))

    return Job(number, start_child(command, job_environment(number, count), hear), starts)


def job_environment(number: int, count: int, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a job: its share of the cores, and its GPU of several."""
    found = child_environment(max(1, usable_cores() // count), env)
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
