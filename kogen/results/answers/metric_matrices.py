"""Item matrices of any metric: what each image adds to the value of each run, so that every statistic holds for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import MetricFacts
from kogen.common.registry import load
from kogen.metrics._metric import Answers, Contributions, Metric
from kogen.results.answers.answer_columns import FALSE_ALARM, LISTS, PROBABILITIES, has_classes, probability_rows
from kogen.results.answers.metric_choice import class_order, own_parameters
from kogen.statistics._item_matrix import (
    REQUIRED_COLUMNS,
    ItemMatrix,
    arrange_rows,
    check_predictions,
    item_matrices,
    matrix_of_runs,
    split_sets,
)


@dataclass(frozen=True, eq=False)
class SetAnswers:
    """What every run answered to the images of one set, and the clusters of these."""

    dataset: str
    runs: tuple[tuple[str, Any], ...]  # model, seed
    answers: tuple[Answers, ...]  # one a run
    cluster: np.ndarray  # (n,) codes


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """One metric on one set: the item matrix of gains, or why there is none; or why there is no interval."""

    dataset: str
    matrix: ItemMatrix | None
    reason: str = ""


def metric_matrices(predictions: pd.DataFrame, facts: MetricFacts) -> list[ItemMatrix]:
    """The item matrix of each set, by the metric that decides.

    ValueError where the metric has no value on a set, with the reason; and as `item_matrices`.
    """
    if facts.name == "accuracy":
        return list(item_matrices(predictions))
    check_predictions(predictions)
    found = list(map(partial(measure_set, facts=facts), set_answers(predictions, facts)))
    for each in found:
        if each.matrix is None:
            raise ValueError(f"the metric {facts.spec} has no value on {each.dataset!r}: {explain(each.reason)}")
    return [each.matrix for each in found if each.matrix is not None]


REASONS = {
    "no_labels": "the table says neither the labels nor the answers; give the columns label and predicted",
    "no_probabilities": "the table holds no probabilities; judge the runs again (older tables have none), or give one "
    "column prob_CLASS a class",
    "one_class": "all its images are of one class (or none of the class looked for); leave the set out",
    "not_two_classes": "it wants two classes, one of which is looked for; choose another metric",
    "no_order": "nothing says which class is higher; write ?order=LOW,MIDDLE,HIGH, or name the classes by numbers",
    "no_threshold": "nothing says at which probability to call an image: no validation images were kept (judge the "
    "runs again), or write ?threshold=NUMBER",
}


def explain(reason: str) -> str:
    """Why a metric has no value, in words of a message, and what to do."""
    return REASONS[reason]


def set_answers(predictions: pd.DataFrame, facts: MetricFacts) -> Iterator[SetAnswers]:
    """The answers on each set, sorted by its name."""
    columns = (*REQUIRED_COLUMNS, "cluster", "score", "label", "predicted", *LISTS)
    parts = split_sets(predictions[[name for name in columns if name in predictions]])
    yield from starmap(partial(read_set, facts), parts)  # which keeps neither a set nor its rows for the next one


def read_set(facts: MetricFacts, dataset: str, part: pd.DataFrame) -> SetAnswers:
    """The answers on one set, whose rows these are."""
    runs, rows, cluster = arrange_rows(dataset, part)
    answers = [read_answers(part, rows[number], facts) for number in range(len(runs))]
    return SetAnswers(dataset, tuple(runs), tuple(answers), cluster)


def read_answers(part: pd.DataFrame, rows: np.ndarray, facts: MetricFacts) -> Answers:
    """The answers of one run, whose rows (n,) of a set's table these are, in the order of the items."""
    correct = part["correct"].to_numpy(dtype=np.float64)[rows]
    score = part["score"].to_numpy(dtype=np.float64)[rows] if "score" in part else None
    score = None if score is None or np.isnan(score).any() else score
    if not has_classes(part):
        nothing = np.zeros(len(rows), dtype=np.int32)
        return Answers((), nothing, nothing, correct, score=score)
    classes = tuple(map(str, part["label"].cat.categories))
    labels, predicted = (part[name].cat.codes.to_numpy()[rows].astype(np.int32) for name in ("label", "predicted"))
    stored = probability_rows(part[PROBABILITIES], rows) if PROBABILITIES in part else None
    if stored is None or stored.shape[1] != len(classes):
        stored = two_class_probabilities(labels, predicted, score) if len(classes) == 2 else None
    elif len(classes) == 2:
        stored = exact_pairs(stored)
    if score is None and stored is not None:
        score = stored[np.arange(len(rows)), labels]
    positive = classes.index(facts.positive) if facts.positive in classes else None
    threshold = facts.parameters.get("threshold")
    return Answers(
        classes,
        labels,
        predicted,
        correct,
        stored,
        score,
        positive,
        None if threshold is None else float(threshold),
        validation_shares(part, rows, positive),
        class_order(list(classes), facts),
    )


