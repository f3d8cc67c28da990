"""The verbs in Python: pilot, estimate, pretrain, evaluate, landscape, lottery, export, predict ..., views, report."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from kogen.common import distributed
from kogen.common.console import say
from kogen.common.contracts import to_plain
from kogen.common.locks import lock_output
from kogen.common.metric_facts import check_metric
from kogen.common.outputs import claim_file, claim_folder
from kogen.common.progress import progress_bar, training_bar
from kogen.common.tasks import Stopped
from kogen.common.text import check_language
from kogen.config.plan import Plan, check_method, check_settings
from kogen.config.recipes import method_lines as method_lines
from kogen.config.recipes import recipe_lines as recipe_lines
from kogen.config.study import check_freeze
from kogen.data.split_names import one_part, training_part
from kogen.handover.classify import embed_images, predict_images
from kogen.handover.compare import compare as compare_models
from kogen.handover.export import export_classifier
from kogen.loss_landscape.export import export_surface
from kogen.loss_landscape.pipeline import measure_landscape
from kogen.loss_landscape.runs import find_runs, read_record, split_step
from kogen.options.audit import AuditOptions
from kogen.options.handover import CompareOptions, EmbedOptions, PredictOptions
from kogen.options.landscape import LandscapeOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.model import takes, validate
from kogen.options.prices import make_prices, metric_with_prices
from kogen.options.runs import EvaluateOptions, ExportOptions, PretrainOptions, ReportOptions, ViewsOptions
from kogen.options.study import EstimateOptions, PilotOptions, StudyOptions
from kogen.results.asked import FIRST
from kogen.results.gather import gather_predictions
from kogen.results.judge import judge_results
from kogen.results.questions import table_paths
from kogen.study import pilot as studies
from kogen.study.cost_estimate import Cost
from kogen.study.extension import read_whole_question
from kogen.study.gallery import write_gallery
from kogen.study.network_measurements import measure_running_costs
from kogen.study.plans import with_data
from kogen.study.predictions import names_of_runs
from kogen.study.request import check_method_fits, read_question, study_from_request
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
from kogen.training import fabric
from kogen.training.batch_fitting import choose_batch, fit_batch, say_if_smaller
from kogen.training.export import export_run
from kogen.training.run import runs_as_free, train_run
from kogen.training.start_weights import KEPT


@takes(PilotOptions)
def pilot(source: str | Path, options: PilotOptions) -> dict[str, Any]:
    """The verdict on a source of images (or a study.toml): train every method, judge it on every set, report.

    Returns the content of verdict.json; the page is OUT/report.html. Finished work is not done again, interrupted work
    resumes. Raises ValueError for a question that cannot be answered, before training where possible.
    """
    study = studies.run_pilot(str(source), options)
    measure_running_costs(options.out, study.costs)
    return report(options.out, lang=study.lang) if distributed.rank() == 0 else {}


@takes(EstimateOptions)
def estimate(source: str | Path, options: EstimateOptions) -> Cost:
    """Minutes, memory and disk of a whole pilot on this machine, from a few real steps of each method.

    With `out`, the folder of a study: what is left of it, with what these options add. Nothing is written.
    """
    wanted = study_from_request(str(source), options)
    distributed.join_processes(options.processes)
    return studies.estimate_study(wanted, options.out)


@takes(PretrainOptions)
def pretrain(source: str | Path, options: PretrainOptions) -> dict[str, Any]:
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
    wanted = validate(Plan, {name: value for name, value in asked.items() if value not in ("auto", None)}, "pretrain")
    check_method_fits(wanted, settings)
    if start:
        check_start_fits(wanted, start, options.freeze)
    claim_folder(options.out, paths_read(options, source, options.init))
    distributed.join_processes(options.processes)
    fabric.start(wanted.precision)
    storage = storage_for(wanted.image_size, options.max_bad, options.depth)
    images = training_part(open_source(str(source), storage, options, "train"))
    if distributed.rank() == 0:
        studies.print_notes("train", images.notes)
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
        studies.print_parts(plan)
    summary: dict[str, Any] = {}
    for _ in runs_as_free([options.out]):
        with training_bar(f"{plan.model} seed {plan.seed}") as bar:
            summary = train_run(plan, images, options.out, bar, keep=options.keep)
    return summary


@takes(EvaluateOptions)
def evaluate(runs: Sequence[str | Path] | str | Path, options: EvaluateOptions) -> dict[str, Any]:
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
def landscape(runs: Sequence[str | Path] | str | Path, options: LandscapeOptions) -> dict[str, Any]:
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
    if first:
        studies.print_notes(opened.name, opened.notes)
    # The first process of a job holds the lock, and the others wait until it agrees with them on what is measured.
    with lock_output(options.out, "landscape") if first else nullcontext():
        found = measure_landscape(listed, opened, options, models=names, starts=starts, notify=say)
        if found:
            page.write(options.out, lang=options.lang)
    return found


@takes(LotteryOptions)
def lottery(table: str | Path | Sequence[str | Path], options: LotteryOptions) -> dict[str, Any]:
    """Judge any table of results (a row per image, or scores) and write its tables, verdict.json and report.html.

    `table`: a csv, markdown or parquet file, or a frame; several files of scores are joined by model.
    Returns the summary with the judgement, and the first sentences of the page as "words". ValueError for a table that
    cannot be read, and where `out` holds a study, whose page has its own lottery.
    """
    from kogen.reporting.lottery import page

    check_language(options.lang)
    if (options.out / "study.toml").exists():
        raise ValueError(f"{options.out} is a study, whose report shows its own lottery: choose another --out")
    claim_folder(options.out, table_paths(table) or [])
    with lock_output(options.out):
        with progress_bar("judging the table", transient=True) as report:
            summary, judgement = judge_results(table, options, options.out, report)
        words = page.write(options.out, lang=options.lang)
        return to_plain(summary) | {"judgement": to_plain(judgement), "words": words}


@takes(ExportOptions)
def export(folder: str | Path, options: ExportOptions) -> str:
    """Write a run's backbone to `out`; returns the line of Python that loads it without kogen.

    With `head`, write one model from pixels to class probabilities, and a card beside it; returns lines on its
    preprocessing and on what was checked.
    For the folder of a landscape, write one plane in the format of the ending of `out` (.h5, .npz, .vtp) and return its
    path. Raises ValueError for an unknown format or ending, an unfinished run, and a plane that does not exist.
    """
    if options.head:
        return export_classifier(Path(folder), options)
    if options.format == "onnx":
        raise ValueError("--format onnx writes a whole classifier: name its head, --head linear")
    claim_file(options.out, [Path(folder)], force=options.force)
    if (Path(folder) / "surface.parquet").exists():
        which = options.model_dump(include={"run", "objective", "direction", "plane"})
        return str(export_surface(Path(folder), options.out, **which))
    return export_run(Path(folder), options.out, "timm" if options.format == "auto" else options.format)


@takes(PredictOptions)
def predict(images: str | Path, options: PredictOptions) -> Path:
    """Write the class of each of `images` to the csv `out`; returns `out`. ValueError for a file that is no model."""
    return predict_images(str(images), options)


@takes(EmbedOptions)
def embed(images: str | Path, options: EmbedOptions) -> Path:
    """Write the features of each of `images` to the table `out`; returns `out`."""
    return embed_images(str(images), options)


@takes(CompareOptions)
def compare(models: Sequence[str | Path], options: CompareOptions) -> dict[str, Any]:
    """Whether the second of two `models` may replace the first: "verdict", "sentence", values with intervals, classes.

    With `out`, compare.json and newly_failing.csv are written there. ValueError for other than two models.
    """
    return compare_models([Path(model) for model in models], options)


@takes(ViewsOptions)
def views(source: str | Path, options: ViewsOptions) -> Path:
    """Write a picture of an image and 16 of its augmented views to `out`; returns `out`."""
    asked = options.model_dump(include={"views", "image_size", "max_bad"})
    study = study_from_request(str(source), StudyOptions(**asked))
    claim_file(options.out, paths_read(options, source), force=options.force)
    storage = storage_for(study.image_size, study.max_bad, options.depth)
    images = training_part(open_source(str(source), storage, options))
    studies.print_notes(images.name, images.notes)
    studies.write_view_sheet(images, study, options.out, options.seed)
    return options.out


@takes(ReportOptions)
def report(study: str | Path, options: ReportOptions) -> dict[str, Any]:
    """The verdict on a study, from its tables alone; writes verdict.json and report.html."""
    from kogen.reporting.study import page, verdict  # training does not load what only pages need

    folder = Path(study)
    asked = read_question(folder)
    lang = options.lang or asked["lang"]
    prices = options.prices or asked["prices"]
    check_metric(metric_with_prices(options.metric, make_prices(prices)))
    claim_folder(folder, expected=["study.toml"])
    with lock_output(folder):
        gather_predictions(folder)
        metric = options.metric or asked["metric"]
        known: dict[str, Any] = {"margin": asked["margin"], "protocol": asked["probes"][0], "lang": lang}
        judged = verdict.build(folder, metric=metric, prices=prices, **known)
        write_gallery(folder, judged.hard, private=asked["private"])
        page.write(folder, lang=lang)
    return to_plain(judged)


@takes(AuditOptions)
def audit(study: str | Path, options: AuditOptions) -> dict[str, Any]:
    """Judge a study again from the tables of its runs, check its records, and write audit.json and audit.html.

    Returns the content of audit.json: "passed" where the judgement is the same and no record contradicts another. The
    tables and the verdict of the study stay as they are. ValueError for a folder that holds no study.
    """
    from kogen.reporting.audit import page
    from kogen.reporting.audit.assemble import make_audit

    folder = Path(study)
    if not (folder / FIRST).exists():
        raise ValueError(f"{folder} holds no study (no {FIRST}): give a folder that `kogen pilot` or `evaluate` wrote")
    check_language(options.lang or "en")
    claim_folder(folder, expected=[FIRST])
    with lock_output(folder):
        found = make_audit(folder, read_whole_question)
        return page.write(folder, found, options.lang or found.lang)


__all__ = ["Stopped", "audit", "compare", "embed", "estimate", "evaluate", "export", "landscape", "lottery", "pilot"]
__all__ += ["predict", "pretrain", "report", "views"]
