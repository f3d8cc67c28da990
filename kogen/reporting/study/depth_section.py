"""Which layers to update: what learning in more layers gains over a classifier on a frozen network, by labels."""

from typing import TYPE_CHECKING, Any

from kogen.common.metric_facts import POINTS
from kogen.common.protocols import depth_of, layers_tuned
from kogen.reporting.decision.quantities import show_number, unit_phrase
from kogen.reporting.study.budget_section import models_in_order, round_labels
from kogen.reporting.words import Sentence, format_points, phrase, sentence
from kogen.results.lottery_summary import Row

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict


def depths_section(judged: "Verdict") -> dict[str, Any] | None:
    """The part on fine-tuning as plain data; None where no layer was asked to learn.

    sentences: whether the protocol with the most layers gains over the one with the fewest, for the model that leads;
    protocols: the columns of the table, from few layers to all; rows: a model and a number of labels each, `cells` by
    model, labels and protocol.
    """
    mine = [row for row in judged.depths if row["dataset"] == judged.reference]
    if not mine:
        return None
    protocols = sorted({row["protocol"] for row in mine}, key=depth_of)  # type: ignore[arg-type]
    shallow = [row for row in mine if row["protocol"] == protocols[0]]
    order = models_in_order(shallow or mine)
    order += sorted({row["model"] for row in mine} - set(order))
    leader = judged.judgement.leader if judged.judgement.leader in order else order[0]
    gains = [row for row in mine if (row["model"], row["protocol"]) == (leader, protocols[-1])]
    gains = sorted((row for row in gains if row["more"] is not None), key=lambda row: row["labels"])
    rows = sorted({(row["model"], row["labels"]) for row in mine}, key=lambda one: (order.index(one[0]), one[1]))
    return {
        "sentences": depth_sentences(judged, leader, protocols, gains) if gains else [],
        "protocols": [{"name": name, "layers": layers_phrase(name)} for name in protocols],
        "rows": rows,
        "cells": {(row["model"], row["labels"], row["protocol"]): row for row in mine},
    }


def depth_sentences(judged: "Verdict", model: str, protocols: list[str], gains: list[Row]) -> list[Sentence]:
    """From how many labels on the most layers gain over the fewest, and what is known with the fewest labels."""
    names = {"model": model, "deep": layers_phrase(protocols[-1]), "shallow": layers_phrase(protocols[0])}
    clear = len(gains)
    while clear and gains[clear - 1]["more_lo"] > 0:
        clear -= 1
    most, least = (names | gain_values(judged, row) for row in (gains[-1], gains[0]))
    if not clear:
        return [sentence("depths", "depths_always" if len(gains) > 1 else "depths_gain", **most)]
    if clear < len(gains):
        said = [sentence("depths", "depths_from", **most, first=round_labels(gains[clear]["labels"]))]
    else:
        key = "depths_worse" if gains[-1]["more_hi"] < 0 else "depths_nowhere" if len(gains) > 1 else "depths_open"
        said = [sentence("depths", key, **most, least=least["labels"])]
    if len(gains) > 1:
        said.append(sentence("depths", "depths_head" if gains[0]["more_hi"] < 0 else "depths_few", **least))
    return said


def gain_values(judged: "Verdict", row: Row) -> dict[str, Any]:
    """A difference with its interval, and the number of labels."""
    keys = {"gain": "more", "lo": "more_lo", "hi": "more_hi"}
    points = judged.metric.unit == POINTS  # two decimals below 1: an end just below 0 is not "0.0"
    values = {
        name: format_points(row[key]) if points else show_number(row[key], judged.metric) for name, key in keys.items()
    }
    return values | {"unit": unit_phrase(judged.metric), "labels": round_labels(row["labels"])}


def layers_phrase(protocol: str) -> dict[str, Any]:
    """The layers that learn in a protocol, in words."""
    layers = layers_tuned(protocol)
    if layers.startswith("last"):
        count = int(layers.removeprefix("last"))
        return phrase("layers_last", count=count) if count > 1 else phrase("layers_last_one")
    return phrase(f"layers_{layers or 'frozen'}")
