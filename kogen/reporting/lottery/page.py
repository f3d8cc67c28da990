"""Lottery page: a judged table of results as one self-contained HTML file."""

from pathlib import Path

from kogen.common.contracts import from_plain
from kogen.common.files import read_json
from kogen.common.text import check_language
from kogen.reporting.html import write_page
from kogen.reporting.lottery.sections import lottery_part, sentence_texts
from kogen.results.lottery_summary import LotterySummary


def write(folder: Path, *, lang: str = "en") -> list[str]:
    """Write FOLDER/report.html from what `kogen.results.judge` wrote there; returns its first sentences and its notes.

    Reads FOLDER/verdict.json and the tables beside it, nothing else. ValueError for a folder that holds no lottery, or
    an unknown language.
    """
    check_language(lang)
    place = folder / "verdict.json"
    known = read_json(place)
    summary = known.get("lottery") if isinstance(known, dict) else None
    if summary is None:
        raise ValueError(f"{place} holds no lottery: run `kogen lottery TABLE --out {folder}` first")
    shown, figures = lottery_part(folder, from_plain(LotterySummary, summary, str(place)), lang)
    texts = {key: sentence_texts(shown[key], lang) for key in ("headline", "decides", "notes")}
    many = len(shown["models"]) > 8 or len(shown["sets"]) > 4
    about = {"name": folder.resolve().name, "lottery": shown, "many": many, **texts}
    write_page(folder / "report.html", "lottery.html.j2", lang, figures, **about)
    return texts["headline"] + texts["decides"] + texts["notes"]
