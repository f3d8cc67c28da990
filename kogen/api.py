"""The verbs in Python: pilot, run, estimate, pretrain, evaluate, landscape, lottery, export, predict ..., report."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from kogen.api_tables import audit as audit
from kogen.api_tables import lottery as lottery
from kogen.api_tables import pool as pool
from kogen.api_tables import prior as prior
from kogen.api_tables import report as report
from kogen.api_tables import share as share
from kogen.api_tables import submit as submit
from kogen.common import distributed
from kogen.common.locks import lock_output
from kogen.common.metric_facts import check_metric
from kogen.common.outputs import claim_file, claim_folder, refuse_sources
from kogen.common.speech.console import say
from kogen.common.speech.progress import training_bar
from kogen.common.tasks import Stopped
from kogen.common.text import check_language
from kogen.config.plan import Plan, check_method, check_settings
from kogen.config.study import check_freeze
from kogen.data.lance_access import in_store, lance_place
from kogen.data.pack import check_place, pack_images
from kogen.data.split_names import one_part, training_part
from kogen.handover.classify import embed_images, predict_images
from kogen.handover.compare import compare as compare_models
from kogen.handover.export import export_classifier
from kogen.handover.push import push_model
from kogen.loss_landscape.export import export_surface
from kogen.loss_landscape.pipeline import measure_landscape
from kogen.loss_landscape.runs import find_runs, read_record, split_step
from kogen.options.handover import CompareOptions, EmbedOptions, PredictOptions
from kogen.options.hub import PushOptions
from kogen.options.landscape import LandscapeOptions
from kogen.options.model import takes, validate
from kogen.options.packing import PackOptions
from kogen.options.prices import make_prices, metric_with_prices
from kogen.options.runs import EvaluateOptions, ExportOptions, PretrainOptions
from kogen.options.study import EstimateOptions, PilotOptions, RunOptions
from kogen.options.view_options import ViewsOptions
from kogen.study import pilot as studies
from kogen.study.cost_estimate import Cost
from kogen.study.network_measurements import measure_running_costs
from kogen.study.plans import with_data
from kogen.study.predictions import names_of_runs
from kogen.study.request import check_method_fits, study_from_request
from kogen.study.run_study import run_study
from kogen.study.source_kind import check_views, fields_of_series
from kogen.study.splits import depth_of_runs, open_source, paths_read, storage_for
from kogen.study.study_start import (
    begin_plan,
    check_start_fits,
    images_for,
    keep_start,
    open_start,
    print_starts,
    read_starts,
    with_network,
)
from kogen.study.telling import print_notes, print_parts
from kogen.study.verdict_tracking import track_verdict
from kogen.study.view_picture import draw_views
from kogen.tracking.session import track_to
from kogen.training import fabric
from kogen.training.batch_fitting import choose_batch, fit_batch, say_if_smaller
from kogen.training.export import export_run
from kogen.training.run import runs_as_free, say_alarms, train_run
from kogen.training.start_weights import KEPT
from kogen.training.transformers_export import export_transformers
from kogen.verb_results import ComparisonResult, LandscapeResult, StudyResult, TrainedRun


@takes(PilotOptions)
def pilot(source: Any, options: PilotOptions) -> StudyResult:
    """The verdict on a source of images (or a study.toml): train every method, judge it on every set, report.

    Returns the content of verdict.json; the page is OUT/report.html. Finished work is not done again, interrupted work
    resumes. Raises ValueError for a question that cannot be answered, before training where possible.
    """
    study = studies.run_pilot(str(source), options)
    if options.prepare:
        return StudyResult({})
    measure_running_costs(options.out, study.costs)
    found = report(options.out, lang=study.lang) if distributed.rank() == 0 else StudyResult({})
    if found:
        track_verdict(found, study, options.out)
    return found


@takes(RunOptions)
def run(study: str | Path, options: RunOptions) -> dict[str, Any]:
    """Train and judge runs of a study that is there: one by its `index`, the `next` that is free, or all in turn.

    For tasks of a scheduler, on one machine or on many that see one folder; `report` makes the page of all. Returns ids
    of the runs that were worked on ("runs"), and how many are left. ValueError where this machine would train others.
    """
    return run_study(Path(study), options)


@takes(EstimateOptions)
def estimate(source: Any, options: EstimateOptions) -> Cost:
    """Minutes, memory and disk of a whole pilot on this machine, from a few real steps of each method.

    With `out`, the folder of a study: what is left of it, with what these options add. Nothing is written.
    """
    wanted = study_from_request(str(source), options)
    distributed.join_processes(options.processes)
    return studies.estimate_study(wanted, options.out)


@takes(PretrainOptions)
def pretrain(source: Any, options: PretrainOptions) -> TrainedRun:
    """Train one method on the images of `source` into the folder `out` and return its summary.

    Resumes where an earlier call stopped. Raises ValueError for unknown names (with the nearest right one), too few
    images, too little memory, and a loss that is NaN.
    """
    check_method(options.method)
    settings = {name.removeprefix(f"{options.method}."): value for name, value in options.settings.items()}
    check_settings(options.method, settings)
    if options.freeze is not None:
        check_freeze(options.freeze, options.init)
    start = open_start(options.init, options.out) if options.init else None
    # What is found in the images, and what is said of weights to go on from, comes later.
    asked = options.model_dump(include=set(Plan.model_fields) - {"depth", "init", "freeze"})
    if start:
        asked |= with_network({name: asked[name] for name in options.model_fields_set & set(asked)}, start)
    asked |= {"settings": settings}
    asked |= fields_of_series(str(source), options.model_dump(include=options.model_fields_set))
    wanted = validate(Plan, {name: value for name, value in asked.items() if value not in ("auto", None)}, "pretrain")
    check_views(wanted.views, wanted.image_size, wanted.items)
    check_method_fits(wanted, settings)
    if start:
        check_start_fits(wanted, start, options.freeze)
    to = track_to(options.trackers, options.out)
    claim_folder(options.out, paths_read(options, source, options.init))
    distributed.join_processes(options.processes)
    fabric.start(wanted.precision)
    storage = storage_for(wanted.image_size, options.max_bad, options.depth)
    images = training_part(open_source(str(source), storage, options, "train"))
    print_notes("train", images.notes)
    if start:
        keep_start(start, options.out)
        images = images_for(start, images)
    batch = choose_batch(options.batch_size, len(images))
    plan = with_data(wanted.model_copy(update={"batch_size": batch}), images)
    say_if_smaller(plan, batch)
    if start:
        plan = begin_plan(plan, start, options.out / KEPT, options.freeze)
        print_starts([plan])
    if options.batch_size == "auto":
        plan = fit_batch(plan, images, options.out)
        print_parts(plan)
    summary: dict[str, Any] = {}
    for _ in runs_as_free([options.out]):
        with training_bar(f"{plan.model} seed {plan.seed}") as bar:
            summary = train_run(plan, images, options.out, bar, keep=options.keep, to=to)
    say_alarms(summary, options.out, f"{plan.model} seed {plan.seed}")
    return TrainedRun(summary, options.out)


@takes(EvaluateOptions)
def evaluate(runs: Sequence[str | Path] | str | Path, options: EvaluateOptions) -> StudyResult:
    """The verdict on finished runs: probes learn on the labelled images of `train` and are judged on each of `tests`.

    The first of `tests` is the reference, the others are shifts; `corrupt` makes more shifts from the first. Rows go to
    OUT/predictions.parquet and are not computed again, the verdict to OUT/verdict.json and OUT/report.html.
    """
    distributed.refuse_processes(options.processes, "evaluate")
    listed = [runs] if isinstance(runs, (str, Path)) else list(runs)
    check_metric(metric_with_prices(options.metric, make_prices(options.prices)))
    studies.judge_runs(listed, options)
    measure_running_costs(options.out, options.costs, [Path(run) for run in listed])
    return report(options.out, lang=options.lang)


@takes(LandscapeOptions)
def landscape(runs: Sequence[str | Path] | str | Path, options: LandscapeOptions) -> LandscapeResult:
    """Measure and draw the loss of finished runs around their weights, as OUT/landscape.html.

    In `runs`, the folder of a study means its finished runs, and RUN@STEP a run at a checkpoint that it kept; there may
    be none beside `candidates`. Returns the content of OUT/landscape.json; stored points are not computed again.
    """
    from kogen.reporting.landscape import page

    given = [Path(runs)] if isinstance(runs, (str, Path)) else [Path(run) for run in runs]
    check_language(options.lang)
    first = distributed.find_processes(options.processes).rank == 0
    starts = read_starts(options.candidates)
    listed = find_runs(given, options.objective, say) if given or not starts else []
    parts = [split_step(run) for run in listed]
    called = names_of_runs([folder for folder, _ in parts], with_parts=True) if parts else []
    names = [f"{name}@{step}" if step else name for name, (_, step) in zip(called, parts, strict=True)]
    plans = [read_record(run)[1] for run in listed]
    size, depth = max(one.image_size for one in [*plans, *starts.values()]), depth_of_runs(plans, options.depth)
    claim_folder(options.out, paths_read(options, options.data, *options.candidates.values()))
    opened = one_part(open_source(options.data, storage_for(size, options.max_bad, depth), options), options.data)
    print_notes(opened.name, opened.notes)
    # The first process of a job holds the lock, and the others wait until it agrees with them on what is measured.
    with lock_output(options.out, "landscape") if first else nullcontext():
        found = measure_landscape(listed, opened, options, models=names, starts=starts, notify=say)
        if found:
            page.write(options.out, lang=options.lang)
    return LandscapeResult(found, options.out, options.lang)


@takes(ExportOptions)
def export(folder: str | Path, options: ExportOptions) -> str:
    """Write a run's backbone to `out`; returns the line of Python that loads it without kogen.

    With format "transformers", `out` is a folder that ViTMAE or Dinov2 of transformers opens.

    With `head`, write one model from pixels to class probabilities, and a card beside it; returns lines on its
    preprocessing and on what was checked.
    For the folder of a landscape, write one plane in the format of the ending of `out` (.h5, .npz, .vtp) and return its
    path. Raises ValueError for an unknown format or ending, an unfinished run, and a plane that does not exist.
    """
    if options.head:
        return export_classifier(Path(folder), options)
    if options.format == "onnx":
        raise ValueError("--format onnx writes a whole classifier: name its head, --head linear")
    if options.format == "transformers":
        return export_transformers(Path(folder), options.out)
    claim_file(options.out, [Path(folder)], force=options.force)
    if (Path(folder) / "surface.parquet").exists():
        which = options.model_dump(include={"run", "objective", "direction", "plane"})
        return str(export_surface(Path(folder), options.out, **which))
    return export_run(Path(folder), options.out, "timm" if options.format == "auto" else options.format)


@takes(PredictOptions)
def predict(images: Any, options: PredictOptions) -> Path:
    """Write the class of each of `images` to the csv `out`; returns `out`. ValueError for a file that is no model."""
    return predict_images(str(images), options)


@takes(EmbedOptions)
def embed(images: Any, options: EmbedOptions) -> Path:
    """Write the features of each of `images` to the table `out`; returns `out`."""
    return embed_images(str(images), options)


@takes(CompareOptions)
def compare(models: Sequence[str | Path], options: CompareOptions) -> ComparisonResult:
    """Whether the second of two `models` may replace the first: "verdict", "sentence", values with intervals, classes.

    With `out`, compare.json and newly_failing.csv are written there. ValueError for other than two models.
    """
    return ComparisonResult(compare_models([Path(model) for model in models], options))


@takes(PushOptions)
def push(hub: str, options: PushOptions) -> str:
    """Give a finished run or an exported classifier to `hub`, hf:OWNER/NAME; its address, and how timm opens it.

    What will be uploaded is said first. ValueError for an unfinished run, and for a repository with other content.
    """
    return push_model(hub, options)


@takes(ViewsOptions)
def views(source: Any, options: ViewsOptions) -> Path:
    """Write a picture of an image and 16 of its augmented views to `out`; returns `out`.

    With `advise`, find out which operations of the views fit the images, see `advise_on_views`; returns the page.
    """
    if options.advise:
        from kogen.api_advice import advise_on_views  # training, judging and pages: a picture needs none of them

        return advise_on_views(str(source), options)
    return draw_views(str(source), options)


@takes(PackOptions)
def pack(source: Any, options: PackOptions) -> str:
    """Write the images of `source` as the packed set `out`, which is a source of every verb; returns `out`.

    It opens as the set that the source opens as, and trains to the same weights. ValueError where something else is
    there.
    """
    place = lance_place(str(options.out))
    check_place(place)
    if not in_store(place):
        refuse_sources(options.out, paths_read(options, source))
    storage = storage_for(options.image_size, options.max_bad, options.depth)
    images = open_source(str(source), storage, options)
    print_notes(images.name, images.notes)
    if not pack_images(images, place, storage):
        say(f"{place} holds this set already")
    return place


__all__ = ["Stopped", "audit", "compare", "embed", "estimate", "evaluate", "export", "landscape", "lottery", "pilot"]
__all__ += ["pack", "pool", "predict", "pretrain", "prior", "push", "report", "run", "share", "submit", "views"]
