"""Anomalies on a study's page: how detectors learnt, what heat maps say of where defects lie, images worth a look."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kogen.common.protocols import DETECTORS
from kogen.common.tables import read_table
from kogen.reporting.html import jpeg_data_url
from kogen.reporting.study.runs import RunRecord
from kogen.reporting.words import sentence
from kogen.results.answers.anomaly_answers import HEAT, heat_name, pixel_values, telling_images
from kogen.results.findings import float_or_none

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

MAX_MODELS = 6  # in the table of pixels: the best of the reference by the metric that decides
PIXEL_METRICS = ("pixel_auroc", "pro")


def anomalies_section(study: Path, judged: "Verdict", runs: Sequence[RunRecord]) -> dict[str, Any] | None:
    """The part on anomalies as plain data; None for a study that tells classes apart.

    sentences; pixels: a set each with rows (model, cells with value, lo, hi) and the protocol; gallery: a set each with
    kinds and images (item, path, score from 0 to 100, picture or None) of the first run of the model that leads.
    """
    if judged.protocol not in DETECTORS:
        return None
    pixels, leader = pixel_tables(study, judged), next(iter(judged.order.get(judged.reference, ())), None)
    gallery = gallery_of(judged, [run for run in runs if run.model == leader])
    said = [sentence("evidence", "anomaly_learnt"), sentence("evidence", "anomaly_scores")]
    said += [] if pixels else [sentence("evidence", "anomaly_no_masks")]
    shown = any(image["picture"] for parts in gallery.values() for part in parts for image in part["images"])
    return {"sentences": said, "pixels": pixels, "gallery": gallery, "leader": leader, "pictures": shown}


def pixel_tables(study: Path, judged: "Verdict") -> dict[str, Any]:
    """The table of pixels of each set that has masks, by the deciding protocol, else by the one that has heat maps."""
    every: Any = pixel_values(study)
    found: dict[str, Any] = {}
    there = set(every["protocol"])
    protocol = judged.protocol if judged.protocol in there else next(iter(sorted(there)), "")
    for name in judged.sets:
        mine = every[(every["dataset"] == name) & (every["protocol"] == protocol)]
        if not len(mine):
            continue
        cells = {(row["model"], row["metric"]): row for row in mine.to_dict("records")}
        models = [model for model in judged.order.get(name, ()) if (model, PIXEL_METRICS[0]) in cells][:MAX_MODELS]
        rows = [{"model": model, "cells": [cell(cells[model, metric]) for metric in PIXEL_METRICS]} for model in models]
        found[name] = {"rows": rows, "protocol": protocol, "images": int(mine["images"].max())}
    return found


def cell(row: dict[str, Any]) -> dict[str, float | None]:
    """Value and ends of a cell; None for what is not known."""
    return {name: float_or_none(row[name]) for name in ("value", "lo", "hi")}


def gallery_of(judged: "Verdict", runs: Sequence[RunRecord]) -> dict[str, list[dict[str, Any]]]:
    """By set the kinds of images that are worth a look, of the first of these runs that was judged."""
    run = next((run for run in runs if (run.folder / "predictions.parquet").exists()), None)
    if run is None:
        return {}
    rows: Any = read_table(run.folder / "predictions.parquet")
    rows = rows[(rows["protocol"] == judged.protocol) & rows["budget"].isna() & rows["dataset"].isin(judged.sets)]
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in telling_images(rows).to_dict("records"):
        picture = jpeg_data_url(run.folder / HEAT / heat_name(row["dataset"], judged.protocol, row["item"]))
        path = None if pd.isna(row["path"]) else row["path"]
        image = {"item": row["item"], "path": path, "score": 100 * row["chance"], "picture": picture}
        found.setdefault(row["dataset"], {}).setdefault(row["kind"], []).append(image)
    return {name: [{"kind": kind, "images": some} for kind, some in kinds.items()] for name, kinds in found.items()}
