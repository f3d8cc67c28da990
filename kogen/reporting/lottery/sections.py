"""Sections of a lottery: from its folder to the parts of a page: sentences, lights, tables, figures."""

from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.registry import load
from kogen.common.tables import read_table
from kogen.reporting.charts import Figure
from kogen.reporting.lottery import sentences, tables
from kogen.reporting.lottery.axes import draw_cost_axis
from kogen.reporting.lottery.figures import MODELS_DRAWN, draw_flips, draw_gap_curve, draw_regrets, draw_scatter
from kogen.results.lottery_summary import LotterySummary

TABLE_NAMES = ("values", "pairs", "ranks", "transfer", "agreement", "unified", "robustness")
SUBSETS = ("all", "top50", "top20")
RIVALS = 8  # models that are shown against the leader over all sets
AXES = 4  # costs that are drawn
PANELS = 8  # sets that have a panel of their own


def lottery_part(folder: Path, summary: LotterySummary, lang: str) -> tuple[dict[str, Any], dict[str, Figure]]:
    """What the template of the lottery shows, and its figures by the id of their place.

    `folder` holds the tables, `summary` is "lottery" of its verdict.json. ValueError names a table that is missing.
    """
    frames: dict[str, Any] = {name: read_table(folder / f"{name}.parquet") for name in TABLE_NAMES}
    models, sets = tables.best_models(summary, frames), tables.shown_sets(summary)
    cells, curve = tables.cells_of(frames["values"], models), frames["transfer"]
    panels, marked = shown_panels(summary), [*(row["model"] for row in summary.bet.picks), summary.lead.model]
    gap, rows = flip_rows(summary)
    found = {"flips": draw_flips({name: rows[name] for name in sets[1:]}, lang)}
    found |= draw_axes(summary, frames["values"], marked, lang)
    found["regrets"] = draw_regrets(tables.points_behind_best(frames["values"], sets, models), lang)
    for i, name in enumerate(panels):
        found[f"gap-{i}"] = draw_gap_curve(target_rows(curve, name), summary.lead.gap, name, lang)
        found[f"fit-{i}"] = draw_scatter(robustness_rows(frames, name), marked, lang)
    same = ("reference", "margin", "targets", "kind", "over_sets", "similarity", "baseline", "left_out", "cochran")
    same += ("unbounded",)
    files = [f"{name}.{kind}" for name in TABLE_NAMES for kind in ("parquet", "csv")]
    shown = {name: getattr(summary, name) for name in same} | {
        "refused": sentences.refusals(summary),
        "notes": sentences.notes(summary),
        "models": models,
        "count": summary.models,
        "picks": summary.bet.picks,
        "agree": summary.bet.agree,
        "sets": sets,
        "panels": panels,
        "sources": clean_sources(frames["robustness"], summary),
        "flip_gap": gap,
        "lasts": {name: row.gap_for_90 for name, row in summary.transfer.items()},
        "cells": cells,
        "places": tables.cells_of(frames["ranks"], models),
        "tier": tier_by_cell(frames["pairs"], sets),
        "regret": tables.regret(summary, frames, models),
        "rules": tables.rule_table(summary, frames, models),
        "combined": (summary.unified.combined or [])[:RIVALS],
        "agreement": [row for row in tables.agreement(summary) if row["dataset"] in sets],
        "subsets": [name for name in SUBSETS if (frames["agreement"]["subset"] == name).any()],
        "alike": tables.correlations(summary),
        "residuals": tables.residuals(summary, frames, models),
        "thinned": len(frames["values"]["model"].unique()) > MODELS_DRAWN,
        "pairs": tables.pairs(summary, frames["pairs"]),
        "tested": len(frames["pairs"]),
        "files": [name for name in files if (folder / name).exists()],
    }
    return shown, {place: figure for place, figure in found.items() if figure}


def draw_axes(summary: LotterySummary, values: Any, marked: list[str], lang: str) -> dict[str, Figure | None]:
    """Scores on the reference against each cost that the table gives, by the id of their place."""
    here = values[values["dataset"] == summary.reference]
    scores = dict(zip(here["model"], here["value"], strict=True))
    axes = list(summary.axes.items())[:AXES]
    return {
        f"axis-{i}": draw_cost_axis(name, costs, scores, marked, summary.reference, lang)
        for i, (name, costs) in enumerate(axes)
    }


def shown_panels(summary: LotterySummary) -> list[str]:
    """Sets with a panel of their own: all, or of many those on which fewest leads hold."""
    targets = summary.targets
    if len(targets) <= PANELS:
        return targets
    rows = {name: row.all or {} for name, row in summary.transfer.items()}
    worst = sorted(targets, key=lambda name: rows[name].get("transfer") or 0.0)[:PANELS]
    return [name for name in targets if name in worst]


def flip_rows(summary: LotterySummary) -> tuple[float | None, dict[str, Any]]:
    """The gap up to which flips are shown, None for all pairs, and the row of each set: at the margin where it can."""
    near = {name: row.at_margin for name, row in summary.transfer.items()}
    if near and all(row and row["pairs"] >= 20 for row in near.values()):
        return summary.margin, near
    return None, {name: row.all for name, row in summary.transfer.items()}


def target_rows(curve: pd.DataFrame, target: str) -> pd.DataFrame:
    """The rows of one target."""
    return pd.DataFrame(curve[curve["target"] == target])


def robustness_rows(frames: dict[str, Any], target: str) -> pd.DataFrame:
    """The rows of `robustness` of one target, with each model's accuracy on the source of that target."""
    rows = target_rows(frames["robustness"], target)
    if rows.empty:
        return rows.assign(start=[])
    start = frames["values"][frames["values"]["dataset"] == rows["source"].iloc[0]]
    return rows.assign(start=rows["model"].map(start.set_index("model")["value"]))


def clean_sources(robustness: pd.DataFrame, summary: LotterySummary) -> dict[str, str]:
    """Sets whose line starts from another set than the reference: their own matched clean one."""
    found = robustness.drop_duplicates("target")
    pairs = dict(zip(found["target"], found["source"], strict=True))
    return {name: source for name, source in pairs.items() if source != summary.reference}


def tier_by_cell(pairs: pd.DataFrame, sets: list[str]) -> dict[tuple[str, str], int]:
    """Tier of each (model, set) where pairs were tested."""
    if pairs.empty:
        return {}
    rows = load("statistics", "tiers")(pairs[pairs["dataset"].isin(sets)])
    return {(row["model"], row["dataset"]): int(row["tier"]) for row in rows.to_dict("records")}
