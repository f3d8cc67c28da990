"""HTML: the environment of templates, pictures and figures embedded in a page."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from kogen.common.files import jsonable
from kogen.reporting.words import clean, format_number, format_points, list_in_words, load_templates, say

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
CLASSES_SHOWN = 12  # class counts that are shown of a set
BAD_FILES_SHOWN = 8  # unusable files that are shown of a set


def environment(lang: str) -> jinja2.Environment:
    """Jinja with escaping on, names that do not exist refused, and the words of the language as filters."""
    load_templates(lang)
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals |= {
        "say": lambda key, **values: say(lang, key, **values),
        "CLASSES": CLASSES_SHOWN,
        "BAD": BAD_FILES_SHOWN,
    }
    env.filters |= {
        "clean": clean,
        "number": format_number,
        "fine": format_points,
        "broken": add_line_breaks,
        "joined": lambda names: list_in_words(lang, names),
    }
    return env


def add_line_breaks(words: str) -> Markup:
    """Words in which a long name may be broken between its parts (`vit_large.in1k`) before it is broken anywhere."""
    return Markup(re.sub(r"(?<=\w)([._/])(?=[^\W\d_])", r"\1<wbr>", str(escape(words))))


def embed_json(data: Any) -> Markup:
    """Data as JSON that may stand inside a script element: no name in it can close the element or open a comment."""
    plain = json.dumps(jsonable(data), allow_nan=False)  # ASCII, so U+2028 and U+2029 are escaped too
    return Markup(plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def png_data_url(path: Path) -> str | None:
    """A PNG as a data address; None where there is none. ValueError when the file is no PNG."""
    if not path.exists():
        return None
    content = path.read_bytes()
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError(f"{path} is not a PNG picture; delete it, or write it again with `kogen views`")
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
