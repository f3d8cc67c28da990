"""MLflow: the server of MLFLOW_TRACKING_URI, or OUT/tracking/mlflow.db, read with `mlflow ui --backend-store-uri`."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kogen.tracking.tracker import PROJECT, Status, TrackedRun, Tracker

__all__ = ["MLflow"]

# Where the user says nothing else: no telemetry, no lines on the screen, no minutes of waiting for a lost server.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
STATUSES = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
TAG, GROUP = "kogen.run", "kogen.group"
LONGEST = 6000  # letters of a parameter


class MLflow(Tracker):
    """A run of mlflow that has the run's id as a tag; the active run and the address of the user's mlflow stay."""

    package = "mlflow"

    def __init__(self, run: TrackedRun) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        mlflow, address = self.load_package(), os.environ.get("MLFLOW_TRACKING_URI")
        self.entities: Any = mlflow.entities
        self.client: Any = mlflow.MlflowClient(address or f"sqlite:///{run.folder.resolve() / 'mlflow.db'}")
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self.client.get_experiment_by_name(experiment)
        files = None if address else (run.folder.resolve() / "mlflow").as_uri()
        number = found.experiment_id if found else self.client.create_experiment(experiment, artifact_location=files)
        if known := self.client.search_runs([number], f"tags.`{TAG}` = '{run.id}'"):
            self.id: str = known[0].info.run_id
            self.client.update_run(self.id, status="RUNNING")
            return
        tags = {TAG: run.id, GROUP: run.group, "mlflow.runName": run.name}
        self.id = self.client.create_run(number, tags=tags).info.run_id
        params = [self.entities.Param(name, text[:LONGEST]) for name, text in flatten(run.config)]
        self.client.log_batch(self.id, params=params)

    def log_values(self, step: int, values: Mapping[str, float]) -> None:
        """One batch of metrics."""
        now = int(time.time() * 1000)
        metrics = [self.entities.Metric(plain_name(name), value, now, step) for name, value in values.items()]
        self.client.log_batch(self.id, metrics)

    def log_artefact(self, file: Path) -> None:
        """An artefact of the run, under the file's name."""
        self.client.log_artifact(self.id, str(file))

    def end(self, status: Status) -> None:
        """The status, as mlflow calls it."""
        self.client.set_terminated(self.id, STATUSES[status])


def plain_name(name: str) -> str:
    """A name with the letters that mlflow takes."""
    return re.sub(r"[^\w\-./ :]", "_", name, flags=re.ASCII)


def flatten(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Each value of a nested config, as `recipe.rate`; empty ones are left out."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{before}{key}.")
        elif value not in ("", None, []):
            yield plain_name(f"{before}{key}"), str(value)
