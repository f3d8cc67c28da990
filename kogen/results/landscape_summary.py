"""Summary of a landscape: its numbers and pairs of models, of which only sound ones are ranked, and only alike ones."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.contracts import from_plain
from kogen.common.files import read_json
from kogen.common.registry import load
from kogen.common.tables import read_table
from kogen.results.landscape_facts import LandscapeFacts, RunFacts, RunStanding
from kogen.results.landscape_standing import find_standings, model_standings, ranked_models
from kogen.statistics import _curvature_metrics, _near_convex
from kogen.statistics._surface_metrics import SHARES

COMPARABLE = (*SHARES, "error", "lambda_ratio")  # shares and ratios: the others have the unit of a loss
CURVATURE = (_near_convex.tables, _curvature_metrics.tables)  # of an eigenmap, of readings: numbers and pairs
EMPTY_READINGS = pd.DataFrame(columns=["run", "model", "objective", "metric", "values", "error", "images"])


def summarise_landscape(
    surface: pd.DataFrame,
    eigenmap: pd.DataFrame,
    readings: pd.DataFrame,
    runs: Sequence[RunFacts],
    scores: pd.DataFrame,
) -> tuple[pd.DataFrame, LandscapeFacts]:
    """The geometry table of a landscape, and its facts with the standing of every run.

    Numbers are those of every model; pairs and rank correlations are over models that may be ranked, and those in
    units of a loss over models of one loss. `eigenmap` and `readings` may be without rows. ValueError as of the
    statistics.
    """
    standings = find_standings(runs, surface, readings)
    geometry = mark_geometry(measure_numbers(surface, eigenmap, readings), standings)
    ranked = losses_of_ranked(standings)
    kept = [keep_models(table, ranked) for table in (surface, eigenmap, readings)]
    pairs = [row for row in measure_pairs(*kept) if is_comparable(row, ranked)]
    flat = correlate(geometry, ranked, scores)
    return geometry, LandscapeFacts(list(runs), pairs, records(flat), standings)


def read_landscape(folder: Path) -> LandscapeFacts:
    """FOLDER/landscape.json; of one without standings they are found from its runs and surface.parquet.

    An older file knows nothing of trainings, so that no model of it may be ranked: its pairs and correlations are left
    out. ValueError for a file that does not hold what is wanted.
    """
    path = folder / "landscape.json"
    facts = from_plain(LandscapeFacts, read_json(path), str(path))
    if facts.standings is not None:
        return facts
    standings = find_standings(facts.runs, read_table(folder / "surface.parquet"), EMPTY_READINGS)
    ranked = losses_of_ranked(standings)
    pairs = [row for row in facts.pairs if is_comparable(row, ranked)]
    return LandscapeFacts(facts.runs, pairs, [], standings)


def measure_numbers(surface: pd.DataFrame, eigenmap: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Metrics of models, of each table that has rows; no rows, and no columns, where none has."""
    found = [load("statistics", "geometry")(surface)] if has_random_planes(surface) else []
    found += [measured(table)[0] for table, measured in zip((eigenmap, readings), CURVATURE, strict=True) if len(table)]
    some = [table.astype(object) for table in found if len(table)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame()


def measure_pairs(surface: pd.DataFrame, eigenmap: pd.DataFrame, readings: pd.DataFrame) -> list[dict[str, Any]]:
    """Paired differences of models, of each table that has rows."""
    found = [load("statistics", "geometry_pairs")(surface)] if has_random_planes(surface) else []
    found += [measured(table)[1] for table, measured in zip((eigenmap, readings), CURVATURE, strict=True) if len(table)]
    return [row for table in found for row in records(table.astype(object))]


def has_random_planes(surface: pd.DataFrame) -> bool:
    """Whether a surface table has a random plane."""
    return bool(len(surface)) and "random" in set(surface["direction"])


def losses_of_ranked(standings: Iterable[RunStanding]) -> dict[tuple[str, str], str | None]:
    """(objective, model) of all that may be ranked, to the name of the loss; None where a model's runs have several."""
    listed = list(standings)
    found = {}
    for objective in sorted({one.objective for one in listed}):
        found |= {(objective, model): loss for model, loss in ranked_models(listed, objective).items()}
    return found


def keep_models(table: pd.DataFrame, ranked: dict[tuple[str, str], str | None]) -> pd.DataFrame:
    """The rows of models that may be ranked."""
    if not len(table):
        return table
    return pd.DataFrame(table[[key in ranked for key in zip(table["objective"], table["model"], strict=True)]])


def is_comparable(row: dict[str, Any], ranked: dict[tuple[str, str], str | None]) -> bool:
    """Whether two models may be compared by this metric: both may be ranked, and the unit is the same for both."""
    first, second = ((row["objective"], row[name]) for name in ("first", "second"))
    if first not in ranked or second not in ranked:
        return False
    return row["metric"] in COMPARABLE or (ranked[first] is not None and ranked[first] == ranked[second])


def mark_geometry(geometry: pd.DataFrame, standings: Sequence[RunStanding]) -> pd.DataFrame:
    """The table with each model's standing; shares of the plane are null where there is no basin that they describe."""
    if not len(geometry):
        return geometry
    worst: dict[tuple[str, str], RunStanding] = {}
    for objective in {one.objective for one in standings}:
        worst |= {(objective, model): runs[0] for model, runs in model_standings(standings, objective).items()}
    keys = list(zip(geometry["objective"], geometry["model"], strict=True))
    basin = [key not in worst or worst[key].standing.has_basin for key in keys]
    hidden = geometry["metric"].isin(SHARES) & ~pd.Series(basin, index=geometry.index)
    found = geometry.assign(standing=[str(worst[key].standing) if key in worst else None for key in keys])
    for name in ("value", "lo", "hi"):
        found[name] = found[name].astype(float).mask(hidden)
    return found


def correlate(geometry: pd.DataFrame, ranked: dict[tuple[str, str], str | None], scores: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of the models that may be ranked; in units of a loss where all of them have the same one."""
    kept = keep_models(geometry, ranked)
    if not len(kept) or not len(scores):
        return pd.DataFrame()
    one_loss = {}
    for objective in {objective for objective, _ in ranked}:
        losses = {loss for (of, _), loss in ranked.items() if of == objective}
        one_loss[objective] = len(losses) == 1 and None not in losses
    alike = [metric in COMPARABLE or one_loss[of] for of, metric in zip(kept["objective"], kept["metric"], strict=True)]
    return load("statistics", "flatness")(pd.DataFrame(kept[alike]), scores)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data; missing values are None."""
    return json.loads(frame.to_json(orient="records", double_precision=15) or "[]")
