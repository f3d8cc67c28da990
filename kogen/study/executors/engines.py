"""Engines: who works on several runs of a study at once, chosen before anything is opened."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, Self

import torch

from kogen.common import distributed
from kogen.common.devices import default_device
from kogen.common.objects import PREFIX
from kogen.common.plugins import INTERACTIVE, OPENED
from kogen.common.system import machine_memory, usable_cores
from kogen.config.study import Study
from kogen.options.study import PilotOptions
from kogen.study.cost_estimate import Work
from kogen.study.executors.processes import Jobs
from kogen.study.study_runs import StudyRuns

SMALL = 64  # pixels; up to here one run used two cores worse than two runs did (docs/guide.md)
JOB_MEMORY = 2 * 2**30  # bytes of memory that a job of such images is taken to need


class Engine(AbstractContextManager["Engine"], Protocol):
    """Works on what is left of a study; it makes itself ready from the moment that it is entered."""

    count: int  # runs at once, 1 where nobody knows it yet

    def work(self, ready: StudyRuns, left: Sequence[Work]) -> None:
        """Work on what is left; what is left after that, the caller does."""


class Alone:
    """No engine: the caller does all runs, one after the other."""

    count = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is to be ended."""

    def work(self, ready: StudyRuns, left: Sequence[Work]) -> None:
        """Leave all of it to the caller."""


def choose_engine(options: PilotOptions, study: Study) -> Engine:
    """The engine that is asked for; by default as `count_jobs` says. ValueError where it cannot work."""
    if options.engine != "ray":
        given = [name for name in ("address", "gpus_per_run", "cpus_per_run") if getattr(options, name) is not None]
        if given:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ValueError(f"{flags}: only Ray takes them; add --engine ray, or leave them out")
        count = count_jobs(options.jobs, study)
        return Alone() if count == 1 or options.prepare else Jobs(options.out, count, study.trackers)
    if options.jobs is not None:
        raise ValueError("--jobs is for processes of this machine; with --engine ray give --cpus-per-run instead")
    refuse_alone("--engine ray", study)
    try:  # here, since few have Ray
        from kogen.study.executors.ray import OnRay, RayWork, check_reachable
    except ModuleNotFoundError as error:
        raise ValueError("--engine ray: Ray is not installed; pip install 'kogen[ray]'") from error
    if options.address not in (None, "auto"):
        check_reachable(options.address)
    asked = RayWork(options.address, options.gpus_per_run, options.cpus_per_run, tuple(study.trackers))
    return Alone() if options.prepare else OnRay(asked)


def count_jobs(asked: int | None, study: Study) -> int:
    """The number of jobs that is asked for. ValueError where several are asked for and runs cannot be given away.

    By default one a GPU; without a GPU, where the images are small, one a core that has its memory, at most one a run;
    else one. Nor are there more than one where OMP_NUM_THREADS says how many threads are wanted.
    """
    if asked is not None:
        if asked > 1:
            refuse_alone(f"--jobs {asked}", study)
        return asked
    if distributed.world_size() > 1 or objects_of(study):
        return 1
    if default_device() != "cpu" or study.image_size > SMALL or "OMP_NUM_THREADS" in os.environ:
        return max(1, torch.cuda.device_count())
    runs = study.seeds * len(study.methods) + len(study.candidates)
    return max(1, min(usable_cores(), runs, machine_memory() // JOB_MEMORY))


def refuse_alone(option: str, study: Study) -> None:
    """ValueError where processes work together on each run, or images lie in this process alone."""
    if (together := distributed.world_size()) > 1:
        raise ValueError(f"{option}: {together} processes work together on each run here: start one, or leave it out")
    if held := objects_of(study):
        raise ValueError(f"{option}: {held[0]} lies in this process alone: write it to files, or leave {option} out")


def objects_of(study: Study) -> list[str]:
    """The sets of a study, and the code, that lie in this process alone."""
    places = [study.source, study.test, study.labels, *study.shifts.values(), *study.transfers.values()]
    typed = [one for one in OPENED.values() if one.place == INTERACTIVE and one.name in study.model_dump_json()]
    held = [str(place) for place in places if place and str(place).startswith(PREFIX)]
    return [*held, *(f"{one.shelf} {one.name}" for one in typed)]
