"""What it costs and returns: sentences on the front and on break-even, tables of bills and of running costs."""

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from kogen.common.metric_facts import POINTS, MetricFacts
from kogen.common.rounding import round_outward
from kogen.common.running_costs import NO_PACKAGES, NOT_ASKED, RunningCost
from kogen.reporting.decision.quantities import FINE_DIGITS
from kogen.reporting.study.break_even_sentences import break_even_sentences, price, price_digits
from kogen.reporting.words import Sentence, format_number, phrase, sentence
from kogen.results.answers.amounts import Amount
from kogen.results.answers.break_even import Saving
from kogen.results.answers.economics import MINUTES, MONEY, PARTS, Bill, Economics, cost_on

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

MOST_POINTS = 4  # of the front that a sentence names


def economics_section(judged: "Verdict") -> dict[str, Any] | None:
    """The part on costs as plain data; None where nothing was measured, priced or asked for in budgets.

    sentences: what nothing beats, whether pre-training pays. notes: what is not counted, what is assumed. bills: a row
    a model and number of labels; networks: a row a network that was measured.
    """
    found, even = judged.economics, judged.break_even
    if not found or not even or not (judged.running or found.prices or judged.labels):
        return None
    front = sorted((bill for bill in found.bills if bill.front), key=lambda bill: cost_order(bill, found))
    once = list({(bill.model, round(bill.labels)): bill for bill in front}.values())  # budgets may hold as many labels
    points = [point_phrase(bill, found, judged.metric) for bill in shorten_front(once)]
    said = [sentence("costs", "eco_front_one" if len(points) == 1 else "eco_front", points=join_phrases(points))]
    return {
        "sentences": [*said, *break_even_sentences(even, found)],
        "notes": [sentence("costs", note.key, **note.values) for note in found.notes],
        "parts": PARTS,
        "counted": found.counted,
        "currency": found.currency,
        "bills": [bill_row(bill, found, judged.metric) for bill in found.bills],
        "savings": [saving_row(one) for one in even.savings],
        "networks": network_rows(judged),
        "remarks": onnx_remarks(list(judged.running.values())),
    }


def cost_order(bill: Bill, found: Economics) -> list[float]:
    """The costs of a bill on every axis."""
    return [cost_on(bill, axis).value for axis in found.axes]


def shorten_front(front: Sequence[Bill]) -> list[Bill]:
    """The cheapest bills of a front, and its best one last."""
    return list(front) if len(front) <= MOST_POINTS else [*front[: MOST_POINTS - 1], front[-1]]


def join_phrases(phrases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Phrases one after another."""
    return reduce(lambda first, rest: phrase("eco_then", first=first, rest=rest), phrases)


def point_phrase(bill: Bill, found: Economics, metric: MetricFacts) -> dict[str, Any]:
    """A model with its labels, its cost and its quality."""
    said: dict[str, Any] = {"model": bill.model, "labels": round(bill.labels), "quality": show_quality(bill, metric)}
    if MONEY in found.axes:
        said["cost"] = price(cost_on(bill, MONEY).value, found.currency)
    minutes = cost_on(bill, MINUTES).value if MINUTES in found.axes else 0.0
    if minutes:
        said["minutes"] = minutes
    key = {(True, True): "eco_point_both", (True, False): "eco_point_money", (False, True): "eco_point_minutes"}
    return phrase(key.get(("cost" in said, "minutes" in said), "eco_point"), **said)


def show_quality(bill: Bill, metric: MetricFacts) -> str:
    """The value of a model in the unit of the metric."""
    number = format_number(bill.quality.value, quality_digits(metric))
    return f"{number}\u00a0%" if metric.unit == POINTS else number


def quality_digits(metric: MetricFacts) -> int:
    """Decimals of the metric's numbers."""
    return 1 if metric.unit == POINTS else FINE_DIGITS


def network_rows(judged: "Verdict") -> list[dict[str, Any]]:
    """The networks that were measured, each once, with the models that are made of them."""
    found: list[tuple[RunningCost, list[str]]] = []
    for model, cost in judged.running.items():
        mine = next((models for known, models in found if known == cost), None)
        if mine is None:
            found.append((cost, [model]))
        else:
            mine.append(model)
    return [
        {"cost": cost, "models": models, "timings": timing_cells(cost.timings), "onnx": timing_cells(cost.onnx)}
        for cost, models in found
    ]


def bill_row(bill: Bill, found: Economics, metric: MetricFacts) -> dict[str, Any]:
    """A row of the table of bills: quality, minutes of training, and with prices every part and the total."""
    cells = [shown_amount(bill.quality, quality_digits(metric)), shown_amount(bill.minutes, 2)]
    if found.currency:
        cells += [shown_amount(one) for one in (*(bill.parts[name] for name in PARTS), bill.total)]
    return {"model": bill.model, "labels": bill.labels, "front": bill.front, "cells": cells}


def shown_amount(amount: Amount | None, digits: int | None = None) -> dict[str, Any]:
    """An amount as a cell of a table, its ends rounded outward; a price where no decimals are named."""
    if amount is None:
        return {"value": "–", "ends": None}
    digits = price_digits(amount.value) if digits is None else digits
    value = format_number(float(amount.value), digits)
    if amount.lo is None or amount.hi is None or amount.lo == amount.hi:
        return {"value": value, "ends": None}
    ends = {"lo": (amount.lo, False), "hi": (amount.hi, True)}
    shown = {name: format_number(round_outward(end, digits, up=up), digits) for name, (end, up) in ends.items()}
    return {"value": value, "ends": shown}


def saving_row(one: Saving) -> dict[str, Any]:
    """A row of the table of labels saved: a dash is not known, and ≥ stands before what is only a bound."""
    lo, hi = (
        "–" if end is None else format_number(round_outward(end, 0, up=up), 0)
        for end, up in ((one.lo, False), (one.hi, True))
    )
    value = "–" if one.saved is None else f"{'≥ ' if one.at_least else ''}{format_number(one.saved, 0)}"
    named = {"model": one.model, "other": one.other, "labels": one.labels, "worth": str(one.worth)}
    return named | {"shown": {"value": value, "ends": {"lo": lo, "hi": hi}}}


def timing_cells(timings: Sequence[Any]) -> list[dict[str, Any]]:
    """Milliseconds an image at each batch size, with their ends, and images a second."""
    return [
        {
            "batch": one.batch,
            "each": shown_amount(Amount(one.ms, one.lo, one.hi).times(1 / one.batch), 2),
            "images_per_second": one.images_per_second,
        }
        for one in timings
    ]


def onnx_remarks(costs: Sequence[RunningCost]) -> list[Sentence]:
    """Why columns on ONNX are empty, each reason once."""
    found: dict[str, Sentence] = {}
    for cost in costs:
        if cost.onnx_note in (NOT_ASKED, NO_PACKAGES):
            found[cost.onnx_note] = sentence("costs", f"eco_onnx_{cost.onnx_note}")
        elif cost.onnx_note:
            found[cost.network] = sentence("costs", "eco_onnx_failed", network=cost.network, why=cost.onnx_note)
    return list(found.values())
