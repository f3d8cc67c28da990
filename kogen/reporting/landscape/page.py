"""Landscape page: surfaces, maps, profiles and numbers of each model as one self-contained HTML file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.contracts import from_plain
from kogen.common.files import read_json
from kogen.common.tables import read_table
from kogen.common.text import check_language
from kogen.reporting.charts import Figure
from kogen.reporting.html import write_page
from kogen.reporting.landscape import figures, planes
from kogen.reporting.landscape.figures import ModelLandscape
from kogen.reporting.landscape.planes import ChosenPlane
from kogen.reporting.words import clean, say
from kogen.results.landscape_facts import LandscapeFacts, RunFacts

METRICS = ("width", "basin", "convex", "near_convex", "lambda_max", "lambda_min", "lambda_ratio", "trace")
METRICS += ("sam", "adaptive_sam", "noise", "range", "error")
FILES = ("surface.parquet", "geometry.parquet", "eigenmap.parquet", "landscape.json")
SURFACES_SHOWN = 8  # surfaces of random planes that can be turned, for each objective
SCENES = 16  # all surfaces of a page: browsers keep no more such scenes alive


def write(folder: Path, *, lang: str = "en") -> Path:
    """Write FOLDER/landscape.html from what `kogen landscape` wrote there; returns its path.

    Reads surface.parquet, landscape.json and, where they are, geometry.parquet and eigenmap.parquet, nothing else.
    ValueError for a folder without the first two, one without a finished plane, or an unknown language.
    """
    check_language(lang)
    facts = from_plain(LandscapeFacts, read_json(folder / "landscape.json"), str(folder / "landscape.json"))
    surface = read_table(folder / "surface.parquet")
    parts = [objective_part(folder, surface, objective, facts) for objective in sorted(set(surface["objective"]))]
    parts = [one for one in parts if one["landscapes"] or one["others"]]
    if not parts:
        raise ValueError(f"{folder} has no finished plane: run the same `kogen landscape` again, what is there is kept")
    drawn: dict[str, Figure] = {}
    for number, one in enumerate(parts):
        drawn |= draw_objective(number, one, lang)
    left = iter(range(SCENES - sum(place.startswith("solid-") for place in drawn)))
    for number, one in enumerate(parts):
        one["sections"] = [plane_section(number, kind, found, left, lang) for kind, found in one["others"].items()]
        drawn |= {place: figure for shown in one["sections"] for place, figure in shown["figures"].items()}
    shown = {
        "name": folder.resolve().name,
        "many": max(len(one["models"]) for one in parts) > 8,
        "parts": parts,
        "files": [file for file in FILES if (folder / file).exists()],
        "headlines": [headline(one, lang) for one in parts],
        "near": lambda one: near_convex_text(one, lang),
        "called": lambda objective: objective_title(objective, lang),
        "short": figures.format_short,
    }
    write_page(folder / "landscape.html", "landscape.html.j2", lang, drawn, **shown)
    return folder / "landscape.html"


def objective_rows(folder: Path, name: str, objective: str) -> pd.DataFrame:
    """The rows of one objective of a table that need not be there; no rows, and no columns, then."""
    path = folder / f"{name}.parquet"
    table = read_table(path) if path.exists() else pd.DataFrame()
    return pd.DataFrame(table[table["objective"] == objective]) if len(table) else table


def draw_objective(number: int, part: dict[str, Any], lang: str) -> dict[str, Figure]:
    """The figures of one objective by the id of their place; models in order, more planes and runs with a number."""
    landscapes: dict[str, ModelLandscape] = part["landscapes"]
    top, found = figures.cap(list(landscapes.values())) if landscapes else 1.0, {}
    for place, (model, one) in enumerate(landscapes.items()):
        if place < SURFACES_SHOWN:
            found[f"solid-{number}-{place}"] = figures.draw_surface(one, model, top, lang)
        found[f"contour-{number}-{place}"] = figures.draw_contours(one, model, lang)
        for plane, spline in enumerate(one.splines[0]):
            found[variant_id(f"convex-{number}-{place}", plane)] = figures.draw_convexity(spline, model, plane, lang)
        for run, points in enumerate(part["maps"].get(model, [])):
            found[variant_id(f"map-{number}-{place}", run)] = figures.draw_curvature(points, model, lang)
        found[f"profile-{number}-{place}"] = figures.draw_profile(landscapes, model, top, lang)
    return found


def variant_id(place: str, number: int) -> str:
    """The id of a figure that a menu puts in the place of the first one."""
    return f"{place}-{number}" if number else place


def objective_part(folder: Path, surface: pd.DataFrame, objective: str, facts: LandscapeFacts) -> dict[str, Any]:
    """What is known of one objective: its planes, and what the template shows of it."""
    rows = pd.DataFrame(surface[surface["objective"] == objective])
    random = rows[rows["direction"] == "random"].groupby("model", sort=True)
    landscapes = {str(model): figures.landscape_from_rows(pd.DataFrame(one)) for model, one in random}
    numbers, eigenmap = (objective_rows(folder, name, objective) for name in ("geometry", "eigenmap"))
    mapped = eigenmap[eigenmap["direction"] == "random"].groupby("model", sort=True) if len(eigenmap) else []
    runs_of = {str(model): [pd.DataFrame(one) for _, one in found.groupby("run", sort=True)] for model, found in mapped}
    maps = {model: found for model, found in runs_of.items() if model in landscapes}
    read = numbers.dropna(subset=["value"]) if len(numbers) else pd.DataFrame(columns=["model", "metric"])
    runs = [run for run in facts.runs if run.objective == objective]
    pairs = [row for row in facts.pairs if row["objective"] == objective and row["difference"] is not None]
    flat = [row for row in facts.flatness if row["objective"] == objective]
    others = {kind: planes.chosen_planes(rows, eigenmap, runs, kind) for kind in planes.KINDS}
    return {
        "objective": objective,
        "landscapes": landscapes,
        "maps": maps,
        "others": {kind: found for kind, found in others.items() if found},
        "models": list(landscapes) or sorted(set(read["model"])),
        "side": max((one["alpha"].nunique() for found in maps.values() for one in found), default=0),
        "seeds": max((len(found) for found in maps.values()), default=0),
        "runs": unique_runs(runs),
        "planes": min((len(one.splines[0]) for one in landscapes.values()), default=0),
        "metrics": [metric for metric in METRICS if metric in set(read["metric"])],
        "cells": {(row["model"], row["metric"]): row for row in numbers.to_dict("records")},
        "decided": [row for row in pairs if row["verdict"] == "larger"],
        "pairs": sorted(pairs, key=lambda row: (METRICS.index(row["metric"]), row["first"], row["second"])),
        "flatness": [row for row in flat if row["verdict"] != "too few"],
        "few": max((row["n"] for row in flat), default=None),
    }


def unique_runs(runs: list[RunFacts]) -> list[RunFacts]:
    """Each run once, in order: as it was measured on random planes, where it was."""
    found: dict[str, RunFacts] = {}
    for run in runs:
        if run.run not in found or run.direction == "random":
            found[run.run] = run
    return list(found.values())


def plane_section(number: int, kind: str, found: list[ChosenPlane], left: Iterator[int], lang: str) -> dict[str, Any]:
    """What the template shows of one kind of chosen planes; a surface for each as long as scenes are `left`."""
    made = [planes.draw_plane(chart, chart.is_plane and next(left, None) is not None, lang) for chart in found]
    menu = [view for view in planes.MENU_KEYS if any(view in one for one in made)]
    names = [chart.name for chart in found]
    shown: dict[str, Any] = {"kind": kind, "models": names, "views": menu, "flat": {one.is_plane for one in found}}
    shown["figures"] = {
        variant_id(f"{kind}-{number}-{place}", menu.index(view)): figure
        for place, one in enumerate(made)
        for view, figure in one.items()
    }
    shown["notes"] = [planes.plane_note(chart, lang) for chart in found]
    return shown | {"named": found[0].names if len(found) == 1 else names}


def headline(shown: dict[str, Any], lang: str) -> list[str]:
    """What is sure about width and convexity: who is ahead of whom, or that nobody is; else what is shown."""
    if not shown["planes"]:
        only = [say(lang, f"l_only_{one['kind']}", models=one["named"]) for one in shown["sections"]]
        return [*only, say(lang, "l_no_rank")]
    found = []
    for metric in ("width", "convex"):
        values = {m: shown["cells"][m, metric]["value"] for m in shown["models"] if (m, metric) in shown["cells"]}
        values = {model: value for model, value in values.items() if value is not None and value == value}
        if len(values) < 2:
            continue
        best = max(values, key=lambda model: values[model])
        below = [row["second"] for row in shown["decided"] if row["metric"] == metric and row["first"] == best]
        ahead = "all" if len(below) == len(values) - 1 else "some" if below else "none"
        found.append(say(lang, f"l_{metric}_{ahead}", model=best, models=below, n=len(values)))
    return found or [say(lang, "l_one", models=shown["models"])]


def objective_title(objective: str, lang: str) -> str:
    """An objective in words, with the terms that it is made of where they are not all."""
    kind, _, terms = objective.partition("-")
    if kind not in ("pretrain", "probe"):
        return clean(objective)
    return say(lang, f"l_h_{kind}") + (f": {clean(terms.replace('-', ', '))}" if terms else "")


def near_convex_text(shown: dict[str, Any], lang: str) -> str:
    """How much of its plane is nearly convex, model by model."""
    rows = [(model, shown["cells"].get((model, "near_convex"))) for model in shown["models"]]
    shares = [f"{clean(model)} {100 * row['value']:.0f} %" for model, row in rows if row]
    return say(lang, "l_near", shares=shares).replace(" %", "\u00a0%")
