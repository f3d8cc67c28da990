"""Label curves of a study: how good each model is by the number of labels its probe learns from, and who meets whom."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import MetricFacts
from kogen.common.registry import load
from kogen.metrics._metric import Metric
from kogen.results.answers.metric_matrices import own_parameters, set_answers
from kogen.statistics._label_curves import Crossing, Estimate, crossed_mean, find_crossing

CURVE_COLUMNS = ["dataset", "model", "budget", "labels", "draws", "seeds", "gain", "value", "lo", "hi"]
MATCH_COLUMNS = ["dataset", "model", "other", "budget", "labels", "needed", "needed_lo", "needed_hi", "reached"]
Contributions = dict[str, dict[str, np.ndarray]]  # model -> budget, "" for all labels -> (seeds, draws, images)


def label_curves(
    rows: pd.DataFrame, facts: MetricFacts, sizes: Mapping[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `labels` and `matches` of one protocol's predictions, with columns budget and draw.

    `sizes`: the number of labels of each budget, "" for all. labels: the metric's value by model and budget, with 95 %
    intervals over images, draws and seeds. matches: the labels that `model` needs to be as good as `other` is with
    `labels`, both on the same images and draws; `needed` null: with fewer than were tried where `reached`, else never.
    A model without every seed and draw of a budget has no row of it, nor one without budgets.
    """
    parts = rows.groupby("dataset", sort=True, observed=True)
    return curve_tables({str(dataset): contributions(part, facts) for dataset, part in parts}, facts, sizes)


def curve_tables(
    sets: Mapping[str, tuple[Contributions, np.ndarray]], facts: MetricFacts, sizes: Mapping[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same from what each image adds, and the clusters of the images, of each set."""
    curves, matches = [], []
    for dataset, (every, clusters) in sets.items():
        found = {model: budgets for model, budgets in every.items() if len(budgets) > 1}
        for model, budgets in found.items():
            for budget in ordered(budgets, sizes):
                gain, *ends = (100 * end for end in crossed_mean(budgets[budget], clusters))
                seeds, draws = budgets[budget].shape[:2]
                lo, hi = value_ends(ends, facts)
                row = (dataset, model, budget, sizes[budget], draws, seeds)
                curves.append((*row, gain, facts.sign * gain, lo, hi))
        for model, other in permutations(found, 2):
            matches += match_rows(dataset, model, other, found, clusters, sizes)
    return pd.DataFrame(curves, columns=CURVE_COLUMNS), pd.DataFrame(matches, columns=MATCH_COLUMNS)


def difference_ends(ends: Sequence[float], facts: MetricFacts) -> tuple[float, float]:
    """The ends of an interval of differences, none beyond what two values of the metric can differ by."""
    width = facts.high - facts.low
    lo, hi = (min(max(end, -width), width) for end in ends)
    return lo, hi


def value_ends(ends: Sequence[float], facts: MetricFacts) -> tuple[float, float]:
    """The ends of an interval of gains as values, none beyond what the metric can be."""
    lo, hi = sorted(min(max(facts.sign * end, facts.low), facts.high) for end in ends)
    return lo, hi


def budget_labels(quality: Mapping[str, Any]) -> dict[str, float]:
    """Number of labels of each budget, the mean over its draws, and of all (""), from data.json."""
    found: dict[str, list[int]] = {}
    for row in quality.get("budgets", ()):
        found.setdefault(row["budget"], []).append(row["labels"])
    whole = [row["labelled"] for row in quality.get("sets", ()) if row["name"] == "train"]
    return {name: float(np.mean(counts)) for name, counts in found.items()} | {"": float(whole[0])}


def ordered(budgets: Mapping[str, Any], sizes: Mapping[str, float]) -> list[str]:
    """Budgets from few to many labels."""
    return sorted(budgets, key=lambda name: sizes[name])


def match_rows(
    dataset: str, model: str, other: str, found: Contributions, clusters: np.ndarray, sizes: Mapping[str, float]
) -> list[tuple[Any, ...]]:
    """Rows of `matches`: the labels that one model needs for what another has with each budget."""
    mine, rows = ordered(found[model], sizes), []
    for budget in ordered(found[other], sizes):
        met = meeting(found[model], found[other][budget], mine, clusters, sizes)
        rows.append((dataset, model, other, budget, sizes[budget], met.labels, met.lo, met.hi, met.reached))
    return rows


def meeting(
    mine: Mapping[str, np.ndarray],
    wanted: np.ndarray,
    budgets: Sequence[str],
    clusters: np.ndarray,
    sizes: Mapping[str, float],
) -> Crossing:
    """Where a model's curve reaches what another has with one budget, (S, D, n)."""
    differences: list[Estimate] = []
    for budget in budgets:
        seeds = min(len(mine[budget]), len(wanted))
        differences.append(crossed_mean(paired(mine[budget][:seeds], wanted[:seeds]), clusters))
    return find_crossing([sizes[budget] for budget in budgets], differences)


def paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Differences of contributions (S, D, n), draw by draw; what has one draw stands beside every one."""
    draws = min(first.shape[1], second.shape[1]) if 1 not in (first.shape[1], second.shape[1]) else None
    return first[:, :draws] - second[:, :draws]


def contributions(part: pd.DataFrame, facts: MetricFacts) -> tuple[Contributions, np.ndarray]:
    """What each image adds to the gain of each model with each budget, and the clusters (n,) of the images.

    Where a class has too few images for an interval of the metric, they are all in one cluster: nothing is claimed.
    """
    metric: Metric = load("metrics", facts.name)
    own, unit = own_parameters(metric, facts.parameters), facts.sign * facts.scale / 100
    budgets = part["budget"].astype(object).where(part["budget"].notna(), "")
    draws = part["draw"].fillna(0).astype(int)
    found: dict[str, dict[str, dict[int, np.ndarray]]] = {}
    clusters, withheld = np.zeros(0, dtype=np.int64), False
    for key, some in part.groupby([budgets, draws], sort=True):
        budget, draw = (str(key[0]), int(key[1]))  # type: ignore[index]
        (answers,) = set_answers(some.assign(dataset="set"), facts)
        clusters = answers.cluster
        runs: dict[str, list[np.ndarray]] = {}
        for (model, _), one in zip(answers.runs, answers.answers, strict=True):
            if (measured := metric.measure(one, **own)).each is not None:
                runs.setdefault(model, []).append(unit * measured.each)
                withheld |= bool(measured.reason)
        for model, each in runs.items():
            found.setdefault(model, {}).setdefault(budget, {})[draw] = np.stack(each)  # (S, n)
    return stack_draws(found), np.zeros_like(clusters) if withheld else clusters


def stack_draws(found: Mapping[str, Mapping[str, Mapping[int, np.ndarray]]]) -> Contributions:
    """What each image adds (S, n) by model, budget and draw, as one array a model and budget, where it has all."""
    whole: Contributions = {}
    most: dict[str, int] = {}  # draws of each budget: who is not judged with all of them yet is not judged with it
    for budgets_of in found.values():
        most |= {budget: max(len(draws_of), most.get(budget, 0)) for budget, draws_of in budgets_of.items()}
    for model, budgets_of in found.items():
        seeds = max(len(one) for draws_of in budgets_of.values() for one in draws_of.values())
        whole[model] = {
            budget: np.stack([draws_of[draw] for draw in sorted(draws_of)], axis=1)
            for budget, draws_of in budgets_of.items()
            if len(draws_of) == most[budget] and all(len(one) == seeds for one in draws_of.values())
        }
    return whole
