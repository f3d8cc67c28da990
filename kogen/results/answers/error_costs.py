"""What the errors of each model cost an image, and what one model saves there beside another, in money."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from kogen.common.metric_facts import MetricFacts
from kogen.common.registry import load
from kogen.options.prices import Prices
from kogen.results.answers.amounts import Amount
from kogen.results.answers.label_curves import label_curves
from kogen.results.answers.metric_choice import facts_of
from kogen.results.answers.metric_matrices import measure_set, set_answers
from kogen.statistics._item_matrix import ItemMatrix

NOT_PRICED = "no_fault_prices"


@dataclass(frozen=True)
class ErrorCosts:
    """The price of the errors of an image by model and budget ("": all labels), or why there is none."""

    images: dict[tuple[str, str], Amount] = field(default_factory=dict)
    savings: dict[tuple[str, str], Amount] = field(default_factory=dict)  # what the first costs less than the second
    reason: str = NOT_PRICED  # "" where there are prices and two classes
    positive: str | None = None  # the class that is missed


def cost_errors(
    rows: pd.DataFrame, budget_rows: pd.DataFrame | None, facts: MetricFacts, prices: Prices, sizes: Mapping[str, float]
) -> ErrorCosts:
    """The costs of errors on one set, with all labels and with each budget.

    `rows`, `budget_rows`: predictions of one protocol on the set, learnt from all labels, and with columns budget and
    draw. Each model calls an image where that is expected to be cheaper, see `metrics.expected_cost`.
    """
    if prices.miss is None or prices.false_alarm is None:
        return ErrorCosts()
    given = {"miss": prices.miss, "false_alarm": prices.false_alarm}
    known = facts_of(facts, "expected_cost", given)
    (found,) = [measure_set(each, known) for each in set_answers(rows, known)]
    if found.matrix is None:
        return ErrorCosts(reason=found.reason)
    images = {(row["model"], ""): loss_of(row["value"], row["lo"], row["hi"]) for row in value_rows(found.matrix)}
    if budget_rows is not None:
        curves, _ = label_curves(budget_rows, known, sizes)
        for row in curves.to_dict("records"):
            ends = (None, None) if found.reason else (max(row["lo"], 0.0), row["hi"])
            images[row["model"], row["budget"]] = Amount(row["value"], *ends)
    return ErrorCosts(images, pair_savings(found.matrix), "", facts.positive)


def value_rows(matrix: ItemMatrix) -> list[dict[str, Any]]:
    """Rows of `values` of a matrix."""
    return load("statistics", "values")([matrix]).to_dict("records")


def loss_of(gain: float, lo: float, hi: float) -> Amount:
    """A loss from its gain, of which more is better; it is no less than 0."""
    return Amount(-gain, None if hi != hi else max(-hi, 0.0), None if lo != lo else -lo)


def pair_savings(matrix: ItemMatrix) -> dict[tuple[str, str], Amount]:
    """What each model costs less than each other an image, on the same images."""
    found: dict[tuple[str, str], Amount] = {}
    if len(matrix.models) < 2:
        return found
    for row in load("statistics", "paired")([matrix]).to_dict("records"):
        lo, hi = (None, None) if matrix.withheld else (row["lo"], row["hi"])
        found[row["first"], row["second"]] = Amount(row["difference"], lo, hi)
        back = [None if end is None else -end for end in (hi, lo)]
        found[row["second"], row["first"]] = Amount(-row["difference"], *back)
    return found
