"""What goes with a run's landscape: how its training ended, and what its loss is called."""

import math
from pathlib import Path

import pandas as pd

from kogen.common.alarms import Alarm
from kogen.common.contracts import from_plain
from kogen.common.files import read_sealed_json
from kogen.common.tables import read_table
from kogen.config.plan import Plan, hyperparameters
from kogen.results.landscape_facts import TrainingFacts


def read_training(folder: Path, plan: Plan, step: str = "") -> TrainingFacts:
    """How the training of a run ended, from its summary.json; `step`: of a checkpoint, up to which alarms count.

    Published weights were trained elsewhere; of a folder without a summary the status is None. ValueError for a damaged
    summary.
    """
    path = folder / "summary.json"
    summary = read_sealed_json(path) if path.exists() else {}
    alarms = [from_plain(Alarm, alarm, str(path)) for alarm in summary.get("alarms", [])]
    losses, last = read_losses(folder), math.inf
    trained = bool(plan.weights) or (plan.recipe.trains and plan.epochs > 0)
    if step:
        per_epoch = max(plan.images // plan.batch_size, 1)  # steps
        alarms = [alarm for alarm in alarms if alarm.epoch is None or alarm.epoch * per_epoch <= int(step)]
        trained, last = trained and int(step) > 0, int(step) / per_epoch
    return TrainingFacts(summary.get("status"), trained, alarms, [pair for pair in losses if pair[0] <= last])


def read_losses(folder: Path) -> list[list[float]]:
    """Epoch and mean loss of each epoch of a run, from its training.parquet; none where it has none."""
    path = folder / "training.parquet"
    if not path.exists():
        return []
    table = read_table(path)
    rows = pd.DataFrame(table[(table["term"] == "loss") & table["value"].notna()]).sort_values("epoch")
    return [[float(epoch), float(value)] for epoch, value in zip(rows["epoch"], rows["value"], strict=True)]


def name_loss(plan: Plan, objective: str) -> str:
    """What the loss of a run is called: two runs have one loss, in one unit, where the name is the same.

    The loss of a probe is the same for all. A method's own is that of the method, its hyperparameters, where they are
    not the usual ones, and the views that it sees.
    """
    kind, _, terms = objective.partition("-")
    if kind == "probe":
        return "linear probe"
    usual = hyperparameters(plan.method)
    chosen = [f"{name}={value}" for name, value in sorted(plan.hyperparameters.items()) if value != usual[name]]
    seen = f"{plan.image_size} px, {plan.views} views"
    return ", ".join([f"{plan.method}{': ' if terms else ''}{terms}", *chosen, seen])


def name_with_decay(loss: str, weight_decay: float) -> str:
    """The name of a loss with the weight decay that is in it: losses of different ones are not compared."""
    return f"{loss}, weight decay {weight_decay:g}" if weight_decay else loss
