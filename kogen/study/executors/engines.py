"""Engines: who works on several runs of a study at once, chosen before anything is opened."""

import os
from collections.abc import Callable, Sequence
from functools import partial

import torch

from kogen.common import distributed
from kogen.common.devices import default_device
from kogen.common.objects import PREFIX
from kogen.common.speech.console import say
from kogen.common.system import usable_cores
from kogen.config.study import Study
from kogen.options.study import PilotOptions
from kogen.study.cost_estimate import Work
from kogen.study.executors.processes import work_in_jobs
from kogen.study.study_runs import StudyRuns

SMALL = 64  # pixels; up to here one run used two cores worse than two runs did (docs/guide.md)
Engine = Callable[[StudyRuns, Sequence[Work]], None]
"""Works on what is left of a study; what is left after it, the caller does."""


def choose_engine(options: PilotOptions, study: Study) -> Engine:
    """The engine that is asked for; by default one process a GPU. ValueError where it cannot work."""
    if options.engine != "ray":
        given = [name for name in ("address", "gpus_per_run", "cpus_per_run") if getattr(options, name) is not None]
        if given:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ValueError(f"{flags}: only Ray takes them; add --engine ray, or leave them out")
        count = count_jobs(options.jobs, study)
        if options.jobs is None and may_leave_cores_idle(study):
            say(f"--jobs {usable_cores()} would work on several runs at once: with images this small that is sooner")
        return partial(work_in_jobs, count=count, trackers=study.trackers)
    if options.jobs is not None:
        raise ValueError("--jobs is for processes of this machine; with --engine ray give --cpus-per-run instead")
    refuse_alone("--engine ray", study)
    try:  # here, since few have Ray
        from kogen.study.executors.ray import RayWork, check_reachable, work_on_ray
    except ModuleNotFoundError as error:
        raise ValueError("--engine ray: Ray is not installed; pip install 'kogen[ray]'") from error
    if options.address not in (None, "auto"):
        check_reachable(options.address)
    asked = RayWork(options.address, options.gpus_per_run, options.cpus_per_run, tuple(study.trackers))
    return partial(work_on_ray, asked=asked)


def count_jobs(asked: int | None, study: Study) -> int:
    """The number of jobs that is asked for; by default one a GPU, and one where there is no other way.

    ValueError where several are asked for and runs cannot be given away.
    """
    if asked is None:
        return 1 if distributed.world_size() > 1 or objects_of(study) else max(1, torch.cuda.device_count())
    if asked > 1:
        refuse_alone(f"--jobs {asked}", study)
    return asked


def may_leave_cores_idle(study: Study) -> bool:
    """Whether runs are so small that threads of one wait for each other, and nobody has said how many threads."""
    alone = distributed.world_size() == 1 and not objects_of(study) and "OMP_NUM_THREADS" not in os.environ
    return alone and default_device() == "cpu" and usable_cores() > 1 and study.seeds > 1 and study.image_size <= SMALL


def refuse_alone(option: str, study: Study) -> None:
    """ValueError where processes work together on each run, or images lie in this process alone."""
    if (together := distributed.world_size()) > 1:
        raise ValueError(f"{option}: {together} processes work together on each run here: start one, or leave it out")
    if held := objects_of(study):
        raise ValueError(f"{option}: {held[0]} lies in this process alone: write it to files, or leave {option} out")


def objects_of(study: Study) -> list[str]:
    """The sets of a study that lie in this process alone."""
    places = [study.source, study.test, study.labels, *study.shifts.values()]
    return [str(place) for place in places if place and str(place).startswith(PREFIX)]
