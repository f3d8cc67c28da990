"""Results in a notebook: a figure of a page as plotly's own object, the first screen of a verdict as a few lines."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from kogen.reporting.charts import INK, Figure, load_look
from kogen.reporting.decision.lights import lights
from kogen.reporting.decision.page import light_texts
from kogen.results.judgement import Judgement

THEME = "light"  # a figure that is shown elsewhere does not know the reader's theme
SHOWN = 3  # sentences


def to_plotly(figure: Figure) -> go.Figure:
    """A figure of a page in the colours of its light theme, with its words for those who cannot see it as `meta`."""
    palette: dict[str, str] = load_look()["palette"][THEME]
    data, layout = (_coloured(figure[part], palette) for part in ("data", "layout"))
    clear = {"paper_bgcolor": palette["paper"], "plot_bgcolor": palette["paper"]}
    return go.Figure(data, layout | clear | {"meta": figure["alt"]})


def _coloured(value: Any, palette: dict[str, str]) -> Any:
    """Plain data with the colours that its names stand for, as page.js puts them in."""
    if isinstance(value, str):
        return palette[value[1:]] if value.startswith(INK) else value
    if isinstance(value, list | tuple):
        return [_coloured(one, palette) for one in value]
    if isinstance(value, dict):
        return {key: _coloured(one, palette) for key, one in value.items()}
    return value


def summary_html(sentences: Sequence[str], found: Judgement | None, lang: str, page: str) -> str:
    """The first sentences, the lights of a judgement and where the page is, as HTML in which nothing is run."""
    colours = load_look()["palette"][THEME]
    first, *rest = [escape(words) for words in sentences[:SHOWN]] or [""]
    shown = []
    for light in lights(found) if found else []:
        texts = light_texts(light, lang)
        sign = f'<span style="color:{colours[light.colour]}">{escape(texts["sign"])}</span>'
        number = f" <b>{escape(texts['number'])}</b>" if texts["number"] else ""
        shown.append(f"<li>{sign} {escape(texts['question'])} {escape(texts['answer'])}{number}</li>")
    parts = [f"<p><b>{first}</b></p>"]
    parts += [f'<ul style="list-style:none;padding-left:0">{"".join(shown)}</ul>'] if shown else []
    parts += [f"<p>{words}</p>" for words in rest]
    parts += [f"<p><code>{escape(page)}</code></p>"] if page else []
    return f"<div>{''.join(parts)}</div>"
