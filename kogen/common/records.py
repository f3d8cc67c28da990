"""The record of a run, plan.json: everything that was resolved, under an id that is the hash of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.common.files import json_digest, read_json

SEEN = "images.npy"  # in a run's folder: content ids of the images it was trained on, as rising numbers of 64 bits
NAMES = ("id", "model")  # of a record, which its hash does not cover
PLANNED = "plans.json"  # in a study's folder: the records of all its runs, in their order
PLAN_ANEW = "give its own file back, or delete it to plan anew"
RETRAIN = "it cannot be trusted: delete the folder and run the same command again"


def record_id(content: dict[str, Any]) -> str:
    """The id of a record with this content, 12 hex digits."""
    return json_digest(content)[:12]


def read_plan_record(run: Path) -> dict[str, Any]:
    """The record of a run. ValueError for a folder without one, and for one that was edited or damaged."""
    place = run / "plan.json"
    if not place.exists():
        raise ValueError(
            f"{run} holds no run (no plan.json): give folders that `kogen pretrain` or `pilot` wrote, or RUN@STEP with "
            "the number of a step"
        )
    record = read_json(place, RETRAIN)
    if not isinstance(record, dict) or not all(isinstance(record.get(name), str) for name in NAMES):
        raise ValueError(f"{place} is no plan of a run, which has an id and a model; {RETRAIN}")
    found = record_id({key: value for key, value in record.items() if key not in NAMES})
    if record["id"] != found:
        got = f"its id is {record['id'][:40]}, and what it says has the id {found}"
        raise ValueError(f"{place} was edited or is damaged: {got}; {RETRAIN}")
    return record


def holds_run(folder: Path) -> bool:
    """Whether a folder holds the record of a run that kogen wrote."""
    try:
        return (folder / "plan.json").exists() and bool(read_plan_record(folder))
    except ValueError:
        return False


def made_with(record: Mapping[str, Any]) -> dict[str, str]:
    """What a run was made with, from its plan.json: versions of libraries by name, and the code of a user's own."""
    return {**record.get("versions", {}), **dict(str(code).rsplit(" ", 1) for code in record.get("code", ()))}
