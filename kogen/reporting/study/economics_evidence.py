"""What the economics of a study rest on: points, trainings, measured networks, errors, gathered from its tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.files import read_json
from kogen.common.metric_facts import MetricFacts
from kogen.common.protocols import layers_tuned
from kogen.common.running_costs import RunningCost, network_key, read_running_costs
from kogen.options.prices import Prices
from kogen.options.study import UNTRAINED
from kogen.reporting.study.part_tables import rows_of
from kogen.reporting.study.runs import RunRecord
from kogen.results.answers.amounts import Amount
from kogen.results.answers.economics import Point, StudyFacts, Training
from kogen.results.answers.error_costs import cost_errors
from kogen.results.answers.label_curves import budget_labels
from kogen.results.answers.tuning_depths import FROM_SCRATCH

BUSY = re.compile(r" x (\d+) (?:threads|GPUs)$")  # in `kwh_assumes` of a summary


def gather_economics(
    study: Path,
    runs: Sequence[RunRecord],
    every: Any,
    tables: Mapping[str, pd.DataFrame],
    facts: MetricFacts,
    prices: Prices,
) -> StudyFacts | None:
    """The facts of a study on its reference; None where nobody recorded how many labels there are.

    `every`: predictions of one protocol on the reference, with the columns budget and draw; `tables`: `values`, of the
    reference alone, and `labels` and `matches` where label budgets were asked for.
    """
    quality = read_json(study / "data.json") if (study / "data.json").exists() else {}
    whole = [row["labelled"] for row in quality.get("sets", ()) if row["name"] == "train"]
    if not whole:
        return None
    sizes, measured = budget_labels(quality), read_running_costs(study)
    part = every["budget"].isna()
    budgeted = None if part.all() else every
    return StudyFacts(
        prices=prices,
        points=list(list_points(tables, facts, float(whole[0]))),
        training={model: describe_training(model, runs) for model in dict.fromkeys(run.model for run in runs)},
        running=running_by_model(runs, measured),
        errors=cost_errors(every[part].drop(columns=["budget", "draw"]), budgeted, facts, prices, sizes),
        matches=rows_of(tables["matches"]) if "matches" in tables else [],
        tuned=bool(layers_tuned(str(every["protocol"].iloc[0]))),
        order=[row["model"] for row in sorted(rows_of(tables["values"]), key=lambda row: -row["value"])],
    )


def list_points(tables: Mapping[str, pd.DataFrame], facts: MetricFacts, whole: float) -> Iterator[Point]:
    """Each model with all labels, and with each budget.

    Without the rows of budgets called `random tune:all`: they are of an untrained network of which all layers learnt,
    and what that took is not on record.
    """
    for row in rows_of(tables["values"]):
        ends = sorted(facts.sign * end for end in (row["lo"], row["hi"]) if end is not None)
        quality = Amount(facts.sign * row["value"], *(ends if len(ends) == 2 else (None, None)))
        yield Point(row["model"], "", whole, quality, row["value"])
    for row in rows_of(tables["labels"]) if "labels" in tables else []:
        if row["budget"] and row["model"] not in FROM_SCRATCH.values():
            quality = Amount(row["value"], row["lo"], row["hi"])
            yield Point(row["model"], row["budget"], row["labels"], quality, row["gain"])


def running_by_model(runs: Sequence[RunRecord], measured: Mapping[str, RunningCost]) -> dict[str, RunningCost]:
    """What the network of each model costs to run, of those that were measured."""
    keys = {run.model: network_key(run.plan) for run in runs if "backbone" in run.plan}
    return {model: measured[key] for model, key in keys.items() if key in measured}


def describe_training(model: str, runs: Sequence[RunRecord]) -> Training:
    """What a run of a model took, from its finished ones."""
    mine = [run for run in runs if run.model == model and run.summary.status == "done"]
    minutes = [run.summary.minutes for run in mine]
    hours = [
        None if run.summary.minutes is None or (busy := busy_units(run.summary.kwh_assumes)) is None else
        run.summary.minutes / 60 * busy
        for run in mine
    ]  # fmt: skip
    first = next(run for run in runs if run.model == model)
    return Training(
        trained=bool(first.plan.get("recipe", {}).get("trains", first.method not in (*UNTRAINED, "stock"))),
        labelled=first.method == "supervised",
        device=str(first.plan.get("device", "cpu")),
        minutes=mean_and_range(minutes),
        hours=mean_and_range(hours),
        kwh=mean_and_range([run.summary.kwh for run in mine]),
    )


def busy_units(assumed: str | None) -> int | None:
    """How many threads or GPUs were at work, from what the energy of a run assumes: `10 W x 2 threads`."""
    found = BUSY.search(assumed or "")
    return int(found[1]) if found else None


def mean_and_range(values: Sequence[float | None]) -> Amount | None:
    """The mean over runs, and the least and the most; None where a run does not say it, or there is none."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return Amount(sum(known) / len(known), min(known), max(known))
