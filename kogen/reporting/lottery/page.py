"""Lottery page: a judged table of results as one self-contained HTML file."""

from pathlib import Path
from typing import Any

from kogen.common.contracts import from_plain
from kogen.common.files import read_json
from kogen.common.text import check_language
from kogen.reporting.charts import Figure
from kogen.reporting.decision.figures import draw_values
from kogen.reporting.decision.page import decision_part, sentence_texts
from kogen.reporting.decision.sentences import catches, headline, how_sure
from kogen.reporting.decision.steps import next_steps
from kogen.reporting.html import write_page
from kogen.reporting.lottery.sections import lottery_part
from kogen.results.judgement import Judgement
from kogen.results.lottery_summary import LotterySummary


def write(folder: Path, *, lang: str = "en") -> list[str]:
    """Write FOLDER/report.html from what `kogen.results.judge` wrote there; returns its first sentences and its notes.

    Reads FOLDER/verdict.json and the tables beside it, nothing else. ValueError for a folder that holds no lottery, or
    an unknown language.
    """
    figures, shown = compose(folder, lang)
    write_page(folder / "report.html", "lottery.html.j2", lang, figures, **shown)
    return [*shown["sentences"], *shown["notes"]]


def compose(folder: Path, lang: str) -> tuple[dict[str, Figure], dict[str, Any]]:
    """The figures of a lottery's page by the id of their place, and what else its template shows."""
    check_language(lang)
    place = folder / "verdict.json"
    known = read_json(place)
    if not isinstance(known, dict) or not {"lottery", "judgement"} <= set(known):
        raise ValueError(f"{place} holds no lottery: run `kogen lottery TABLE --out {folder}` first")
    summary = from_plain(LotterySummary, known["lottery"], str(place))
    found = from_plain(Judgement, known["judgement"], str(place))
    sentences = [headline(found), *how_sure(found), *catches(found), *next_steps(found)]
    shown, figures = lottery_part(folder, summary, lang)
    decision, drawn = decision_part(found, sentences, lang)
    figures |= drawn
    if not found.proven and "regrets" in figures:
        figures["decision"] = figures["regrets"]
    figures |= draw_values(shown["cells"], shown["models"], found, lang)
    notes = sentence_texts(shown["notes"], lang)
    many = len(shown["models"]) > 8 or len(shown["sets"]) > 4
    about = {"name": folder.resolve().name, "lottery": shown, "many": many, "notes": notes, "decision": decision}
    return figures, about | {"sentences": sentence_texts(sentences, lang)}
