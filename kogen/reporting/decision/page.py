"""Decision part of a page: the first screen and the four questions, as plain data for their templates."""

from collections.abc import Collection, Sequence
from typing import Any

from kogen.common.metric_facts import POINTS
from kogen.reporting.charts import Figure
from kogen.reporting.decision.figures import draw_differences, draw_sets
from kogen.reporting.decision.lights import Light, lights
from kogen.reporting.decision.quantities import FINE_DIGITS
from kogen.reporting.decision.sentences import margin_of
from kogen.reporting.words import Sentence, phrase, say, sentence
from kogen.results.judgement import Judgement

CATCHES = 3  # that stand on the first screen; the others are in the appendix
UNANSWERED = ("answer_none",)  # answers that say nothing of this table: no section, a line in the appendix
GLOSSARY = ("own", "given", "supervised", "stock", "minirocket", "random")


def decision_part(
    found: Judgement, sentences: Sequence[Sentence], lang: str, own: str = "own", given: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Figure]]:
    """What the templates `decision` and `questions` show, and their figures by the id of their place.

    `own`: how models of no baseline are explained, `gloss_own` or another; `given`: models that were trained elsewhere.
    """
    said = {part: texts_of(sentences, part, lang) for part in ("alert", "headline", "sure", "catch", "next")}
    found_lights = [light_texts(light, lang) for light in lights(found)]
    figures = {"decision": draw_differences(found, lang), "holds": draw_sets(found, lang)}
    shown = {
        **said,
        "catch": said["catch"][:CATCHES],
        "more": said["catch"][CATCHES:],
        "lights": found_lights,
        "absent": [light["question"] for light in found_lights if light["key"] in UNANSWERED],
        "glossary": [say(lang, one.key, **one.values) for one in glossary(found, own, given)],
        "leader": found.leader,
        "models": found.models,
        "reference": found.reference,
        "margin": margin_of(found),  # and its unit
        "proven": found.proven,
        "metric": shown_metric(found),
    }
    return shown, {place: figure for place, figure in figures.items() if figure}


def shown_metric(found: Judgement) -> dict[str, Any]:
    """The metric as captions and tables show it; gains are multiplied by `sign` to be values that people know."""
    metric = found.metric
    digits = 1 if metric.unit == POINTS else FINE_DIGITS
    known = {"accuracy": metric.name == "accuracy", "name": phrase(metric.label), "floor": found.floor is not None}
    return known | {"sign": metric.sign, "digits": digits}


def texts_of(sentences: Sequence[Sentence], part: str, lang: str) -> list[str]:
    """The sentences of a part in words."""
    return sentence_texts([one for one in sentences if one.part == part], lang)


def sentence_texts(sentences: Sequence[Sentence], lang: str) -> list[str]:
    """Sentences in words; a number and its unit stay on one line."""
    return [say(lang, one.key, **one.values).replace(" %", "\u00a0%") for one in sentences]


def light_texts(light: Light, lang: str) -> dict[str, Any]:
    """A light in words."""
    return {
        "name": light.name,
        "key": light.answer,
        "colour": light.colour,
        "sign": light.sign,
        "question": say(lang, f"ask_{light.name}"),
        "answer": say(lang, light.answer),
        "number": "" if light.number is None else say(lang, light.number["phrase"], **light.number["with"]),
        "reasons": sentence_texts(light.reasons, lang),
    }


def glossary(found: Judgement, own: str = "own", given: Collection[str] = ()) -> list[Sentence]:
    """What the names of a study's models mean."""
    groups: dict[str, list[str]] = {}
    for model, method in found.methods.items():
        kind = "given" if model in given else method if method in GLOSSARY else "own"
        groups.setdefault(kind, []).append(model)
    others = {"random": "boxes_random", "stock": "boxes_stock", "given": "boxes_stock"} if own == "boxes" else {}
    kinds = {kind: own if kind == "own" else others.get(kind, kind) for kind in GLOSSARY if kind in groups}
    return [sentence("note", f"gloss_{key}", models=groups[kind]) for kind, key in kinds.items()]
