"""Tables of a lottery as the page shows them, in rows of cells: the best models, the rest counted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kogen.results.decide import PRIMARY
from kogen.results.lottery_summary import LotterySummary

MODELS_SHOWN, SETS_SHOWN = 15, 10  # models and sets that are shown of many
PAIRS_SHOWN = 60  # pairs that are shown of many
FULL_COLOUR = 0.5  # how strong the colour of a cell gets

Tables = Mapping[str, Any]
"""Frames by the names they have on disk."""

Heat = dict[str, Any]
"""{"columns": names, "rows": [{"model", "cells": [{"value", "heat", "own"}]}]}; heat, 0 to FULL; own, to be marked."""


def best_models(summary: LotterySummary, tables: Tables) -> list[str]:
    """The models that the page shows, best first: the top by the primary rule, every pick and every set's leader."""
    rules, rows = tables["unified"], tables["values"]
    order = rules[rules["metric"] == PRIMARY].dropna(subset=["rank"]).sort_values(["rank", "model"])["model"].tolist()
    here = rows[rows["dataset"] == summary.reference].sort_values(["value", "model"], ascending=[False, True])
    order = list(dict.fromkeys([*order, *here["model"]]))
    wanted = picked_models(summary) | {summary.lead.model}
    wanted |= {summary.leaders[name] for name in shown_sets(summary)}
    wanted |= set(order[: max(MODELS_SHOWN - len(wanted - set(order[:MODELS_SHOWN])), 5)])
    return [model for model in order if model in wanted]


def picked_models(summary: LotterySummary) -> set[str]:
    """The models to bet on, by each view."""
    return {row["model"] for row in summary.bet.picks}


def shown_sets(summary: LotterySummary) -> list[str]:
    """The reference and the other sets that count; of many, those on which the leader loses most."""
    targets = summary.targets
    if len(targets) < SETS_SHOWN:
        return [summary.reference, *targets]
    loses = {name: summary.transfer[name].leader_loses or 0.0 for name in targets}
    worst = set(sorted(targets, key=lambda name: -loses[name])[: SETS_SHOWN - 1])
    return [summary.reference, *(name for name in targets if name in worst)]


def cells_of(table: Any, models: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of `values` or `ranks` of some models by (model, dataset)."""
    rows = table[table["model"].isin(list(models))].to_dict("records")
    return {(row["model"], row["dataset"]): row for row in rows}


def heat(values: pd.DataFrame, marked: set[str], scale: float, *, signed: bool = False) -> Heat:
    """A table of colours: values (models x sets); `scale`, the value at which the colour is full."""
    lines = [[cell(value, scale, signed) for value in line] for line in values.to_numpy()]
    named = zip(values.index, lines, strict=True)
    rows = [{"model": model, "own": model in marked, "cells": line} for model, line in named]
    return {"columns": list(values.columns), "rows": rows}


def cell(value: float, scale: float, signed: bool) -> dict[str, Any]:
    """One value and how strong its colour is; signed: values above 0 are cool, those below warm."""
    missing = value != value
    strength = 0.0 if missing else min(abs(value) / scale, 1.0) * FULL_COLOUR if scale > 0 else 0.0
    return {"value": None if missing else float(value), "heat": round(strength, 3), "cool": signed and value > 0}


def colour_limit(values: pd.DataFrame) -> float:
    """The value that a tenth of the cells exceed; 0 where nothing is known."""
    return float(np.nanquantile(values.to_numpy(dtype=np.float64), 0.9)) if values.notna().any(axis=None) else 0.0


def regret(summary: LotterySummary, tables: Tables, models: Sequence[str]) -> Heat:
    """Points behind the best of each set, of the shown models on the shown sets."""
    values = points_behind_best(tables["values"], shown_sets(summary), models)
    return heat(values, picked_models(summary), max(colour_limit(values), summary.margin))


def points_behind_best(accuracy: Any, sets: Sequence[str], models: Sequence[str]) -> pd.DataFrame:
    """Points behind the best of each set (models x sets), null where a model was not measured."""
    rows = accuracy[accuracy["dataset"].isin(list(sets))]
    top: Any = rows.groupby("dataset")["value"].max()
    mine = rows[rows["model"].isin(list(models))].pivot(index="model", columns="dataset", values="value")
    return (top - mine).reindex(index=list(models), columns=list(sets)).clip(lower=0)


def residuals(summary: LotterySummary, tables: Tables, models: Sequence[str]) -> Heat | None:
    """Points above or below the line of each set; None where no line was fitted."""
    rows = tables["robustness"]
    rows = rows[rows["model"].isin(list(models)) & rows["effective"].notna()]
    if rows.empty:
        return None
    sets = [name for name in shown_sets(summary) if name in set(rows["target"])]
    values = rows.pivot(index="model", columns="target", values="effective").reindex(columns=sets)
    values = values.reindex([model for model in models if model in values.index])
    return heat(values, picked_models(summary), max(colour_limit(values.abs()), 1.0), signed=True)


def correlations(summary: LotterySummary) -> Heat | None:
    """How alike the sets are beyond the reference; None where too few models were measured, or too many sets."""
    matrix, names = summary.similarity.correlations, shown_sets(summary)[1:]
    if summary.similarity.groups is None or len(names) < 2 or not matrix:
        return None
    values = pd.DataFrame([[matrix[one][two] for two in names] for one in names], names, names, dtype=float)
    return heat(values, set(), 1.0, signed=True)


def rule_table(summary: LotterySummary, tables: Tables, models: Sequence[str]) -> dict[str, Any] | None:
    """Ranks of the foremost models by each rule, the rules' winners and their tau to the primary rule."""
    winners = summary.unified.winners
    if not winners:
        return None
    metrics = [name for name in dict.fromkeys(tables["unified"]["metric"]) if name in winners]  # the primary rule first
    table = tables["unified"].pivot(index="model", columns="metric", values="rank")[metrics]
    kept = {names[0] for names in winners.values()} | set(models[:5])
    table = table.reindex([model for model in models if model in kept] + sorted(kept - set(models)))
    rows = [{"model": model, "ranks": list(line)} for model, line in zip(table.index, table.to_numpy(), strict=True)]
    return {"metrics": metrics, "rows": rows, "tau": [summary.unified.agreement.get(name) for name in metrics]}


def agreement(summary: LotterySummary) -> list[dict[str, Any]]:
    """One row a set: tau-b of all models, of the top 50 and of the top 20."""
    known = {name: summary.agreement.get(name, []) for name in summary.targets}
    subsets = {name: {row["subset"]: row for row in rows if row["tau"] is not None} for name, rows in known.items()}
    return [{"dataset": name, **found} for name, found in subsets.items()]


def pairs(summary: LotterySummary, table: Any) -> list[dict[str, Any]]:
    """The foremost pairs that were tested: those of the reference first, the best models first."""
    order = {name: place for place, name in enumerate([summary.reference, *summary.targets])}
    rows = table[table["dataset"].isin(list(order))]
    rows = rows.assign(place=rows["dataset"].map(order)).sort_values("place", kind="stable")
    rows = rows.groupby("dataset", sort=False).head(max(PAIRS_SHOWN // max(len(order), 1), 6)).head(PAIRS_SHOWN)
    return rows.drop(columns="place").to_dict("records")
