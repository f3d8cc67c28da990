"""The task of a study: telling classes apart, or finding what is not normal, whose options have other defaults."""

from collections.abc import Mapping
from typing import Any

from kogen.common.protocols import ANOMALY, DETECTORS, FIND_ANOMALIES
from kogen.common.text import parse_spec
from kogen.options.study import LABELLED, METHODS


def with_task_defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a question, those that are not named as its task has them; asked twice they stay the same."""
    if asked.get("task") != FIND_ANOMALIES:
        return dict(asked)
    unlabelled = [method for method in METHODS if method not in LABELLED]
    found = {"probes": list(DETECTORS), "methods": unlabelled, **asked}
    return found | {"metric": metric_for_task(FIND_ANOMALIES, asked.get("metric"))}


def metric_for_task(task: str, metric: str | None) -> str | None:
    """The metric that decides: of anomalies by default AUROC, and these are looked for, however many there are."""
    if task != FIND_ANOMALIES:
        return metric
    spec = metric or "auroc"
    return spec if "positive" in parse_spec(spec)[1] else f"{spec}{'&' if '?' in spec else '?'}positive={ANOMALY}"


def check_task(task: str, normal: str | None, methods: tuple[str, ...], metric: str | None) -> None:
    """ValueError for options that do not fit the task."""
    if task != FIND_ANOMALIES:
        if normal is not None:
            raise ValueError(f"--normal {normal} names the class that is no anomaly: add --task {FIND_ANOMALIES}")
        return
    if learns := [method for method in methods if method in LABELLED]:
        got = f"--task {FIND_ANOMALIES} learns from good images alone, and {learns[0]} learns to tell classes apart"
        raise ValueError(f"{got}: leave it out of --methods")
    if (positive := parse_spec(metric or "")[1].get("positive", ANOMALY)) != ANOMALY:
        raise ValueError(f"--metric {metric}: positive={positive}, and anomalies are looked for: leave it out")
