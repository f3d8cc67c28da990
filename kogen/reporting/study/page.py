"""Page: a judged study as one self-contained HTML file; nothing in it reaches for the network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.files import read_json
from kogen.common.own_statistics import shown_statistics
from kogen.common.protocols import BOX_DETECTORS, DETECTORS
from kogen.common.records import made_with
from kogen.common.tables import read_table
from kogen.reporting.charts import Figure
from kogen.reporting.decision.figures import draw_values
from kogen.reporting.decision.page import decision_part
from kogen.reporting.html import png_data_url, write_page
from kogen.reporting.lottery.sections import lottery_part
from kogen.reporting.study.anomaly_section import anomalies_section
from kogen.reporting.study.box_section import boxes_section, draw_false_alarms
from kogen.reporting.study.budget_section import draw_labels, labels_section
from kogen.reporting.study.depth_section import depths_section
from kogen.reporting.study.economics_figure import draw_economics
from kogen.reporting.study.economics_section import economics_section
from kogen.reporting.study.errors import errors_section
from kogen.reporting.study.figures import draw_losses, draw_rank_me
from kogen.reporting.study.pool_section import draw_pools, pools_section
from kogen.reporting.study.question_text import addition_lines, private_quality, study_text
from kogen.reporting.study.runs import RunRecord, read_runs, whole_runs
from kogen.reporting.study.transfer_section import draw_transfer, transfer_section
from kogen.reporting.study.verdict import Verdict, read_verdict
from kogen.reporting.study.views_section import advice_first, views_section
from kogen.results.answers.transfer_leads import read_leads
from kogen.results.answers.view_effects import read_effects
from kogen.results.asked import read_asked


def write(study: Path, *, lang: str = "en", statistics: Sequence[str] = ()) -> Path:
    """Write STUDY/report.html from STUDY/verdict.json and the tables beside it; returns its path.

    `statistics`: those of the user's own whose tables are shown too. The page holds its figures' program and data, so
    it opens from a mail or a stick. ValueError when the study was not judged yet, or for an unknown language.
    """
    figures, shown = compose(study, lang)
    shown["own"] = shown_statistics(study, statistics)
    write_page(study / "report.html", "page.html.j2", lang, figures, **shown)
    return study / "report.html"


def compose(study: Path, lang: str) -> tuple[dict[str, Figure], dict[str, Any]]:
    """The figures of a study's page by the id of their place, and what else its template shows."""
    verdict, runs, asked = read_verdict(study), whole_runs(read_runs(study)), read_asked(study)
    private, quality = bool(asked.question.get("private")), study / "data.json"
    data = read_json(quality) if quality.exists() else {"sets": []}
    training, plan = read_training(runs), runs[0].plan if runs else {}
    given = {run.model for run in runs if run.method == "stock" and run.plan.get("name")}
    own = "judged" if "runs" in asked.question else kind_of_models(verdict)
    effects = read_effects(study)
    said = advice_first(verdict.sentences, effects) if effects else verdict.sentences
    decision, figures = decision_part(verdict.judgement, said, lang, own, given)
    figures |= draw_training(verdict, training, lang)
    leads = read_leads(study)
    cells, lottery = {(row["model"], row["dataset"]): row for row in verdict.values}, None
    figures |= {"alarms": alarms} if (alarms := draw_false_alarms(study, verdict, lang)) else {}
    figures |= {"labels": curves} if (curves := draw_labels(verdict, lang)) else {}
    figures |= {"pools": drawn} if (drawn := draw_pools(verdict, lang)) else {}
    figures |= {"transfer": leading} if (leading := draw_transfer(verdict, leads, lang)) else {}
    figures |= {"economics": costs} if (costs := draw_economics(verdict, lang)) else {}
    figures |= draw_values(cells, verdict.order[verdict.reference], verdict.judgement, lang)
    if verdict.lottery:
        lottery, more = lottery_part(study, verdict.lottery, lang)
        figures |= more
    shown = {
        "verdict": verdict,
        "decision": decision,
        "lottery": lottery,
        "notes": [],  # the study's own table: nothing in it is unknown or unread
        "cells": cells,
        "places": {(row["model"], row["dataset"]): row for row in verdict.ranks},
        "tier": {(m, s): i + 1 for s, tiers in verdict.tiers.items() for i, tier in enumerate(tiers) for m in tier},
        "trained": list(training),
        "data": private_quality(data, asked.question) if private else data,
        "views": png_data_url(study / "views.png"),
        "asked": study_text(study / "study.toml", private=private),
        "extensions": addition_lines(asked, private=private),
        "found": errors_section(study, verdict),
        "advice": views_section(study, effects, training),
        "anomalies": anomalies_section(study, verdict, runs),
        "boxes": boxes_section(study, verdict, runs, asked.question),
        "labels": labels_section(verdict),
        "depths": depths_section(verdict),
        "pools": pools_section(verdict),
        "transfer": transfer_section(leads),
        "economics": economics_section(verdict),
        "versions": {name: text for run in reversed(runs) for name, text in made_with(run.plan).items()},
        "plan": {name: plan.get(name) for name in ("backbone", "image_size", "device")},
    }
    return figures, shown


def kind_of_models(verdict: Verdict) -> str:
    """How models of no baseline are explained."""
    return "detected" if verdict.protocol in DETECTORS else "boxes" if verdict.protocol in BOX_DETECTORS else "own"


def draw_training(verdict: Verdict, training: dict[str, pd.DataFrame], lang: str) -> dict[str, Figure]:
    """The figures of the training by the id of their place; what has no data is left out."""
    bet = verdict.judgement.leader
    found = {f"loss-{i}": draw_losses(model, training[model], model == bet, lang) for i, model in enumerate(training)}
    spectrum = draw_rank_me(training, bet, verdict.methods, lang)
    return found | ({"rank": spectrum} if spectrum else {})


def read_training(runs: list[RunRecord]) -> dict[str, pd.DataFrame]:
    """Training tables of each model's runs in one frame with the seed; models without one are left out."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        path = run.folder / "training.parquet"
        if path.exists():
            found.setdefault(run.model, []).append(read_table(path).assign(seed=run.seed or 0))
    return {model: pd.concat(tables) for model, tables in found.items()}
