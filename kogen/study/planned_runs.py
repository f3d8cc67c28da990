"""The planned runs of a study: plans.json, by which another process or machine sees whether it would train the same."""

from typing import Any

from kogen.common.files import read_sealed_json, write_sealed_json
from kogen.common.locks import lock_output
from kogen.common.records import PLAN_ANEW, PLANNED
from kogen.study.study_runs import StudyRuns
from kogen.training.run import record_of


def keep_planned(ready: StudyRuns) -> None:
    """Write down the records of all runs, in their order."""
    with lock_output(ready.folder, "plans"):
        write_sealed_json(
            ready.folder / PLANNED, {"asked": ready.asked, "runs": [record_of(one) for one in ready.plans]}
        )


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
