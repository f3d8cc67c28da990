"""Page: a judged study as one self-contained HTML file; nothing in it reaches for the network."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from kogen.report.canvas import Figure
from kogen.report.figures import forest, losses, ranks, slope
from kogen.report.lottery_part import part, price, sentences
from kogen.report.verdict import read_runs
from kogen.report.words import clean, fine, joined, number, say, speak
from kogen.summary import jsonable
from kogen.tables import atomically, read_json, read_table

PALETTE = {
    "light": {
        "paper": "#ffffff",
        "ink": "#1a1f24",
        "soft": "#66707a",  # text that steps back: 5.0 to 1 on paper
        "mid": "#8b95a0",  # lines of models that are not the bet
        "line": "#e3e7eb",
        "tint": "rgba(13, 116, 104, 0.11)",
        "accent": "#0d7468",
        "clear": "rgba(0, 0, 0, 0)",
        "green": "#1a7f37",
        "amber": "#8a5c00",
        "red": "#b3261e",
        "grey": "#66707a",
        "warm": "214, 96, 36",  # of tables of colours, as parts, so that a cell can be faint
        "cool": "13, 116, 104",
    },
    "dark": {
        "paper": "#14181c",
        "ink": "#e8ecef",
        "soft": "#9aa5af",
        "mid": "#75818c",
        "line": "#2b333b",
        "tint": "rgba(76, 205, 187, 0.16)",
        "accent": "#4ccdbb",
        "clear": "rgba(0, 0, 0, 0)",
        "green": "#4cc26a",
        "amber": "#e0a93a",
        "red": "#ff8a80",
        "grey": "#9aa5af",
        "warm": "240, 128, 64",
        "cool": "76, 205, 187",
    },
}
CLASSES = 12  # class counts that are shown of a set
BAD = 8  # unusable files that are shown of a set
LONGEST_TEXT = 20_000  # letters of the study file that are shown


def write(study: Path, *, lang: str = "en") -> Path:
    """Write STUDY/report.html from STUDY/verdict.json and the tables beside it; returns its path.

    The page holds its figures' program and data, so it opens from a mail or a stick. ValueError when the study was not
    judged yet, or for an unknown language.
    """
    verdict = read_json(study / "verdict.json")
    runs = read_runs(study)
    training = read_training(runs)
    quality = study / "data.json"
    figures = draw(verdict, training, lang)
    lottery, more = part(study, verdict["lottery"], lang) if "lottery" in verdict else (None, {})
    figures |= more
    page = (
        environment(lang)
        .get_template("page.html.j2")
        .render(
            lang=lang,
            verdict=verdict,
            parts={
                part: told(verdict, part, lang)
                for part in ("headline", "evidence", "shift", "alarm", "caution", "change")
            },
            lottery=lottery,
            notes=[],  # the study's own table: nothing in it is unknown or unread
            price=sentences(price(study, verdict["lottery"], verdict["bet"]["model"]), lang) if lottery else [],
            figures={key: figure["alt"] for key, figure in figures.items()},
            payload=embed({"figures": figures, "palette": PALETTE}),
            palette=PALETTE,
            cells={(row["model"], row["dataset"]): row for row in verdict["accuracy"]},
            places={(row["model"], row["dataset"]): row for row in verdict["ranks"]},
            tier={(m, s): i + 1 for s, tiers in verdict["tiers"].items() for i, tier in enumerate(tiers) for m in tier},
            trained=list(training),
            data=read_json(quality) if quality.exists() else {"sets": []},
            views=picture(study / "views.png"),
            asked=study_text(study / "study.toml"),
            versions=runs[0].get("versions", {}) if runs else {},
            plan=runs[0] if runs else {},
            plotly=Markup(get_plotlyjs()),
        )
    )
    atomically(study / "report.html", lambda place: place.write_text(page, encoding="utf-8"))
    return study / "report.html"


def environment(lang: str) -> jinja2.Environment:
    """Jinja with escaping on, names that do not exist refused, and the words of the language as filters."""
    speak(lang)
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals |= {"say": lambda key, **values: say(lang, key, **values), "CLASSES": CLASSES, "BAD": BAD}
    env.filters |= {
        "clean": clean,
        "number": number,
        "fine": fine,
        "broken": broken,
        "joined": lambda names: joined(lang, names),
    }
    return env


def broken(words: str) -> Markup:
    """Words in which a long name may be broken between its parts (`vit_large.in1k`) before it is broken anywhere."""
    return Markup(re.sub(r"(?<=\w)([._/])(?=[^\W\d_])", r"\1<wbr>", str(escape(words))))


def told(verdict: dict[str, Any], part: str, lang: str) -> list[str]:
    """The sentences of one part of the verdict, in the language of the page."""
    return sentences([said for said in verdict["sentences"] if said["part"] == part], lang)


def draw(verdict: dict[str, Any], training: dict[str, pd.DataFrame], lang: str) -> dict[str, Figure]:
    """All figures of the page by the id of their place; what has no data is left out."""
    sets, bet = verdict["sets"], verdict["bet"]["model"]
    found = {
        f"forest-{i}": forest(verdict, name, lang) for i, name in enumerate(sets) if len(verdict["order"][name]) > 1
    }
    if len(sets) > 1:
        found["slope"] = slope(verdict, lang)
    found |= {f"loss-{i}": losses(model, training[model], model == bet, lang) for i, model in enumerate(training)}
    spectrum = ranks(training, bet, verdict["methods"], lang)
    return found | ({"rank": spectrum} if spectrum else {})


def read_training(runs: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Training tables of each model's runs in one frame with the seed; models without one are left out."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        path = run["folder"] / "training.parquet"
        if path.exists():
            found.setdefault(run["model"], []).append(read_table(path).assign(seed=run["seed"] or 0))
    return {model: pd.concat(tables) for model, tables in found.items()}


def embed(data: Any) -> Markup:
    """Data as JSON that may stand inside a script element: no name in it can close the element or open a comment."""
    plain = json.dumps(jsonable(data), allow_nan=False)  # ASCII, so U+2028 and U+2029 are escaped too
    return Markup(plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def picture(path: Path) -> str | None:
    """A PNG as a data address; None where there is none. ValueError when the file is no PNG."""
    if not path.exists():
        return None
    content = path.read_bytes()
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError(f"{path} is not a PNG picture; delete it, or write it again with `kogen views`")
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def study_text(path: Path) -> str | None:
    """The text of the study file, cut when it is very long; None where the study has none."""
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n…"
