"""Standing of runs: which landscapes may be ranked, decided here alone, from the training and the planes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.alarms import AlarmKind
from kogen.results.landscape_facts import RunFacts, RunStanding, Standing, TrainingFacts
from kogen.surface_fit.interpolation import loss_range, rounding_error
from kogen.surface_fit.multilevel import multilevel_spline

DROP_SHARE = 0.1  # of the range: where the loss falls by more the weights are no minimum; the basin's rim is as high
FLAT_SHARE = 1e-3  # of the largest |loss| of a plane: a range below it is no landscape
SEVERITY = list(Standing)
ALARMED = {
    AlarmKind.BROKEN: Standing.BROKEN,
    AlarmKind.RANK: Standing.COLLAPSED,
    AlarmKind.SPREAD: Standing.COLLAPSED,
    AlarmKind.STUCK: Standing.STUCK,
}


def find_standings(runs: Iterable[RunFacts], surface: pd.DataFrame, readings: pd.DataFrame) -> list[RunStanding]:
    """The standing of each run under each objective, by objective, model and run.

    `surface`: the points of all planes, of which the random ones are looked at. `readings`: curvature metrics by run,
    of which gradient and fall are read; without rows where none were measured.
    """
    known: dict[tuple[str, str], RunFacts] = {}
    for run in runs:
        if (run.run, run.objective) not in known or run.direction == "random":
            known[run.run, run.objective] = run
    random = pd.DataFrame(surface[surface["direction"] == "random"])
    planes = {key: rows for key, rows in random.groupby(["run", "objective"])}
    found = []
    for key, run in sorted(known.items()):
        shape: dict[str, Any] = measure_shape(planes.get(key)) | measure_descent(readings, *key)
        if (fall := shape["fall"]) is not None and shape["range"]:
            shape["fall"] = fall / shape["range"]
        else:
            shape["fall"] = None
        standing, epoch = judge_run(run.training, shape)
        about = run.run, run.model, run.objective, loss_name(run)
        found.append(RunStanding(*about, standing, epoch, **shape))
    return sorted(found, key=lambda one: (one.objective, one.model, one.run))


def loss_name(run: RunFacts) -> str:
    """What a run's loss is called; of an older run its method, or itself: then it is compared with nothing."""
    return run.loss or run.method or run.run


def judge_run(training: TrainingFacts | None, shape: Mapping[str, Any]) -> tuple[Standing, int | None]:
    """The worst that is known of a run, and the epoch of its alarm; `shape` as `measure_shape` and the fall.

    What nobody measured speaks against no run: only what is known does.
    """
    reasons: list[tuple[Standing, int | None]] = [(Standing.SOUND, None)]
    if training is None:
        reasons.append((Standing.UNKNOWN, None))
    else:
        reasons += [(ALARMED[alarm.kind], alarm.epoch) for alarm in training.alarms]
        if training.status != "done":
            reasons.append((Standing.BROKEN, None))
        if not training.trained:
            reasons.append((Standing.UNTRAINED, None))
    if shape["planes"] and shape["level"] is None:
        reasons.append((Standing.NOT_FINITE, None))
    elif shape["planes"] and shape["drop"] is None:
        reasons.append((Standing.FLAT, None))
    elif max(shape["drop"] or 0.0, shape["fall"] or 0.0) > DROP_SHARE:
        reasons.append((Standing.NOT_MINIMUM, None))
    return min(reasons, key=lambda reason: (SEVERITY.index(reason[0]), reason[1] is None, reason[1] or 0))


def measure_shape(points: pd.DataFrame | None) -> dict[str, Any]:
    """planes, level, range and drop of a run's random planes; None where it is not known.

    `level` is None where the loss at the weights is not finite, `drop` where all planes are flat too.
    """
    nothing: dict[str, Any] = {"planes": 0, "level": None, "range": None, "drop": None}
    if points is None:
        return nothing
    splines = [multilevel_spline(rows) for _, rows in points.groupby("plane")]
    levels = [float(one(np.zeros(1), np.zeros(1))[0]) for one in splines]
    if not np.isfinite(levels).all():
        return nothing | {"planes": len(splines)}
    heights = np.array([loss_range(one) for one in splines])
    largest = max(float(np.nanmax(np.abs(one.values))) for one in splines)
    found = {"planes": len(splines), "level": float(np.median(levels)), "range": float(np.median(heights))}
    if found["range"] <= FLAT_SHARE * largest:
        return found | {"drop": None}
    depths = [level - float(np.nanmin(one.values)) for level, one in zip(levels, splines, strict=True)]
    depths = [depth if depth > rounding_error(one) else 0.0 for depth, one in zip(depths, splines, strict=True)]
    shares = np.divide(depths, heights, out=np.zeros(len(splines)), where=heights > 0)
    return found | {"drop": float(np.median(shares))}


def measure_descent(readings: pd.DataFrame, run: str, objective: str) -> dict[str, float | None]:
    """gradient and fall of a run, both in units of the loss; None where they were not measured, or are not finite."""
    found: dict[str, float | None] = {"gradient": None, "fall": None}
    if len(readings):
        mine = pd.DataFrame(readings[(readings["run"] == run) & (readings["objective"] == objective)])
        for row in mine.to_dict("records"):
            if row["metric"] in found:
                value = float(np.mean(np.array(row["values"], np.float64)))
                found[str(row["metric"])] = value if np.isfinite(value) else None
    return found


def model_standings(standings: Sequence[RunStanding], objective: str) -> dict[str, list[RunStanding]]:
    """The runs of each model under an objective, the worst first: a model stands as the worst of its runs does."""
    found: dict[str, list[RunStanding]] = {}
    for one in sorted(standings, key=lambda one: (one.model, SEVERITY.index(one.standing), one.run)):
        if one.objective == objective:
            found.setdefault(one.model, []).append(one)
    return found


def ranked_models(standings: Sequence[RunStanding], objective: str) -> dict[str, str | None]:
    """The models that may be ranked under an objective, each with its loss; None where its runs have several."""
    found = {}
    for model, runs in model_standings(standings, objective).items():
        losses = {one.loss for one in runs}
        if runs[0].standing is Standing.SOUND:
            found[model] = runs[0].loss if len(losses) == 1 else None
    return found
