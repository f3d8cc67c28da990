"""The pilot: trains and judges the runs of a study; and judges finished runs on other sets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from kogen.augmentation.views import view_set
from kogen.common import distributed
from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_toml, write_atomically, write_sealed_json
from kogen.common.locks import lock_output
from kogen.common.metric_facts import check_metric
from kogen.common.outputs import claim_folder
from kogen.common.own_statistics import check_statistics
from kogen.common.protocols import check_probes
from kogen.common.records import read_plan_record
from kogen.common.speech.console import say
from kogen.common.speech.events import Estimated, SetRead
from kogen.common.speech.progress import training_bar
from kogen.common.text import check_language
from kogen.config.plan import Plan
from kogen.config.study import Study, make_study
from kogen.data.contact_sheet import write_sheet
from kogen.data.images import Images, require_classes
from kogen.data.split_names import training_part
from kogen.evaluation.label_budgets import budget_sizes
from kogen.options.runs import EvaluateOptions
from kogen.options.study import PilotOptions
from kogen.results.asked import (
    FIRST,
    Asked,
    Extension,
    append_extension,
    extension_options,
    may_be_replaced,
    read_asked,
)
from kogen.results.gather import TABLE, split_older_table
from kogen.study.cost_estimate import Cost, Work, estimate_cost, unfinished_work
from kogen.study.extension import Merge, merge_studies, study_of
from kogen.study.first_question import claim_study, write_question
from kogen.study.plans import plans_of
from kogen.study.pool_parts import part_of_pool
from kogen.study.predictions import (
    copy_record,
    judge_run,
    missing_answers,
    names_of_runs,
    protocols_of_run,
    refuse_foreign_rows,
    refuse_other_answers,
)
from kogen.study.request import study_from_request
from kogen.study.splits import (
    Splits,
    copies_among,
    data_quality,
    depth_of_runs,
    open_source,
    open_tests,
    paths_read,
    refuse_seen,
    same_levels,
    storage_for,
    with_clusters,
    with_corruptions,
    without_twins,
)
from kogen.study.study_splits import StudySplits, open_study_splits, without_places
from kogen.study.study_start import keep_start, open_start, print_starts, spare_folder
from kogen.study.tunings import check_tunings, judge_tunings
from kogen.tracking.session import track_to
from kogen.training import fabric
from kogen.training.run import load_run, record_of, runs_as_free, say_alarms, train_or_record_failure
from kogen.training.seen_images import seen_among


def run_pilot(source: str, options: PilotOptions) -> Study:
    """The study, after each of its runs is trained and judged into its folder. ValueError where that cannot be done.

    Several jobs may be given the same study at once: they share its runs, and all end with the whole of it. What is
    asked beyond a study that is there is added to it, see `merge_studies`.
    """
    wanted, folder = study_from_request(source, options), options.out
    to = track_to(wanted.trackers, folder, is_study=True)
    distributed.join_processes(options.processes)
    fabric.start(wanted.precision)  # says what is wrong with the precision
    first = distributed.rank() == 0
    if first:
        claim_study(folder, wanted)
        with lock_output(folder):
            write_question(folder, wanted, source)
    study, sets, plans, runs = prepare_runs(folder, wanted)
    # As the first process sees them: another job may finish one at this moment.
    found = unfinished_work(runs, plans, sets, study.protocols) if first else []
    work = share_work(found)
    if work:
        # On every process: a step needs all of them.
        cost = estimate_cost(plans, sets.base, study.protocols, study.tune_steps, work)
        if first:
            say(Estimated(**vars(cost), words=str(cost)))
    for number in runs_as_free(runs):
        plan, run = plans[number], runs[number]
        title = f"{number + 1}/{len(plans)} {plan.title} seed {plan.seed}"
        with training_bar(title) as on_step:
            pool = part_of_pool(sets.base.pool, plan).with_channels(plan.channels)
            summary = train_or_record_failure(plan, pool, run, on_step, study.keep, to)
        say_alarms(summary, run, title)
        if summary["status"] != "done":
            continue
        with distributed.first_process_only() as mine:
            if mine:
                judge_run(run, sets.of(plan), study.protocols, run)
        judge_tunings(run, sets.of(plan), study.protocols, study.tune_steps, run, title=title)
    if first and not any((run / TABLE).exists() for run in runs):
        raise ValueError(f"every run of {folder} broke off: see the alarms above")
    return study.model_copy(update={"trackers": wanted.trackers})


def share_work(found: list[Work]) -> list[Work]:
    """The work that the first process found, on every process."""
    return [Work(**one) for one in distributed.from_first([vars(one) for one in found])]


def estimate_study(wanted: Study, folder: Path | None) -> Cost:
    """The cost of a study; where the folder holds one, of what is left of it with what is wanted beside."""
    if folder is None or not (folder / FIRST).exists() or may_be_replaced(folder):
        sets = open_study_splits(wanted)
        with spare_folder(wanted) as spare:
            plans = plans_of(wanted, sets.base, spare)
            return estimate_cost(plans, sets.base, wanted.protocols, wanted.tune_steps)
    asked = read_asked(folder)
    study = merge_studies(study_of(asked, folder), wanted, folder).study
    sets = open_study_splits(study, study_of(replace(asked, extensions=()), folder))
    plans = plans_of(study, sets.base, folder, sets.larger)
    runs = [folder / "runs" / record_of(plan)["id"] for plan in plans]
    left = unfinished_work(runs, plans, sets, study.protocols)
    return estimate_cost(plans, sets.base, study.protocols, study.tune_steps, share_work(left))


def prepare_runs(folder: Path, wanted: Study) -> tuple[Study, StudySplits, list[Plan], list[Path]]:
    """The study as it is with what is wanted, its sets, its plans and the folders of its runs, once all of it fits.

    Only then it is written down. Where another job extends the study meanwhile, it is prepared anew with that.
    """
    first = distributed.rank() == 0
    while True:
        asked, merge = Asked(), Merge(wanted, Extension({}), [])
        if first:
            asked = read_asked(folder)
            merge = merge_studies(study_of(asked, folder), wanted, folder)
        if wanted.init:
            keep_start(open_start(wanted.init, folder), folder)
        shared = distributed.from_first([to_plain(asked), merge.study.model_dump(mode="json", exclude_none=True)])
        known, study = from_plain(Asked, shared[0], str(folder)), make_study(shared[1], str(folder))
        sets = open_study_splits(study, study_of(replace(known, extensions=()), folder))
        plans = plans_of(study, sets.base, folder, sets.larger)
        runs = [folder / "runs" / record_of(plan)["id"] for plan in plans]
        done = True
        if first:
            with lock_output(folder):
                if done := read_asked(folder).sha256 == asked.sha256:
                    write_study(folder, merge, sets, plans, runs)
        if distributed.from_first(done):
            break
    if first:
        print_plans(study, plans)
    distributed.check_agreement(record_of(plans[0]) | {"runs": [run.name for run in runs]}, "the study")
    return study, sets, plans, runs


def write_study(folder: Path, merge: Merge, sets: StudySplits, plans: Sequence[Plan], runs: Sequence[Path]) -> None:
    """Write what was opened, and the extension, if it is one. ValueError where runs that are there do not fit."""
    refuse_foreign_rows(folder, list(plans), extended=merge.is_new)
    for plan, run in zip(plans, runs, strict=True):
        missing_answers(run / TABLE, sets.of(plan), protocols_of_run(merge.study.protocols, plan.method, plan.pool))
    check_tunings(plans, merge.study.protocols)
    quality = data_quality(sets.base, private=merge.study.private)
    quality |= budget_sizes(sets.base.train, merge.study.protocols)
    if merge.is_new:
        append_extension(folder, merge.extension)
        say(f"added to {folder}: {', '.join(extension_options(merge.extension))}", title="study")
    if merge.kept:
        say(f"{folder} has more than is asked for here, and keeps it: {', '.join(merge.kept)}", title="study")
    write_sealed_json(folder / "data.json", quality)
    if not merge.study.private:
        write_view_sheet(sets.base.pool, merge.study, folder / "views.png")
    print_data(quality)


def judge_runs(listed: Sequence[str | Path], options: EvaluateOptions) -> None:
    """Judge finished runs on other sets; the predictions and all that the report reads go to the folder."""
    folder, tests, runs = options.out, options.tests, [Path(run) for run in listed]
    check_probes(options.probes)
    check_statistics(options.statistics)
    check_metric(options.metric)
    check_language(options.lang)
    if not runs or not tests:
        raise ValueError(f"{len(runs)} runs and {len(tests)} test sets: give one run or more, one test set or more")
    place = folder / "study.toml"
    before = read_toml(place) if place.exists() else {"runs": [], "private": options.private}
    if "runs" not in before:
        raise ValueError(f"{folder} holds the study of a pilot, whose question stays as it is: choose another --out")
    if before.get("private", False) != options.private:
        got = "without the paths of images (--private)" if before.get("private") else "with the paths of images"
        now = "with --private" if options.private else "without --private"
        raise ValueError(f"{folder} was judged {got}, and is asked {now} here: choose another --out, or ask as before")
    claim_folder(folder, [*runs, *paths_read(options, options.train, *tests.values())])
    with lock_output(folder):
        split_older_table(folder)
    names = dict(zip(runs, names_of_runs(runs), strict=True))
    plans = [load_run(run)[1] for run in runs]
    check_tunings(plans, options.protocols)
    storage = storage_for(max(plan.image_size for plan in plans), options.max_bad, depth_of_runs(plans, options.depth))
    pool = training_part(open_source(options.train, storage, options, "train"))
    require_classes(pool.labelled_subset())
    opened = open_tests(tests, pool, same_levels(storage, pool))
    opened = without_places(opened) if options.private else opened
    copies = copies_among([pool, *opened.values()], options.twins)
    opened = with_clusters(opened, copies)
    pool, notes = without_twins(pool, opened, copies, options.twins)
    require_classes(train := pool.labelled_subset())
    sources = {"train": (options.train, pool)} | {name: (tests[name], images) for name, images in opened.items()}
    seen = {name: seen_among(images, runs) for name, images in opened.items()}
    refuse_seen(seen, opened, options.twins)
    sets = Splits(pool, train, with_corruptions(opened, options.corrupt), sources, "; ".join(notes), copies, seen)
    quality = data_quality(sets, private=options.private) | budget_sizes(sets.train, options.protocols)
    print_data(quality)
    with lock_output(folder, "evaluate"):  # whoever asks for other sets must see what was judged
        for file in folder.glob(f"runs/*/{TABLE}"):
            refuse_other_answers(file, sets, options.protocols)
        known = read_toml(place)["runs"] if place.exists() else []
        question = {"runs": list(dict.fromkeys([*known, *map(str, listed)]))}
        question |= options.model_dump(include={"margin", "probes", "lang", "metric", "private"}, exclude_none=True)
        question |= {name: list(value) for name in ("budgets", "shots") if (value := getattr(options, name))}
        question |= {"draws": options.draws} if options.budgets or options.shots else {}
        question |= {name: list(value) for name in ("statistics", "plugins") if (value := getattr(options, name))}
        question |= {name: value for name in ("corrupt", "prices") if (value := getattr(options, name))}
        write_sealed_json(folder / "data.json", quality)
        write_atomically(place, lambda p: p.write_text(tomli_w.dumps(question), encoding="utf-8"))
        for run in runs:
            target = folder / "runs" / read_plan_record(run)["id"]
            judge_run(run, sets, options.protocols, target, names[run])
            judge_tunings(run, sets, options.protocols, options.tune_steps, target, names[run])
            copy_record(run, target)


def write_view_sheet(images: Images, study: Study, out: Path, seed: int = 0) -> None:
    """Write the contact sheet of the study's views to `out`."""
    write_sheet(images, view_set(study.views, study.image_size, channels=images.channels), out, seed=seed)


