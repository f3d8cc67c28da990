"""What more images without labels bring: the metric against the number of images, and whether it is still rising."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kogen.options.study import LABELLED, UNTRAINED
from kogen.reporting.charts import Figure
from kogen.reporting.decision.quantities import show_number
from kogen.reporting.decision.sentences import margin_of
from kogen.reporting.study.budget_section import draw_by_size
from kogen.reporting.words import Sentence, sentence
from kogen.results.answers.pool_curves import Growth, PoolGain, PoolValue

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict

GROWTH_SENTENCES = {
    Growth.RISING: "pools_rising",
    Growth.FLAT: "pools_flat",
    Growth.FALLING: "pools_falling",
    Growth.UNKNOWN: "pools_unknown",
}
NO_USE = (*UNTRAINED, *LABELLED, "stock")  # methods to which more images without labels bring nothing


def pools_section(judged: "Verdict") -> dict[str, Any] | None:
    """The part on more images as plain data; None where none was asked for.

    sentences: what the most images brought each model, which runs raised an alarm, and who is not in the curves.
    sizes: the columns of the table, numbers of images; cells: by model and size.
    """
    if judged.pools is None:
        return None
    mine = values_in_order(judged)
    order = list(dict.fromkeys(one.model for one in mine))
    gains = {one.model: one for one in judged.pools.gains if one.dataset == judged.reference}
    said = [gain_sentence(gains[model], judged) for model in order]
    said += [alarm_sentence(one) for one in mine if one.alarmed and one.pool]
    absent = [model for model in judged.methods if model not in order]
    left = [model for model in absent if judged.methods[model] in NO_USE or model not in trained_models(judged)]
    torn = [model for model in absent if model not in left]
    said += [sentence("pools", "pools_left", models=left)] if left else []
    said += [sentence("pools", "pools_torn", models=torn)] if torn else []
    sizes, cells = sorted({one.images for one in mine}), {(one.model, one.images): one for one in mine}
    seeds = max((one.seeds for one in mine), default=0)
    return {"sentences": said, "sizes": sizes, "models": order, "cells": cells, "seeds": seeds}


def trained_models(judged: "Verdict") -> set[str]:
    """The models that kogen trained: of published weights nothing was seen in training here."""
    return {cost.model for cost in judged.costs if cost.images_seen}


def values_in_order(judged: "Verdict") -> list[PoolValue]:
    """The values on the reference, of the model that is best with all images first."""
    mine = [one for one in judged.pools.values if one.dataset == judged.reference] if judged.pools else []
    last = {one.model: one.gain for one in sorted(mine, key=lambda one: one.images)}
    return sorted(mine, key=lambda one: (-last[one.model], one.model, one.images))


def gain_sentence(one: PoolGain, judged: "Verdict") -> Sentence:
    """What the most images brought a model, and whether it is still rising."""
    ratio = one.more_images / one.less_images
    numbers = {"gain": one.gain, "lo": one.lo, "hi": one.hi}
    shown = {name: show_number(value, judged.metric) for name, value in numbers.items()}
    images: dict[str, float] = {"less": round(one.less_images), "more": round(one.more_images)}
    images["times"] = round(ratio) if abs(ratio - round(ratio)) < 0.05 else ratio
    return sentence(
        "pools", GROWTH_SENTENCES[one.growth], model=one.model, **images, **shown, **margin_of(judged.judgement)
    )


def alarm_sentence(one: PoolValue) -> Sentence:
    """That runs of a model on a part of the images raised an alarm."""
    return sentence("pools", "pools_alarmed", model=one.model, images=round(one.images), n=one.alarmed, total=one.seeds)


def draw_pools(judged: "Verdict", lang: str) -> Figure | None:
    """The metric by the number of images, a line and a band of 95 % for each model; None where none was asked for."""
    mine = values_in_order(judged)
    order = list(dict.fromkeys(one.model for one in mine))
    return draw_by_size(judged, list(map(asdict, mine)), order, "images", lang) if mine else None
