"""Landscape page: the decision, the questions behind it and an appendix, as one self-contained HTML file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kogen.common.tables import read_table
from kogen.common.text import check_language
from kogen.reporting.charts import Figure
from kogen.reporting.html import write_page
from kogen.reporting.landscape import beside_loss, comparisons, figures, parts, planes, sentences
from kogen.reporting.landscape.beside_loss import BesideLoss
from kogen.reporting.landscape.parts import Part
from kogen.reporting.landscape.planes import ChosenPlane
from kogen.reporting.landscape.solid_picture import draw_still_surface
from kogen.reporting.words import clean, say
from kogen.results.landscape_facts import LandscapeFacts
from kogen.results.landscape_judgement import Finding, judge_loss
from kogen.results.landscape_summary import read_landscape

FILES = ("surface.parquet", "metrics.parquet", "geometry.parquet", "eigenmap.parquet")
FILES += ("blocks.parquet", "spectrum.parquet", "landscape.json")
SURFACES_SHOWN = 8  # surfaces of random planes that can be turned, for each objective
SCENES = 16  # all surfaces of a page: browsers keep no more such scenes alive


def write(folder: Path, *, lang: str = "en") -> Path:
    """Write FOLDER/landscape.html from what `kogen landscape` wrote there; returns its path.

    Reads surface.parquet, landscape.json and, where they are, the other tables of FILES, nothing else.
    ValueError for a folder without the first two, one without a finished plane, or an unknown language.
    """
    drawn, shown = compose(folder, lang)
    write_page(folder / "landscape.html", "landscape.html.j2", lang, drawn, **shown)
    return folder / "landscape.html"


def compose(folder: Path, lang: str) -> tuple[dict[str, Figure], dict[str, Any]]:
    """The figures of a landscape's page by the id of their place, and what else its template shows."""
    check_language(lang)
    facts, surface = read_landscape(folder), read_table(folder / "surface.parquet")
    found = [parts.read_part(folder, surface, objective, facts) for objective in sorted(set(surface["objective"]))]
    found = sorted((part for part in found if part.is_drawn), key=lambda part: part.rank)
    if not found:
        raise ValueError(f"{folder} has no finished plane: run the same `kogen landscape` again, what is there is kept")
    drawn: dict[str, Figure] = {}
    for number, part in enumerate(found):
        drawn |= draw_part(number, part, lang)
    left = iter(range(SCENES - sum(place.startswith("solid-") for place in drawn)))
    sections = [
        [plane_section(number, kind, charts, left, lang) for kind, charts in part.others.items()]
        for number, part in enumerate(found)
    ]
    drawn |= {place: figure for some in sections for one in some for place, figure in one["figures"].items()}
    beside = [beside_loss.read_beside(folder, part.objective) for part in found]
    for number, (one, part) in enumerate(zip(beside, found, strict=True)):
        drawn |= draw_beside(number, one, lang)
        if (curve := beside_loss.draw_training(part.runs, lang)) is not None and part.objective != "probe":
            drawn[f"training-{number}"] = curve
    questions = ask_questions(found, facts, lang)
    drawn |= {f"q-{one['name']}": one["figure"] for one in questions}
    if "q-wider" not in drawn and found[0].landscapes:
        drawn["profiles"] = comparisons.draw_profiles(found[0].landscapes, found[0].judged, lang)
    shown = {
        "name": folder.resolve().name,
        "many": max(len(part.models) for part in found) > 8,
        "parts": found,
        "sections": sections,
        "beside": beside,
        "stills": [draw_stills(part, lang) for part in found],
        "questions": questions,
        "decision": decide(found[0], sections[0], lang),
        "absent": absent_texts(found, facts, questions, lang),
        "files": [file for file in FILES if (folder / file).exists()],
        "claims": [sentences.headline(part.judged, lang) if part.landscapes else "" for part in found],
        "near": lambda part: near_convex_text(part, lang),
        "called": lambda objective: objective_title(objective, lang),
        "stands": lambda one: sentences.standing_text(one, lang),
        "scale": lambda one: scale_text(one, lang),
        "short": figures.format_short,
        "guide": [say(lang, f"l_guide_{line}") for line in range(1, 11)],
    }
    return drawn, shown


