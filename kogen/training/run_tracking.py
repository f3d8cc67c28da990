"""What a tracker is told of a run: its plan, and the numbers of each epoch."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

from kogen.common.tables import read_table
from kogen.config.plan import Plan
from kogen.tracking.session import Tracking, TrackTo, track
from kogen.training.loop import Epoch

NOWHERE = TrackTo()
NUMBERS = [one.name for one in fields(Epoch) if one.name not in ("epoch", "terms")]


def track_run(plan: Plan, record: Mapping[str, Any], to: TrackTo) -> AbstractContextManager[Tracking]:
    """The session of a run, with its plan as plan.json holds it."""
    return track(to, record["id"], f"{plan.title} seed {plan.seed}", record)


def tracked_values(epoch: Epoch) -> dict[str, float]:
    """The numbers of an epoch: `loss`, each of its terms as `term/NAME`, and what else training.parquet has."""
    terms = {name if name == "loss" else f"term/{name}": value for name, value in epoch.terms.items()}
    return terms | {name: getattr(epoch, name) for name in NUMBERS}


def send_finished(plan: Plan, record: Mapping[str, Any], status: str, folder: Path, to: TrackTo) -> None:
    """Give a run that is finished to trackers that lack it, from its table: they were named later, or broke off."""
    table = folder / "training.parquet"
    if to.names and table.exists():
        with track_run(plan, record, to) as session:
            session.status = "done" if status == "done" else "failed"
            for epoch in read_epochs(table) if session.trackers else ():
                session.log_values(epoch.epoch, tracked_values(epoch))


def read_epochs(table: Path) -> list[Epoch]:
    """The epochs of a training table. ValueError for a damaged one."""
    found = []
    for _, rows in read_table(table).groupby("epoch", sort=True):
        first = rows.iloc[0].to_dict()
        terms = {str(name): float(value) for name, value in zip(rows.term, rows.value, strict=True) if name != "none"}
        numbers = {name: first[name] for name in NUMBERS if name in first}  # older tables have no threads
        found.append(Epoch(int(first["epoch"]), terms, **numbers))
    return found
