"""The part of the page on views: what each operation does to the images and to the metric, and which to leave out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.reporting.html import png_data_url
from kogen.reporting.words import Sentence, format_number, phrase, say, sentence
from kogen.results.answers.view_effects import Advice, Effect, OperationEffect, ViewEffects, proposal_of

PICTURES = "operations"  # folder of the study


def views_section(study: Path, effects: ViewEffects | None, training: dict[str, pd.DataFrame]) -> dict[str, Any] | None:
    """The part on views as plain data; None for a study that gives no advice on them.

    sentences; a row an operation: its picture or None, effects as texts with ends, RankMe with and without it.
    """
    if effects is None:
        return None
    ranks = {model: last_rank(table) for model, table in training.items()}
    rows = [operation_row(one, effects, ranks, study / PICTURES) for one in effects.operations]
    return {"sentences": advice_sentences(effects), "rows": rows, "method": effects.method}


def advice_first(sentences: Sequence[Sentence], effects: ViewEffects) -> list[Sentence]:
    """The sentences of a verdict where advice was asked for: its views are no models to choose among."""
    others = [one for one in sentences if one.part not in ("headline", "next")]
    worse = [phrase(f"operation_{name}") for name in proposal_of(effects)]
    known = {"method": effects.method, "dataset": effects.dataset, "operations": worse}
    first = sentence("headline", "views_leave_out", **known)
    first = first if worse else sentence("headline", "views_stay", views=effects.views)
    return [first, *others, sentence("next", "views_confirm")]


def operation_row(
    one: OperationEffect, effects: ViewEffects, ranks: dict[str, float], pictures: Path
) -> dict[str, Any]:
    """What the table says of an operation."""
    shown = {name: effect_texts(getattr(one, name)) for name in ("left_out", "alone", "neighbours")}
    rank = [ranks.get(effects.method), ranks.get(f"{effects.method} without {one.name}")]
    changed = None if one.reading is None else 100 * one.reading.changed / one.reading.images
    worse = {label: one.classes[label] for label in one.fallen}
    if one.advice == Advice.SUSPECT and one.reading is not None:
        worse = {label: one.reading.classes[label] for label in one.reading.fallen}
    fallen = [{"name": label, **effect_texts(fall)} for label, fall in worse.items()]
    row = {"name": f"operation_{one.name}", "advice": f"advice_{one.advice}", "changed": changed, "fallen": fallen}
    ranked = [format_number(value, 2) for value in rank if value is not None]
    return {**row, **shown, "rank": ranked, "picture": png_data_url(pictures / f"{one.name}.png")}


def effect_texts(one: Effect | None) -> dict[str, str | None]:
    """A difference and its ends, with signs; None for what is not known."""
    values = {"value": one.value, "lo": one.lo, "hi": one.hi} if one else dict.fromkeys(("value", "lo", "hi"))
    return {name: None if value is None else format_number(value, sign=True) for name, value in values.items()}


def last_rank(table: pd.DataFrame) -> float:
    """RankMe at the end of the training, the mean over seeds."""
    found: Any = table.loc[table["epoch"] == table["epoch"].max(), "rank_me"]
    return float(found.mean())


def advice_sentences(effects: ViewEffects) -> list[Sentence]:
    """What was done, what to leave out, what helps, what nobody can tell, and what the proposed views reach."""
    known = {"method": effects.method, "views": effects.views, "n": effects.images, "seeds": effects.seeds}
    known |= {"whole": effects.whole, "metric": phrase(effects.metric.label), "dataset": effects.dataset}
    said = [sentence("views", "views_trained", **known)]
    if effects.nothing is not None:
        said.append(sentence("views", "views_nothing", value=effects.nothing))
    if effects.seeds < 2:
        said.append(sentence("views", "views_one_seed"))
    for advice in (Advice.ERASES, Advice.HURTS, Advice.SUSPECT, Advice.HELPS):
        said += [operation_sentence(one) for one in effects.operations if one.advice == advice]
    said += [falls_sentence(one) for one in effects.operations if one.advice == Advice.HELPS and one.fallen]
    if unsure := [phrase(f"operation_{one.name}") for one in effects.operations if one.advice == Advice.OPEN]:
        said.append(sentence("views", "views_open", operations=unsure))
    if not effects.proposed:
        return [*said, sentence("views", "views_stay", views=effects.views)]
    names, reached = [phrase(f"operation_{name}") for name in effects.proposed], effects.proposal
    if reached is None:
        return [*said, sentence("views", "views_propose", operations=names)]
    ends = {"value": signed(reached.value), "lo": signed(reached.lo), "hi": signed(reached.hi)}
    return [*said, sentence("views", "views_proposed", operations=names, **ends)]


def operation_sentence(one: OperationEffect) -> Sentence:
    """What is proven of an operation."""
    fall, classes, names = one.left_out, one.classes, list(one.fallen)
    if one.advice == Advice.SUSPECT and one.reading is not None:
        classes, names = one.reading.classes, list(one.reading.fallen)
    if one.advice in (Advice.ERASES, Advice.SUSPECT):
        fall = worst_of(classes, names)
    return sentence("views", f"views_{one.advice}", **said_of(one, fall), classes=names)


def falls_sentence(one: OperationEffect) -> Sentence:
    """That some classes are recognised less with an operation which helps."""
    return sentence("views", "views_falls", **said_of(one, worst_of(one.classes, one.fallen)), classes=list(one.fallen))


def worst_of(classes: Mapping[str, Effect], names: Sequence[str]) -> Effect:
    """The effect on the class that falls most."""
    return classes[min(names, key=lambda label: classes[label].value)]


def said_of(one: OperationEffect, fall: Effect) -> dict[str, Any]:
    """An operation and a difference as sentences have them."""
    ends = {"value": signed(abs(fall.value)).lstrip("+"), "lo": signed(fall.lo), "hi": signed(fall.hi)}
    return {"operation": phrase(f"operation_{one.name}"), **ends}


def signed(value: float | None) -> str:
    """A number of points with its sign."""
    return format_number(value, sign=True)


def advice_lines(effects: ViewEffects, lang: str) -> list[str]:
    """The sentences in words, for the screen."""
    return [say(lang, one.key, **one.values) for one in advice_sentences(effects)]
