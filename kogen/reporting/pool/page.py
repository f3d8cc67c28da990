"""Pool page: a judged pool as one self-contained HTML file."""

from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.metric_facts import POINTS
from kogen.common.text import check_language
from kogen.reporting.charts import Figure
from kogen.reporting.decision.page import sentence_texts, texts_of
from kogen.reporting.decision.quantities import FINE_DIGITS
from kogen.reporting.html import write_page
from kogen.reporting.pool.figures import draw_forest
from kogen.reporting.pool.sentences import pool_sentences
from kogen.results.pooling.prior import read_pool


def write(folder: Path, *, lang: str = "en") -> list[str]:
    """Write FOLDER/report.html from what `kogen.results.pooling.pool` wrote there; returns its sentences.

    ValueError for a folder that holds no pool, or an unknown language.
    """
    figures, shown = compose(folder, lang)
    write_page(folder / "report.html", "pool.html.j2", lang, figures, **shown)
    return shown["sentences"]


def compose(folder: Path, lang: str) -> tuple[dict[str, Figure], dict[str, Any]]:
    """The figures of a pool's page by the id of their place, and what else its template shows."""
    check_language(lang)
    found = read_pool(folder)
    values: Any
    values, effects = (pd.read_parquet(folder / f"{name}.parquet") for name in ("values", "effects"))
    sentences = pool_sentences(found)
    forest = draw_forest(found, effects, lang)
    table = {(row["model"], row["site"]): row for row in values.to_dict("records")}
    means = values.groupby("model")["value"].mean().sort_values(ascending=False)
    shown = {
        "name": folder.resolve().name,
        "many": len(found.sites) > 4,
        "pool": found,
        "said": {part: texts_of(sentences, part, lang) for part in ("headline", "sure", "catch")},
        "sentences": sentence_texts(sentences, lang),
        "models": [str(name) for name in means.index],
        "values": table,
        "digits": 1 if found.metric.unit == POINTS else FINE_DIGITS,
        "studies": [name for site in found.sites for name in site.studies],
    }
    return {"forest": forest} if forest else {}, shown