def exact_pairs(stored: np.ndarray) -> np.ndarray:
    """Probabilities (n, 2), the larger as 1 less the smaller: near 1 float32 makes equal what it tells apart near 0."""
    return np.where(stored > 0.5, 1 - stored[:, ::-1], stored)


def two_class_probabilities(labels: np.ndarray, predicted: np.ndarray, score: np.ndarray | None) -> np.ndarray | None:
    """Probabilities (n, 2) of two classes from the one given to the label; None where the answers say another thing."""
    if score is None or (score < 0).any() or (score > 1).any():
        return None
    if (((predicted == labels) & (score < 0.5 - 1e-6)) | ((predicted != labels) & (score > 0.5 + 1e-6))).any():
        return None
    found = np.empty((len(labels), 2))
    every = np.arange(len(labels))
    found[every, labels], found[every, 1 - labels] = score, 1 - score
    return found


def validation_shares(part: pd.DataFrame, rows: np.ndarray, positive: int | None) -> np.ndarray | None:
    """Of each image the share (n,) of negative validation images that look as positive as it does; None if unknown."""
    if positive is None or FALSE_ALARM not in part:
        return None
    shares = probability_rows(part[FALSE_ALARM], rows)
    if shares is None or shares.shape[1] != 2 or np.isnan(shares[:, positive]).any():
        return None  # NaN: of this class no validation image of the other one was kept, as of detectors of anomalies
    return shares[:, positive]


def measure_set(found: SetAnswers, facts: MetricFacts, more: Sequence[tuple[str, Answers]] = ()) -> MeasuredSet:
    """One metric of all runs on one set; `more`, answers that stand beside those of the models (the constant one)."""
    metric: Metric = load("metrics", facts.name)
    own = own_parameters(metric, facts.parameters)
    runs = [*found.runs, *((name, 0) for name, _ in more)]
    parts = [metric.measure(each, **own) for each in (*found.answers, *(answers for _, answers in more))]
    if reason := next((part.reason for part in parts if part.each is None), ""):
        return MeasuredSet(found.dataset, None, reason)
    unit = facts.sign * facts.scale / 100  # 100 times a matrix's mean is the gain in the metric's unit
    each = np.stack([unit * part.each for part in parts if part.each is not None])
    matrix = matrix_of_runs(found.dataset, runs, each, found.cluster)
    low, high = facts.gain_bounds
    matrix = replace(
        matrix,
        low=low / 100,
        high=high / 100,
        support=model_support(matrix.models, runs, parts),
        step=max(part.step for part in parts) * abs(unit),
        whole=facts.counts_images,
        withheld=next((part.reason for part in parts if part.reason), ""),
    )
    return MeasuredSet(found.dataset, matrix, matrix.withheld)


def model_support(models: Sequence[str], runs: Sequence[tuple[str, Any]], parts: Sequence[Contributions]) -> np.ndarray:
    """How many independent images the value of each model is worth at most, (k,): the mean over its runs."""
    by_model: dict[str, list[float]] = {}
    for (name, _), part in zip(runs, parts, strict=True):
        by_model.setdefault(name, []).append(part.support)
    return np.array([np.mean(by_model[name]) for name in models])
