"""The task of a study: telling classes apart, finding what is not normal or where things are; each has its defaults."""

from collections.abc import Mapping
from typing import Any

from kogen.common.metric_facts import check_metric
from kogen.common.protocols import ANOMALY, BOX_DETECTORS, DETECTORS, FIND_ANOMALIES, FIND_BOXES
from kogen.common.text import hint, parse_spec
from kogen.options.model import flag_of
from kogen.options.prices import make_prices, metric_with_prices
from kogen.options.study import LABELLED, METHODS, StudyOptions

BOX_METRICS = ("ap", "ap50", "ap75")  # that may decide in --task detect
BOX_STEPS = 1000  # of a detector; BOX_SIZE: pixels in which a box of a tenth of an image is seen
BOX_SIZE = 128
# Options that a study of boxes does not take, each with the reason.
NOT_OF_BOXES: Mapping[str, str] = {
    "labels": "the source says where boxes are: a table of splits and groups is SOURCE?table=TABLE",
    "columns": "the source says where boxes are: a table of splits and groups is SOURCE?table=TABLE",
    "encoding": "the source says where boxes are: a table of splits and groups is SOURCE?table=TABLE",
    "transfers": "other images with boxes of the same classes are --shift NAME=SOURCE",
    "transfer_metrics": "other images with boxes of the same classes are --shift NAME=SOURCE",
    "shots": "an image has boxes of several classes: parts of the images with boxes are --budgets",
    "pools": "parts of the images without labels are asked of --task classify",
    "prices": "prices are those of one answer an image, and an image has several boxes",
    "statistics": "own statistics read one answer an image; boxes lie in runs/*/boxes.parquet",
}


def with_task_defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a question, those that are not named as its task has them; asked twice they stay the same."""
    if asked.get("task") not in (FIND_ANOMALIES, FIND_BOXES):
        return dict(asked)
    unlabelled = [method for method in METHODS if method not in LABELLED]
    if asked["task"] == FIND_BOXES:
        size = {} if asked.get("init") else {"image_size": BOX_SIZE}  # weights to go on from bring theirs
        own = {"probes": list(BOX_DETECTORS[:1]), "tune_steps": [BOX_STEPS], "draws": 1, "costs": "none", **size}
        return {"methods": unlabelled, **own, **asked}
    found = {"probes": list(DETECTORS), "methods": unlabelled, **asked}
    return found | {"metric": metric_for_task(FIND_ANOMALIES, asked.get("metric"))}


def metric_for_task(task: str, metric: str | None) -> str | None:
    """The metric that decides: of anomalies by default AUROC, and these are looked for, however many there are."""
    if task != FIND_ANOMALIES:
        return metric
    spec = metric or "auroc"
    return spec if "positive" in parse_spec(spec)[1] else f"{spec}{'&' if '?' in spec else '?'}positive={ANOMALY}"


def check_task_metric(task: str, metric: str | None, prices: Mapping[str, Any]) -> None:
    """ValueError for a metric that there is not, or not of this task."""
    if task != FIND_BOXES:
        check_metric(metric_with_prices(metric, make_prices(prices)))
    elif metric not in (None, *BOX_METRICS):
        raise ValueError(f"--metric {metric} is none of --task {FIND_BOXES}: {hint(metric, list(BOX_METRICS))}")


def check_task(task: str, normal: str | None, methods: tuple[str, ...], metric: str | None) -> None:
    """ValueError for options that do not fit the task."""
    if normal is not None and task != FIND_ANOMALIES:
        raise ValueError(f"--normal {normal} names the class that is no anomaly: add --task {FIND_ANOMALIES}")
    learns = [method for method in methods if method in LABELLED]
    if task == FIND_ANOMALIES:
        if learns:
            got = f"--task {task} learns from good images alone, and {learns[0]} learns to tell classes apart"
            raise ValueError(f"{got}: leave it out of --methods")
        if (positive := parse_spec(metric or "")[1].get("positive", ANOMALY)) != ANOMALY:
            raise ValueError(f"--metric {metric}: positive={positive}, and anomalies are looked for: leave it out")
    if task == FIND_BOXES and learns:
        raise ValueError(
            f"{learns[0]} learns to tell classes of images apart, and images with boxes have none: leave it out of "
            f"--methods; a network that learnt from labels elsewhere is --candidates {learns[0]}=RUN, or a file"
        )


def check_box_options(asked: Mapping[str, Any]) -> None:
    """ValueError for options of a study of boxes that it does not take; `asked`: all of its options."""
    for name, reason in NOT_OF_BOXES.items():
        if asked[name]:
            raise ValueError(f"--task {FIND_BOXES} takes no {flag_of(StudyOptions, name)}: {reason}")
    if "detector" in asked["settings"].get("detect", {}):
        raise ValueError("--set detect.detector: the detector is named by --probe, fcos or faster_rcnn")
    if len(asked["tune_steps"]) != 1:
        got = ",".join(map(str, asked["tune_steps"]))
        raise ValueError(f"--tune-steps {got}: a detector learns for one number of steps, such as {BOX_STEPS}")
