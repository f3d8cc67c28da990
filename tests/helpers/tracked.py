"""Runs that are tracked, and what a tracker should have of them."""

import random
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from small import blobs, plan_for

from kogen.common import registry
from kogen.common.tasks import Stopped
from kogen.tracking.session import track_to
from kogen.tracking.tracker import Status, TrackedRun, Tracker
from kogen.training.run import train_run

EPOCHS = 3
NUMBERS = ("rate", "images_per_second", "seconds", "rank_me", "feature_std", "threads")


class Recorder(Tracker):
    """Writes down what it gets; breaks where `breaks` says, and always prints and draws from the global generators."""

    package = "json"
    begun: ClassVar[list[TrackedRun]] = []
    values: ClassVar[dict[str, dict[int, float]]] = {}
    artefacts: ClassVar[list[str]] = []
    ends: ClassVar[list[Status]] = []
    breaks: ClassVar[dict[str, int]] = {}  # method to the number of calls that are still well

    def __init__(self, run: TrackedRun) -> None:
        self.act("begin")
        self.begun.append(run)

    def act(self, name: str) -> None:
        print("a tracker prints")
        random.random(), np.random.rand(3), torch.rand(3)  # noqa: NPY002
        if name in self.breaks:
            if not self.breaks[name]:
                raise ConnectionError(f"the server is gone at {name}")
            self.breaks[name] -= 1

    def log_values(self, step: int, values: Any) -> None:
        self.act("log_values")
        for name, value in values.items():
            assert step not in self.values.setdefault(name, {}), "sent twice"
            self.values[name][step] = value

    def log_artefact(self, file: Path) -> None:
        self.act("log_artefact")
        self.artefacts.append(file.name)

    def end(self, status: Status) -> None:
        self.act("end")
        self.ends.append(status)


def put_on_shelf(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    """The recorder, empty, in the place of every tracker on the shelf."""
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda shelf, name: Recorder if shelf == "trackers" else load(shelf, name))
    for name in ("begun", "values", "artefacts", "ends", "breaks"):
        monkeypatch.setattr(Recorder, name, type(getattr(Recorder, name))())
    return Recorder


def train_tracked(out: Path, *names: str, stops: int = 0, epochs: int = EPOCHS) -> Path:
    """Train a small run into a folder, tracked; with `stops` it is stopped so often on the way, and goes on."""
    images = blobs()
    plan = plan_for(images, "simclr", epochs=epochs)
    to = track_to(names, out)
    for _ in range(stops):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("kogen.training.run.interruptible", lambda: StopAfter(4))  # an epoch has 3 steps
            with pytest.raises(Stopped):
                train_run(plan, images, out, to=to)
    train_run(plan, images, out, to=to)
    return out


class StopAfter:
    """Stands where `interruptible` does and stops a training after some steps of this call."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __enter__(self):
        return self.is_over

    def __exit__(self, *_: object) -> None:
        pass

    def is_over(self) -> bool:
        self.steps -= 1
        return self.steps <= 0


def wanted_values(out: Path) -> dict[str, dict[int, float]]:
    """The finite numbers of training.parquet by name and epoch, as trackers call them, read without kogen's code."""
    table = pd.read_parquet(out / "training.parquet")
    found: dict[str, dict[int, float]] = {}
    for row in table.itertuples():
        numbers = {name: getattr(row, name) for name in NUMBERS}
        if row.term != "none":
            numbers["loss" if row.term == "loss" else f"term/{row.term}"] = row.value
        for name, value in numbers.items():
            if pd.notna(value):
                found.setdefault(name, {})[int(row.epoch)] = float(value)
    return found
