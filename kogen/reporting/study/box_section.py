"""Boxes on a study's page: COCO's numbers by size and class, false alarms, images with misses and false alarms."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kogen.boxes.average_precisions import NUMBERS
from kogen.common.protocols import BOX_DETECTORS
from kogen.common.tables import read_table
from kogen.reporting.charts import Figure, axis_title, draw_curves, ink, trace
from kogen.reporting.html import jpeg_data_url
from kogen.reporting.study.runs import RunRecord
from kogen.reporting.words import say, sentence
from kogen.results.boxes.box_judgement import ALARMS, VALUES
from kogen.results.boxes.box_runs import BoxRun, read_runs
from kogen.results.boxes.box_tables import BOX_GALLERY, BOXES
from kogen.results.boxes.called_boxes import CalledBoxes, call_boxes, choose_images, gallery_place, picture_place
from kogen.results.findings import float_or_none

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

MOST_MODELS = 6  # in the tables and the figure: the best of each set by the metric that decides
MOST_CLASSES = 12
CLASS = "ap:"  # before the name of a class


def boxes_section(
    study: Path, judged: "Verdict", runs: Sequence[RunRecord], question: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The part on boxes as plain data; None for a study of another task.

    sentences; tables: a set each with `sizes` and `classes`, each of these columns (name, and how many images have
    something to be found) and rows (model, cells with value, lo, hi); gallery: a set each with images (item, path,
    counts of missed, false and found boxes, picture or None) of the first run of the model that leads; more: classes
    that are not shown.
    """
    if judged.protocol not in BOX_DETECTORS:
        return None
    values: Any = pd.read_parquet(study / f"{VALUES}.parquet")
    tables = {name: number_tables(values[values["dataset"] == name], judged.order[name]) for name in judged.sets}
    leader = judged.judgement.leader
    gallery = gallery_of(judged, next((run for run in runs if run.model == leader), None))
    learnt = {"detector": judged.protocol, "steps": steps_of(question)}
    said = [sentence("evidence", "boxes_learnt", **learnt), sentence("evidence", "boxes_ap")]
    shown = any(image["picture"] for images in gallery.values() for image in images)
    return {"sentences": said, "tables": tables, "gallery": gallery, "leader": leader, "pictures": shown}


def steps_of(question: Mapping[str, Any]) -> int | None:
    """For how many steps each detector learnt, as the question has it."""
    steps = question.get("tune_steps") or [None]
    return steps[0]


def number_tables(rows: Any, order: Sequence[str]) -> dict[str, Any]:
    """The tables of one set: COCO's six numbers, and the average precision of each class."""
    there = list(dict.fromkeys(rows["number"]))
    classes = [name for name in there if name.startswith(CLASS)]
    cells = {(row["model"], row["number"]): row for row in rows.to_dict("records")}
    models = [model for model in order if (model, there[0]) in cells][:MOST_MODELS] if there else []
    kinds = {"sizes": [name for name in NUMBERS if name in there], "classes": classes[:MOST_CLASSES]}
    found: dict[str, Any] = {"more": max(len(classes) - MOST_CLASSES, 0)}
    for kind, columns in kinds.items():
        lines = [{"model": model, "cells": [cell(cells[model, name]) for name in columns]} for model in models]
        found[kind] = {"columns": [name.removeprefix(CLASS) for name in columns], "rows": lines}
    return found


def cell(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Value and ends of a cell; None for what is not known."""
    return {name: float_or_none(row[name]) for name in ("value", "lo", "hi")}


def gallery_of(judged: "Verdict", run: RunRecord | None) -> dict[str, list[dict[str, Any]]]:
    """By set the images with most misses and most false alarms of a run, in its order of pictures."""
    if run is None or not (run.folder / BOXES).exists():
        return {}
    rows: Any = read_table(run.folder / BOXES)
    rows = rows[(rows["protocol"] == judged.protocol) & rows["budget"].isna() & rows["dataset"].isin(judged.sets)]
    found: dict[str, list[dict[str, Any]]] = {}
    for one in read_runs(rows):
        called, place = call_boxes(one), run.folder / BOX_GALLERY / gallery_place(judged.protocol, one.dataset)
        for number, image in enumerate(choose_images(called)):
            item, path = str(one.items[image]), path_of(one, image)
            picture = jpeg_data_url(place / picture_place(number, item))
            facts = {"item": item, "path": path, "picture": picture, **count_called(called[image])}
            found.setdefault(one.dataset, []).append(facts)
    return {name: found[name] for name in judged.sets if name in found}


def path_of(run: BoxRun, image: int) -> str | None:
    """The file of an image; None where it has none that may be named."""
    path = None if run.paths is None else run.paths[image]
    return path if isinstance(path, str) else None


def count_called(called: CalledBoxes) -> dict[str, int]:
    """How many boxes of an image are missed, falsely called and found."""
    return {"missed": len(called.missed), "false": len(called.false), "found": len(called.found)}


def draw_false_alarms(study: Path, judged: "Verdict", lang: str) -> Figure | None:
    """The share of boxes found by false alarms an image on the reference; None for a study of another task."""
    if judged.protocol not in BOX_DETECTORS:
        return None
    every: Any = pd.read_parquet(study / f"{ALARMS}.parquet")
    rows = every[(every["dataset"] == judged.reference) & every["value"].notna()]
    models = [name for name in judged.order[judged.reference] if (rows["model"] == name).any()][:MOST_MODELS]
    rates = sorted(set(rows["false_alarms"]))
    if not models:
        return None
    of = {model: rows[rows["model"] == model].sort_values("false_alarms") for model in models}
    ticks = {"type": "log", "tickvals": rates, "ticktext": [rate_text(rate) for rate in rates]}
    ticks |= {"title": axis_title(say(lang, "axis_false_alarms"))}
    lines = {model: part["value"].tolist() for model, part in of.items()}
    ends = [float(end) for part in of.values() for name in ("lo", "hi") for end in part[name]]
    title = say(lang, "boxes_found")
    figure = draw_curves(rates, lines, judged.judgement.leader, judged.methods, title, ticks, ends)
    bands = [band(rates, part) for part in of.values()]
    return figure | {"data": [*bands, *figure["data"]], "alt": say(lang, "alt_false_alarms", models=models)}


def band(rates: list[float], part: pd.DataFrame) -> dict[str, Any]:
    """The 95 % around a line."""
    edge = [*part["lo"].tolist(), *part["hi"].tolist()[::-1]]
    look: dict[str, Any] = {"fill": "toself", "fillcolor": ink("tint"), "opacity": 0.5, "line": {"width": 0}}
    return trace([*rates, *rates[::-1]], edge, **look)


def rate_text(rate: float) -> str:
    """1/8, 1/4, 1/2, 1, 2, 4, 8."""
    return f"{rate:g}" if rate >= 1 else f"1/{1 / rate:g}"
