"""The pilot: trains and judges the runs of a study; and judges finished runs on other sets."""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console

from kogen.augmentation.views import view_set
from kogen.common import distributed
from kogen.common.alarms import Alarm, AlarmKind
from kogen.common.contracts import to_plain
from kogen.common.files import write_atomically, write_json
from kogen.common.progress import training_bar
from kogen.common.text import check_language
from kogen.config.plan import Plan
from kogen.config.study import Study, check_probes, study_to_toml
from kogen.data.contact_sheet import write_sheet
from kogen.data.images import Images
from kogen.data.open import open_images
from kogen.options.runs import EvaluateOptions
from kogen.options.study import PilotOptions
from kogen.study.cost_estimate import estimate_cost
from kogen.study.plans import plans_of, read_candidate
from kogen.study.predictions import append_predictions, copy_record, names_of_runs, refuse_foreign_rows
from kogen.study.request import refuse_output_inside_sources, same_question, study_from_request
from kogen.study.splits import Splits, data_quality, open_splits, open_test, storage_for, with_corruptions
from kogen.training import fabric, loop
from kogen.training.run import load_run, record_of, train_run

console = Console(stderr=True, highlight=False)


def run_pilot(source: str, options: PilotOptions) -> Study:
    """The study, after each of its runs is trained and judged into its folder. ValueError where that cannot be done."""
    study, folder = study_from_request(source, options), options.out
    refuse_output_inside_sources(folder, study.source, *filter(None, [study.test]), *study.shifts.values())
    fabric.start(study.precision)  # joins the other processes, if there are any
    first, place = distributed.rank() == 0, folder / "study.toml"
    if place.exists() and not same_question(place, study):
        raise ValueError(f"{place} asks another question than this command: choose another --out, or delete {folder}")
    sets = open_study_splits(study)
    plans = plans_of(study, sets, folder)
    refuse_foreign_rows(folder, plans)
    if first and not place.exists():  # a pre-registered study is copied byte for byte
        text = Path(source).read_text("utf-8") if str(source).endswith(".toml") else study_to_toml(study)
        write_atomically(place, lambda p: p.write_text(text, encoding="utf-8"))
    if first:
        quality = data_quality(sets)
        write_json(folder / "data.json", quality)
        write_view_sheet(sets.pool, study, folder / "views.png")
        print_data(quality)
        for plan in {plan.method: plan for plan in plans if study.batch_size == "auto"}.values():
            print_parts(plan)
        for plan in [plan for plan in plans if plan.name]:
            facts = f"{plan.framework}, {plan.backbone}, {plan.image_size} px, mean {plan.mean}, std {plan.std}"
            console.print(f"[bold]{plan.name}[/]: {facts}")
    runs = [folder / "runs" / record_of(plan)["id"] for plan in plans]
    left = [plan for plan, run in zip(plans, runs, strict=True) if not (run / "summary.json").exists()]
    if left:
        cost = estimate_cost(left, sets, study.probes)  # on every process: a step needs all of them
        if first:
            console.print(f"[bold]Estimate[/]: {cost}")
    for number, (plan, run) in enumerate(zip(plans, runs, strict=True), 1):
        title = f"{number}/{len(plans)} {plan.name or plan.method} seed {plan.seed}"
        with training_bar(title) as on_step:
            summary = train_or_record_failure(plan, sets.pool, run, on_step, study.keep)
        for alarm in summary["alarms"] if first else []:
            console.print(f"[yellow]alarm[/] {title}: {alarm['text']} (epoch {alarm['epoch']})")
        if first and summary["status"] == "done":
            append_predictions(run, sets, study.probes, folder)
    if first and not (folder / "predictions.parquet").exists():
        raise ValueError(f"every run of {folder} broke off: see the alarms above")
    return study


def train_or_record_failure(
    plan: Plan, images: Images, folder: Path, on_step: Callable[..., None], keep: int
) -> dict[str, Any]:
    """The summary of a run after its training; NaN is recorded as a failure, and the study goes on without the run."""
    try:
        return train_run(plan, images, folder, on_step, keep=keep)
    except loop.NonFiniteLoss as broken:
        alarm = to_plain(Alarm(AlarmKind.BROKEN, None, str(broken)))
        summary: dict[str, Any] = {"status": "failed", "alarms": [alarm], "minutes": 0.0, "kwh": 0.0}
        summary |= {"images_seen": 0, "images_per_second": None}
        if distributed.rank() == 0:
            write_json(folder / "summary.json", summary)
        return summary


def judge_runs(listed: Sequence[str | Path], options: EvaluateOptions) -> None:
    """Judge finished runs on other sets; the predictions and all that the report reads go to the folder."""
    folder, tests, runs = options.out, options.tests, [Path(run) for run in listed]
    check_probes(options.probes)
    check_language(options.lang)
    if not runs or not tests:
        raise ValueError(f"{len(runs)} runs and {len(tests)} test sets: give one run or more, one test set or more")
    refuse_output_inside_sources(folder, options.train, *tests.values())
    place = folder / "study.toml"
    if place.exists() and "runs" not in tomllib.loads(place.read_text("utf-8")):
        raise ValueError(f"{folder} holds the study of a pilot, whose question stays as it is: choose another --out")
    storage = storage_for(max(load_run(run)[1].image_size for run in runs), options.max_bad)
    pool = open_images(options.train, storage, labels=options.labels, name="train")
    train = pool.labelled_subset()
    opened = {name: open_test(name, source, train, storage) for name, source in tests.items()}
    sources = {"train": (options.train, pool)} | {name: (tests[name], images) for name, images in opened.items()}
    sets = Splits(pool, train, with_corruptions(opened, options.corrupt), sources, "")
    write_json(folder / "data.json", data_quality(sets))
    question = {"runs": [str(run) for run in listed]} | options.model_dump(include={"margin", "probes", "lang"})
    question |= {"corrupt": options.corrupt} if options.corrupt else {}
    write_atomically(place, lambda p: p.write_text(tomli_w.dumps(question), encoding="utf-8"))
    for run, model in zip(runs, names_of_runs(runs), strict=True):
        append_predictions(run, sets, options.probes, folder, model)
        copy_record(run, folder)


def open_study_splits(study: Study) -> Splits:
    """The splits of a study, its images stored large enough for the largest of its networks."""
    sizes = [read_candidate(name, file).image_size for name, file in study.candidates.items()]
    return open_splits(study.model_copy(update={"image_size": max([study.image_size, *sizes])}))


def write_view_sheet(images: Images, study: Study, out: Path, seed: int = 0) -> None:
    """Write the contact sheet of the study's views to `out`."""
    write_sheet(images, view_set(study.views, study.image_size, channels=images.channels), out, seed=seed)


def print_parts(plan: Plan) -> None:
    """Print into how many parts a batch is cut, where they are more than one."""
    if plan.accumulate > 1:
        part = plan.batch_size // plan.accumulate
        cut = f"a batch of {plan.batch_size} in {plan.accumulate} parts of {part}, as many as fit into memory"
        console.print(f"[bold]{plan.method}[/]: {cut}; batch norm and negatives see {part} at a time")


def print_data(quality: dict[str, Any]) -> None:
    """Print what was opened, what was skipped and how many test images have a twin in train."""
    for row in quality["sets"]:
        twins = f", {row['twins_in_train']} with a twin in train" if row["twins_in_train"] else ""
        bad = f", {row['bad_count']} skipped" if row["bad_count"] else ""
        console.print(f"[bold]{row['name']}[/]: {row['images']} images, {row['labelled']} labelled{bad}{twins}")
    if quality["note"]:
        console.print(quality["note"])
