"""Tables of a study on parts of the labels and of the images, and on layers: what few labels and more images buy."""

from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.files import read_json
from kogen.common.metric_facts import MetricFacts
from kogen.common.protocols import layers_tuned
from kogen.reporting.study.facts import pool_facts
from kogen.reporting.study.runs import RunRecord
from kogen.results.answers.label_curves import budget_labels, label_curves
from kogen.results.answers.part_rows import BUDGETS, POOL
from kogen.results.answers.pool_curves import PoolCurves, pool_curves
from kogen.results.answers.tuning_depths import tuning_depths, with_scratch_rows
from kogen.results.judge import write_tables
from kogen.results.lottery_summary import Row

NAMES = ("model", "method", "dataset", "role", "protocol", "item", "cluster")  # columns of predictions that are read


def judge_budgets(study: Path, every: Any, protocol: str, facts: MetricFacts) -> dict[str, pd.DataFrame]:
    """The tables `labels` and `matches` of the protocol that decides, and `depths`, also written; each where asked."""
    tables: dict[str, pd.DataFrame] = {}
    budgets, tuned = every["budget"].notna().any(), any(map(layers_tuned, map(str, every["protocol"].unique())))
    if not budgets and not tuned:
        return tables
    sizes = budget_labels(read_json(study / "data.json"))
    if budgets:
        labels, matches = label_curves(sort_names(with_scratch_rows(every, protocol)), facts, sizes)
        tables |= {"labels": labels, "matches": matches}
    if tuned:
        tables["depths"] = tuning_depths(every, facts, sizes)
    write_tables(study, tables, csv=False)
    return tables


def judge_pools(
    study: Path, every: Any, protocol: str, facts: MetricFacts, margin: float, runs: list[RunRecord]
) -> PoolCurves | None:
    """What more images without labels bring, by the protocol that decides, also written; None without parts of them."""
    if every[POOL].isna().all():
        return None
    rows = sort_names(every[every["protocol"] == protocol].drop(columns=list(BUDGETS)))
    sizes, alarmed = pool_facts(runs)
    found = pool_curves(rows, facts, sizes, margin, alarmed)
    write_tables(study, found.tables(), csv=False)
    return found


def sort_names(predictions: Any) -> pd.DataFrame:
    """The predictions with the categories of each column in the order of their names, whichever run is first."""
    known = {name: predictions[name].astype("category") for name in NAMES}
    order = {name: sorted(one.cat.categories) for name, one in known.items()}
    other = [
        name for name, one in known.items() if list(one.cat.categories) != order[name]
    ]  # no copy of those in order
    return predictions.assign(**known | {name: known[name].cat.reorder_categories(order[name]) for name in other})


def rows_of(frame: Any) -> list[Row]:
    """The rows of a table as JSON has them, null where nothing is known."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
