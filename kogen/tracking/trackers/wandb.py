"""Weights & Biases; its own settings (WANDB_MODE=offline, WANDB_PROJECT, WANDB_ENTITY, WANDB_DIR) are honoured.

What it keeps on this machine is in ./wandb, as always: it makes links, and kogen writes into no folder that has some.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.tracking.tracker import PROJECT, Status, TrackedRun, Tracker

__all__ = ["WeightsAndBiases"]

WITHOUT_ACCOUNT = ("offline", "disabled", "dryrun")  # values of WANDB_MODE that send nothing
CURE = "run `wandb login`, set WANDB_API_KEY, or WANDB_MODE=offline to keep the runs here and send them later"
# Nothing but what it is given: no console, code, git, packages or numbers of the machine, and no reports of errors.
SETTINGS: dict[str, Any] = {"console": "off", "silent": True, "save_code": False, "disable_code": True}
SETTINGS |= {"disable_git": True, "x_disable_stats": True, "x_disable_meta": True, "x_save_requirements": False}
SETTINGS |= {"login_timeout": 1.0}


class WeightsAndBiases(Tracker):
    """A run of wandb that goes on by its id."""

    package = "wandb"

    @classmethod
    def check(cls) -> None:
        """ValueError without the package, and without an account where something would be sent: it must not ask."""
        super().check()
        if os.environ.get("WANDB_MODE", "online") in WITHOUT_ACCOUNT:
            return
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        if not cls.load_package().login(prompt=False):
            raise ValueError(f"--tracker wandb has no account to send to: {CURE}")

    def __init__(self, run: TrackedRun) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self.wandb, self.id = self.load_package(), run.id
        names = {"id": run.id, "name": run.name, "group": run.group or None}
        names["project"] = os.environ.get("WANDB_PROJECT", PROJECT)
        how: dict[str, Any] = {"resume": "allow", "reinit": "create_new", "settings": self.wandb.Settings(**SETTINGS)}
        self.run: Any = self.wandb.init(**names, **how, config=dict(run.config))

    def log_values(self, step: int, values: Mapping[str, float]) -> None:
        """One row of the run's history."""
        self.run.log(dict(values), step=step, commit=True)

    def log_artefact(self, file: Path) -> None:
        """An artefact of this file alone."""
        artefact = self.wandb.Artifact(f"{self.id}-{file.name}", type="report")
        artefact.add_file(str(file))
        self.run.log_artifact(artefact)

    def end(self, status: Status) -> None:
        """Wait until all is sent, or on disk."""
        self.run.finish(exit_code=0 if status == "done" else 1)
