"""Trackio: a database on this machine (TRACKIO_DIR), read with `trackio show --project kogen`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.tracking.tracker import PROJECT, Status, TrackedRun, Tracker

__all__ = ["Trackio"]

SETTINGS: dict[str, Any] = {"auto_log_gpu": False, "auto_log_cpu": False, "embed": False, "resume": "allow"}


class Trackio(Tracker):
    """A run of trackio without numbers of the machine; its name ends with the id, by which it goes on."""

    package = "trackio"

    def __init__(self, run: TrackedRun) -> None:
        name, group = f"{run.name} {run.id}", run.group or None
        self.trackio = self.load_package()
        self.run: Any = self.trackio.init(PROJECT, name, group=group, config=dict(run.config), **SETTINGS)

    def log_values(self, step: int, values: Mapping[str, float]) -> None:
        """One row of the run's history."""
        self.run.log(dict(values), step=step)

    def log_artefact(self, file: Path) -> None:
        """An artefact of this file alone."""
        self.run.log_artifact(str(file), name=file.name, type="report")

    def end(self, status: Status) -> None:
        """Wait until all is written."""
        self.trackio.finish()  # of the run alone it would be done again, and said, when Python ends
