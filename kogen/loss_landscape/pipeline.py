"""The verb `landscape`: from runs to surface, eigenmap and geometry (parquet) and landscape.json."""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common import registry, text
from kogen.data.cache_settings import usable_cores
from kogen.data.images import Images
from kogen.loss_landscape.cost_estimate import estimate_landscape
from kogen.loss_landscape.curvature_map import eigenmap
from kogen.loss_landscape.curvature_metrics import METRIC_PARTS, curvature_metrics
from kogen.loss_landscape.directions._plane import Plane
from kogen.loss_landscape.directions.random import NORMALISATIONS
from kogen.loss_landscape.grid import surface
from kogen.loss_landscape.objective import BATCH_NORM, Objective
from kogen.loss_landscape.runs import (
    OBJECTIVES,
    LandscapeRun,
    checkpoint_files,
    load_method,
    model_states,
    open_run,
    read_record,
    torch_device,
)
from kogen.loss_landscape.tables import (
    has_curvature_metrics,
    upsert_rows,
    write_curvature_metrics,
    write_facts,
    write_summary,
)
from kogen.options.landscape import LandscapeOptions
from kogen.surface_fit.interpolation import SQUARE
from kogen.surface_fit.multilevel import choose_corrections
from kogen.training.checkpoint import state_of

DIRECTIONS = ("between", "random", "sharpest", "trajectory")
FEW = 64  # images of the finest grid of a plane
SHARP = 256  # images at most on which curvature is measured: a product with a Hessian costs five to nine losses


