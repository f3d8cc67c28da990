"""Where a study's models err: every metric, thresholds that do not travel, classes, groups, confusions, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kogen.common.protocols import DETECTORS
from kogen.common.registry import load
from kogen.reporting.html import jpeg_data_url
from kogen.reporting.study.cautions import metric_reason
from kogen.reporting.words import Sentence, sentence
from kogen.results.answers.hard_images import GALLERY, picture_name
from kogen.results.findings import float_or_none

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

Row = Mapping[str, Any]
CALIBRATED = (
    "log_loss",
    "calibration_error",
    "expected_cost",
)  # read probabilities: not scores of detectors
MAX_MODELS = 6  # in tables of classes and metrics: the best by the metric that decides
MAX_MATRIX = 12  # classes of a confusion matrix; of more, the commonest confusions are listed
MAX_CONFUSIONS = 10


def errors_section(study: Path, judged: "Verdict") -> dict[str, Any]:
    """The section on errors as plain data; a part that has nothing to say is empty.

    reason: the sentence on why this metric decides, None for plain accuracy. sentences: what falls on shifted sets and
    where recall is worst. metrics, recall, confusion, gallery: one entry a set, see the functions of these names.
    gallery_note: the key of the sentence on pictures that are missing, None where none is.
    """
    gallery = {name: part for name in judged.sets if (part := gallery_of(study, judged, name))}
    images = [image for parts in gallery.values() for part in parts for image in part["images"]]
    return {
        "reason": metric_reason(judged.metric),
        "sentences": recall_sentences(judged),
        "metrics": {name: part for name in judged.sets if (part := metrics_of(judged, name))["rows"]},
        "recall": {name: part for name in judged.sets if (part := recall_of(judged, name))},
        "confusion": {name: part for name in judged.sets if (part := confusion_of(judged, name))},
        "gallery": gallery,
        "gallery_note": gallery_note(images),
    }


def recall_sentences(judged: "Verdict") -> list[Sentence]:
    """Of the reference's leader on each set: its worst class and group, if its interval lies below the best one's."""
    found, leader = [], next(iter(leaders_of(judged)), None)
    for dataset in judged.sets:
        for by in ("class", "group"):
            rows = [r for r in judged.recall if (r["dataset"], r["by"], r["model"]) == (dataset, by, leader)]
            known = [row for row in rows if float_or_none(row["lo"]) is not None]
            if len(known) < 2:
                continue
            worst, best = min(known, key=lambda row: row["value"]), max(known, key=lambda row: row["value"])
            if worst["hi"] < best["lo"]:
                ends = {"n": int(worst["n"]), **{name: worst[name] for name in ("value", "lo", "hi")}}
                others = {"best": best["name"], "best_value": best["value"]}
                found.append(
                    sentence(
                        "evidence", f"worst_{by}", model=leader, dataset=dataset, name=worst["name"], **ends, **others
                    )
                )
    return found


def metrics_of(judged: "Verdict", dataset: str) -> dict[str, Any]:
    """Every metric of the main protocol on one set: the models shown, and a row a metric, the deciding one first.

    A row: metric, label (a key of the words), unit, better, floor, decides, cells (value, lo, hi, reason, one a model),
    faults: what a miss and a false alarm cost where the unit is a price.
    Metrics that have no value for any model are named under `absent` with their reason.
    """
    rows = [r for r in judged.metrics if r["dataset"] == dataset and r["protocol"] in ("", judged.protocol)]
    models, table, absent = shown_models(judged, dataset), [], []
    for metric in sorted({row["metric"] for row in rows}, key=lambda name: (name != judged.metric.name, name)):
        mine = {row["model"]: row for row in rows if row["metric"] == metric}
        first = next(iter(mine.values()))
        label = f"name_of_{metric}"
        if judged.protocol in DETECTORS and metric in CALIBRATED and metric != judged.metric.name:
            absent.append({"label": label, "reason": "reason_not_calibrated"})
            continue
        if not any(float_or_none(row["value"]) is not None for row in mine.values()):
            absent.append({"label": label, "reason": f"reason_{first['reason']}"})
            continue
        cells = [cell_of(mine.get(model)) for model in models]
        facts = {name: first[name] for name in ("unit", "better", "floor")}
        given = judged.metric.parameters if metric == judged.metric.name else judged.metric.faults
        facts["faults"] = load("metrics", "expected_cost").parameters | given
        table.append(
            {"metric": metric, "label": label, "decides": metric == judged.metric.name, "cells": cells, **facts}
        )
    return {"models": models, "rows": table, "absent": absent}


def cell_of(row: Row | None) -> dict[str, Any]:
    """A cell of a table: value, lo, hi and the key of the reason why there is no interval."""
    if row is None:
        return {"value": None, "lo": None, "hi": None, "reason": None}
    reason = row.get("reason")
    return {name: row[name] for name in ("value", "lo", "hi")} | {"reason": f"reason_{reason}" if reason else None}


def leaders_of(judged: "Verdict") -> list[str]:
    """The leader and the runner-up of the reference: those that one would use, wherever they are looked at."""
    return list(judged.order.get(judged.reference, ()))[:2]


def shown_models(judged: "Verdict", dataset: str) -> list[str]:
    """The best models of the reference that were judged on a set, at most MAX_MODELS."""
    there = set(judged.order.get(dataset, ()))
    return [model for model in judged.order.get(judged.reference, ()) if model in there][:MAX_MODELS]


def recall_of(judged: "Verdict", dataset: str) -> list[dict[str, Any]]:
    """Recall of one set by class and by group: by, models, and rows (name, n, cells, worst: of the leader)."""
    models, found = shown_models(judged, dataset), []
    for by in ("class", "group"):
        rows = [row for row in judged.recall if row["dataset"] == dataset and row["by"] == by]
        table = []
        for name in dict.fromkeys(row["name"] for row in rows):
            mine = {row["model"]: row for row in rows if row["name"] == name}
            worst = bool(models and models[0] in mine and mine[models[0]]["worst"])
            n = int(next(iter(mine.values()))["n"])
            table.append(
                {"name": name, "n": n, "worst": worst, "cells": [cell_of(mine.get(model)) for model in models]}
            )
        if table:
            found.append({"by": by, "models": models, "rows": table})
    return found


def confusion_of(judged: "Verdict", dataset: str) -> list[dict[str, Any]]:
    """The confusion of the reference's leader and runner-up on one set.

    Each: model, labels, predicted, rows (one a label; cells with n and share), or of more than 12 classes `commonest`
    (label, predicted, n, share), the ten confusions with the most images.
    """
    found = []
    for model in leaders_of(judged):
        rows = [row for row in judged.confusion if row["dataset"] == dataset and row["model"] == model]
        if not rows:
            continue
        labels, predicted = (list(dict.fromkeys(row[name] for row in rows)) for name in ("label", "predicted"))
        if len(predicted) > MAX_MATRIX:
            wrong = [row for row in rows if row["label"] != row["predicted"] and row["n"] > 0]
            wrong.sort(key=lambda row: (-row["n"], row["label"], row["predicted"]))
            found.append({"model": model, "commonest": [dict(row) for row in wrong[:MAX_CONFUSIONS]], "rows": []})
            continue
        cells = {(row["label"], row["predicted"]): {"n": row["n"], "share": row["share"]} for row in rows}
        table = [[cells[label, answer] | {"right": label == answer} for answer in predicted] for label in labels]
        known = {"model": model, "labels": labels, "predicted": predicted, "commonest": []}
        found.append(known | {"rows": list(zip(labels, table, strict=True))})
    return found


def gallery_of(study: Path, judged: "Verdict", dataset: str) -> list[dict[str, Any]]:
    """The hard images of one set by kind; each with what was answered and its picture, None where there is none."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in judged.hard:
        if row["dataset"] == dataset:
            place = study / GALLERY / picture_name(row["item"])
            found.setdefault(row["kind"], []).append(dict(row) | {"picture": jpeg_data_url(place)})
    return [{"kind": kind, "images": images} for kind, images in found.items()]


def gallery_note(images: Sequence[Row]) -> str | None:
    """The key of the sentence on pictures that are missing: none has a path, or some could not be read."""
    if not images or all(image["picture"] for image in images):
        return None
    return "gallery_without_paths" if all(image["path"] is None for image in images) else "gallery_unreadable"
