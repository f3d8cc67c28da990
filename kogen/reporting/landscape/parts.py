"""Parts of a landscape page: what is known of each objective, its planes, numbers and judgement."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kogen.common.tables import read_table
from kogen.reporting.landscape import figures, planes
from kogen.reporting.landscape.figures import ModelLandscape
from kogen.reporting.landscape.planes import ChosenPlane
from kogen.results.landscape_facts import LandscapeFacts, RunFacts, RunStanding, Standing
from kogen.results.landscape_judgement import Judgement, judge_landscape
from kogen.results.landscape_standing import ranked_models
from kogen.results.landscape_summary import mark_geometry
from kogen.results.lottery_summary import Row

SHAPES = ("width", "basin", "convex", "near_convex", "lambda_ratio", "error")  # comparable across losses
UNITS = ("range", "lambda_max", "lambda_min", "trace", "sam", "adaptive_sam", "noise")  # within one loss alone
METRICS = SHAPES + UNITS


@dataclass(frozen=True)
class Part:
    """One objective of a landscape."""

    objective: str
    landscapes: dict[str, ModelLandscape]  # random planes by model, of runs whose loss is finite
    maps: dict[str, list[pd.DataFrame]]  # of the curvature, by model and run
    others: dict[str, list[ChosenPlane]]  # chosen planes by kind
    cells: dict[tuple[str, str], Row]  # numbers by model and metric
    pairs: list[Row]
    flatness: list[Row]
    runs: list[RunFacts]  # each once
    standings: list[RunStanding]
    judged: Judgement

    @property
    def models(self) -> list[str]:
        """The models that numbers or planes are known of."""
        return sorted({*self.landscapes, *(model for model, _ in self.cells), *self.judged.standings})

    @property
    def is_drawn(self) -> bool:
        """Whether there is anything to show or to name."""
        lost = any(one.standing is Standing.NOT_FINITE for one in self.standings)
        return bool(self.landscapes or self.others or lost)

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """The order of the parts: random planes first, of these the ones that compare models."""
        return not self.landscapes, len(self.judged.ranked) < 2, self.objective

    @property
    def planes(self) -> int:
        """Random planes that every model has."""
        return min((len(one.splines[0]) for one in self.landscapes.values()), default=0)

    @property
    def side(self) -> int:
        """Points along a side of the maps of the curvature."""
        return max((len(set(one["alpha"])) for found in self.maps.values() for one in found), default=0)

    @property
    def seeds(self) -> int:
        """Maps of the curvature that a model has at most."""
        return max((len(found) for found in self.maps.values()), default=0)

    @property
    def by_loss(self) -> dict[str, list[str]]:
        """The models of each loss; those whose runs have several under each."""
        found: dict[str, list[str]] = {}
        for one in self.standings:
            if one.model not in found.setdefault(one.loss, []):
                found[one.loss].append(one.model)
        return dict(sorted(found.items()))

    @property
    def scales(self) -> dict[str, tuple[float, float]]:
        """The common scale of each model's surface: that of all models of its loss; none where it is alone."""
        found = {}
        for models in self.by_loss.values():
            there = [model for model in models if model in self.landscapes]
            if len(there) > 1:
                scale = figures.common_scale([self.landscapes[model] for model in there])
                found |= dict.fromkeys(there, scale)
        return found

    def metrics(self, among: tuple[str, ...]) -> list[str]:
        """Those of these metrics that any model has a number of."""
        return [name for name in among if any((model, name) in self.cells for model in self.models)]


def read_part(folder: Path, surface: pd.DataFrame, objective: str, facts: LandscapeFacts) -> Part:
    """What is known of one objective. Runs whose loss is not finite are named in its judgement, and left out here."""
    standings = [one for one in facts.standings or [] if one.objective == objective]
    lost = {one.run for one in standings if one.standing is Standing.NOT_FINITE}
    rows = pd.DataFrame(surface[(surface["objective"] == objective) & ~surface["run"].isin(list(lost))])
    random = rows[rows["direction"] == "random"].groupby("model", sort=True)
    landscapes = {str(model): figures.landscape_from_rows(pd.DataFrame(one)) for model, one in random}
    numbers, eigenmap = (objective_rows(folder, name, objective) for name in ("geometry", "eigenmap"))
    numbers = mark_geometry(numbers, standings)  # an older table has widths of networks that have no basin
    runs = [run for run in facts.runs if run.objective == objective]
    cells = {(str(row["model"]), str(row["metric"])): row for row in numbers.to_dict("records")}
    shown = {key: row for key, row in cells.items() if row["value"] == row["value"] and row["value"] is not None}
    compared = ranked_models(standings, objective).keys() & landscapes.keys() or landscapes.keys()
    count = min((len(landscapes[model].splines[0]) for model in compared), default=0)
    judged = judge_landscape(facts, list(shown.values()), objective, count, list(landscapes))
    others = {kind: planes.chosen_planes(rows, eigenmap, runs, kind) for kind in planes.kinds_of(rows)}
    pairs = [row for row in facts.pairs if row["objective"] == objective and row["difference"] is not None]
    pairs = [row for row in pairs if row["metric"] in METRICS]
    return Part(
        objective,
        landscapes,
        curvature_maps(eigenmap, landscapes),
        {kind: found for kind, found in others.items() if found},
        shown,  # type: ignore[arg-type]
        sorted(pairs, key=lambda row: (METRICS.index(row["metric"]), row["first"], row["second"])),
        [row for row in facts.flatness if row["objective"] == objective and row["verdict"] != "too few"],
        unique_runs(runs),
        standings,
        judged,
    )


def objective_rows(folder: Path, name: str, objective: str) -> pd.DataFrame:
    """The rows of one objective of a table that need not be there; no rows, and no columns, then."""
    path = folder / f"{name}.parquet"
    table = read_table(path) if path.exists() else pd.DataFrame()
    return pd.DataFrame(table[table["objective"] == objective]) if len(table) else table


def curvature_maps(eigenmap: pd.DataFrame, landscapes: Mapping[str, ModelLandscape]) -> dict[str, list[pd.DataFrame]]:
    """The maps over the first random plane, by model and run."""
    if not len(eigenmap):
        return {}
    mapped = eigenmap[eigenmap["direction"] == "random"].groupby("model", sort=True)
    found = {str(model): [pd.DataFrame(one) for _, one in rows.groupby("run", sort=True)] for model, rows in mapped}
    return {model: maps for model, maps in found.items() if model in landscapes}


def unique_runs(runs: list[RunFacts]) -> list[RunFacts]:
    """Each run once, in order: as it was measured on random planes, where it was."""
    found: dict[str, RunFacts] = {}
    for run in runs:
        if run.run not in found or run.direction == "random":
            found[run.run] = run
    return list(found.values())