def measure_landscape(
    runs: Sequence[Path],
    images: Images,
    options: LandscapeOptions,
    *,
    models: Sequence[str] | None = None,
    notify: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure the landscape of finished runs on `images`; returns the content of OUT/landscape.json.

    All runs share the frozen images, views and masks, and the draws of random planes. Of `options.images` images, `few`
    (by default FEW, or 8 batches of a loss that couples images) are evaluated on a grid of `steps` x `steps` and finer
    `levels`; more of them, up to all, correct it on coarser grids (`choose_corrections`). Both ends of the Hessian's
    spectrum are mapped over each run's first plane. `models`: the name of each run's model; runs of one model are its
    seeds. Directions: random | sharpest (one plane, along eigenvectors) | trajectory (through kept checkpoints) |
    between (from the first run to the others).

    Every point is written to OUT/landscape when it is known and never computed again. Under torchrun the processes
    share the points, with `workers` threads each (one a core). Raises ValueError for options that do not fit.
    """
    check_options(runs, options)
    out, directions, sharp, map_steps, seed = (
        options.out, options.directions, options.sharp, options.map_steps, options.seed
    )  # fmt: skip
    names = list(models or [read_record(run)[0]["model"] for run in runs])
    how: dict[str, Any] = {"objective": options.objective, "count": options.images, "batch": options.batch_size}
    how |= {"seed": seed, "batch_norm": options.batch_norm, "moves": options.moves, "terms": options.terms}
    workers = options.workers or (usable_cores() if torch_device().type == "cpu" else 1)
    grid = {"steps": options.steps, "levels": options.levels, "workers": workers}
    share, started = process_share(dict(os.environ)), time.perf_counter()
    others: list[LandscapeRun] = []
    if directions == "between":
        others = [open_run(run, images, model=name, **how) for run, name in zip(runs[1:], names[1:], strict=True)]
        runs, sharp = runs[:1], 0
    for number, run in enumerate(runs):
        one = open_run(run, images, model=names[number], **how)  # one at a time: all need not fit into memory
        loss = one.make_objective(options.images)
        default_few = FEW if loss.facts["unit"] == "image" else 8 * options.batch_size  # 8 units for error bars
        few = options.few or default_few
        chance = {"seed": seed, "normalise": options.normalise}
        wanted = make_planes(one, loss, others, directions, options.planes, chance)
        if number == 0 and share[0] == 0:
            curved = one.make_objective(sharp or SHARP) if sharp or map_steps else None
            asked = {"planes": len(wanted) * len(runs), "runs": len(runs), "metrics": sharp > 0, "map_steps": map_steps}
            notify(estimate_landscape(loss, few, curved, grid, processes=share[1], **asked))
        if sharp and number % share[1] == share[0]:
            measure_curvature(one, out, sharp, seed)
        for order, plane in enumerate(wanted):
            rows = evaluate_plane(one, loss, few, plane, order, out, grid, share)
            if share[0] == 0:
                upsert_rows(out, one.identity | {"direction": directions, "plane": order}, rows)
                minutes = (time.perf_counter() - started) / 60
                notify(f"{one.model} seed {one.seed}: plane {order + 1} of {len(wanted)}, {minutes:.1f} min")
        if map_steps:
            how_map = {"steps": map_steps, "seed": seed, "workers": workers, "share": share}
            found = map_curvature(one, one.make_objective(sharp or SHARP), wanted[0], out, **how_map)
            if share[0] == 0:
                upsert_rows(out, one.identity | {"direction": directions, "plane": 0}, found, "eigenmap")
                notify(f"{one.model} seed {one.seed}: map, {(time.perf_counter() - started) / 60:.1f} min")
        if share[0] == 0:
            if sharp:
                measure_curvature(one, out, sharp, seed)  # where another process has not done it
            how_grid = grid | {"few": loss.take_first(few).facts["images"], "seed": seed, "map": map_steps}
            facts = run_facts(one, loss, wanted, how_grid)
            through = [f"{other.model} {other.seed}" for other in (one, *others)] if others else []
            write_facts(out, one.identity | {"direction": directions}, facts | {"through": through})
    return write_summary(out) if share[0] == 0 else {}


def process_share(environment: dict[str, str]) -> tuple[int, int]:
    """The number of this process and the number of processes, as torchrun set them."""
    return int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))


def make_planes(
    one: LandscapeRun, loss: Objective, others: list[LandscapeRun], directions: str, planes: int, chance: dict[str, Any]
) -> list[Plane]:
    """The planes through a run's weights, in order. ValueError for a trajectory without checkpoints."""
    make = registry.load("directions", directions)
    if directions == "random":
        return [make(loss.at, plane=number, **chance) for number in range(planes)]
    if directions == "sharpest":
        return [make(one.make_objective(SHARP).weighted_losses(), loss.at, seed=chance["seed"])]
    if directions == "between":
        return [make(loss.at, model_states(others, loss.at), batch_norm=loss.batch_norm)]
    files = [file for file in checkpoint_files(one.folder) if not one.step or int(file.stem) < int(one.step)]
    if len(files) < 2 or one.facts["objective"].startswith("probe"):
        raise ValueError(
            f"{one.folder} keeps {len(files)} checkpoints before its weights: a trajectory needs two or more (files "
            "checkpoint/*.safetensors in the order of their names) and the objective pretrain"
        )
    passed = []
    for file in files:
        state = state_of(load_method(one.folder, one.plan, file.stem))
        passed.append({name: tensor.to(loss.at[name]) for name, tensor in state.items() if name in loss.at})
    return [make(loss.at, passed)]


def evaluate_plane(
    one: LandscapeRun,
    loss: Objective,
    few: int,
    plane: Plane,
    order: int,
    out: Path,
    grid: dict[str, Any],
    share: tuple[int, int],
) -> pd.DataFrame:
    """All points of a plane: of `few` images on the finest grid, then of more images on coarser ones."""

    def evaluate_images(images: int, **grids: Any) -> pd.DataFrame:
        part = loss.take_first(images)
        how = {**plane_arguments(one, part, plane, out, str(order)), **grid, **grids}
        return surface(part, part.at, plane.directions, share=share, **how).assign(images=part.facts["images"])

    tables = [evaluate_images(few)]
    for images, stride in choose_corrections(tables[0], loss.facts["images"]):
        tables.append(evaluate_images(images, steps=(grid["steps"] - 1) // stride + 1, levels=1))
    common = min(len(table["parts"].iloc[0]) for table in tables)
    found = pd.concat(tables, ignore_index=True)
    return found.assign(parts=found["parts"].map(partial(merge_parts, common)))


def map_curvature(one: LandscapeRun, loss: Objective, plane: Plane, out: Path, **how: Any) -> pd.DataFrame:
    """The ends of the spectrum over a plane; `how` goes to `eigenmap`."""
    return eigenmap(loss, plane.directions, **plane_arguments(one, loss, plane, out, "0", f"-map{how['steps']}"), **how)


def plane_arguments(
    one: LandscapeRun, loss: Objective, plane: Plane, out: Path, order: str, what: str = ""
) -> dict[str, Any]:
    """Keyword arguments of `surface` and `eigenmap`: span of the plane, folder on disk, and facts of the points."""
    name = f"{plane.facts['kind']}-{order}-{loss.facts['images']}{what}"
    folder = out / "landscape" / one.facts["objective"] / one.run_id / name
    facts = {"run": one.run_id, **one.facts, **loss.facts, "plane": short_facts(plane)}
    return {"folder": folder, "facts": facts, "span": plane.facts.get("span") or SQUARE}


def merge_parts(count: int, parts: Sequence[float]) -> list[float]:
    """Parts merged to `count` of them: all rows of a plane need the same number, and few units have few parts."""
    return [float(np.mean(some)) for some in np.array_split(parts, count)] if len(parts) > count else list(parts)


def short_facts(plane: Plane) -> dict[str, Any]:
    """The facts of a plane without the long list of excluded parameters."""
    return {name: fact for name, fact in plane.facts.items() if name != "excluded"}


def measure_curvature(one: LandscapeRun, out: Path, sharp: int, seed: int) -> None:
    """Write the curvature metrics of a run to the study, unless they are there."""
    loss = one.make_objective(sharp, METRIC_PARTS)
    facts = {**one.facts, **loss.facts}
    if not has_curvature_metrics(out, one.identity, facts):
        write_curvature_metrics(out, one.identity, facts, curvature_metrics(loss, seed=seed))


def run_facts(one: LandscapeRun, loss: Objective, wanted: list[Plane], grid: dict[str, Any]) -> dict[str, Any]:
    """How a run's landscape was measured, for landscape.json."""
    excluded = wanted[0].facts["excluded"]
    still = sum(loss.at[name].numel() for name in excluded if name in loss.at)
    reasons = {reason: sum(other == reason for other in excluded.values()) for reason in set(excluded.values())}
    facts = {**one.facts, **loss.facts, "method": one.method, "run_seed": one.seed, "backbone": one.plan.backbone}
    facts |= {"excluded": reasons, "excluded_share": still / sum(tensor.numel() for tensor in loss.at.values())}
    return facts | {"grid": grid, "planes": [short_facts(plane) for plane in wanted]}


def check_options(runs: Sequence[Path], options: LandscapeOptions) -> None:
    """ValueError for options that do not fit, before anything is opened."""
    for name, known in CHOICES.items():
        if (value := getattr(options, name)) not in known:
            raise ValueError(f"unknown {name} {value!r}: {text.hint(value, list(known))}")
    if options.steps % 2 == 0:
        raise ValueError(f"got steps={options.steps}: give an odd number, so that the trained weights are a point")
    if options.map_steps == 1:
        raise ValueError("got map_steps=1: give 2 or more points a side, or 0 for no map")
    if options.few is not None and not 1 <= options.few <= options.images:
        raise ValueError(f"got few={options.few} of {options.images} images: the finer grid takes 1 or more of them")
    ids = [read_record(run)[0]["id"] for run in runs]
    if len(set(ids)) < len(ids):
        twice = next(run for run, one in zip(runs, ids, strict=True) if ids.count(one) > 1)
        raise ValueError(f"got the run {twice} twice: give each run once")


CHOICES = {"objective": OBJECTIVES, "directions": DIRECTIONS, "normalise": NORMALISATIONS, "batch_norm": BATCH_NORM}
