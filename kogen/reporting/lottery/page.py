"""Lottery page: a judged table of results as one self-contained HTML file."""

from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from kogen.common.contracts import from_plain
from kogen.common.files import read_json, write_atomically
from kogen.reporting.html import PALETTE, embed_json, environment
from kogen.reporting.lottery.sections import lottery_part, sentence_texts
from kogen.results.lottery_summary import LotterySummary


def write(folder: Path, *, lang: str = "en") -> list[str]:
    """Write FOLDER/report.html from what `kogen.results.judge` wrote there; returns what it says first, and its notes.

    Reads FOLDER/verdict.json and the tables beside it, nothing else. ValueError for a folder that holds no lottery, or
    an unknown language.
    """
    environment(lang)
    summary = read_json(folder / "verdict.json").get("lottery")
    if summary is None:
        raise ValueError(f"{folder / 'verdict.json'} holds no lottery: run `kogen lottery TABLE --out {folder}` first")
    shown, figures = lottery_part(folder, from_plain(LotterySummary, summary, str(folder / "verdict.json")), lang)
    said = {key: sentence_texts(shown[key], lang) for key in ("headline", "decides", "notes")}
    page = (
        environment(lang)
        .get_template("lottery.html.j2")
        .render(
            lang=lang,
            name=folder.resolve().name,
            lottery=shown,
            **said,
            many=len(shown["models"]) > 8 or len(shown["sets"]) > 4,
            figures={key: figure["alt"] for key, figure in figures.items()},
            payload=embed_json({"figures": figures, "palette": PALETTE}),
            palette=PALETTE,
            plotly=Markup(get_plotlyjs()),
        )
    )
    write_atomically(folder / "report.html", lambda place: place.write_text(page, encoding="utf-8"))
    return said["headline"] + said["decides"] + said["notes"]
