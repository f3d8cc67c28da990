"""TensorBoard: event files in OUT/tracking/tensorboard, read with `tensorboard --logdir OUT/tracking/tensorboard`."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from kogen.tracking.tracker import Status, TrackedRun, Tracker

__all__ = ["TensorBoard"]


class TensorBoard(Tracker):
    """A folder of event files a run; one that goes on gets another file there, which TensorBoard reads as one run."""

    package = "tensorboard"

    def __init__(self, run: TrackedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.folder / "tensorboard" / f"{run.name.replace('/', '_')} {run.id}"
        is_new = not folder.exists()
        self.writer = SummaryWriter(str(folder))
        if is_new:
            plan = json.dumps(run.config, indent=2)
            self.writer.add_text("plan", "\n".join(f"    {line}" for line in plan.splitlines()))

    def log_values(self, step: int, values: Mapping[str, float]) -> None:
        """A scalar each, on disk when this returns."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def log_artefact(self, file: Path) -> None:
        """A picture is shown; of another file, which TensorBoard cannot show, the place is said."""
        if file.suffix == ".png":
            with Image.open(file) as picture:
                self.writer.add_image(file.name, np.array(picture.convert("RGB")), dataformats="HWC")
        else:
            self.writer.add_text(file.name, str(file.resolve()))

    def end(self, status: Status) -> None:
        """The files need no end."""
        self.writer.close()
