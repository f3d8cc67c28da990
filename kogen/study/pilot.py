"""The pilot: trains and judges the runs of a study; and judges finished runs on other sets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kogen.common import distributed
from kogen.common.files import write_sealed_json
from kogen.common.locks import lock_output
from kogen.common.metric_facts import check_metric
from kogen.common.outputs import claim_folder
from kogen.common.own_statistics import check_statistics
from kogen.common.protocols import FIND_BOXES, check_probes
from kogen.common.records import read_plan_record
from kogen.common.speech.console import say, write_line
from kogen.common.speech.events import Estimated
from kogen.common.text import check_language
from kogen.config.study import Study
from kogen.data.split_names import training_part
from kogen.evaluation.label_budgets import budget_sizes
from kogen.options.runs import EvaluateOptions
from kogen.options.study import PilotOptions
from kogen.options.study_task import check_task, with_task_defaults
from kogen.results.asked import (
    FIRST,
    may_be_replaced,
    read_asked,
)
from kogen.results.gather import TABLE, split_older_table
from kogen.study.anomaly_sets import CLASSES, as_anomalies, keep_good, require_labels
from kogen.study.boxes.box_costs import cost_of_study
from kogen.study.cost_estimate import Cost, unfinished_work
from kogen.study.executors.engines import choose_engine, count_jobs
from kogen.study.extension import merge_studies, study_of
from kogen.study.first_question import begin_study
from kogen.study.judged_question import read_judged, write_judged
from kogen.study.planned_runs import keep_planned, longest_first
from kogen.study.plans import plans_of
from kogen.study.predictions import (
    copy_record,
    judge_run,
    names_of_runs,
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
from kogen.study.study_runs import do_runs, prepare_runs
from kogen.study.study_splits import open_study_splits, without_places
from kogen.study.study_start import spare_folder
from kogen.study.telling import print_data
from kogen.study.transfers import judged_sets, open_transfers
from kogen.study.tunings import check_tunings, judge_tunings
from kogen.tracking.session import track_to
from kogen.training import fabric
from kogen.training.run import load_run, record_of
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
    with choose_engine(options, wanted) as engine:
        if first:
            begin_study(folder, wanted, source)
        ready = prepare_runs(folder, wanted)
        work, order = ready.work_left(), list[int]()
        if work:
            # On every process: a step needs all of them.
            cost = cost_of_study(ready.study, ready.plans, ready.sets.base, work, engine.count)
            order = longest_first(ready, work, cost)
            if first:
                say(Estimated(**vars(cost), words=str(cost)))
        if first:
            keep_planned(ready, order)
        if not options.prepare:
            engine.work(ready, work)
    if options.prepare:
        if first:
            count = len(ready.runs)
            write_line(
                f"{count} runs are planned: kogen run {folder} --index 0 to {count - 1}, or kogen submit {folder}"
            )
        return ready.study
    do_runs(ready, range(len(ready.runs)), to)
    if first and not any((run / TABLE).exists() for run in ready.runs):
        raise ValueError(f"every run of {folder} broke off: see the alarms above")
    return ready.study.model_copy(update={"trackers": wanted.trackers})


def estimate_study(wanted: Study, folder: Path | None) -> Cost:
    """The cost of a study; where the folder holds one, of what is left of it with what is wanted beside."""
    if folder is None or not (folder / FIRST).exists() or may_be_replaced(folder):
        sets = open_study_splits(wanted)
        with spare_folder(wanted) as spare:
            plans = plans_of(wanted, sets.base, spare)
            judged = judged_sets(spare, sets, open_transfers(wanted, wanted, sets))
            runs = [spare / "runs" / str(number) for number in range(len(plans))]
            left = unfinished_work(runs, plans, judged, wanted.protocols)
            return cost_of_study(wanted, plans, sets.base, left, count_jobs(None, wanted))
    asked = read_asked(folder)
    study = merge_studies(study_of(asked, folder), wanted, folder).study
    begun = study_of(replace(asked, extensions=()), folder)
    sets = open_study_splits(study, begun)
    judged = judged_sets(folder, sets, open_transfers(study, begun, sets))
    plans = plans_of(study, sets.base, folder, sets.larger)
    runs = [folder / "runs" / record_of(plan)["id"] for plan in plans]
    left = unfinished_work(runs, plans, judged, study.protocols)
    return cost_of_study(study, plans, sets.base, left, count_jobs(None, study))


def options_of_task(options: EvaluateOptions) -> EvaluateOptions:
    """The options with what their task has in the place of what is not named, see `with_task_defaults`."""
    found = with_task_defaults(options.model_dump(include=options.model_fields_set | {"task"}))
    return options.model_copy(update={name: tuple(found["probes"]) if name == "probes" else found[name]
                                      for name in ("probes", "metric") if name in found})  # fmt: skip


def judge_runs(listed: Sequence[str | Path], options: EvaluateOptions) -> None:
    """Judge finished runs on other sets; the predictions and all that the report reads go to the folder."""
    if options.task == FIND_BOXES:
        got = f"--task {FIND_BOXES} trains detectors, which `kogen pilot` does"
        raise ValueError(f"{got}: name finished runs there as --candidates NAME=RUN")
    options = options_of_task(options)
    folder, tests, runs = options.out, options.tests, [Path(run) for run in listed]
    check_probes(options.probes, options.task)
    check_task(options.task, options.normal, (), options.metric)
    check_statistics(options.statistics)
    check_metric(options.metric)
    check_language(options.lang)
    if not runs or not tests:
        raise ValueError(f"{len(runs)} runs and {len(tests)} test sets: give one run or more, one test set or more")
    before = read_judged(folder)
    if before["runs"] and before.get("private", False) != options.private:
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
    normal = options.normal_class
    pool = training_part(as_anomalies(open_source(options.train, storage, options, "train"), normal))
    pool = pool if normal is None else pool.with_classes(CLASSES)
    require_labels(pool.labelled_subset(), normal)
    opened = open_tests(tests, pool, same_levels(storage, pool), normal)
    opened = without_places(opened) if options.private else opened
    copies = copies_among([pool, *opened.values()], options.twins)
    opened = with_clusters(opened, copies)
    pool, notes = without_twins(pool, opened, copies, options.twins)
    if normal is not None:
        pool, opened, said = keep_good(pool, opened, False, copies)
        notes += said
    require_labels(train := pool.labelled_subset(), normal)
    sources = {"train": (options.train, pool)} | {name: (tests[name], images) for name, images in opened.items()}
    seen = {name: seen_among(images, runs) for name, images in opened.items()}
    refuse_seen(seen, opened, options.twins)
    sets = Splits(pool, train, with_corruptions(opened, options.corrupt), sources, "; ".join(notes), copies, seen)
    sets = replace(sets, private=options.private)
    quality = data_quality(sets, private=options.private) | budget_sizes(sets.train, options.protocols)
    print_data(quality)
    with lock_output(folder, "evaluate"):  # whoever asks for other sets must see what was judged
        for file in folder.glob(f"runs/*/{TABLE}"):
            refuse_other_answers(file, sets, options.protocols)
        write_sealed_json(folder / "data.json", quality)
        write_judged(folder, list(map(str, listed)), options)
        for run in runs:
            target = folder / "runs" / read_plan_record(run)["id"]
            judge_run(run, sets, options.protocols, target, names[run])
            judge_tunings(run, sets, options.protocols, options.tune_steps, target, names[run])
            copy_record(run, target)