def draw_part(number: int, part: Part, lang: str) -> dict[str, Figure]:
    """The figures of one objective by the id of their place; models in order, more planes and runs with a number."""
    found: dict[str, Figure] = {}
    if part.landscapes:
        found[f"widths-{number}"] = comparisons.draw_widths(part.judged, part.cells, lang)
    for place, (model, one) in enumerate(part.landscapes.items()):
        if place < SURFACES_SHOWN:
            found[f"solid-{number}-{place}"] = figures.draw_surface(one, model, lang)
            if (scale := part.scales.get(model)) is not None:
                found[f"solid-{number}-{place}-1"] = figures.draw_surface(one, model, lang, scale)
        found[f"contour-{number}-{place}"] = figures.draw_contours(one, model, lang)
        for plane, spline in enumerate(one.splines[0]):
            found[variant_id(f"convex-{number}-{place}", plane)] = figures.draw_convexity(spline, model, plane, lang)
        for run, points in enumerate(part.maps.get(model, [])):
            found[variant_id(f"map-{number}-{place}", run)] = figures.draw_curvature(points, model, lang)
    return found


def draw_beside(number: int, one: BesideLoss, lang: str) -> dict[str, Figure]:
    """The figures of what was measured beside the loss, by the id of their place; further metrics with a number."""
    found: dict[str, Figure] = {}
    for order, (metric, models) in enumerate(one.metrics.items()):
        for place, (model, rows) in enumerate(models.items()):
            figure = beside_loss.draw_metric(rows, model, metric, lang)
            found[variant_id(f"metric-{number}-{place}", order)] = figure
    for place, (model, rows) in enumerate(one.spectrum.items()):
        found[f"density-{number}-{place}"] = beside_loss.draw_density(rows, model, lang)
    return found


def variant_id(place: str, number: int) -> str:
    """The id of a figure that a menu puts in the place of the first one."""
    return f"{place}-{number}" if number else place


def draw_stills(part: Part, lang: str) -> list[Any]:
    """The still pictures of the surfaces, in the order of the models."""
    shown = list(part.landscapes.items())[:SURFACES_SHOWN]
    return [draw_still_surface(one, model, lang) for model, one in shown]


def scale_text(one: figures.ModelLandscape, lang: str) -> str:
    """The scale of a surface in words, in units of its loss."""
    low, top = figures.rise_on_plane(one)[3]
    return say(lang, "l_scale", low=figures.format_short(low), top=figures.format_short(top))


def decide(part: Part, sections: list[dict[str, Any]], lang: str) -> dict[str, Any]:
    """The first screen: what is claimed, how sure it is, the catch and what comes next."""
    judged = part.judged
    if not part.landscapes and sections:
        only = [say(lang, f"l_only_{one['words']}", models=one["named"]) for one in sections]
        said = [*only[1:], say(lang, "l_no_rank")]
        return {"headline": only[0], "sure": said, "catches": sentences.catches(judged, lang), "next": None}
    return {
        "headline": sentences.headline(judged, lang),
        "sure": sentences.sureness(judged, lang),
        "catches": sentences.catches(judged, lang),
        "next": sentences.next_step(judged, lang),
    }


def ask_questions(found: list[Part], facts: LandscapeFacts, lang: str) -> list[dict[str, Any]]:
    """The questions that this landscape has something to say to: name, figure and sentences."""
    first, asked = found[0], list[dict[str, Any]]()
    if first.judged.claims["width"].finding is not Finding.UNKNOWN:
        figure = comparisons.draw_profiles(first.landscapes, first.judged, lang)
        said = sentences.width_answer(first.judged, first.pairs, lang)
        asked.append({"name": "wider", "figure": figure, "said": said, "hint": say(lang, "l_c_profiles")})
    if (both := own_and_probe(found)) is not None:
        own, probe = both
        models = [model for model in own.judged.ranked if model in probe.judged.ranked]
        claim = judge_loss(facts.pairs, own.objective, probe.objective)
        under = (" " if lang == "en" else "").join([say(lang, "l_loss_under"), sentences.headline(probe.judged, lang)])
        said = [sentences.loss_answer(claim, lang), under]
        figure = comparisons.draw_two_losses(own.cells, probe.cells, models, lang)
        asked.append({"name": "loss", "figure": figure, "said": said, "hint": say(lang, "l_c_losses")})
    if first.judged.gain is not None:
        rows = [row for row in first.flatness if row["metric"] == "width" and row["tau"] is not None]
        if rows:
            said = sentences.gain_answer(first.judged.gain, lang)
            figure = comparisons.draw_correlations(rows, lang)
            asked.append({"name": "gain", "figure": figure, "said": said, "hint": say(lang, "l_c_gain")})
    return asked


