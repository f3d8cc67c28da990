"""The judgement of what detectors found: matrices by COCO's numbers, their tables, curves by the number of boxes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.files import read_json
from kogen.common.metric_facts import MetricFacts
from kogen.options.lottery import TableOptions
from kogen.results.answers.label_curves import Contributions, budget_labels, curve_tables, stack_draws
from kogen.results.answers.metric_tables import FLOOR_COLUMNS, METRIC_COLUMNS, SHIFT_COLUMNS
from kogen.results.boxes.box_tables import by_set, measure_boxes, read_boxes
from kogen.results.boxes.box_values import (
    RunPrecisions,
    box_values,
    contributions,
    false_alarm_curve,
    number_matrix,
)
from kogen.results.judge import write_tables
from kogen.results.results import Results, read_results
from kogen.statistics._item_matrix import ItemMatrix

DEFAULT = "ap"
VALUES, ALARMS = "box_values", "false_alarms"  # tables beside those of every study
CURVE_DRAWS = 1000


@dataclass(frozen=True)
class BoxJudgement:
    """What a judgement of a study of boxes is made of."""

    facts: MetricFacts  # COCO's number that decides
    protocol: str  # the detector that decides
    matrices: dict[str, list[ItemMatrix]]  # by protocol, a set each; all boxes of the training images were seen
    curves: dict[str, pd.DataFrame]  # labels and matches, where parts of the boxes were asked for

    def results(self, predictions: pd.DataFrame, options: TableOptions) -> Results:
        """The rows of predictions, one an image, as results of this judgement: their values are those of the boxes."""
        rows = predictions.drop(columns=["label", "predicted"], errors="ignore")
        found = read_results(rows, options.model_copy(update={"metric": None}))
        return replace(found, metric=self.facts, given=tuple(self.matrices[self.protocol]))


def judge_boxes_found(study: Path, every: pd.DataFrame, protocol: str, metric: str | None) -> BoxJudgement:
    """The judgement of the boxes that the runs of a study found, by COCO's number `metric`; writes its tables.

    `every`: the rows of predictions, whose clusters hold. box_values: every number of every model and set with 95 %
    intervals over images and runs. false_alarms: the share of boxes that is found at some false alarms an image.
    ValueError where a set has nothing to be found by this number.
    """
    facts = MetricFacts(metric or DEFAULT, reason="default" if metric is None else "asked")
    rows = read_boxes(study, every)
    measured = {name: measure_boxes(part) for name, part in rows.groupby("protocol", sort=True)}
    matrices = {str(name): matrices_of(found["", 0], facts.name) for name, found in measured.items()}
    whole = measured[protocol]["", 0]
    tables = {VALUES: box_values(whole), ALARMS: alarm_curves(whole)}
    curves = {}
    if len(measured[protocol]) > 1:
        sizes = budget_labels(read_json(study / "data.json"))
        labels, matches = curve_tables(part_contributions(measured[protocol], facts.name), facts, sizes)
        curves = {"labels": labels, "matches": matches}
    write_tables(study, tables | curves, csv=False)
    return BoxJudgement(facts, protocol, matrices, curves)


def matrices_of(measured: list[RunPrecisions], number: str) -> list[ItemMatrix]:
    """The item matrix of each set by one of COCO's numbers. ValueError where a set has nothing to be found."""
    found = list[ItemMatrix]()
    for dataset, runs in by_set(measured).items():
        if (matrix := number_matrix(runs, number)) is None:
            raise ValueError(f"the set {dataset!r} has no box that {number} looks for: leave it out, or give one")
        found.append(matrix)
    return found


def alarm_curves(measured: list[RunPrecisions]) -> pd.DataFrame:
    """The share of boxes found by false alarms an image, of each model and set: the means over its runs."""
    rows: Any = pd.concat([false_alarm_curve(one.run, CURVE_DRAWS) for one in measured], ignore_index=True)
    return rows.groupby(["dataset", "model", "false_alarms"], as_index=False, sort=True)[["value", "lo", "hi"]].mean()


def part_contributions(
    measured: Mapping[tuple[str, int], list[RunPrecisions]], number: str
) -> dict[str, tuple[Contributions, np.ndarray]]:
    """Of each set what its images add to a number by model and budget, and their clusters."""
    found: dict[str, dict[str, dict[str, dict[int, np.ndarray]]]] = {}
    clusters: dict[str, np.ndarray] = {}
    for (budget, draw), every in measured.items():
        for dataset, runs in by_set(every).items():
            matrix = number_matrix(runs, number)
            if matrix is None:
                continue
            code = pd.factorize(runs[0].run.clusters, sort=True)[0]
            clusters[dataset] = np.zeros_like(code) if matrix.withheld else code
            each: dict[str, list[np.ndarray]] = {}
            for one in runs:
                each.setdefault(one.run.model, []).append(contributions(one, number))
            for model, parts in each.items():
                found.setdefault(dataset, {}).setdefault(model, {}).setdefault(budget, {})[draw] = np.stack(parts)
    return {dataset: (stack_draws(models), clusters[dataset]) for dataset, models in found.items()}


def no_answers() -> dict[str, pd.DataFrame]:
    """The tables of answers of one class an image, of which a study of boxes has none."""
    columns = {"metrics": METRIC_COLUMNS, "floors": FLOOR_COLUMNS, "threshold_shift": SHIFT_COLUMNS}
    return {name: pd.DataFrame(columns=columns.get(name, [])) for name in (*columns, "recall", "confusion", "hard")}
