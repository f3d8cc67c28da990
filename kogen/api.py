"""The verbs, in Python: pilot, estimate, pretrain, evaluate, landscape, lottery, export, views, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kogen.common import distributed
from kogen.common.contracts import to_plain
from kogen.common.progress import training_bar
from kogen.common.text import check_language
from kogen.config.plan import Plan, check_method, check_settings
from kogen.data.open import open_images
from kogen.loss_landscape.export import export_surface
from kogen.loss_landscape.pipeline import measure_landscape
from kogen.loss_landscape.runs import find_runs, read_record, split_step
from kogen.options.base import takes, validate
from kogen.options.landscape import LandscapeOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.runs import EvaluateOptions, ExportOptions, PretrainOptions, ReportOptions, ViewsOptions
from kogen.options.study import PilotOptions, StudyOptions
from kogen.results.judge import judge_results
from kogen.study.cost_estimate import Cost
from kogen.study.pilot import (
    console,
    estimate_study_cost,
    judge_runs,
    open_study_splits,
    print_parts,
    run_pilot,
    write_view_sheet,
)
from kogen.study.plans import plans_of, with_data
from kogen.study.predictions import names_of_runs
from kogen.study.request import check_method_fits, read_question, refuse_output_inside_sources, study_from_request
from kogen.study.splits import storage_size
from kogen.training import fabric
from kogen.training.batch_fitting import fit_batch
from kogen.training.export import export_run
from kogen.training.loop import Stopped
from kogen.training.run import train_run


@takes(PilotOptions)
def pilot(source: str | Path, options: PilotOptions) -> dict[str, Any]:
    """From a source of images (or a study.toml) to a verdict: train every method, judge it on every set, report.

    Returns what verdict.json holds; the page is OUT/report.html. Done work is found and kept, interrupted work resumes.
    Raises ValueError for anything that cannot be answered, before training where possible.
    """
    study = run_pilot(str(source), options)
    return report(options.out, lang=study.lang) if distributed.rank() == 0 else {}


@takes(StudyOptions)
def estimate(source: str | Path, options: StudyOptions) -> Cost:
    """Minutes, memory and disk of a whole pilot on this machine, from a few real steps of each method."""
    study = study_from_request(str(source), options)
    sets = open_study_splits(study)
    return estimate_study_cost(plans_of(study, sets), sets, study.probes)


@takes(PretrainOptions)
def pretrain(source: str | Path, options: PretrainOptions) -> dict[str, Any]:
    """Train one method on the images of `source` into the folder `out` and return its summary.

    Resumes where an earlier call stopped. Raises ValueError for unknown names (with the nearest right one), too few
    images, too little memory, or NaN.
    """
    check_method(options.method)
    check_settings(options.method, options.settings)
    refuse_output_inside_sources(options.out, str(source))
    asked = options.model_dump(include=set(PretrainOptions.model_fields) & set(Plan.model_fields))
    auto = options.batch_size == "auto"
    wanted = validate(Plan, {name: value for name, value in asked.items() if value != "auto"}, "pretrain")
    check_method_fits(wanted, options.settings)
    fabric.start(wanted.precision)
    how = {"store": storage_size(wanted.image_size), "max_bad": options.max_bad}
    images = open_images(source, labels=options.labels, **how)
    plan = with_data(wanted, images)
    if auto:
        plan = fit_batch(plan, images, options.out)
        print_parts(plan)
    with training_bar(f"{plan.method} seed {plan.seed}") as bar:
        return train_run(plan, images, options.out, bar, keep=options.keep)


@takes(EvaluateOptions)
def evaluate(runs: Sequence[str | Path] | str | Path, options: EvaluateOptions) -> dict[str, Any]:
    """Judge finished runs: probes learn on the labelled images of `train` and are judged on each of `tests`.

    The first of `tests` is the reference, the others are shifts; `corrupt` makes more of them from the first. Rows go
    to OUT/predictions.parquet, the verdict to OUT/verdict.json and OUT/report.html; what is already there is not
    computed again. Returns the verdict.
    """
    judge_runs([runs] if isinstance(runs, (str, Path)) else list(runs), options)
    return report(options.out, lang=options.lang)


@takes(LandscapeOptions)
def landscape(runs: Sequence[str | Path] | str | Path, options: LandscapeOptions) -> dict[str, Any]:
    """Draw and measure the loss of finished runs around their weights; see OUT/landscape.html.

    A study's folder among `runs` stands for its finished runs, RUN@STEP for a run at a checkpoint that it kept. Returns
    what OUT/landscape.json holds; stored points are never computed again. Raises ValueError for what does not fit.
    """
    from kogen.reporting.landscape import page

    given = [Path(runs)] if isinstance(runs, (str, Path)) else [Path(run) for run in runs]
    check_language(options.lang)
    refuse_output_inside_sources(options.out, options.data)
    listed = find_runs(given, options.objective, console.print)
    names = names_of_runs([split_step(run)[0] for run in listed])
    names = [
        f"{name}@{step}" if (step := split_step(run)[1]) else name for run, name in zip(listed, names, strict=True)
    ]
    size = max(read_record(run)[1].image_size for run in listed)
    opened = open_images(options.data, labels=options.labels, store=storage_size(size), max_bad=options.max_bad)
    found = measure_landscape(listed, opened, options, models=names, notify=console.print)
    if distributed.rank() == 0 and found:
        page.write(options.out, lang=options.lang)
    return found


@takes(LotteryOptions)
def lottery(table: str | Path, options: LotteryOptions) -> dict[str, Any]:
    """Judge any table of results (a row an image, or scores alone) and write its tables, verdict.json and report.html.

    Returns the summary, with what the page says first under "words". ValueError for tables that cannot be read, or an
    `out` that is a study's: its page shows its own lottery.
    """
    from kogen.reporting.lottery import page

    check_language(options.lang)
    if (options.out / "study.toml").exists():
        raise ValueError(f"{options.out} is a study, whose report shows its own lottery: choose another --out")
    summary = judge_results(table, options, options.out)
    return to_plain(summary) | {"words": page.write(options.out, lang=options.lang)}


@takes(ExportOptions)
def export(folder: str | Path, options: ExportOptions) -> str:
    """Write a run's backbone to `out`; returns the line of Python that loads it without kogen (parity is checked).

    Of the folder of a landscape one plane is written instead, as the ending of `out` says (.h5, .npz, .vtp), and its
    path returned. Raises ValueError for an unknown format or ending, an unfinished run, and a plane that is not there.
    """
    if (Path(folder) / "surface.parquet").exists():
        which = options.model_dump(include={"run", "objective", "direction", "plane"})
        return str(export_surface(Path(folder), options.out, **which))
    return export_run(Path(folder), options.out, options.format)


@takes(ViewsOptions)
def views(source: str | Path, options: ViewsOptions) -> Path:
    """Write a picture of an image and 16 of its views to `out`: look before you train."""
    asked = options.model_dump(include={"views", "image_size", "max_bad"})
    study = study_from_request(str(source), StudyOptions(**asked))
    refuse_output_inside_sources(options.out, str(source))
    images = open_images(source, store=storage_size(study.image_size), max_bad=study.max_bad)
    write_view_sheet(images, study, options.out, options.seed)
    return options.out


@takes(ReportOptions)
def report(study: str | Path, options: ReportOptions) -> dict[str, Any]:
    """Judge a study from its tables alone and write verdict.json and report.html; returns the verdict."""
    from kogen.reporting.study import page, verdict  # what only pages need is not loaded to train

    folder = Path(study)
    asked = read_question(folder)
    lang = options.lang or asked["lang"]
    judged = verdict.build(folder, margin=asked["margin"], protocol=asked["probes"][0], lang=lang)
    page.write(folder, lang=lang)
    return to_plain(judged)


__all__ = [
    "Stopped",
    "estimate",
    "evaluate",
    "export",
    "landscape",
    "lottery",
    "pilot",
    "pretrain",
    "report",
    "views",
]
