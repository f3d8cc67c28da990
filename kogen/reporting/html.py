"""HTML: pages written from templates, with pictures and figures embedded."""

import base64
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from kogen.common.files import jsonable, write_atomically
from kogen.reporting.charts import Figure, load_look
from kogen.reporting.words import clean, display_name, format_number, format_points, list_in_words, say

PNG_HEAD, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
JPEG_HEAD, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
MAX_PICTURE_BYTES = 32 << 20
CLASSES_SHOWN = 12  # class counts that are shown of a set
BAD_FILES_SHOWN = 8  # unusable files that are shown of a set


def write_page(path: Path, template: str, lang: str, figures: dict[str, Figure], **shown: Any) -> None:
    """Write a page from a template: the figures by the id of their place, and what else the template names.

    Escaping is on, names that do not exist are refused, and the words of the language are a global and filters.
    """
    palette = load_look()["palette"]
    shown |= {"figures": {place: figure["alt"] for place, figure in figures.items()}, "palette": palette}
    shown |= {"payload": embed_json({"figures": figures, "palette": palette}), "plotly": Markup(get_plotlyjs())}
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names: dict[str, Any] = {"say": partial(say, lang), "CLASSES": CLASSES_SHOWN, "BAD": BAD_FILES_SHOWN}
    env.globals.update(names)
    env.filters |= {"clean": clean, "number": format_number, "fine": format_points}
    env.filters |= {
        "broken": add_line_breaks,
        "joined": partial(list_in_words, lang),
        "named": partial(display_name, lang),
    }
    page = env.get_template(template).render(lang=lang, **shown)
    write_atomically(path, lambda place: place.write_text(page, encoding="utf-8"))


def add_line_breaks(words: str) -> Markup:
    """Words in which a long name may be broken between its parts (`vit_large.in1k`) before it is broken anywhere."""
    return Markup(re.sub(r"(?<=\w)([._/])(?=[^\W\d_])", r"\1<wbr>", str(escape(words))))


def embed_json(data: Any) -> Markup:
    """Data as JSON that may stand inside a script element: no name in it can close the element or open a comment."""
    plain = json.dumps(jsonable(data), allow_nan=False)  # ASCII, so U+2028 and U+2029 are escaped too
    return Markup(plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def jpeg_data_url(path: Path) -> str | None:
    """A small JPEG as a data address; None where there is none that is whole."""
    content = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_PICTURE_BYTES else b""
    if not (content.startswith(JPEG_HEAD) and content.endswith(JPEG_END)):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def png_data_url(path: Path) -> str | None:
    """A PNG as a data address; None where there is none that is whole: a page does not wait for its picture."""
    if not path.is_file() or path.stat().st_size > MAX_PICTURE_BYTES:
        return None
    content = path.read_bytes()
    if not (content.startswith(PNG_HEAD) and content.endswith(PNG_END)):
        return None
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
