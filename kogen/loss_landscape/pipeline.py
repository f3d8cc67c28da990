"""The verb `landscape`: from runs to surface, eigenmap and geometry (parquet) and landscape.json."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common import distributed, registry, text
from kogen.common.plugins import find_plugin
from kogen.common.speech.console import say
from kogen.common.system import usable_cores
from kogen.data.images import Images
from kogen.loss_landscape import runs as landscape_runs
from kogen.loss_landscape import tables
from kogen.loss_landscape.cost_estimate import estimate_landscape
from kogen.loss_landscape.curvature_map import eigenmap
from kogen.loss_landscape.curvature_metrics import METRIC_PARTS, curvature_metrics
from kogen.loss_landscape.directions._plane import Plane, check_shapes
from kogen.loss_landscape.directions.random import NORMALISATIONS
from kogen.loss_landscape.grid import surface
from kogen.loss_landscape.grouped_objective import default_few, first_images
from kogen.loss_landscape.objective import BATCH_NORM, Objective
from kogen.loss_landscape.point_log import Sharing
from kogen.loss_landscape.published_runs import check_candidate_names, open_published
from kogen.loss_landscape.runs import OBJECTIVES, LandscapeRun, open_run, read_record, torch_device
from kogen.loss_landscape.spectrum import block_curvature, spectral_density
from kogen.options.landscape import LandscapeOptions, PlaneOptions
from kogen.results.landscape_facts import GridFacts, PlaneFacts, RunFacts, name_run
from kogen.surface_fit.multilevel import choose_corrections
from kogen.training.start_weights import Start

DIRECTIONS = ("between", "random", "sharpest", "trajectory")
SHARP = 256  # images at most on which curvature is measured: a product with a Hessian costs five to nine losses


def measure_landscape(
    runs: Sequence[Path],
    images: Images,
    options: LandscapeOptions,
    *,
    models: Sequence[str] | None = None,
    starts: Mapping[str, Start] | None = None,
    notify: Callable[[str], None] = say,
) -> dict[str, Any]:
    """Measure the landscape of finished runs on `images`; returns the content of OUT/landscape.json.

    `starts`: published files by name, which are looked at as the runs are.

    All runs share the frozen images, views and masks, and the draws of random planes. Of `options.images` images, `few`
    (by default those of `default_few`) are evaluated on a grid of `steps` x `steps` and finer `levels`; more of them,
    up to all, correct it on coarser grids (`choose_corrections`). Both ends of the Hessian's spectrum are mapped over
    each run's first plane. `models`: the name of each run's model; runs of one model are its seeds. Directions: random
    | sharpest (one plane, along eigenvectors) | trajectory (through kept checkpoints) | between (from the first run to
    the others).

    Every point is written to OUT/landscape when it is known and never computed again. Under torchrun the processes
    share the points, with `workers` threads each (one a core). Raises ValueError for options that do not fit.
    """
    check_options(runs, options)
    records = [read_record(run)[0] for run in runs]
    names = list(models or [record["model"] for record in records])
    files = dict(starts or {})
    check_candidate_names(list(files), names)
    ids = [record["id"] for record in records] + [start.digest for start in files.values()]
    process = share_points({"images": images.digest, "runs": ids}, options)
    options = options.model_copy(update={"workers": count_workers(options, torch_device().type)})
    opened = [partial(open_run, run, images, options, name) for run, name in zip(runs, names, strict=True)]
    opened += [partial(open_published, name, start, images, options) for name, start in files.items()]
    return measure_runs(opened, options, process, notify)


def count_workers(options: PlaneOptions, device: str) -> int:
    """Threads that compute points: as asked for, or one a core; one for a GPU."""
    return options.workers or (usable_cores() if device == "cpu" else 1)


def measure_runs(
    runs: Sequence[Callable[[], LandscapeRun]],
    options: PlaneOptions,
    process: tuple[int, int],
    notify: Callable[[str], None],
) -> dict[str, Any]:
    """Measure runs, each opened when it is its turn; as `measure_landscape`."""
    started, others = time.perf_counter(), list[LandscapeRun]()
    if options.directions == "between":
        others = [open_other() for open_other in runs[1:]]
        runs, options = runs[:1], options.model_copy(update={"sharp": 0, "by": "", "density": 0})
    out, map_steps, first = options.out, options.map_steps, process[0] == 0
    sharp, curved_too = options.sharp, bool(options.sharp or options.by or options.density)

    def save(one: LandscapeRun, kind: str, plane: int, rows: pd.DataFrame, what: str) -> None:
        if first:
            place = one.identity | {"direction": options.directions, "plane": plane}
            if kind == "surface":
                tables.write_plane(out, place, rows)
            else:
                tables.upsert_rows(out, place, rows, kind)
            minutes = (time.perf_counter() - started) / 60
            notify(f"{one.label}: {what}, {minutes:.1f} min")

    for number, open_one in enumerate(runs):
        one = open_one()  # one at a time: all need not fit into memory
        whole = one.make_objective()
        loss = first_images(whole, whole.facts["images"])
        few = first_images(loss, options.few or default_few(loss))
        planes = make_planes(one, loss, others)
        if number == 0 and first:
            curved = one.make_objective(sharp or SHARP) if curved_too or map_steps else None
            amounts = options, len(planes) * len(runs), len(runs), process[1], time.perf_counter() - started
            notify(estimate_landscape(few, loss, curved, *amounts))
        if curved_too and number % process[1] == process[0]:
            measure_curvature(one)
        for order, plane in enumerate(planes):
            rows = evaluate_plane(one, loss, few, plane, order, process)
            save(one, "surface", order, rows, f"plane {order + 1} of {len(planes)}")
        if map_steps:
            curved = one.make_objective(sharp or SHARP)
            name = f"0-{curved.facts['images']}-map{map_steps}"
            sharing = plane_sharing(one, curved, planes[0], name, process)
            found = eigenmap(curved, planes[0].directions, map_steps, sharing, span=planes[0].span, seed=options.seed)
            save(one, "eigenmap", 0, found, "map")
        if first:
            if curved_too and number % process[1]:
                measure_curvature(one)  # another process was to do it, and may have stopped
            through = [name_run(other.model, other.about["run_seed"]) for other in (one, *others)] if others else []
            tables.write_facts(out, run_facts(one, loss, few, planes, through))
    return tables.write_summary(out) if first else {}


def share_points(what: dict[str, Any], options: PlaneOptions) -> tuple[int, int]:
    """Number of this process and number of processes that share the points. ValueError where they do not agree.

    `what` they measure: digests of models and data. From then on a process that is lost does not stop the others: they
    compute its points.
    """
    launch = distributed.find_processes(options.processes)
    facts = options.model_dump(mode="json", exclude={"out", "workers", "data", "labels", "processes"})
    distributed.check_agreement(facts | what, "the landscape")
    distributed.stop_watching()
    return launch.rank, launch.size


def make_planes(one: LandscapeRun, loss: Objective, others: list[LandscapeRun]) -> list[Plane]:
    """The planes through a run's weights, in order. ValueError for a trajectory without checkpoints."""
    options, make = one.options, registry.load("directions", one.options.directions)
    if options.directions not in DIRECTIONS:
        return [own_plane(options, make, loss, number) for number in range(options.planes)]
    if options.directions == "random":
        chance = {"seed": options.seed, "normalise": options.normalise}
        return [make(loss.at, plane=number, **chance) for number in range(options.planes)]
    if options.directions == "sharpest":
        return [make(one.make_objective(SHARP).weighted_losses(), loss.at, seed=options.seed)]
    if options.directions == "between":
        return [make(loss.at, landscape_runs.model_states(others, loss.at), batch_norm=loss.batch_norm)]
    passed = [
        {name: tensor.to(loss.at[name]) for name, tensor in state.items() if name in loss.at}
        for state in one.checkpoints()
    ]
    return [make(loss.at, passed)]


