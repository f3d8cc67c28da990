"""Lottery part: a lottery's folder in, out come the pieces of a page: sentences, lights, tables, figures."""

from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.registry import load
from kogen.common.tables import read_table
from kogen.reporting.charts import Figure
from kogen.reporting.lottery.figures import MODELS_DRAWN, draw_flips, draw_gap_curve, draw_scatter
from kogen.reporting.lottery.sentences import decision_sentences, headline, model_price_sentences, notes, refusals
from kogen.reporting.lottery.tables import (
    agreement,
    best_models,
    cells_of,
    correlations,
    pairs,
    points_behind_best,
    regret,
    residuals,
    rule_table,
    shown_sets,
)
from kogen.reporting.lottery.traffic_lights import lights
from kogen.reporting.words import Sentence
from kogen.results.lottery_summary import LotterySummary

TABLE_NAMES = ("accuracy", "pairs", "ranks", "transfer", "agreement", "unified", "robustness")
SUBSETS = ("all", "top50", "top20")
RIVALS = 8  # models that are shown against the leader over all sets
PANELS = 8  # sets that have a panel of their own


def lottery_part(folder: Path, summary: LotterySummary, lang: str) -> tuple[dict[str, Any], dict[str, Figure]]:
    """What the template of the lottery shows, and its figures by the id of their place.

    `folder` holds the tables, `summary` is "lottery" of its verdict.json. ValueError names a table that is missing.
    """
    tables: dict[str, Any] = {name: read_table(folder / f"{name}.parquet") for name in TABLE_NAMES}
    models, sets = best_models(summary, tables), shown_sets(summary, tables)
    cells = cells_of(tables["accuracy"], models)
    curve = tables["transfer"]
    bins = curve[curve["band"] == "bin"].to_dict("records")
    panels = shown_panels(summary)
    gap, rows = flip_rows(summary)
    found = {
        f"gap-{i}": draw_gap_curve(target_rows(curve, name), own_gap(summary), name, lang)
        for i, name in enumerate(panels)
    }
    found["flips"] = draw_flips({name: rows[name] for name in sets[1:]}, lang)
    found |= {
        f"fit-{i}": draw_scatter(robustness_rows(tables, name), marked_models(summary), lang)
        for i, name in enumerate(panels)
    }
    figures = {key: figure for key, figure in found.items() if figure}
    shown = {
        **{
            name: getattr(summary, name)
            for name in ("reference", "margin", "targets", "kind", "over_sets", "similarity")
        },
        "headline": headline(summary, cells),
        "decides": decision_sentences(summary),
        "refused": refusals(summary),
        "notes": notes(summary),
        "lights": lights(summary, bins),
        "models": models,
        "count": summary.models,
        "bet": summary.bet.model or (summary.bet.picks[0]["model"] if summary.bet.picks else summary.lead.model),
        "picks": summary.bet.picks,
        "agree": summary.bet.agree,
        "sets": sets,
        "panels": panels,
        "sources": clean_sources(tables["robustness"], summary),
        "baseline": summary.baseline,
        "flip_gap": gap,
        "lasts": {name: row.gap_for_90 for name, row in summary.transfer.items()},
        "cells": cells,
        "places": cells_of(tables["ranks"], models),
        "tier": tier_by_cell(tables["pairs"], sets),
        "regret": regret(summary, tables, models),
        "rules": rule_table(summary, tables, models),
        "combined": (summary.unified.combined or [])[:RIVALS],
        "agreement": [row for row in agreement(summary) if row["dataset"] in sets],
        "subsets": [name for name in SUBSETS if (tables["agreement"]["subset"] == name).any()],
        "alike": correlations(summary, tables),
        "residuals": residuals(summary, tables, models),
        "thinned": len(tables["accuracy"]["model"].unique()) > MODELS_DRAWN,
        "pairs": pairs(summary, tables["pairs"]),
        "tested": len(tables["pairs"]),
        "files": [name for name in files() if (folder / name).exists()],
    }
    return shown, figures


def sentence_texts(sentences: list[Sentence], lang: str) -> list[str]:
    """Sentences in words; a number and its unit stay on one line."""
    return [sentence.in_words(lang).replace(" %", "\u00a0%") for sentence in sentences]


def price_sentences(folder: Path, summary: LotterySummary, model: str) -> list[Sentence]:
    """Sentences on what betting on a model that was chosen elsewhere may cost; none where it lacks a set."""
    sets = [summary.reference, *summary.targets]
    loss = points_behind_best(read_table(folder / "accuracy.parquet"), sets, [model]).loc[model]
    return [] if loss.isna().any() else model_price_sentences(summary, model, loss.to_dict())


def marked_models(summary: LotterySummary) -> list[str]:
    """The models that are bet on, and the leader of the reference."""
    return list(dict.fromkeys([*(row["model"] for row in summary.bet.picks), summary.lead.model]))


def shown_panels(summary: LotterySummary) -> list[str]:
    """Sets with a panel of their own: all, or of many those on which fewest leads hold."""
    targets = summary.targets
    if len(targets) <= PANELS:
        return targets
    rows = {name: row.all or {} for name, row in summary.transfer.items()}
    worst = sorted(targets, key=lambda name: rows[name].get("transfer") or 0.0)[:PANELS]
    return [name for name in targets if name in worst]


def own_gap(summary: LotterySummary) -> float | None:
    """The reader's gap: the leader's lead on the reference."""
    return summary.lead.gap


def flip_rows(summary: LotterySummary) -> tuple[float | None, dict[str, Any]]:
    """The gap up to which flips are shown, None for all pairs, and the row of each set: at the margin where it can."""
    near = {name: row.at_margin for name, row in summary.transfer.items()}
    if near and all(row and row["pairs"] >= 20 for row in near.values()):
        return summary.margin, near
    return None, {name: row.all for name, row in summary.transfer.items()}


def target_rows(curve: pd.DataFrame, target: str) -> pd.DataFrame:
    """The rows of one target."""
    return pd.DataFrame(curve[curve["target"] == target])


def robustness_rows(tables: dict[str, Any], target: str) -> pd.DataFrame:
    """The rows of `robustness` of one target, with each model's accuracy on the source of that target."""
    rows = target_rows(tables["robustness"], target)
    if rows.empty:
        return rows.assign(start=[])
    start = tables["accuracy"][tables["accuracy"]["dataset"] == rows["source"].iloc[0]]
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


def files() -> list[str]:
    """Names of the files beside the page that hold the whole tables."""
    return [f"{name}.{kind}" for name in TABLE_NAMES for kind in ("parquet", "csv")]
