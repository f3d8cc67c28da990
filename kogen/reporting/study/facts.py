"""Facts of a study beside its tables of results: costs, alarms, twins, and what other protocols choose."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import kendalltau

from kogen.common.files import read_json
from kogen.common.tables import distinct_rows
from kogen.reporting.study.evidence import Evidence, ModelAlarm, ModelCost, TwinCount
from kogen.reporting.study.runs import RunRecord, whole_runs
from kogen.results.findings import Comparisons
from kogen.results.gather import TABLE, count_unjudged, runs_judged_by
from kogen.results.judgement import Judgement
from kogen.results.start_answers import ModelStart

Judged = dict[str, dict[str, pd.DataFrame]]  # protocol -> its tables
MEANS = ("minutes", "images_seen", "images_per_second")


@dataclass(frozen=True)
class ProtocolSummary:
    """One way to judge: accuracies on the reference, the leader of each set, Kendall's tau to the main one."""

    protocol: str
    values: dict[str, float]
    leaders: dict[str, list[str]]  # several are equal
    tau: float | None


def gather(
    study: Path, mine: Any, judged: Judged, judgement: Judgement, runs: list[RunRecord], costs: list[ModelCost]
) -> Evidence:
    """What is known beside the judgement; `mine`: predictions of its protocol, `judged`: tables of each protocol."""
    reference, protocol = judgement.reference, str(mine["protocol"].iloc[0])
    values, flattery = judged[protocol]["values"], judged[protocol]["optimism"]
    seeds: Any = distinct_rows(mine, ["model", "seed"]).groupby("model", observed=True).size()
    others = {name: tables["values"] for name, tables in judged.items() if name != protocol}
    return Evidence(
        judgement=judgement,
        protocol=protocol,
        costs=costs,
        alarms=model_alarms(whole_runs(runs)),
        seeds=seeds.to_dict(),
        protocol_leaders={name: leaders_on(table, reference) for name, table in others.items()},
        twins=twin_counts(study, dict(zip(values["dataset"], values["n"], strict=True))),
        optimism=next((row["optimism"] for row in flattery.to_dict("records") if row["dataset"] == reference), 0.0),
        unfinished=sum(run.summary.status != "done" for run in runs),
        runs=len(runs),
    )


def model_methods(predictions: Any, runs: list[RunRecord]) -> dict[str, str]:
    """The method of each model; of weights that were given `stock`, whatever is known of who trained them how.

    They show neither what training on these images brings nor what labels alone do, even if they are called so.
    """
    given = {run.model: run.method for run in runs if run.method == "stock"}
    first = distinct_rows(predictions, ["model", "method"]).drop_duplicates("model").sort_values("model")
    found = {str(model): str(method) for model, method in zip(first["model"], first["method"], strict=True)}
    return {model: given.get(model, method) for model, method in found.items()}


def model_starts(runs: list[RunRecord]) -> list[ModelStart]:
    """How each model began, from the plans of its runs."""
    found = {run.model: run for run in runs}
    return [ModelStart(m, run.method, run.plan.get("init") or "", run.method == "stock") for m, run in found.items()]


def model_costs(runs: list[RunRecord]) -> list[ModelCost]:
    """What the runs of each model took."""
    costs = []
    for model in dict.fromkeys(run.model for run in runs):
        mine: Any = pd.DataFrame([asdict(run.summary) for run in runs if run.model == model])
        minutes, images, speed = (mine[name].astype(float).mean() for name in MEANS)
        energy = mine["kwh"].astype(float).sum(min_count=1)
        costs.append(ModelCost(model, len(mine), minutes, images, speed, energy))
    labelled = {run.model for run in runs if run.method == "supervised"}
    speeds = [cost.images_per_second for cost in costs if cost.model in labelled]
    if speeds:
        costs = [replace(cost, times_supervised=speeds[0] / cost.images_per_second) for cost in costs]
    return costs


def model_alarms(runs: list[RunRecord]) -> list[ModelAlarm]:
    """One row a model and kind of alarm."""
    rows = []
    for model, kind in dict.fromkeys((run.model, alarm.kind) for run in runs for alarm in run.summary.alarms):
        mine = [run for run in runs if run.model == model]
        raised = [(run.id, alarm.epoch) for run in mine for alarm in run.summary.alarms if alarm.kind == kind]
        ids = tuple(dict.fromkeys(name for name, _ in raised))
        epoch = min((epoch for _, epoch in raised if epoch is not None), default=None)
        rows.append(ModelAlarm(model, kind, len(ids), len(mine), epoch, ids))
    return rows


def twin_counts(study: Path, sizes: dict[str, int]) -> list[TwinCount]:
    """Test sets with images that are also in train."""
    if not (study / "data.json").exists():
        return []
    rows = [(item["name"], item.get("twins_in_train")) for item in read_json(study / "data.json")["sets"]]
    return [TwinCount(name, n, 100 * n / sizes[name]) for name, n in rows if n and name in sizes]


def pool_facts(runs: list[RunRecord]) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], int]]:
    """By model and part of the images: the number of these, the mean over its runs; and its runs with an alarm."""
    found: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        found.setdefault((run.model, run.pool), []).append(run)
    sizes = {key: sum(run.plan["images"] for run in mine) / len(mine) for key, mine in found.items()}
    return sizes, {key: sum(bool(run.summary.alarms) for run in mine) for key, mine in found.items()}


def unjudged_runs(study: Path, runs: list[RunRecord], protocol: str) -> int:
    """How many runs are trained and have no answers in the predictions, those on all images none by the protocol."""
    judged, mine = runs_judged_by(study / TABLE, protocol)
    alone = [run for run in runs if run.summary.status == "done" and run.id not in (judged if run.pool else mine)]
    return len(alone) + count_unjudged(study)


def leaders_on(values: pd.DataFrame, dataset: str) -> list[str]:
    """The models with the highest value on a set, by name: several where they are equal."""
    return Comparisons({"values": values}).leaders(dataset)


def compare_protocols(judged: Judged, main: str, roles: dict[str, str]) -> list[ProtocolSummary]:
    """One row a protocol, the main one first."""
    rows, reference = [], next(iter(roles))
    for name in sorted(judged, key=lambda name: (name != main, name)):
        table = judged[name]["values"]
        mine = [t[t.dataset == reference].set_index("model").value for t in (judged[main]["values"], table)]
        shared = mine[0].index.intersection(mine[1].index)
        tau: Any = kendalltau(mine[0][shared], mine[1][shared])[0] if len(shared) > 1 else None
        leaders = {dataset: leaders_on(table, dataset) for dataset in roles if (table.dataset == dataset).any()}
        rows.append(ProtocolSummary(name, mine[1].to_dict(), leaders, tau))
    return rows
