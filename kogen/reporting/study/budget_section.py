"""What a few labels buy: the metric against the number of labels, and how many one model needs to match another."""

from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING, Any

from kogen.reporting.charts import Figure, axis_title, draw_curves, ink, trace
from kogen.reporting.words import Sentence, say, sentence
from kogen.results.answers.tuning_depths import FROM_SCRATCH
from kogen.results.lottery_summary import Row

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

MOST_MODELS = 6  # lines of the figure, the best with the fewest labels first
MOST_MATCHES = 3
AXES = {"labels": "axis_labels", "images": "axis_images"}
IN_WORDS = {"labels": "alt_labels", "images": "alt_images"}


def labels_section(judged: "Verdict") -> dict[str, Any] | None:
    """The part on label budgets as plain data; None where none was asked for.

    sentences: how many labels the next models need to match the best one with the fewest labels, and who is not in the
    curves. budgets: the columns of the table; rows: a model, and its value with each budget.
    """
    mine = [row for row in judged.labels if row["dataset"] == judged.reference]
    if not mine:
        return None
    order, cells = models_in_order(mine), {(row["model"], row["labels"]): row for row in mine}
    said = [match_sentence(row, mine) for row in first_matches(judged, order, mine)]
    seen = [model for model, method in judged.methods.items() if method == "supervised"]
    scratch = [name for name in FROM_SCRATCH.values() if name in order]
    if scratch:
        said.append(sentence("labels", "labels_scratch", model=scratch[0]))
    if seen:
        said.append(sentence("labels", "labels_seen", models=seen))
    sizes = sorted({row["labels"] for row in mine})
    draws = max(row["draws"] for row in mine)
    return {"sentences": said, "sizes": sizes, "models": order, "cells": cells, "draws": draws}


def models_in_order(rows: list[Row]) -> list[str]:
    """Models of the curves, the best with the fewest labels first."""
    least = min(row["labels"] for row in rows)
    first = [row for row in rows if row["labels"] == least]
    return [row["model"] for row in sorted(first, key=lambda row: -row["gain"])]


def first_matches(judged: "Verdict", order: list[str], rows: list[Row]) -> list[Row]:
    """Of the models behind the best one: the labels they need for what it has with the fewest."""
    least = min(row["labels"] for row in rows)
    known = {
        row["model"]: row
        for row in judged.matches
        if (row["dataset"], row["other"], row["labels"]) == (judged.reference, order[0], least)
    }
    return [known[model] for model in order[1 : MOST_MATCHES + 1] if model in known]


def match_sentence(row: Row, rows: list[Row]) -> Sentence:
    """How many labels one model needs to be as good as another with a few."""
    tried = [one["labels"] for one in rows if one["model"] == row["model"]]
    names = {"model": row["model"], "other": row["other"], "labels": round_labels(row["labels"])}
    if row["needed"] is None and row["reached"]:
        return sentence("labels", "labels_same", **names)
    ends = {"most": round_labels(max(tried)), "least": round_labels(min(tried))}
    if row["needed"] is None:
        known = row["needed_lo"] is not None
        ends["lo"] = round_labels(row["needed_lo"]) if known else ends["least"]
        return sentence("labels", "labels_never" if known else "labels_open", **names, **ends)
    found = {"needed": round_labels(row["needed"])}
    lo, hi = row["needed_lo"], row["needed_hi"]
    key = {(True, True): "labels_match", (False, True): "labels_match_under", (True, False): "labels_match_over"}
    ends["lo"] = round_labels(lo if lo is not None else min(tried))
    ends["hi"] = round_labels(hi if hi is not None else max(tried))
    return sentence("labels", key.get((lo is not None, hi is not None), "labels_match_open"), **names, **found, **ends)


def round_labels(count: float) -> int:
    """A number of labels as far as it can be known: two digits, all of those below 100."""
    step = 10 ** max(0, floor(log10(max(count, 1))) - 1)
    return round(count / step) * step


def draw_labels(judged: "Verdict", lang: str) -> Figure | None:
    """The metric by the number of labels, a line and a band of 95 % for each model; None where none was asked for."""
    rows = [row for row in judged.labels if row["dataset"] == judged.reference]
    return draw_by_size(judged, rows, models_in_order(rows), "labels", lang) if rows else None


def draw_by_size(judged: "Verdict", rows: Sequence[Row], order: list[str], size: str, lang: str) -> Figure:
    """The metric by a size, `labels` or `images` of the rows: line and band of 95 % of the leader and the first."""
    leader = judged.judgement.leader
    shown = [*filter(order.__contains__, [leader]), *(model for model in order if model != leader)][:MOST_MODELS]
    sizes, models = sorted({row[size] for row in rows}), [model for model in order if model in shown]
    known = {(row["model"], row[size]): row for row in rows}
    lines = {model: [known.get((model, each), {}).get("value") for each in sizes] for model in models}
    ticks = {"type": "log", "tickvals": sizes, "ticktext": [f"{each:,.0f}" for each in sizes]}
    ticks |= {"title": axis_title(say(lang, AXES[size]))}
    ends = [row[end] for row in rows if row["model"] in models for end in ("lo", "hi")]
    title = say(lang, judged.metric.label)
    figure = draw_curves(sizes, lines, leader, judged.methods, title, ticks, ends)
    bands = []
    for model in models:
        mine = [known[model, each] for each in sizes if (model, each) in known]
        there, back = [row[size] for row in mine], [row[size] for row in mine[::-1]]
        edge = [row["hi"] for row in mine] + [row["lo"] for row in mine[::-1]]
        bands.append(trace([*there, *back], edge, fill="toself", fillcolor=ink("tint"), opacity=0.5, line={"width": 0}))
    alt = say(lang, IN_WORDS[size], models=models, metric=title)
    return figure | {"data": [*bands, *figure["data"]], "alt": alt}
