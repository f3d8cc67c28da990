"""How a figure is drawn, apart from where: one line for its frame, each axis, each kind of mark, shape and word."""

from collections.abc import Iterator, Mapping
from typing import Any

from kogen.reporting.charts import INK, load_look

DATA = ("x", "y", "z", "hovertext", "hoverinfo", "customdata", "hovertemplate", "text", "type", "mode")  # of marks
SCALES = ("colorscale", "cmin", "cmax", "contours")
PLACES = ("x0", "x1", "y0", "y1", "range", "tickvals", "ticktext")


def looks(figure: Mapping[str, Any]) -> list[str]:
    """The look of a figure as a table that a person reads; marks that are drawn alike stand there once."""
    layout, usual = figure["layout"], load_look()
    margin = " ".join(str(layout["margin"][side]) for side in "lrtb")
    found = [f"frame: {layout['height']} high, margins {margin}"]
    for side in ("xaxis", "yaxis"):
        own = {name: value for name, value in layout.get(side, {}).items() if usual["axis"].get(name) != value}
        found += [f"{side[0]}: {words_of(own)}"] if own else []
    for one in figure["data"]:
        found.append(f"{one['mode'] if one['type'] == 'scatter' else one['type']}: {words_of(one)}")
    for one in layout.get("shapes", []):
        found.append(f"{one['type']}{fixed_places(one)}: {words_of(one)}")
    for one in layout.get("annotations", []):
        own = {name: value for name, value in one.items() if usual["annotation"].get(name) != value}
        found.append(f"word{fixed_places(one)}: {words_of(own)}")
    return list(dict.fromkeys(found))


def fixed_places(part: Mapping[str, Any]) -> str:
    """Where a shape or a word stands in the frame, along each side on which that does not depend on the data."""
    names = (name for name in ("x", "x0", "x1", "y", "y0", "y1") if name in part)
    return "".join(f" {name}={part[name]}" for name in names if part.get(f"{name[0]}ref") == "paper")


def words_of(part: Mapping[str, Any]) -> str:
    """What is said of a part, by name: `marker (ink size=5), line (accent width=2)`."""
    return ", ".join(word for name, value in part.items() for word in word_of(name, value))


def word_of(name: str, value: Any) -> Iterator[str]:
    """The words of one property, none where it says where and not how."""
    if name in (*DATA, *SCALES, *PLACES):
        return
    if isinstance(value, Mapping):
        inner = " ".join(word for key, one in value.items() for word in word_of(key, one))
        yield f"{name} ({inner})" if inner else name
    else:
        yield str(value).replace(INK, "") if name == "color" else f"{name}={value}".replace(INK, "")
