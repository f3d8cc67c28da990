"""Notes of a lottery: what was refused and why, and what a reader should know of the table."""

from typing import Any

from kogen.reporting.lottery.reading import reading_notes
from kogen.reporting.words import Sentence, format_points, sentence
from kogen.results.lottery_summary import LotterySummary

REFUSAL_KEYS = {  # what may be refused, and why; what is computed over sets has several reasons
    **dict.fromkeys(("pairs", "ranks", "combined"), "why_items"),
    **{"noise_floor": "why_n", "near_best": "why_near", "transfer": "why_one_set"},
    **dict.fromkeys(("friedman", "wilcoxon", "left_out")),
}
REASONS = {  # a part of a statistic's own text -> why
    "tests over data sets want": "why_sets",
    "leaving a set out wants 3 sets": "why_left_out",
    "wants 3 models": "why_models",
    "wants 2 models": "why_two_models",
    "too many": "why_too_many",
    "takes too long": "why_too_many",
}


def refusals(summary: LotterySummary) -> list[dict[str, Any]]:
    """What was refused: {"what", "name", "key", "with", "text"}; the statistic's own text where there is no key."""
    found = []
    sets = [summary.reference, *summary.targets]
    counted = [name for name in sets if (summary.weights or dict.fromkeys(sets, 1)).get(name, 0) > 0]
    for what, text in sorted(summary.refused.items()):
        key, values = REFUSAL_KEYS.get(what), {}
        if what in REFUSAL_KEYS and key is None:
            key = next((why for part, why in REASONS.items() if part in text), None)
            key = "why_models" if what != "left_out" and summary.models < 3 else key
            values = {"n": len(counted) if what == "left_out" else 1 + len(summary.targets)}
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
