"""The metric that decides: as asked, or by the balance of the classes, with its parameters and the class looked for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.common.registry import load
from kogen.common.text import hint, join_names, parse_spec
from kogen.metrics._metric import Metric

IMBALANCE = 4  # times as many images of the largest class as of the smallest, above which classes count alike
SHARED = ("positive", "order", "threshold")  # parameters that say how answers are read, for every metric


def choose_metric(frame: pd.DataFrame, spec: str | None, reference: str) -> MetricFacts:
    """The facts of the metric that decides on a table of one row an image.

    `spec`: NAME or NAME?PARAMETER=VALUE as asked; by default accuracy, or balanced accuracy where the reference has
    over 4 times as many images of one class as of another. ValueError for what there is not.
    """
    counts = class_counts(frame, reference)
    facts = replace(ACCURACY, larger=int(counts.max(initial=0)), smaller=int(counts.min(initial=0)))
    if spec is None:
        if facts.smaller and facts.larger > IMBALANCE * facts.smaller:
            spec, facts = "balanced_accuracy", replace(facts, reason="imbalance")
        else:
            spec = "accuracy"
    else:
        facts = replace(facts, reason="asked")
    name, given = parse_spec(spec)
    metric: Metric = load("metrics", name)
    check_parameters(name, metric, given)
    low, high = metric.bounds(**own_parameters(metric, given))
    return replace(
        facts,
        name=name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        low=low,
        high=high,
        counts_images=metric.counts_images,
        parameters=dict(metric.parameters) | given,
        positive=positive_class(counts, given.get("positive")),
    )


def every_metric(deciding: MetricFacts, names: Sequence[str]) -> list[MetricFacts]:
    """The facts of each metric of these names, with the parameters of the deciding one where it is among them."""
    found = []
    for name in names:
        if name == deciding.name:
            found.append(deciding)
            continue
        metric: Metric = load("metrics", name)
        shared = {key: value for key, value in deciding.parameters.items() if key in SHARED}
        low, high = metric.bounds()
        found.append(
            replace(
                deciding,
                name=name,
                unit=metric.unit,
                higher_is_better=metric.higher_is_better,
                low=low,
                high=high,
                counts_images=metric.counts_images,
                parameters=dict(metric.parameters) | shared,
            )
        )
    return found


def own_parameters(metric: Metric, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a metric among those that are given."""
    return {key: float(value) for key, value in given.items() if key in metric.parameters}


def check_metric(spec: str | None) -> None:
    """ValueError for a metric or a parameter that does not exist, before anything is read."""
    if spec is not None:
        name, given = parse_spec(spec)
        check_parameters(name, load("metrics", name), given)


def check_parameters(name: str, metric: Metric, given: Mapping[str, Any]) -> None:
    """ValueError for a parameter that the metric does not have, and for numbers that make no sense."""
    known = [*metric.parameters, *SHARED]
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"the metric {name!r} has no parameter {key!r}: {hint(key, known)}")
        if key in (*metric.parameters, "threshold") and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"metric {name}: {key} is {value!r}, wanted a number")
        if key in ("rate", "threshold") and not 0 < value < 1:
            raise ValueError(f"metric {name}: {key} is {value}, wanted a share between 0 and 1, such as 0.05")
        if key in ("miss", "false_alarm") and not 0 < value < 1e6:
            raise ValueError(f"metric {name}: {key} is {value}, wanted a price above 0 and below 1,000,000")


def class_counts(frame: pd.DataFrame, reference: str) -> pd.Series:
    """How many images of each class the reference has, by the class's name; empty where labels are not known."""
    if not isinstance(frame.get("label", pd.Series(dtype=object)).dtype, pd.CategoricalDtype):
        return pd.Series(dtype=np.int64)
    rows = frame.loc[frame["dataset"] == reference, ["item", "label"]].drop_duplicates()
    return rows["label"].value_counts().loc[lambda counts: counts > 0].sort_index()


def positive_class(counts: pd.Series, asked: Any = None) -> str | None:
    """The class that is looked for: as asked, or of two classes the one with fewer images (equals: by name)."""
    names = [str(name) for name in counts.index]
    if asked is not None:
        if str(asked) not in names:
            raise ValueError(f"positive={asked}: there is no such class, there are {join_names(names) or 'no labels'}")
        return str(asked)
    return min(names, key=lambda name: (counts[name], name)) if len(names) == 2 else None


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
