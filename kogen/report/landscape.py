"""Landscape page: surfaces, maps, profiles and numbers of each model as one self-contained HTML file."""

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from kogen.report.canvas import Figure
from kogen.report.landscape_figures import Look, cap, contours, convexity, curvature, look, profile, solid
from kogen.report.page import PALETTE, embed, environment
from kogen.report.words import clean, say
from kogen.tables import atomically, read_json, read_table

METRICS = ("width", "basin", "convex", "near_convex", "lambda_max", "lambda_min", "lambda_ratio", "trace")
METRICS += ("sam", "adaptive_sam", "noise", "range", "error")
FILES = ("surface.parquet", "geometry.parquet", "landscape.json")
SOLIDS = 8  # surfaces that can be turned: browsers keep no more than sixteen such scenes alive


def write(folder: Path, *, lang: str = "en") -> Path:
    """Write FOLDER/landscape.html from what `kogen landscape` wrote there; returns its path.

    Reads surface.parquet, geometry.parquet, landscape.json and, where it is, eigenmap.parquet, nothing else. ValueError
    for a folder without the first three, one without random planes, or an unknown language.
    """
    env = environment(lang)
    told = read_json(folder / "landscape.json")
    surface, geometry = (read_table(folder / f"{name}.parquet") for name in ("surface", "geometry"))
    random = pd.DataFrame(surface[surface["direction"] == "random"])
    if random.empty:
        raise ValueError(f"{folder} has no random planes: draw some with --directions random, or export the others")
    maps = drawn_maps(folder)
    parts, figures = [], {}
    for number, objective in enumerate(sorted(set(random["objective"]))):
        rows = pd.DataFrame(random[random["objective"] == objective])
        looks = {str(model): look(pd.DataFrame(part)) for model, part in rows.groupby("model", sort=True)}
        numbers = pd.DataFrame(geometry[geometry["objective"] == objective])
        mine = {model: found for model in looks if (found := maps.get((objective, model)))}
        parts.append(part(objective, looks, mine, numbers, told))
        figures |= draw(number, looks, mine, lang)
    page = env.get_template("landscape.html.j2").render(
        lang=lang,
        name=folder.resolve().name,
        many=max(len(one["models"]) for one in parts) > 8,
        parts=parts,
        files=[*FILES, *(["eigenmap.parquet"] if maps else [])],
        headlines=[headline(one, lang) for one in parts],
        near=lambda one: near(one, lang),
        short=short,
        figures={key: figure["alt"] for key, figure in figures.items()},
        payload=embed({"figures": figures, "palette": PALETTE}),
        palette=PALETTE,
        plotly=Markup(get_plotlyjs()),
    )
    atomically(folder / "landscape.html", lambda place: place.write_text(page, encoding="utf-8"))
    return folder / "landscape.html"


def drawn_maps(folder: Path) -> dict[tuple[str, str], list[pd.DataFrame]]:
    """The maps of the curvature of each objective and model, one for each of its runs; none where none was drawn."""
    if not (folder / "eigenmap.parquet").exists():
        return {}
    table = read_table(folder / "eigenmap.parquet")
    found: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for key, points in table[table["direction"] == "random"].groupby(["objective", "model", "run"], sort=True):
        objective, model, _ = map(str, key)  # type: ignore[arg-type]
        found.setdefault((objective, model), []).append(pd.DataFrame(points))
    return found


def draw(number: int, looks: dict[str, Look], maps: dict[str, list[pd.DataFrame]], lang: str) -> dict[str, Figure]:
    """The figures of one objective by the id of their place; models in order, more planes and runs with a number."""
    top, found = cap(list(looks.values())), {}
    for place, (model, one) in enumerate(looks.items()):
        if place < SOLIDS:
            found[f"solid-{number}-{place}"] = solid(one, model, top, lang)
        found[f"contour-{number}-{place}"] = contours(one, model, lang)
        for plane, sheet in enumerate(one.sheets[0]):
            found[variant(f"convex-{number}-{place}", plane)] = convexity(sheet, model, plane, lang)
        for run, points in enumerate(maps.get(model, [])):
            found[variant(f"map-{number}-{place}", run)] = curvature(points, model, lang)
        found[f"profile-{number}-{place}"] = profile(looks, model, top, lang)
    return found


def variant(place: str, number: int) -> str:
    """The id of a figure that a menu puts in the place of the first one."""
    return f"{place}-{number}" if number else place


def part(
    objective: str,
    looks: dict[str, Look],
    maps: dict[str, list[pd.DataFrame]],
    numbers: pd.DataFrame,
    told: dict[str, Any],
) -> dict[str, Any]:
    """What the template shows of one objective."""
    cells = {(row["model"], row["metric"]): row for row in numbers.to_dict("records")}
    pairs = [row for row in told["pairs"] if row["objective"] == objective and row["difference"] is not None]
    flat = [row for row in told["flatness"] if row["objective"] == objective]
    return {
        "objective": objective,
        "models": list(looks),
        "maps": len(maps),
        "side": max((one["alpha"].nunique() for runs in maps.values() for one in runs), default=0),
        "seeds": max((len(runs) for runs in maps.values()), default=0),
        "runs": [run for run in told["runs"] if run["objective"] == objective],
        "planes": min(len(one.sheets[0]) for one in looks.values()),
        "metrics": [metric for metric in METRICS if metric in set(numbers.dropna(subset=["value"])["metric"])],
        "cells": cells,
        "decided": [row for row in pairs if row["verdict"] == "larger"],
        "pairs": sorted(pairs, key=lambda row: (METRICS.index(row["metric"]), row["first"], row["second"])),
        "flatness": [row for row in flat if row["verdict"] != "too few"],
        "few": max((row["n"] for row in flat), default=None),
    }


def headline(shown: dict[str, Any], lang: str) -> list[str]:
    """What is sure about width and convexity: who is ahead of whom, or that nobody is."""
    found = []
    for metric in ("width", "convex"):
        values = {m: shown["cells"][m, metric]["value"] for m in shown["models"] if (m, metric) in shown["cells"]}
        values = {model: value for model, value in values.items() if value is not None and value == value}
        if len(values) < 2:
            continue
        best = max(values, key=lambda model: values[model])
        below = [row["second"] for row in shown["decided"] if row["metric"] == metric and row["first"] == best]
        key = (
            f"l_{metric}_all" if len(below) == len(values) - 1 else f"l_{metric}_some" if below else f"l_{metric}_none"
        )
        found.append(say(lang, key, model=best, models=below, n=len(values)))
    return found or [say(lang, "l_one", model=shown["models"][0])]


def near(shown: dict[str, Any], lang: str) -> str:
    """How much of its plane is nearly convex, model by model."""
    rows = [(model, shown["cells"].get((model, "near_convex"))) for model in shown["models"]]
    told = [f"{clean(model)} {100 * row['value']:.0f} %" for model, row in rows if row]
    return say(lang, "l_near", shares=told).replace(" %", "\u00a0%")


def short(value: float | None) -> str:
    """A number with three digits that count; None and NaN are a dash."""
    if value is None or value != value:
        return "–"
    usual = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    text = usual if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.1e}"
    return text.replace("-", "−")
