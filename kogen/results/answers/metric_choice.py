"""The metric that decides: as asked, or by the balance of the classes, with its parameters and the class looked for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import ACCURACY, SHARED, MetricFacts, check_parameters
from kogen.common.registry import load
from kogen.common.tables import distinct_rows
from kogen.common.text import join_names, parse_spec
from kogen.metrics._metric import Metric
from kogen.results.answers.answer_columns import has_classes

IMBALANCE = 4  # times as many images of the largest class as of the smallest, above which classes count alike


def choose_metric(frame: pd.DataFrame, spec: str | None, reference: str) -> MetricFacts:
    """The facts of the metric that decides on a table of one row an image.

    `spec`: NAME or NAME?PARAMETER=VALUE as asked; by default accuracy, or balanced accuracy where the reference has
    over 4 times as many images of one class as of another. ValueError for what there is not.
    """
    counts = class_counts(frame, reference)
    facts = replace(ACCURACY, larger=max(counts.values(), default=0), smaller=min(counts.values(), default=0))
    if spec is None:
        if facts.smaller and facts.larger > IMBALANCE * facts.smaller:
            spec, facts = "balanced_accuracy", replace(facts, reason="imbalance")
        else:
            spec = "accuracy"
    else:
        facts = replace(facts, reason="asked")
    name, given = parse_spec(spec)
    check_parameters(name, load("metrics", name), given)
    return replace(facts_of(facts, name, given), positive=positive_class(counts, given.get("positive")))


def every_metric(deciding: MetricFacts, names: Sequence[str]) -> list[MetricFacts]:
    """The facts of each metric of these names, with the parameters of the deciding one where it is among them."""
    found = []
    for name in names:
        if name == deciding.name:
            found.append(deciding)
            continue
        shared = {key: value for key, value in deciding.parameters.items() if key in SHARED}
        found.append(facts_of(deciding, name, shared | (deciding.faults if name == "expected_cost" else {})))
    return found


def facts_of(base: MetricFacts, name: str, given: Mapping[str, Any]) -> MetricFacts:
    """The facts of a metric with the parameters that are given; what is known of the classes is that of `base`."""
    metric: Metric = load("metrics", name)
    low, high = metric.bounds(**own_parameters(metric, given))
    facts = {key: getattr(metric, key) for key in ("unit", "higher_is_better", "counts_images")}
    return replace(base, name=name, low=low, high=high, parameters={**metric.parameters, **given}, **facts)


def own_parameters(metric: Metric, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a metric among those that are given."""
    return {key: float(value) for key, value in given.items() if key in metric.parameters}


def class_counts(frame: pd.DataFrame, reference: str) -> dict[str, int]:
    """How many images of each class the reference has, by the class's name; {} where labels are not known."""
    if not has_classes(frame):
        return {}
    here = frame["dataset"] == reference
    rows = distinct_rows(frame[["item", "label"]][here], ["item", "label"])
    codes = rows["label"].cat.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(rows["label"].cat.categories))  # -1: no label
    return {str(name): int(n) for name, n in zip(rows["label"].cat.categories, counts, strict=True) if n}


def positive_class(counts: Mapping[str, int], asked: Any = None) -> str | None:
    """The class that is looked for: as asked, or of two classes the one with fewer images (equals: by name)."""
    if asked is not None:
        if str(asked) not in counts:
            raise ValueError(
                f"positive={asked}: there is no such class, there are {join_names(list(counts)) or 'none'}"
            )
        return str(asked)
    return min(counts, key=lambda name: (counts[name], name)) if len(counts) == 2 else None


def class_order(classes: Sequence[str], facts: MetricFacts) -> tuple[int, ...] | None:
    """The classes from low to high: as asked (`order=a,b,c`), by value where all are numbers, any order of two.

    None where nothing says it. ValueError where `order` does not name each class once.
    """
    asked = facts.parameters.get("order")
    if asked is not None:
        names = [str(name) for name in asked] if isinstance(asked, tuple) else str(asked).split(",")
        if sorted(names) != sorted(classes):
            raise ValueError(f"order={','.join(names)}: wanted each of the classes {join_names(classes)} once")
        return tuple(classes.index(name) for name in names)
    if len(classes) == 2:
        return (0, 1)
    try:
        values = [float(name) for name in classes]
    except ValueError:
        return None
    return tuple(int(place) for place in np.argsort(values, kind="stable"))