def print_plans(study: Study, plans: Sequence[Plan]) -> None:
    """Print what the plans of a study say that its question does not: parts of a batch, facts of candidates."""
    for plan in {plan.method: plan for plan in plans if study.batch_size == "auto"}.values():
        print_parts(plan)
    print_starts(plans)
    for plan in [plan for plan in plans if plan.name]:
        facts = f"{plan.framework}, {plan.backbone}, {plan.image_size} px, mean {plan.mean}, std {plan.std}"
        say(facts + (f"; {plan.remarks}" if plan.remarks else ""), title=plan.name)


def print_parts(plan: Plan) -> None:
    """Print into how many parts a batch is cut, where they are more than one."""
    if plan.accumulate > 1:
        part = plan.batch_size // plan.accumulate
        cut = f"a batch of {plan.batch_size} in {plan.accumulate} parts of {part}, as many as fit into memory"
        say(f"{cut}; batch norm and negatives see {part} at a time", title=plan.method)


def print_data(quality: dict[str, Any]) -> None:
    """Print what was opened, what was skipped and how many test images have a twin in train."""
    for row in quality["sets"]:
        counts = {"near_copies": row["near_copies_inside"], "twins_in_train": row["twins_in_train"]}
        say(SetRead(row["name"], row["images"], row["labelled"], row["bad_count"], **counts))
        print_notes(row["name"], row["notes"])
    if quality["note"]:
        say(quality["note"])


def print_notes(name: str, notes: Sequence[str]) -> None:
    """Print what a reader must know of how a set was read, a line each."""
    for note in notes:
        say(note, title=name)