def own_and_probe(found: list[Part]) -> tuple[Part, Part] | None:
    """The parts of the models' own losses and of the probe's, where two models or more may be ranked under both."""
    own = [part for part in found if part.objective.startswith("pretrain") and part.landscapes]
    probe = [part for part in found if part.objective == "probe" and part.landscapes]
    if not own or not probe:
        return None
    both = set(own[0].judged.ranked) & set(probe[0].judged.ranked)
    return (own[0], probe[0]) if len(both) > 1 else None


def absent_texts(found: list[Part], facts: LandscapeFacts, asked: list[dict[str, Any]], lang: str) -> list[str]:
    """Why a section that a reader may look for is not there, a line each."""
    first, there = found[0], {one["name"] for one in asked}
    texts = []
    if not first.landscapes:
        texts.append(say(lang, "l_absent_random"))
    elif "wider" not in there:
        said = [say(lang, "l_absent_wider"), sentences.headline(first.judged, lang)]
        texts.append((" " if lang == "en" else "").join(said))
    if "loss" not in there and first.landscapes:
        kinds = {part.objective.partition("-")[0] for part in found}
        texts.append(say(lang, "l_absent_loss" if len(kinds) < 2 else "l_absent_loss_ranked"))
    if "gain" not in there and first.landscapes:
        few = max((row["n"] for row in facts.flatness), default=None)
        texts.append(say(lang, "l_flat_few", n=few) if few is not None else say(lang, "l_flat_none"))
    if not any(part.maps for part in found):
        texts.append(say(lang, "l_absent_map"))
    if not any((model, "lambda_max") in part.cells for part in found for model in part.models):
        texts.append(say(lang, "l_absent_curvature"))
    return texts


def plane_section(number: int, kind: str, found: list[ChosenPlane], left: Iterator[int], lang: str) -> dict[str, Any]:
    """What the template shows of one kind of chosen planes; a surface for each as long as scenes are `left`."""
    made = [planes.draw_plane(chart, chart.is_plane and next(left, None) is not None, lang) for chart in found]
    menu = [view for view in planes.MENU_KEYS if any(view in one for one in made)]
    names = [chart.name for chart in found]
    shown: dict[str, Any] = {"kind": kind, "words": planes.words_key(kind), "models": names, "views": menu}
    shown["flat"] = {one.is_plane for one in found}
    shown["figures"] = {
        variant_id(f"{kind}-{number}-{place}", menu.index(view)): figure
        for place, one in enumerate(made)
        for view, figure in one.items()
    }
    shown["notes"] = [planes.plane_note(chart, lang) for chart in found]
    return shown | {"named": found[0].names if len(found) == 1 else names}


def objective_title(objective: str, lang: str) -> str:
    """An objective in words, with the terms that it is made of where they are not all."""
    kind, _, terms = objective.partition("-")
    if kind not in ("pretrain", "probe"):
        return clean(objective)
    return say(lang, f"l_h_{kind}") + (f": {clean(terms.replace('-', ', '))}" if terms else "")


def near_convex_text(part: Part, lang: str) -> str:
    """How much of its plane is nearly convex, of each model that may be ranked."""
    rows = [(model, part.cells.get((model, "near_convex"))) for model in part.judged.ranked]
    shares = [f"{clean(model)} {100 * row['value']:.0f} %" for model, row in rows if row and row["value"] is not None]
    return say(lang, "l_near", shares=shares).replace(" %", "\u00a0%") if shares else ""