def own_plane(options: PlaneOptions, make: Callable[..., Any], loss: Objective, number: int) -> Plane:
    """A plane of a user's own: `make(at, plane=number, seed=seed)`. ValueError for what does not fit the weights."""
    name = options.directions
    made = make({key: tensor.clone() for key, tensor in loss.at.items()}, plane=number, seed=options.seed)
    if not isinstance(made, Plane):
        raise ValueError(f"the directions {name!r} returned a {type(made).__name__}: wanted a kogen.extend.Plane")
    for direction in made.directions:
        check_shapes(loss.at, direction, f"a direction of {name!r}")
        if odd := [key for key, tensor in direction.items() if not bool(tensor.isfinite().all())]:
            raise ValueError(f"a direction of {name!r} is NaN or infinite in {odd[0]!r}: wanted finite numbers")
    known = [field.name for field in fields(PlaneFacts)]
    if odd := [key for key in made.facts if key not in known]:
        raise ValueError(f"the plane of {name!r} has the fact {odd[0]!r}: its facts are {', '.join(known)}")
    facts = {"kind": name, "plane": number, "seed": options.seed, "excluded": {}} | made.facts
    return Plane(made.first, made.second, facts)


def evaluate_plane(
    one: LandscapeRun, loss: Objective, few: Objective, plane: Plane, order: int, process: tuple[int, int]
) -> pd.DataFrame:
    """All points of a plane: of the `few` images on the finest grid, then of more images on coarser ones."""

    def evaluate(part: Objective, steps: int, levels: int) -> pd.DataFrame:
        images = part.facts["images"]
        sharing = plane_sharing(one, part, plane, f"{order}-{images}", process)
        rows = surface(part, part.at, plane.directions, steps, levels=levels, span=plane.span, sharing=sharing)
        return rows.assign(images=images)

    steps = one.options.steps
    drawn = [evaluate(few, steps, one.options.levels)]
    for images, stride in choose_corrections(drawn[0], loss.facts["images"]):
        drawn.append(evaluate(first_images(loss, images), (steps - 1) // stride + 1, 1))
    common = min(len(table["parts"].iloc[0]) for table in drawn)
    found = pd.concat(drawn, ignore_index=True)
    return found.assign(parts=[merge_parts(common, parts) for parts in found["parts"]])


def plane_sharing(one: LandscapeRun, loss: Objective, plane: Plane, name: str, process: tuple[int, int]) -> Sharing:
    """Where the points of a plane are kept, and what they belong to."""
    folder = one.options.out / "landscape" / one.facts["objective"] / one.run_id / f"{plane.facts['kind']}-{name}"
    facts = {"run": one.run_id, **one.facts, **loss.facts, "plane": short_facts(plane)}
    return Sharing(folder, facts, one.options.workers or 1, process)


def merge_parts(count: int, parts: Sequence[float]) -> list[float]:
    """Parts merged to `count` of them: all rows of a plane need the same number, and few units have few parts."""
    return [float(np.mean(some)) for some in np.array_split(parts, count)] if len(parts) > count else list(parts)


def short_facts(plane: Plane) -> dict[str, Any]:
    """The facts of a plane without the long list of excluded parameters."""
    return {name: fact for name, fact in plane.facts.items() if name != "excluded"}


def measure_curvature(one: LandscapeRun) -> None:
    """Write the curvature metrics of a run, of parts of its network and its spectrum, unless they are there."""
    options, out = one.options, one.options.out
    loss = one.make_objective(options.sharp or SHARP, METRIC_PARTS)
    wanted: list[tuple[str, dict[str, Any], Callable[[], list[dict[str, Any]]]]] = []
    if options.sharp:
        wanted.append(("readings", {}, lambda: curvature_metrics(loss, options.seed)))
    if options.by:
        wanted.append(("blocks", {"by": options.by}, lambda: block_curvature(loss, options.by, options.seed)))
    if options.density:
        wanted.append(
            ("spectrum", {"draws": options.density}, lambda: spectral_density(loss, options.density, options.seed))
        )
    for kind, more, measure in wanted:
        facts = one.facts | loss.facts | more
        if not tables.has_curvature(out, kind, one.identity, facts):
            tables.write_curvature(out, kind, one.identity, facts, measure())


def run_facts(one: LandscapeRun, loss: Objective, few: Objective, planes: list[Plane], through: list[str]) -> RunFacts:
    """How a run's landscape was measured, for landscape.json."""
    options = one.options
    excluded, size = planes[0].facts["excluded"], sum(tensor.numel() for tensor in loss.at.values())
    still = sum(loss.at[name].numel() for name in excluded if name in loss.at)
    sides = options.steps, options.levels, options.workers, options.seed, options.map_steps
    return RunFacts(
        **one.identity | one.facts | loss.facts,
        excluded_share=still / size,
        grid=GridFacts(few.facts["images"], *sides, few.facts["unit"]),
        direction=options.directions,
        through=through,
        planes=[PlaneFacts(**short_facts(plane)) for plane in planes],
        excluded=dict(Counter(excluded.values())),
        **one.about,
    )


def check_plane_options(options: PlaneOptions) -> None:
    """ValueError for options of any landscape that do not fit."""
    for name, known in CHOICES.items():
        own = name == "directions" and find_plugin("directions", options.directions)
        if (value := getattr(options, name, None)) is not None and value not in known and not own:
            raise ValueError(f"unknown {name} {value!r}: {text.hint(value, list(known))}")
    if options.steps % 2 == 0:
        raise ValueError(f"got steps={options.steps}: give an odd number, so that the trained weights are a point")
    if options.map_steps == 1:
        raise ValueError("got map_steps=1: give 2 or more points a side, or 0 for no map")


def check_options(runs: Sequence[Path], options: LandscapeOptions) -> None:
    """ValueError for options that do not fit, before anything is opened."""
    check_plane_options(options)
    if options.few is not None and not 1 <= options.few <= options.images:
        raise ValueError(f"got few={options.few} of {options.images} images: the finer grid takes 1 or more of them")
    ids = [read_record(run)[0]["id"] for run in runs]
    if len(set(ids)) < len(ids):
        twice = next(run for run, one in zip(runs, ids, strict=True) if ids.count(one) > 1)
        raise ValueError(f"got the run {twice} twice: give each run once")


CHOICES = {"objective": OBJECTIVES, "directions": DIRECTIONS, "normalise": NORMALISATIONS, "batch_norm": BATCH_NORM}
CHOICES |= {"by": ("", "blocks", "layers")}
