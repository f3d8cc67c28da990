"""Runs that are tracked, and what a tracker should have of them."""

from pathlib import Path

import pandas as pd
import pytest
from small import blobs, plan_for

from kogen.common.tasks import Stopped
from kogen.tracking.session import track_to
from kogen.training.run import train_run

EPOCHS = 3
NUMBERS = ("rate", "images_per_second", "seconds", "rank_me", "feature_std")


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
