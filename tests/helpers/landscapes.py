"""Small landscapes with known answers: tables of planes, facts of runs, and standings, made by the real code."""

from typing import Any

import numpy as np
import pandas as pd

from kogen.common.alarms import Alarm
from kogen.results.landscape_facts import GridFacts, RunFacts, TrainingFacts

PLACES = np.linspace(-1, 1, 9)
HOW: dict[str, Any] = {"seed": 0, "images": 64, "batch": 16, "unit": "image", "batch_norm": "frozen"}


def run_facts(
    run: str,
    model: str = "",
    *,
    alarms: tuple[Alarm, ...] = (),
    trained: bool = True,
    status: str | None = "done",
    **own: Any,
) -> RunFacts:
    """The facts of a run whose training ended like this."""
    known = {"training": TrainingFacts(status, trained, list(alarms)), "loss": "own", "objective": "pretrain"} | own
    return RunFacts(run=run, model=model or run, run_seed=0, excluded_share=0.0, grid=GridFacts(few=64), **HOW | known)


def plane_rows(run: str, loss: Any, model: str = "", plane: int = 0, objective: str = "pretrain") -> pd.DataFrame:
    """The points of a random plane whose loss is `loss(alpha, beta)`, in four parts that are all alike."""
    alpha, beta = (place.ravel() for place in np.meshgrid(PLACES, PLACES, indexing="ij"))
    losses = np.broadcast_to(np.asarray(loss(alpha, beta), np.float64), alpha.shape)
    rows = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": losses, "loss_se": 0.01})
    about = {"run": run, "model": model or run, "objective": objective, "direction": "random", "plane": plane}
    return rows.assign(**about, images=64, units=64, parts=[[value] * 4 for value in losses])


def bowl(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """A well with its lowest point at the weights, from 1 to 3."""
    return 1 + alpha**2 + beta**2


def slope(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """A plane that is tilted, from 0 to 2: at the weights half of the range lies below."""
    return 1 + alpha + 0 * beta
