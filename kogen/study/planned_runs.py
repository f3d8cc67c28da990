"""The planned runs of a study: plans.json, by which another process or machine sees whether it would train the same."""

from collections.abc import Sequence
from typing import Any

from kogen.common.files import read_sealed_json, write_sealed_json
from kogen.common.locks import lock_output
from kogen.common.records import PLAN_ANEW, PLANNED
from kogen.study.cost_estimate import Cost, Work
from kogen.study.study_runs import StudyRuns
from kogen.training.run import record_of


def keep_planned(ready: StudyRuns, order: Sequence[int] = ()) -> None:
    """Write down the records of all runs; `order`: numbers of those that are left, as several processes take them."""
    content = {"asked": ready.asked, "runs": [record_of(one) for one in ready.plans], "order": list(order)}
    with lock_output(ready.folder, "plans"):
        write_sealed_json(ready.folder / PLANNED, content)


def longest_first(ready: StudyRuns, left: Sequence[Work], cost: Cost) -> list[int]:
    """Numbers of what is left, the longest trainings first, so that no process waits long for the last run."""

    def seconds(work: Work) -> float:
        plan = ready.plans[work.number]
        return (
            work.trains * cost.seconds_per_step.get(plan.method, 0.0) * plan.epochs * (plan.images // plan.batch_size)
        )

    return [work.number for work in sorted(left, key=seconds, reverse=True)]


def in_planned_order(ready: StudyRuns, numbers: Sequence[int]) -> list[int]:
    """Numbers of runs as they are to be taken; those of which no order is known last."""
    place = ready.folder / PLANNED
    order = read_sealed_json(place, PLAN_ANEW).get("order", []) if place.exists() else []
    places = {number: place for place, number in enumerate(order)}
    return sorted(numbers, key=lambda number: places.get(number, len(places)))


def check_planned(ready: StudyRuns) -> None:
    """ValueError where this process would train other runs than were planned; written down where nothing was.

    Runs of other versions or of another device are other runs: they would lie beside those of the study.
    """
    place = ready.folder / PLANNED
    known: dict[str, Any] = read_sealed_json(place, PLAN_ANEW) if place.exists() else {"asked": None}
    if known["asked"] != ready.asked:  # of an older question
        keep_planned(ready)
        return
    for number, (was, plan) in enumerate(zip(known["runs"], ready.plans, strict=True)):
        now = record_of(plan)
        if was["id"] != now["id"]:
            odd = [key for key in now.keys() | was.keys() if key != "id" and was.get(key) != now.get(key)]
            told = "; ".join(f"{key}: {was.get(key)} there, {now.get(key)} here" for key in sorted(odd))
            raise ValueError(
                f"run {number} of {ready.folder} was planned as {was['id']}, and would be {now['id']} here ({told}): "
                f"use a machine and versions as planned, or delete {place} and plan anew"
            )
