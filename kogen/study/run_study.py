"""The verb `run`: one process that trains and judges runs of a study that is there, for schedulers and for jobs."""

from pathlib import Path
from typing import Any

from kogen.common import distributed
from kogen.options.study import RunOptions
from kogen.results.asked import FIRST, read_asked
from kogen.study.executors.children import end_with_head
from kogen.study.extension import study_of
from kogen.study.first_question import begin_study
from kogen.study.planned_runs import check_planned, in_planned_order
from kogen.study.study_runs import StudyRuns, do_run, do_runs, prepare_runs
from kogen.tracking.session import TrackTo, track_to
from kogen.training import fabric
from kogen.training.run import take_run


def run_study(folder: Path, options: RunOptions) -> dict[str, Any]:
    """Ids of the runs that this call worked on, and the number of runs that are left. ValueError for no such study.

    A run that another process has is waited for by its number, and left out as the next one.
    """
    with end_with_head():  # whose study is there from then on
        if not (folder / FIRST).exists():
            raise ValueError(
                f"{folder} holds no study (no {FIRST}): write one, or plan it with `kogen pilot ... --prepare`"
            )
        if options.index is not None and options.next:
            raise ValueError("--index names a run, and --next takes the first that is free: give one of them")
        asked = read_asked(folder)
        if "source" not in asked.first:
            raise ValueError(f"{folder} holds runs that `kogen evaluate` judged, no study of a pilot")
        wanted = study_of(asked, folder)
        to = track_to(options.trackers or wanted.trackers, folder, is_study=True)
        distributed.join_processes(options.processes)
        fabric.start(wanted.precision)
        if distributed.rank() == 0:
            begin_study(folder, wanted, str(folder / FIRST))
        ready = prepare_runs(folder, wanted)
        check_planned(ready)
        numbers = choose_runs(ready, options, to)
    return {"runs": [ready.runs[number].name for number in numbers], "left": len(ready.work_left())}


def choose_runs(ready: StudyRuns, options: RunOptions, to: TrackTo) -> list[int]:
    """Do the runs that are asked for; their numbers. ValueError for a number that no run has."""
    if options.next:
        return do_next(ready, to)
    count, numbers = len(ready.runs), [work.number for work in ready.work_left()]
    if options.index is not None:
        if options.index >= count:
            raise ValueError(f"--index {options.index}: {ready.folder} has {count} runs, 0 to {count - 1}")
        numbers = [number for number in numbers if number == options.index]
    numbers = in_planned_order(ready, numbers)
    do_runs(ready, numbers, to)
    return numbers


def do_next(ready: StudyRuns, to: TrackTo) -> list[int]:
    """Do the first run that is left and free; its number, or nothing."""
    for work in ready.work_left():
        with take_run(ready.runs[work.number]) as mine:
            if mine and any(left.number == work.number for left in ready.work_left()):  # not finished meanwhile
                do_run(ready, work.number, to)
                return [work.number]
    return []
