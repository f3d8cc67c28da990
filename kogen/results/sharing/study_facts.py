"""What is read of a study to share it: its question, its sets, its runs and its rows; nothing is written there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kogen.common.files import read_json, read_sealed_json
from kogen.common.protocols import FIND_BOXES
from kogen.common.records import RETRAIN, read_plan_record
from kogen.common.running_costs import network_key, read_running_costs
from kogen.common.tables import read_arrow
from kogen.options.model import validate
from kogen.options.study_task import with_task_defaults
from kogen.results.asked import FIRST, Question, read_asked
from kogen.results.gather import REGATHER, TABLE, runs_in, to_schema

QUALITY = "data.json"


@dataclass(frozen=True)
class RunFacts:
    """A run: its plan.json, its summary.json, its training, and how many parameters its network has."""

    plan: dict[str, Any]
    summary: dict[str, Any]
    training: Any  # arrow table; None for a network that nobody trained
    parameters: int | None


@dataclass(frozen=True)
class StudyFacts:
    """A study as it lies on disk."""

    folder: Path
    asked: dict[str, Any]  # study.toml with what was added
    first: dict[str, Any]  # study.toml
    added: tuple[dict[str, Any], ...]  # by later commands
    question: dict[str, Any]  # what the report reads of it
    quality: dict[str, Any]  # data.json
    runs: dict[str, RunFacts]  # by id
    rows: Any  # predictions, arrow


def read_study(folder: Path) -> StudyFacts:
    """A study to be shared. ValueError for a folder that holds none, and for one that is not judged."""
    if not (folder / FIRST).exists():
        raise ValueError(f"{folder} holds no study (no {FIRST}): give a folder that `kogen pilot` or `evaluate` wrote")
    asked = read_asked(folder)
    question = validate(Question, asked.question, str(folder / FIRST)).model_dump()  # code of the team's own stays shut
    if question["task"] == FIND_BOXES:
        raise ValueError(f"{folder} finds boxes, whose corners would show pictures: only studies of labels are shared")
    place = folder / TABLE
    if not place.exists():
        raise ValueError(f"{folder} has no {TABLE}: run `kogen report {folder}` first, which gathers it")
    known = {path.parent.name for path in folder.glob(f"runs/*/{TABLE}")}
    if late := sorted(known - runs_in(place)):
        got = f"{place} has no answers of {len(late)} runs that were judged since"
        raise ValueError(f"{got}: run `kogen report {folder}` first, which gathers them")
    if not (folder / QUALITY).exists():
        raise ValueError(f"{folder} does not say what its sets hold (no {QUALITY}): run `kogen pilot` again")
    rows = to_schema(read_arrow(place, REGATHER, kind="predictions"))
    costs = read_running_costs(folder)
    plans = {path.parent: read_plan_record(path.parent) for path in sorted(folder.glob("runs/*/plan.json"))}
    runs = {
        plan["id"]: RunFacts(plan, _summary(run), _training(run), _parameters(plan, costs))
        for run, plan in plans.items()
    }
    if lost := sorted(set(rows["run"].unique().to_pylist()) - set(runs)):
        raise ValueError(
            f"{place} has answers of a run that is gone ({lost[0]}): give runs/{lost[0]} back, or pilot anew"
        )
    quality = read_json(folder / QUALITY)
    added = tuple({**one.added, **one.changed, **one.before} for one in asked.extensions)
    whole = with_task_defaults(asked.question)
    return StudyFacts(folder, whole, asked.first, added, question, quality, runs, rows)


def _summary(run: Path) -> dict[str, Any]:
    """What became of a run; of one that was interrupted, nothing."""
    place = run / "summary.json"
    return read_sealed_json(place, RETRAIN) if place.exists() else {"status": "interrupted"}


def _training(run: Path) -> Any:
    """The training of a run; None for none."""
    place = run / "training.parquet"
    return read_arrow(place, RETRAIN, kind="training") if place.exists() else None


def _parameters(plan: dict[str, Any], costs: dict[str, Any]) -> int | None:
    """The parameters of a run's network, where it was measured."""
    measured = costs.get(network_key(plan)) if "backbone" in plan else None
    return measured.parameters if measured else None
