"""Notes of a lottery: what was refused and why, and what a reader should know of the table."""

from typing import Any

from kogen.reporting.lottery.reading import reading_notes
from kogen.reporting.words import Sentence, format_points, sentence
from kogen.results.lottery_summary import LotterySummary

REFUSAL_KEYS = {  # what may be refused, and why; tests over sets have two reasons
    **dict.fromkeys(("pairs", "ranks", "combined"), "why_items"),
    **{"noise_floor": "why_n", "near_best": "why_near", "transfer": "why_one_set"},
    **dict.fromkeys(("friedman", "wilcoxon")),
}


def refusals(summary: LotterySummary) -> list[dict[str, Any]]:
    """What was refused: {"what", "name", "key", "with", "text"}; the statistic's own text where there is no key."""
    found = []
    for what, text in sorted(summary.refused.items()):
        key, values = REFUSAL_KEYS.get(what), {}
        if what in ("friedman", "wilcoxon"):
            few_sets = "there are" in text and "tests over" in text
            key = "why_models" if summary.models < 3 else "why_sets" if few_sets else None
            values = {"n": 1 + len(summary.targets)}
        known = f"what_{what}" if what in REFUSAL_KEYS else None
        found.append({"what": known, "name": what, "key": key, "with": values, "text": text})
    return found


def notes(summary: LotterySummary) -> list[Sentence]:
    """What a reader should know of the table: cells that are missing, columns that were not read, weights."""
    found, missing = [], summary.missing
    if missing.cells:
        counts = {"n": missing.cells, "models": missing.models, "names": missing.examples}
        found.append(sentence("caution", "note_missing", **counts))
    if summary.ignored:
        found.append(sentence("caution", "note_ignored", names=summary.ignored))
    found += reading_notes(summary)
    if (summary.families or 0) > 1:
        found.append(sentence("caution", "note_families", n=summary.families, models=summary.models))
    if summary.weights:
        weights = [f"{name} {format_points(weight)}" for name, weight in summary.weights.items()]
        found.append(sentence("caution", "note_weights", names=weights))
    return found
