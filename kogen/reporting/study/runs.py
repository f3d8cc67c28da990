"""Runs of a study as the report needs them."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kogen.common.alarms import Alarm
from kogen.common.contracts import from_plain
from kogen.common.files import read_sealed_json
from kogen.common.kinds import Kind
from kogen.common.records import RETRAIN, read_plan_record


@dataclass(frozen=True)
class RunSummary:
    """What summary.json says of a run; of one that was interrupted, nothing."""

    status: str = "interrupted"  # done | failed | interrupted
    alarms: tuple[Alarm, ...] = ()
    minutes: float | None = None
    images_seen: int | None = None
    images_per_second: float | None = None
    kwh: float | None = None
    kwh_assumes: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """One run: what its plan.json and summary.json say."""

    id: str
    model: str
    method: str
    seed: int | None
    folder: Path
    plan: dict[str, Any]  # everything that was resolved
    summary: RunSummary
    pool: str = ""  # part of the images that it was pre-trained on; "" for all


def read_runs(study: Path) -> list[RunRecord]:
    """Every run of a study, sorted by model and seed."""
    runs = []
    for path in (study / "runs").glob("*/plan.json"):
        plan, place = read_plan_record(path.parent), path.parent / "summary.json"
        known = read_sealed_json(place, RETRAIN) if place.exists() else {}
        summary = from_plain(RunSummary, known, str(place))
        names = {key: plan.get(key) for key in ("id", "model", "method", "seed")}
        names["pool"] = plan.get("pool", "")
        record = {**names, "folder": path.parent, "plan": plan, "summary": summary}
        runs.append(from_plain(RunRecord, record, str(path)))
    return sorted(runs, key=lambda run: (run.model, run.seed or 0, run.folder))


def kind_of_study(study: Path) -> Kind:
    """What a study is of, as the plans of its runs say; a plan that is damaged says nothing here."""
    for place in sorted((study / "runs").glob("*/plan.json")):
        with suppress(ValueError):
            return "series" if read_plan_record(place.parent).get("kind") == "series" else "image"
    return "image"


def whole_runs(runs: list[RunRecord]) -> list[RunRecord]:
    """The runs that were trained on all images: what the judgement, costs and alarms of a model are of."""
    return [run for run in runs if not run.pool]
