"""Sentences on how a table was read: which columns are no data sets and why, units, joined files, known sizes."""

from kogen.reporting.words import Sentence, sentence
from kogen.results.lottery_summary import LotterySummary


def reading_notes(summary: LotterySummary) -> list[Sentence]:
    """How the table was read, and one sentence for each reason that columns were no data sets for."""
    found = [sentence("caution", note.key, **note.values) for note in summary.said]
    reasons: dict[str, list[str]] = {}
    for name, key in summary.excluded.items():
        reasons.setdefault(key, []).append(name)
    return found + [sentence("caution", key, names=names) for key, names in reasons.items()]
